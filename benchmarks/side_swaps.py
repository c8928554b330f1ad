"""Made-up left/right exchanges: how many `--fix-swaps` mends, and what else it exchanges.

    python -m benchmarks.side_swaps --seed 4242

Clips of 300 frames: a mouse seen from above, a walk seen from the side, and bodies of
`trainer.data.clean_motion`. One pair of keypoints or all of them exchange for 1 to 60 frames, a
fifth of the clips has no exchange; noise of 0.2 to 2 % of the body, in half of the clips 2 % of the
points missing. A clip is mended if all rows of its exchange are put back and no other; points
nearer to their partner than 5 % of the body are not counted. Rows go to
`results/side_swaps.csv`, those of the same seed are replaced. About a minute for 400 clips.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pose_smoother.poses.tracks import Floats, Track
from pose_smoother.smoothing.swap_detection import left_right_swaps, longest_side
from trainer.data.clean_motion import MotionPool

RESULTS = Path(__file__).parent / "results" / "side_swaps.csv"
COLUMNS = ("seed", "kind", "exchanged", "clips", "mended", "with_false", "with_left")
N_FRAMES = 300
SIZE_PX = 200.0
LEAST_APART = 0.05
POOL_SEED, POOL_SIZE = 5, 60

Pair = tuple[int, int]


@dataclass(frozen=True)
class Clip:
    """A clip with an exchange.

    Attributes
    ----------
    kind : ``mouse``, ``walk`` or ``body``.
    track : the clip, exchanged.
    pairs : all pairs of left and right.
    which : those that are exchanged; none, where no row is.
    rows : the rows in which they are.
    """

    kind: str
    track: Track
    pairs: list[Pair]
    which: list[Pair]
    rows: slice

    @property
    def exchanged(self) -> str:
        """``none``, ``one`` pair or ``all``."""
        if not self.which:
            return "none"
        return "all" if len(self.which) == len(self.pairs) else "one"


def mouse(rng: np.random.Generator, n: int) -> tuple[Floats, list[Pair]]:
    """A mouse from above: nose, tail, ears and four paws, in pixels."""
    t = np.arange(n)
    heading = np.cumsum(rng.normal(0, 0.03, n)) + 0.3 * np.sin(t / 40)
    speed = 2 + 1.5 * np.sin(t / 25 + rng.uniform(0, 6))
    along = np.stack([np.cos(heading), np.sin(heading)], 1)
    across = np.stack([-np.sin(heading), np.cos(heading)], 1)
    centre = np.cumsum(along * speed[:, None], 0) + 300
    stride = 6 * np.sin(2 * np.pi * t / 12)
    points = [centre + 50 * along, centre - 45 * along]
    for ahead, wide, phase in ((35, 12, 0), (20, 18, 1), (-25, 20, -1)):
        points.append(centre + (ahead + phase * stride)[:, None] * along + wide * across)
        points.append(centre + (ahead - phase * stride)[:, None] * along - wide * across)
    return np.stack(points, 1), [(2, 3), (4, 5), (6, 7)]


def walk(rng: np.random.Generator, n: int) -> tuple[Floats, list[Pair]]:
    """A person who walks, from the side: head, hips, knees, ankles and hands; legs cross."""
    t = np.arange(n)
    swing = np.sin(2 * np.pi * t / rng.uniform(20, 40) + rng.uniform(0, 6))
    points = np.zeros((n, 9, 2))
    points[:, :, 1] = [0, 50, 52, 75, 75, 100, 101, 30, 30]
    points[:, :, 0] = (rng.uniform(0, 3) * t)[:, None]
    for keypoint, reach in ((3, 20), (4, -20), (5, 40), (6, -40), (7, -25), (8, 25)):
        points[:, keypoint, 0] += reach * swing
    points[:, 1, 0] += 3
    points[:, 2, 0] -= 3
    return points, [(1, 2), (3, 4), (5, 6), (7, 8)]


def body(rng: np.random.Generator, n: int, pool: MotionPool) -> tuple[Floats, list[Pair]]:
    """A made-up body of 6 to 17 keypoints with a left and a right."""
    while True:
        clip = pool.draw(rng, n, int(rng.integers(6, 18)))
        pairs = [(i, int(other)) for i, other in enumerate(clip.mirror) if other > i]
        if pairs:
            return np.asarray(clip.positions, dtype=np.float64), pairs


def clips(n_clips: int, seed: int) -> Iterator[Clip]:
    """Clips with exchanges, in turns of every kind."""
    pool = MotionPool(POOL_SEED, POOL_SIZE)
    rng = np.random.default_rng(seed)
    for i in range(n_clips):
        kind = ("mouse", "walk", "body", "body")[i % 4]
        make = {"mouse": mouse, "walk": walk}.get(kind)
        points, pairs = body(rng, N_FRAMES, pool) if make is None else make(rng, N_FRAMES)
        points = points / longest_side(_track(points)) * SIZE_PX
        points = points + rng.normal(
            0, SIZE_PX * rng.choice([0.002, 0.005, 0.01, 0.02]), points.shape
        )
        points[rng.random(points.shape[:2]) < rng.choice([0, 0.02])] = np.nan
        which = pairs if rng.random() < 0.5 else [pairs[rng.integers(len(pairs))]]
        n_rows = int(rng.integers(1, 61))
        start = int(rng.integers(1, N_FRAMES - n_rows - 1))
        rows = slice(start, start + n_rows)
        if i % 5 == 0:
            which = []
        for a, b in which:
            points[rows, [a, b]] = points[rows, [b, a]]
        yield Clip(kind, _track(points), pairs, which, rows)


def _track(points: Floats) -> Track:
    return Track("", "", "", np.arange(len(points)), points, np.full(points.shape[:2], np.nan))


def errors(clip: Clip) -> tuple[int, int]:
    """Rows of pairs that are exchanged though they need not be, and that are left as they are."""
    found = left_right_swaps([clip.track], clip.pairs).get(0, {})
    size = longest_side(clip.track)
    n_false = n_left = 0
    for pair in clip.pairs:
        a, b = (clip.track.keypoints[:, k] for k in pair)
        with np.errstate(invalid="ignore"):
            counts: NDArray[np.bool_] = np.linalg.norm(a - b, axis=-1) > LEAST_APART * size
        wanted = np.zeros(N_FRAMES, bool)
        wanted[clip.rows] = pair in clip.which
        rows, sure = found.get(pair, (np.zeros(N_FRAMES, bool), np.ones(N_FRAMES, bool)))
        put = rows & sure
        n_false += int((put & ~wanted & counts).sum())
        n_left += int((wanted & ~put & counts).sum())
    return n_false, n_left


def table(n_clips: int, seed: int) -> list[dict[str, int | str]]:
    """A row for every kind and exchange, and one for all."""
    found: dict[tuple[str, str], list[int]] = {}
    for clip in clips(n_clips, seed):
        n_false, n_left = errors(clip)
        for key in ((clip.kind, clip.exchanged), ("every", "any")):
            row = found.setdefault(key, [0, 0, 0, 0])
            for i, one in enumerate((True, not n_false and not n_left, n_false > 0, n_left > 0)):
                row[i] += one
    return [
        dict(zip(COLUMNS, (seed, *key, *values), strict=True))
        for key, values in sorted(found.items())
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--dry-run", action="store_true", help="print the rows, write nothing")
    chosen = parser.parse_args()
    rows = table(chosen.clips, chosen.seed)
    for row in rows:
        print(*(f"{row[name]}" for name in COLUMNS), sep="\t")
    if chosen.dry_run:
        return
    old = list(csv.DictReader(RESULTS.open())) if RESULTS.exists() else []
    kept = [row for row in old if row["seed"] != str(chosen.seed)]
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


if __name__ == "__main__":
    main()
