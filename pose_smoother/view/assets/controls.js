// Buttons, keys and touches, and what the page shows first.

function radio(group, name, value, text, checked) {
  const label = document.createElement('label');
  const input = document.createElement('input');
  input.type = 'radio';
  input.name = name;
  input.value = value;
  input.checked = checked;
  label.append(input, cell(text, 'span'));
  label.title = text;
  group.append(label);
}

function option(list, value, text) {
  const one = document.createElement('option');
  one.value = value;
  one.textContent = text;
  list.append(one);
}

function fillControls() {
  $('title').textContent = D.title;
  const many = (n, word) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;
  $('facts').textContent = [
    many(people.length, 'individual'), many(N, 'frame'), many(K, 'keypoint'),
    D.fps ? `${D.fps} frames/s` : 'frame rate not known, played at 30 frames/s',
  ].join(' · ');
  D.labels.forEach((label, i) => radio($('versions'), 'version', i + 1, label, i === 0));
  $('track-pick').hidden = people.length < 2;
  option($('track'), -1, 'all');
  people.forEach((one, i) => option($('track'), i, one.id));
  for (const span of SPANS) option($('span'), span, D.fps ? `${short(span / D.fps)} s` : `${span} frames`);
  option($('span'), N, 'all');
  $('span').value = SPANS.includes(S.span) ? S.span : N;
  set({ span: Number($('span').value) });
  timeline.setAttribute('aria-valuemax', N - 1);
  const legend = [
    ['before', 'jitter, raw', true], ['after', 'smoothed', true], ['score', 'score', people.some((one) => one.score)],
    ['mark', 'rejected or moved far', true], ['gap', 'missing', true],
  ];
  for (const [kind, text] of legend.filter((row) => row[2])) {
    const item = document.createElement('li');
    const swatch = document.createElement('i');
    swatch.className = kind;
    item.append(swatch, text);
    $('timeline-legend').append(item);
  }
}

/** The two keypoints that smoothing calms the most, where jitter is seen best. */
function firstChosen() {
  const gain = (k) => (jitterOf(people, 0, k) || 0) - (jitterOf(people, S.version, k) || 0);
  return D.names.map((_, k) => k).sort((a, b) => gain(b) - gain(a)).slice(0, 2);
}

const toggles = { 'show-raw': 'raw', 'show-smooth': 'smooth', trails: 'trails', follow: 'follow', clip: 'clip' };

function listen() {
  $('versions').addEventListener('change', (event) => set({ version: Number(event.target.value) }));
  $('layouts').addEventListener('change', (event) => set({ side: event.target.value === 'side' }));
  $('track').addEventListener('change', (event) => { zoomFit(); set({ track: Number(event.target.value) }); });
  $('span').addEventListener('change', (event) => set({ span: Number(event.target.value) }));
  $('speed').addEventListener('change', (event) => setSpeed(Number(event.target.value)));
  for (const [id, key] of Object.entries(toggles)) $(id).addEventListener('change', (event) => set({ [key]: event.target.checked }));
  $('play').addEventListener('click', () => (S.playing ? pause() : play()));
  $('back').addEventListener('click', () => { pause(); goTo(S.frame - 1); });
  $('forward').addEventListener('click', () => { pause(); goTo(S.frame + 1); });
  $('last-mark').addEventListener('click', () => jump(-1));
  $('next-mark').addEventListener('click', () => jump(1));
  $('zoom-in').addEventListener('click', () => zoomBy(1.4));
  $('zoom-out').addEventListener('click', () => zoomBy(1 / 1.4));
  $('zoom-fit').addEventListener('click', zoomFit);
  $('help-open').addEventListener('click', () => $('help').showModal());
  $('theme').addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    themeChanged();
  });
  document.addEventListener('keydown', pressed);
  new ResizeObserver(() => { redraw('size'); redraw('camera'); }).observe(document.body);
}

function jump(direction) {
  pause();
  const frame = nextMark(direction);
  if (frame === null) $('spoken').textContent = 'no other gap or rejected point';
  else goTo(frame);
}

/** Check or uncheck a control as a click would. */
function press(id) { $(id).click(); }

const keys = {
  ' ': () => (S.playing ? pause() : play()),
  Home: () => { pause(); goTo(0); },
  End: () => { pause(); goTo(N - 1); },
  n: () => jump(1),
  p: () => jump(-1),
  o: () => document.querySelector(`input[name=layout][value=${S.side ? 'over' : 'side'}]`).click(),
  r: () => press('show-raw'),
  s: () => press('show-smooth'),
  t: () => press('trails'),
  f: () => press('follow'),
  '+': () => zoomBy(1.4),
  '=': () => zoomBy(1.4),
  '-': () => zoomBy(1 / 1.4),
  0: zoomFit,
  '?': () => $('help').showModal(),
  '[': () => nudgeSpeed(-1),
  ']': () => nudgeSpeed(1),
};

function nudgeSpeed(by) {
  const list = $('speed');
  list.selectedIndex = Math.max(0, Math.min(list.options.length - 1, list.selectedIndex + by));
  setSpeed(Number(list.value));
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  const on = event.target;
  const typed = on.tagName === 'SELECT' || (on.tagName === 'INPUT' && on.type === 'radio');
  if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
    if (typed) return;
    pause();
    goTo(S.frame + (event.key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 10 : 1));
  } else if (/^[1-9]$/.test(event.key)) {
    const chosen = document.querySelector(`input[name=version][value="${event.key}"]`);
    if (chosen) chosen.click();
    return;
  } else {
    const does = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!does || (on.tagName === 'SELECT' && event.key.length > 1)) return;
    if (event.key === ' ' && ['BUTTON', 'INPUT', 'SELECT'].includes(on.tagName)) return;
    does();
  }
  event.preventDefault();
}

/** Move the picture with one pointer (the mouse), zoom it with two. */
function movePicture() {
  const down = new Map();
  stage.addEventListener('pointerdown', (event) => {
    if (event.target.tagName === 'BUTTON') return;
    down.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
    stage.classList.add('grabbed');
  });
  stage.addEventListener('pointermove', (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    if (down.size === 2) {
      const [a, b] = [...down.values()];
      const other = a.pointerId === event.pointerId ? b : a;
      const apart = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY) || 1;
      zoomBy(apart(event) / apart(before));
    } else if (event.pointerType === 'mouse' || camera.zoom > 1) {
      camera.dx += event.clientX - before.clientX;
      camera.dy += event.clientY - before.clientY;
      redraw('camera');
    }
    down.set(event.pointerId, event);
  });
  const up = (event) => { down.delete(event.pointerId); if (!down.size) stage.classList.remove('grabbed'); };
  stage.addEventListener('pointerup', up);
  stage.addEventListener('pointercancel', up);
  stage.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 200));
  }, { passive: false });
}

/** Whether an individual fills so little of the picture that it is better followed. */
function movesFar() {
  if (people.length > 1 || M) return false;
  const box = wholeBoxOf(S.track);
  return Math.max(box.w, box.h) > 1.25 * 2 * pathOf(people[0]).reach;
}

fillControls();
set({ follow: movesFar() });
$('follow').checked = S.follow;
$('trails').checked = S.trails;
openClip();
buildKeypoints();
listen();
movePicture();
set({ chosen: firstChosen() });
redraw('all');
document.documentElement.dataset.ready = 'yes';
