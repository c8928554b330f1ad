// The timeline: jitter before and after, scores, rejected points, missing points, and the cursor.

const timeline = $('timeline');
const lanes = new Map();

/** For each frame: mean jitter before and after, mean score, share missing, number of marks. */
function lanesOf() {
  const key = `${S.track}/${S.version}`;
  if (lanes.has(key)) return lanes.get(key);
  const score = new Float32Array(N).fill(-1), missing = new Float32Array(N), marks = new Uint16Array(N);
  const list = shown();
  for (let t = 0; t < N; t++) {
    let sum = 0, n = 0, absent = 0, rows = 0;
    for (const one of list) {
      if (one.rowOf[t] < 0) continue;
      rows++;
      for (let k = 0; k < K; k++) {
        const s = one.scoreAt(t, k);
        if (s !== null) { sum += s; n++; }
        absent += !one.has(0, t, k);
        marks[t] += one.mark(S.version, t, k) > 0;
      }
    }
    if (n) score[t] = sum / n;
    missing[t] = rows ? absent / (rows * K) : 1;
  }
  const before = jitterOverTime(list, 0), after = jitterOverTime(list, S.version);
  const found = { score, missing, marks, before, after, top: topOf(before) };
  lanes.set(key, found);
  return found;
}

/** Mean length of the second differences of all points, frame by frame. */
function jitterOverTime(list, version) {
  const out = new Float32Array(N);
  for (let t = 1; t + 1 < N; t++) {
    let sum = 0, n = 0;
    for (const one of list) {
      for (let k = 0; k < K; k++) {
        const a = one.at(version, t - 1, k), b = one.at(version, t, k), c = one.at(version, t + 1, k);
        if (!a || !b || !c) continue;
        sum += Math.hypot(a[0] - 2 * b[0] + c[0], a[1] - 2 * b[1] + c[1]);
        n++;
      }
    }
    out[t] = n ? sum / n : 0;
  }
  return out;
}

/** What fills the lane: nearly the largest jitter. */
const topOf = (values) => quantile(Float32Array.from(values).sort(), 0.99) || 1;

let strip = null;
function paintStrip() {
  const { g, width, height } = canvasContext($('timeline-canvas'));
  if (!width) return;
  const { score, missing, marks, before, after, top } = lanesOf();
  const c = ink();
  const mid = Math.round(height * 0.6);
  const hatched = hatch(g, c['ink-2']);
  const tall = (value) => Math.min(1, Math.sqrt(value / top)) * (mid - 6);
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * N) / width), to = Math.max(from + 1, Math.floor(((x + 1) * N) / width));
    let low = 2, absent = 0, marked = 0, raw = 0, smooth = 0;
    for (let t = from; t < to && t < N; t++) {
      if (score[t] >= 0) low = Math.min(low, score[t]);
      absent = Math.max(absent, missing[t]);
      marked += marks[t];
      raw = Math.max(raw, before[t]);
      smooth = Math.max(smooth, after[t]);
    }
    const fill = (colour, alpha, y, h) => { g.globalAlpha = alpha; g.fillStyle = colour; g.fillRect(x, y, 1, h); };
    fill(c.raw, 0.55, mid - tall(raw), tall(raw));
    fill(c.accent, 1, mid - tall(smooth), tall(smooth));
    if (low <= 1) fill(c['ink-2'], 0.1 + 0.75 * low, mid + 1, 3);
    if (marked) fill(c.signal, Math.min(1, 0.5 + 0.12 * marked), mid + 5, 6);
    if (absent > 0) {
      const h = Math.max(3, absent * (height - mid - 12));
      fill(hatched, 1, height - h, h);
    }
  }
  g.globalAlpha = 1;
  strip = g.getImageData(0, 0, g.canvas.width, g.canvas.height);
  paintCursor();
}

function paintCursor() {
  const canvas = $('timeline-canvas');
  const g = canvas.getContext('2d');
  if (!strip || strip.width !== canvas.width) return;
  g.putImageData(strip, 0, 0);
  const ratio = window.devicePixelRatio || 1;
  const x = ((S.frame + 0.5) / N) * canvas.width;
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.fillStyle = ink().ink;
  g.fillRect(Math.round(x - ratio), 0, Math.round(2 * ratio), canvas.height);
  g.beginPath();
  g.arc(x, 5 * ratio, 5 * ratio, 0, 7);
  g.fill();
}

const number = (frame) => D.first + D.step * frame;
const seconds = (frame) => (frame / FPS).toFixed(2);

function paintClock() {
  const clock = $('clock');
  clock.replaceChildren();
  const b = document.createElement('b');
  b.textContent = number(S.frame).toLocaleString('en');
  clock.append(b, ` / ${number(N - 1).toLocaleString('en')}`);
  if (D.fps) clock.append(`, ${seconds(S.frame)} s`);
  timeline.setAttribute('aria-valuenow', S.frame);
  timeline.setAttribute('aria-valuetext', `frame ${number(S.frame)} of ${number(N - 1)}${D.fps ? `, ${seconds(S.frame)} seconds` : ''}`);
}

/** Where the next stretch with missing or rejected points begins, in a direction; null: nowhere. */
function nextMark(direction) {
  const { missing, marks } = lanesOf();
  const wrong = (t) => marks[t] > 0 || missing[t] > 0;
  for (let t = S.frame + direction; t >= 0 && t < N; t += direction) {
    if (wrong(t) && (t === 0 || !wrong(t - 1))) return t;
  }
  return null;
}

/** Call with the share of the width at which a pointer is, while it is down. */
function dragged(element, move) {
  element.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    move(event);
    const stop = () => {
      element.removeEventListener('pointermove', move);
      element.removeEventListener('pointerup', stop);
      element.removeEventListener('pointercancel', stop);
    };
    element.addEventListener('pointermove', move);
    element.addEventListener('pointerup', stop);
    element.addEventListener('pointercancel', stop);
  });
}

dragged(timeline, (event) => {
  const box = timeline.getBoundingClientRect();
  pause();
  goTo(Math.floor(((event.clientX - box.left) / box.width) * N));
});

onChange(['track', 'version', 'size'], paintStrip);
onChange(['frame'], () => { paintCursor(); paintClock(); });
