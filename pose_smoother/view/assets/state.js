// What is shown, in one object; a change asks for one redraw with the next picture of the screen.

const $ = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const MOST_CHOSEN = 4;

const S = {
  frame: 0,
  version: 1,
  side: false,
  track: people.length === 1 ? 0 : -1,
  raw: true,
  smooth: true,
  trails: !calm.matches,
  follow: false,
  clip: true,
  speed: 1,
  playing: false,
  span: Math.min(N, 150),
  chosen: [],
};

const painters = [];
let asked = false;
let changed = new Set();

/** Set fields; painters that listen to one of them draw again. */
function set(fields) {
  for (const [key, value] of Object.entries(fields)) {
    if (S[key] === value) continue;
    S[key] = value;
    changed.add(key);
  }
  if (changed.size) redraw();
}

function redraw(key) {
  if (key) changed.add(key);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const now = changed;
    changed = new Set();
    for (const [keys, paint] of painters) if (now.has('all') || keys.some((k) => now.has(k))) paint();
  });
}

const onChange = (keys, paint) => painters.push([keys, paint]);
const shown = () => (S.track < 0 ? people : [people[S.track]]);
const goTo = (frame) => set({ frame: Math.max(0, Math.min(N - 1, Math.round(frame))) });

/** Colours of the theme, read once for each theme. */
let palette = null;
function ink() {
  if (palette) return palette;
  const style = getComputedStyle(document.documentElement);
  palette = {};
  for (const name of ['ink', 'ink-2', 'raw', 'accent', 'signal', 'line', 'panel', 'sunk']) {
    palette[name] = style.getPropertyValue(`--${name}`).trim();
  }
  return palette;
}
function themeChanged() { palette = null; redraw('all'); }
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', themeChanged);

/** A canvas as large as its place in device pixels; returns its context in CSS pixels. */
function canvasContext(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(width * ratio);
  const h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  return { g, width, height };
}

/** A fill of thin diagonal lines. */
function hatch(g, colour) {
  const tile = document.createElement('canvas');
  tile.width = tile.height = 6;
  const t = tile.getContext('2d');
  t.strokeStyle = colour;
  t.lineWidth = 1.2;
  for (const d of [-6, 0, 6]) { t.beginPath(); t.moveTo(d, 6); t.lineTo(d + 6, 0); t.stroke(); }
  return g.createPattern(tile, 'repeat');
}
