// Trajectories: x and y of chosen keypoints over a span of frames that turns like a page.

const SPANS = [60, 150, 300, 1000, 3000].filter((span) => span < N);

/** First frame of the page of frames that the cursor is in. */
function pageStart() {
  if (S.span >= N) return 0;
  const start = Math.floor(S.frame / S.span) * S.span;
  return Math.min(start, N - S.span);
}

function buildPlots() {
  const list = $('plot-list');
  list.replaceChildren();
  $('plot-hint').hidden = S.chosen.length > 0;
  for (const k of S.chosen) {
    const card = document.createElement('article');
    card.className = 'card plot';
    const head = document.createElement('header');
    const name = document.createElement('h3');
    name.textContent = D.names[k];
    const value = document.createElement('span');
    value.className = 'muted';
    value.dataset.value = k;
    const close = document.createElement('button');
    close.type = 'button';
    close.textContent = '✕';
    close.setAttribute('aria-label', `Remove ${D.names[k]}`);
    close.addEventListener('click', () => choose(k, false));
    head.append(name, value, close);
    const chart = document.createElement('div');
    chart.className = 'chart';
    const canvas = document.createElement('canvas');
    canvas.dataset.k = k;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `x and y of ${D.names[k]} over time`);
    chart.append(canvas);
    dragged(chart, (event) => {
      const box = chart.getBoundingClientRect();
      pause();
      const share = (event.clientX - box.left - GUTTER) / (box.width - GUTTER - 8);
      const from = plotStart;
      goTo(Math.max(from, Math.min(from + Math.min(S.span, N) - 1, from + share * (Math.min(S.span, N) - 1))));
    });
    card.append(head, chart);
    list.append(card);
  }
  paintPlots();
}

const GUTTER = 46;
let plotStart = 0;

function paintPlots() {
  plotStart = pageStart();
  for (const canvas of document.querySelectorAll('.plot canvas')) paintPlot(canvas, Number(canvas.dataset.k));
}

function paintPlot(canvas, k) {
  const { g, width, height } = canvasContext(canvas);
  if (!width) return;
  const one = shown()[0];
  const from = plotStart, to = Math.min(N, from + Math.min(S.span, N));
  const area = { x: GUTTER, w: width - GUTTER - 8, h: (height - 22) / 2 - 6 };
  const atX = (t) => area.x + (to - from > 1 ? (t - from) / (to - from - 1) : 0.5) * area.w;
  drawGaps(g, one, k, from, to, atX, height - 18);
  for (const axis of [0, 1]) {
    const top = 4 + axis * (area.h + 10);
    drawAxis(g, one, k, axis, { from, to, atX, top, height: area.h, left: area.x, width: area.w });
  }
  drawScores(g, one, k, from, to, atX, height - 18);
  g.fillStyle = ink()['ink-2'];
  g.font = '11px system-ui, sans-serif';
  g.textAlign = 'left';
  g.fillText(number(from).toLocaleString('en'), area.x, height - 2);
  g.textAlign = 'right';
  g.fillText(number(to - 1).toLocaleString('en'), area.x + area.w, height - 2);
  g.fillStyle = ink().ink;
  g.fillRect(Math.round(atX(S.frame)) - 0.5, 2, 1.5, height - 18);
  const value = document.querySelector(`[data-value="${k}"]`);
  const text = [0, S.version].map((version) => {
    const p = one.at(version, S.frame, k);
    return p ? `${short(p[0])}, ${short(p[1])}` : 'missing';
  });
  value.textContent = `${text[0]} → ${text[1]}`;
}

function drawGaps(g, one, k, from, to, atX, bottom) {
  g.fillStyle = hatch(g, ink().line);
  for (let t = from; t < to; t++) {
    if (one.has(0, t, k)) continue;
    let end = t;
    while (end < to && !one.has(0, end, k)) end++;
    g.fillRect(atX(t - 0.5), 2, Math.max(2, atX(end - 0.5) - atX(t - 0.5)), bottom - 2);
    t = end;
  }
}

