// The page's data: base64 into typed arrays, and positions by frame.

const D = JSON.parse(document.getElementById('data').textContent);
const K = D.names.length;
const N = D.frames;
const V = D.labels.length;
const FPS = D.fps || 30;
const MISSING = 65535;
const NOT_READ = 1;
const EXCHANGED = 4;

function bytes(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

const words = (text) => new Uint16Array(bytes(text).buffer);

/** One individual: rows of positions, and which row belongs to a frame of the timeline (-1: none). */
class Individual {
  constructor(stored) {
    this.id = stored.id;
    this.size = stored.size;
    this.jitter = stored.jitter;
    this.moved = stored.moved;
    this.positions = [stored.raw, ...stored.smoothed].map(words);
    this.marks = stored.marks.map((text) => (text === null ? null : bytes(text)));
    this.score = stored.score && { ...stored.score, data: bytes(stored.score.data) };
    this.rowOf = new Int32Array(N).fill(-1);
    if (stored.rows === null) for (let i = 0; i < stored.n; i++) this.rowOf[stored.offset + i] = i;
    else new Int32Array(bytes(stored.rows).buffer).forEach((frame, row) => { this.rowOf[frame] = row; });
  }

  /** Position of a keypoint in the file's unit, or null; version 0 is raw. */
  at(version, frame, k) {
    const row = this.rowOf[frame];
    if (row < 0) return null;
    const i = 2 * (row * K + k);
    const u = this.positions[version][i];
    if (u === MISSING) return null;
    return [D.low[0] + u * D.quantum, D.low[1] + this.positions[version][i + 1] * D.quantum];
  }

  has(version, frame, k) {
    const row = this.rowOf[frame];
    return row >= 0 && this.positions[version][2 * (row * K + k)] !== MISSING;
  }

  /** Bits of a point: 1 not read by the smoother, 2 moved by over six times its noise. */
  mark(version, frame, k) {
    const row = this.rowOf[frame];
    const marks = version > 0 ? this.marks[version - 1] : null;
    return row < 0 || !marks ? 0 : marks[row * K + k];
  }

  /** Score from 0 to 1 within the file's range, or null. */
  scoreAt(frame, k) {
    const row = this.rowOf[frame];
    const value = this.score && row >= 0 ? this.score.data[row * K + k] : 255;
    return value === 255 ? null : value / 254;
  }
}

const people = D.tracks.map((stored) => new Individual(stored));
const labelOf = (version) => (version === 0 ? 'as detected' : D.labels[version - 1]);

function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** A percentage to one decimal, two below 1 %. */
const percent = (share) => (share === 0 ? '0 %' : `${(100 * share).toFixed(Math.abs(share) < 0.01 ? 2 : 1)} %`);

/** Three digits throughout, so that numbers of a column line up. */
const even = (value) => (value === null ? '–' : value >= 100 || value < 0.001 ? short(value) : value.toPrecision(3));

function mean(values) {
  const known = values.filter((v) => v !== null && v !== undefined);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
}
