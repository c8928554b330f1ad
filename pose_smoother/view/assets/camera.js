// Where the picture looks: at everything, or at one individual slowly followed; zoomed and moved.

const camera = { zoom: 1, dx: 0, dy: 0 };
const MARGIN = 0.07;

const quantile = (sorted, q) => sorted[Math.max(0, Math.min(sorted.length - 1, Math.round(q * (sorted.length - 1))))];

/** The box that holds nearly all positions of some individuals, or the clip's picture. */
function wholeBox(list) {
  if (D.media && D.media.width) return { x: 0, y: 0, w: D.media.width, h: D.media.height };
  const xs = [], ys = [];
  for (const one of list) {
    const p = one.positions[V ? 1 : 0];
    const stride = 2 * Math.max(1, Math.floor(p.length / 80000));
    for (let i = 0; i + 1 < p.length; i += stride) {
      if (p[i] !== MISSING) { xs.push(p[i]); ys.push(p[i + 1]); }
    }
  }
  if (!xs.length) return { x: 0, y: 0, w: 1, h: 1 };
  xs.sort((a, b) => a - b); ys.sort((a, b) => a - b);
  const q = D.quantum;
  const [x0, x1] = [quantile(xs, 0.001), quantile(xs, 0.999)];
  const [y0, y1] = [quantile(ys, 0.001), quantile(ys, 0.999)];
  const w = Math.max((x1 - x0) * q, 1e-9), h = Math.max((y1 - y0) * q, 1e-9);
  const m = MARGIN * Math.max(w, h);
  return { x: D.low[0] + x0 * q - m, y: D.low[1] + y0 * q - m, w: w + 2 * m, h: h + 2 * m };
}

const wholeBoxes = new Map();
function wholeBoxOf(key) {
  if (!wholeBoxes.has(key)) wholeBoxes.set(key, wholeBox(shown()));
  return wholeBoxes.get(key);
}

/** The followed individual's centre in every frame, steady over a second, and how far it reaches. */
const paths = new Map();
function pathOf(one) {
  if (paths.has(one)) return paths.get(one);
  const cx = new Float64Array(N), cy = new Float64Array(N), known = new Uint8Array(N);
  const reaches = [];
  for (let t = 0; t < N; t++) {
    let n = 0, sx = 0, sy = 0;
    const points = [];
    for (let k = 0; k < K; k++) {
      const p = one.at(V ? 1 : 0, t, k);
      if (p) { n++; sx += p[0]; sy += p[1]; points.push(p); }
    }
    if (!n) continue;
    known[t] = 1; cx[t] = sx / n; cy[t] = sy / n;
    const d = points.map((p) => Math.max(Math.abs(p[0] - cx[t]), Math.abs(p[1] - cy[t]))).sort((a, b) => a - b);
    reaches.push(quantile(d, 0.95));
  }
  let last = -1;
  for (let t = 0; t < N; t++) {
    if (!known[t]) continue;
    for (let u = last < 0 ? 0 : last + 1; u < t; u++) {
      const a = last < 0 ? 1 : (u - last) / (t - last);
      cx[u] = last < 0 ? cx[t] : cx[last] + a * (cx[t] - cx[last]);
      cy[u] = last < 0 ? cy[t] : cy[last] + a * (cy[t] - cy[last]);
    }
    last = t;
  }
  if (last >= 0) for (let u = last + 1; u < N; u++) { cx[u] = cx[last]; cy[u] = cy[last]; }
  const half = Math.max(1, Math.round(FPS / 2));
  const steady = (v) => {
    const sum = new Float64Array(N + 1);
    for (let t = 0; t < N; t++) sum[t + 1] = sum[t] + v[t];
    return v.map((_, t) => {
      const r = Math.min(half, t, N - 1 - t);
      return (sum[t + r + 1] - sum[t - r]) / (2 * r + 1);
    });
  };
  reaches.sort((a, b) => a - b);
  const path = { x: steady(cx), y: steady(cy), reach: (quantile(reaches, 0.97) || 1) * 1.45 };
  paths.set(one, path);
  return path;
}

/** From the file's unit to the pixels of a panel: x * scale + x0. */
function view(width, height) {
  let box = wholeBoxOf(S.track);
  if (S.follow) {
    const path = pathOf(people[Math.max(0, S.track)]);
    box = { x: path.x[S.frame] - path.reach, y: path.y[S.frame] - path.reach, w: 2 * path.reach, h: 2 * path.reach };
  }
  const scale = Math.min(width / box.w, height / box.h) * camera.zoom;
  const cx = box.x + box.w / 2, cy = box.y + box.h / 2;
  return {
    scale,
    x0: width / 2 - cx * scale + camera.dx,
    y0: height / 2 - cy * scale + camera.dy,
  };
}

function zoomBy(factor) {
  const before = camera.zoom;
  camera.zoom = Math.max(0.5, Math.min(20, camera.zoom * factor));
  camera.dx *= camera.zoom / before;
  camera.dy *= camera.zoom / before;
  redraw('camera');
}
function zoomFit() { camera.zoom = 1; camera.dx = camera.dy = 0; redraw('camera'); }