function drawScores(g, one, k, from, to, atX, top) {
  if (!one.score) return;
  g.fillStyle = ink()['ink-2'];
  const w = Math.max(1, atX(from + 1) - atX(from));
  for (let t = from; t < to; t++) {
    const s = one.scoreAt(t, k);
    if (s === null) continue;
    g.globalAlpha = 0.12 + 0.6 * s;
    g.fillRect(atX(t) - w / 2, top, w, 3);
  }
  g.globalAlpha = 1;
}

/** The range that holds what is shown; points far outside are cut, so that one does not hide all. */
function rangeOf(one, k, axis, from, to) {
  const ends = [];
  for (const [version, cut] of [[0, 0.02], [S.version, 0]]) {
    const values = [];
    for (let t = from; t < to; t++) {
      const p = one.at(version, t, k);
      if (p) values.push(p[axis]);
    }
    values.sort((a, b) => a - b);
    if (values.length) ends.push(quantile(values, cut), quantile(values, 1 - cut));
  }
  if (!ends.length) return [0, 1];
  const low = Math.min(...ends), high = Math.max(...ends);
  const pad = Math.max((high - low) * 0.12, (one.size || 1) * 0.02);
  return [low - pad, high + pad];
}

function drawAxis(g, one, k, axis, box) {
  const [low, high] = rangeOf(one, k, axis, box.from, box.to);
  const atY = (value) => box.top + (axis === 0 ? 1 - (value - low) / (high - low) : (value - low) / (high - low)) * box.height;
  const c = ink();
  g.strokeStyle = c.line;
  g.lineWidth = 1;
  g.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
  g.fillStyle = c['ink-2'];
  g.font = '11px system-ui, sans-serif';
  g.textAlign = 'right';
  const [top, bottom] = axis === 0 ? [high, low] : [low, high];
  g.fillText(short(top), box.left - 6, box.top + 10);
  g.fillText(short(bottom), box.left - 6, box.top + box.height - 2);
  g.font = '600 11px system-ui, sans-serif';
  g.fillText('xy'[axis], box.left - 6, box.top + box.height / 2 + 4);
  g.save();
  g.beginPath(); g.rect(box.left, box.top, box.width, box.height); g.clip();
  const apart = box.width / (box.to - box.from);
  if (S.raw) trace(g, one, 0, k, axis, box, atY, c.raw, 1.1, apart > 4);
  if (S.smooth) trace(g, one, S.version, k, axis, box, atY, c.accent, 2, false);
  if (S.raw) drawMarks(g, one, k, axis, box, atY);
  g.restore();
}

function trace(g, one, version, k, axis, box, atY, colour, width, dots) {
  g.strokeStyle = g.fillStyle = colour;
  g.lineWidth = width;
  g.lineJoin = 'round';
  g.beginPath();
  let open = false;
  for (let t = box.from; t < box.to; t++) {
    const p = one.at(version, t, k);
    if (!p) { open = false; continue; }
    const x = box.atX(t), y = atY(p[axis]);
    if (open) g.lineTo(x, y); else g.moveTo(x, y);
    open = true;
  }
  g.stroke();
  if (!dots) return;
  for (let t = box.from; t < box.to; t++) {
    const p = one.at(version, t, k);
    if (p) { g.beginPath(); g.arc(box.atX(t), atY(p[axis]), 1.8, 0, 7); g.fill(); }
  }
}

function drawMarks(g, one, k, axis, box, atY) {
  for (let t = box.from; t < box.to; t++) {
    if (!one.mark(S.version, t, k)) continue;
    const p = one.at(0, t, k);
    if (!p) continue;
    const y = Math.max(box.top + 4, Math.min(box.top + box.height - 4, atY(p[axis])));
    cross(g, [box.atX(t), y], 3);
  }
}

/** Put a keypoint among the drawn ones, or take it out. */
function choose(k, on) {
  let list = S.chosen.filter((one) => one !== k);
  if (on) list = [...list, k].slice(-MOST_CHOSEN);
  set({ chosen: list });
}

onChange(['chosen'], buildPlots);
onChange(['frame', 'version', 'track', 'raw', 'smooth', 'span', 'size'], paintPlots);
