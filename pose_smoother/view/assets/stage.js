// The skeletons: raw in grey, smoothed in the accent, over each other or side by side.

const TRAIL_FRAMES = 14;
const stage = $('stage');

function line(g, points, colour, width, alpha = 1) {
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.globalAlpha = alpha;
  g.beginPath();
  for (const [a, b] of points) { g.moveTo(a[0], a[1]); g.lineTo(b[0], b[1]); }
  g.stroke();
  g.globalAlpha = 1;
}

function pose(one, version, v) {
  const points = [];
  for (let k = 0; k < K; k++) {
    const p = one.at(version, S.frame, k);
    points.push(p && [p[0] * v.scale + v.x0, p[1] * v.scale + v.y0]);
  }
  return points;
}

function drawPose(g, one, version, v, colour, width) {
  const points = pose(one, version, v);
  const limbs = D.limbs.filter(([a, b]) => points[a] && points[b]).map(([a, b]) => [points[a], points[b]]);
  const over = clipPicture(S.frame);
  if (over) line(g, limbs, 'rgb(0 0 0 / 55%)', width + 2.5);
  line(g, limbs, colour, width);
  points.forEach((p, k) => {
    if (!p) return;
    const big = S.chosen.includes(k);
    const r = (width > 2 ? 3 : 2.4) + (big ? 1.6 : 0);
    const score = one.scoreAt(S.frame, k);
    if (version === 0 && one.mark(S.version, S.frame, k)) return cross(g, p, 4.5, over);
    g.beginPath();
    g.arc(p[0], p[1], r, 0, 7);
    if (over) { g.lineWidth = 2; g.strokeStyle = 'rgb(0 0 0 / 55%)'; g.stroke(); }
    const hollow = (version === 0 && score !== null && score < 0.3) || (version > 0 && !one.has(0, S.frame, k));
    g.fillStyle = hollow ? ink().panel : colour;
    g.fill();
    if (hollow) { g.lineWidth = 1.4; g.strokeStyle = colour; g.stroke(); }
  });
}

function cross(g, [x, y], r, over) {
  const ends = [[[x - r, y - r], [x + r, y + r]], [[x + r, y - r], [x - r, y + r]]];
  if (over) line(g, ends, 'rgb(0 0 0 / 70%)', 4.5);
  line(g, ends, over ? '#ff9a6b' : ink().signal, 2);
}

function drawTrails(g, one, version, v, colour) {
  const keys = S.chosen.length ? S.chosen : [];
  const from = Math.max(1, S.frame - TRAIL_FRAMES);
  for (const k of keys) {
    for (let t = from; t <= S.frame; t++) {
      const a = one.at(version, t - 1, k), b = one.at(version, t, k);
      if (!a || !b) continue;
      const ends = [a, b].map((p) => [p[0] * v.scale + v.x0, p[1] * v.scale + v.y0]);
      line(g, [ends], colour, 1.6, 0.15 + 0.75 * (t - from) / TRAIL_FRAMES);
    }
  }
}

function drawPanel(g, x, width, height, versions, label) {
  g.save();
  g.beginPath(); g.rect(x, 0, width, height); g.clip();
  g.translate(x, 0);
  const v = view(width, height);
  const picture = clipPicture(S.frame);
  if (picture) g.drawImage(picture, v.x0, v.y0, M.width * v.scale, M.height * v.scale);
  g.lineCap = g.lineJoin = 'round';
  for (const version of versions) {
    const colour = version === 0 ? (picture ? '#e3e7ea' : ink().raw) : (picture ? '#3fe0d0' : ink().accent);
    for (const one of shown()) {
      if (S.trails) drawTrails(g, one, version, v, colour);
      drawPose(g, one, version, v, colour, version === 0 ? 1.8 : 2.6);
    }
  }
  if (label) {
    g.font = '600 13px system-ui, sans-serif';
    const text = label.length > 40 ? `${label.slice(0, 39)}…` : label;
    g.fillStyle = ink().panel;
    g.globalAlpha = 0.88;
    g.fillRect(8, 8, g.measureText(text).width + 14, 24);
    g.globalAlpha = 1;
    g.fillStyle = versions.includes(0) ? ink()['ink-2'] : ink().accent;
    g.fillText(text, 15, 24.5);
  }
  g.restore();
}

function paintStage() {
  const { g, width, height } = canvasContext($('stage-canvas'));
  if (!width) return;
  let panel = width;
  if (S.side) {
    const tall = width < 520 && height > width * 0.9;
    const w = tall ? width : width / 2;
    panel = w;
    drawPanel(g, 0, w, height, S.raw ? [0] : [], 'as detected');
    drawPanel(g, w, w, height, S.smooth ? [S.version] : [], labelOf(S.version));
    g.fillStyle = ink().line;
    g.fillRect(Math.round(w), 0, 1, height);
  } else {
    drawPanel(g, 0, width, height, [...(S.raw ? [0] : []), ...(S.smooth ? [S.version] : [])], '');
  }
  $('stage-note').textContent = clip.failed || stageNote(panel, height);
}

/** What the picture may not show: how many points are missing, rejected, or outside of it. */
function stageNote(width, height) {
  const v = view(width, height);
  let missing = 0, marked = 0, outside = 0, any = false;
  for (const one of shown()) {
    if (one.rowOf[S.frame] < 0) continue;
    any = true;
    for (let k = 0; k < K; k++) {
      missing += !one.has(0, S.frame, k);
      const mark = one.mark(S.version, S.frame, k) > 0;
      marked += mark;
      const [x, y] = (mark && one.at(0, S.frame, k)) || [NaN, NaN];
      outside += x * v.scale + v.x0 < 0 || x * v.scale + v.x0 > width || y * v.scale + v.y0 < 0 || y * v.scale + v.y0 > height;
    }
  }
  if (!any) return 'nobody in this frame';
  const parts = [];
  if (missing) parts.push(`${missing} missing`);
  if (marked) parts.push(`${marked} rejected${outside ? `, ${outside === marked ? '' : `${outside} of them `}outside the picture` : ''}`);
  return parts.join(', ');
}

onChange(['frame', 'version', 'side', 'track', 'raw', 'smooth', 'trails', 'follow', 'clip', 'chosen', 'camera', 'media'], paintStage);
onChange(['frame'], () => { if (M) seekClip(); });
