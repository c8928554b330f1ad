"""Left/right swaps: two keypoints of one track that exchange places for some frames.

Every pair of keypoints is in one of two states, as it is in the file or exchanged. A hidden Markov
model of the complete track finds the more probable one: from row to row by the motion (positions
and velocities that go on), in each row by where the sides usually are, seen from the body and from
another pair. Both states explain a whole track equally well, so the state of most rows is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pose_smoother.filters.base import Mask
from pose_smoother.filters.missing import BRIDGED_FRAMES, around, nan_median
from pose_smoother.points import lengths
from pose_smoother.poses.tracks import Floats, Track

Pair = tuple[int, int]

#: Log odds. Against a swap in a row; for one where the body as a whole swaps, and from how much on
#: it does; against the state of fewer rows, by the share of rows; of a state that is sure.
_SWAP, _WITH_BODY, _BODY = 9.0, 1.5, 18.0
_FEWER_ROWS = 30.0
_SURE = float(np.log(0.95 / 0.05))
#: A row is looked at from the first of these on, a pair if any of its rows reaches the second; the
#: largest that one look at the motion counts.
_LOOKED_AT, _CLEAR, _LARGEST = 1.0, 5.0, 15.0
#: Errors of neighbouring rows are alike, so each row counts for a part, and for so much at most.
_ROW_WEIGHT, _ROW_LARGEST = 0.2, 5.0
#: Least usual distances, as shares of the body's size: from row to row, and of a side's place; and
#: how far the keypoints of an exchange are apart, where they are farthest, this also in median
#: changes of that from row to row, which noise makes.
_LEAST_STEP, _LEAST_SPREAD, _LEAST_APART = 0.004, 0.01, 0.05
_LEAST_APART_STEPS = 1.5
#: If more rows are in the other state than this share, it is not sure which state is right.
_LARGEST_SHARE = 1 / 3
#: What is usual is the median over so many frames.
FRAMES_AROUND = 15
_PASSES, _PARTNERS = 3, 3


@dataclass
class _Sides:
    """One pair of keypoints: its rows, the evidence of the motion, and the states found.

    Attributes
    ----------
    rows : (r,) the rows of the track with both keypoints.
    near : bool (r - 1,), no long gap to the next of them.
    motion : (r - 1,) log odds of an exchange between a row and the next.
    across : (n, axes) from one keypoint to the other, turned with the body.
    exchanged, sure : bool (n,).
    """

    rows: NDArray[np.int64]
    near: Mask
    motion: Floats
    across: Floats
    exchanged: Mask
    sure: Mask

    def by_row(self, values: Floats) -> Floats:
        """Values of the steps at the rows to which they lead, (n,)."""
        out = np.zeros(len(self.across))
        out[self.rows[1:]] = np.where(self.near, values, 0.0)
        return out

    @property
    def straight(self) -> Floats:
        """`across` with exchanges undone."""
        return np.where(self.exchanged[:, None], -self.across, self.across)


def swapped_pairs(
    track: Track, pairs: Sequence[Pair], size: float
) -> dict[Pair, tuple[Mask, Mask]]:
    """The rows of a track in which the two keypoints of a pair are exchanged.

    Parameters
    ----------
    size : the body's size.

    Returns
    -------
    {pair: (bool (n,) exchanged, bool (n,) sure)} of the pairs with an exchange.
    """
    turned = _turned_with_body(track.keypoints, pairs)
    found = {
        pair: sides
        for pair, across in zip(pairs, turned, strict=True)
        if (sides := _sides(track, pair, across, size)) is not None
    }
    with_body = _body_swaps(list(found.values()), len(track.frame))
    looked_at = {
        pair: sides
        for pair, sides in found.items()
        if (sides.motion > _CLEAR).any() or with_body[sides.rows].any()
    }
    if not looked_at:
        return {}
    odds = {pair: np.zeros(len(track.frame)) for pair in looked_at}
    for i in range(_PASSES):
        for pair, sides in looked_at.items():
            _decide(sides, odds[pair], with_body, _LEAST_APART * size)
        if i < _PASSES - 1:
            partners = _alike(list(found.values()))
            for sides, others, pair in zip(found.values(), partners, found, strict=True):
                if pair in looked_at:
                    odds[pair] = _odds_by_place(sides, others, size)
    return {p: (s.exchanged, s.sure) for p, s in looked_at.items() if s.exchanged.any()}


def _sides(track: Track, pair: Pair, across: Floats, size: float) -> _Sides | None:
    n = len(track.frame)
    rows = np.flatnonzero(np.isfinite(track.keypoints[:, list(pair)]).all(axis=(1, 2)))
    if len(rows) < 3:
        return None
    a, b = (track.keypoints[rows, k] for k in pair)
    near = np.diff(track.frame[rows]) <= BRIDGED_FRAMES * track.step
    motion = _odds_by_motion(a, b, near, _LEAST_STEP * size)
    return _Sides(rows, near, motion, across, np.zeros(n, bool), np.ones(n, bool))


def _odds_by_motion(a: Floats, b: Floats, near: Mask, least: float) -> Floats:
    """Log odds of an exchange in each step: by positions that stay, and by velocities that do."""
    to_a, to_b = (np.where(near[:, None], np.diff(x, axis=0), np.nan) for x in (a, b))
    to_other_a, to_other_b = b[1:] - a[:-1], a[1:] - b[:-1]
    (before_a, after_a), (before_b, after_b) = _velocities(to_a), _velocities(to_b)
    positions = (lengths(to_a), lengths(to_b), lengths(to_other_a), lengths(to_other_b))
    velocities = (
        _off_velocity(to_a, before_a, after_a),
        _off_velocity(to_b, before_b, after_b),
        _off_velocity(to_other_a, before_a, after_b),
        _off_velocity(to_other_b, before_b, after_a),
    )
    return _odds(positions, near, least) + _odds(velocities, near, least)


def _odds(distances: tuple[Floats, Floats, Floats, Floats], near: Mask, least: float) -> Floats:
    """Log odds of an exchange from the distances of both keypoints without and with one.

    Distances are taken as of Cauchy's distribution, so that an outlier says little.
    """
    a, b, other_a, other_b = distances
    smaller = np.where(near, np.minimum(a + b, other_a + other_b) / 2, np.nan)
    usual = np.fmax(nan_median(around(smaller, FRAMES_AROUND, np.nan)), max(least, 1e-12))
    with np.errstate(invalid="ignore"):
        surprise = [1.5 * np.log1p((d / usual) ** 2) for d in distances]
    odds = surprise[0] + surprise[1] - surprise[2] - surprise[3]
    return np.asarray(np.where(near, np.clip(odds, -_LARGEST, _LARGEST), 0.0))


def _velocities(steps: Floats) -> tuple[Floats, Floats]:
    """The median of the three steps before and after each step; NaN where only one is known."""
    n, pad = len(steps), np.full((3, steps.shape[1]), np.nan)
    padded = np.concatenate([pad, steps, pad])
    found = []
    for first in (0, 4):
        three = np.stack([padded[first + i : first + i + n] for i in range(3)], axis=1)
        enough = np.isfinite(three).sum(axis=1) >= 2
        found.append(np.where(enough, nan_median(three), np.nan))
    return found[0], found[1]


def _off_velocity(step: Floats, before: Floats, after: Floats) -> Floats:
    """How far a step is off the velocities before and after; its length where neither is known."""
    off = np.stack([lengths(step - before), lengths(step - after)])
    known = np.isfinite(off)
    mean = np.where(known, off, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(known.any(axis=0), mean, lengths(step)))


def _turned_with_body(keypoints: Floats, pairs: Sequence[Pair]) -> list[Floats]:
    """From one keypoint of each pair to the other (n, axes), in two axes turned with the body.

    The turn is found from what a swap does not change: keypoints without a partner, and the middles
    of pairs.
    """
    across = [keypoints[:, a] - keypoints[:, b] for a, b in pairs]
    paired = {k for pair in pairs for k in pair}
    single = [keypoints[:, k] for k in range(keypoints.shape[1]) if k not in paired]
    middle = np.stack([*single, *((keypoints[:, a] + keypoints[:, b]) / 2 for a, b in pairs)], 1)
    if middle.shape[1] < 2 or middle.shape[2] != 2:
        return across
    known = np.isfinite(middle).all(axis=-1)
    z = np.where(known, middle[..., 0] + 1j * middle[..., 1], 0.0)
    centre = z.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    z = np.where(known, z - centre[:, None], 0.0)
    shape = z[known.sum(axis=1).argmax()]
    for _ in range(3):
        turn = (z * shape.conj()).sum(axis=1)
        turn = np.where(known.sum(axis=1) > 1, turn / np.maximum(np.abs(turn), 1e-12), 1.0)
        back = np.where(known, z * turn.conj()[:, None], np.nan)
        shape = np.nan_to_num(nan_median(back.real.T) + 1j * nan_median(back.imag.T))
    turned = [(x[:, 0] + 1j * x[:, 1]) * turn.conj() for x in across]
    return [np.stack([x.real, x.imag], axis=1) for x in turned]


def _body_swaps(sides: Sequence[_Sides], n: int) -> Mask:
    """Rows at which most pairs are exchanged at once, bool (n,)."""
    if len(sides) < 2:
        return np.zeros(n, bool)
    odds = np.stack([one.by_row(one.motion) for one in sides])
    pro, contra = (odds > _LOOKED_AT).sum(axis=0), (odds < -_CLEAR).sum(axis=0)
    return np.asarray((odds.sum(axis=0) > _BODY) & (pro >= 2) & (pro > contra))


def _alike(sides: Sequence[_Sides]) -> list[list[Floats]]:
    """For each pair the sides of the pairs that move most alike."""
    values = []
    for one in sides:
        straight = one.straight
        middle = nan_median(straight.T)
        values.append(np.where(np.isfinite(straight), straight - middle, 0.0).ravel())
    size = np.linalg.norm(values, axis=1)
    likeness = np.abs(np.stack(values) @ np.stack(values).T)
    likeness /= np.maximum(np.outer(size, size), 1e-300)
    np.fill_diagonal(likeness, 0.0)
    best = np.argsort(-likeness, axis=1)[:, : min(_PARTNERS, len(sides) - 1)].tolist()
    return [[sides[j].straight for j in others] for others in best]


def _odds_by_place(sides: _Sides, partners: Sequence[Floats], size: float) -> Floats:
    """Log odds that a row is exchanged, from where one side usually is of the other, (n,)."""
    best, least = _usual_place(sides.straight, None, size)
    least *= 0.5  # a partner must explain half of it
    for partner in partners:
        usual, variance = _usual_place(sides.straight, partner, size)
        if variance < least:
            best, least = usual, variance
    variance = _usual_variance(sides.straight, best, size)
    as_it_is = ((sides.across - best) ** 2).sum(axis=1)
    exchanged = ((sides.across + best) ** 2).sum(axis=1)
    odds = 1.5 * (np.log1p(as_it_is / variance) - np.log1p(exchanged / variance))
    return _ROW_WEIGHT * np.clip(np.nan_to_num(odds), -_ROW_LARGEST, _ROW_LARGEST)


def _usual_variance(straight: Floats, usual: Floats, size: float) -> float:
    off = ((straight - usual) ** 2).sum(axis=1)
    return max(float(np.nanmedian(off)), (_LEAST_SPREAD * size) ** 2, 1e-24)


def _usual_place(straight: Floats, partner: Floats | None, size: float) -> tuple[Floats, float]:
    """A constant and a share of the partner's place, by reweighted least squares; its variance."""
    known = np.asarray(np.isfinite(straight).all(axis=1))
    x = np.where(known[:, None], straight, 0.0)
    other = np.zeros_like(x) if partner is None else np.where(np.isfinite(partner), partner, 0.0)
    weight = known.astype(float)
    for _ in range(4):
        total = max(weight.sum(), 1e-12)
        mean_x, mean_other = weight @ x / total, weight @ other / total
        spread = weight @ (other - mean_other) ** 2
        share = (weight @ ((other - mean_other) * (x - mean_x))).sum() / max(spread.sum(), 1e-12)
        usual = mean_x + share * (other - mean_other)
        variance = _usual_variance(straight, usual, size)
        weight = known / (1 + ((x - usual) ** 2).sum(axis=1) / variance)
    return usual, variance


def _decide(sides: _Sides, odds: Floats, with_body: Mask, least_apart: float) -> None:
    """Set the states of a pair: the more probable one of every row, by forward and backward sums.

    Stretches between long gaps are decided alone.
    """
    rows, of_row = sides.rows, odds[sides.rows]
    body = with_body[rows[1:]]
    change = sides.motion + np.where(body, _WITH_BODY, -_SWAP)
    looked_at = sides.near & ((sides.motion > _LOOKED_AT) | body)
    found = np.full(len(rows), -np.inf)
    sure = np.ones(len(rows), bool)
    edges = [0, *(np.flatnonzero(~sides.near) + 1).tolist(), len(rows)]
    for start, stop in pairwise(edges):
        cuts = np.flatnonzero(looked_at[start : stop - 1])
        if len(cuts):
            firsts = np.concatenate([[0], cuts + 1])
            n_rows = np.diff([*firsts, stop - start])
            parts = np.add.reduceat(of_row[start:stop], firsts)
            parts -= _FEWER_ROWS * n_rows / (stop - start)
            found[start:stop] = np.repeat(_posterior(parts, change[start + cuts]), n_rows)
            sure[start:stop] = (found[start:stop] > 0).mean() <= _LARGEST_SHARE
    sure &= np.abs(found) > _SURE
    across = sides.across[rows]
    steps = lengths(np.diff(across, axis=0))
    least_apart = max(least_apart, _LEAST_APART_STEPS * float(np.median(steps)))
    _leave_near(found, lengths(across), least_apart)
    n_rows = np.diff([0, *rows[1:].tolist(), len(odds)])  # up to the next row that has both
    sides.exchanged, sides.sure = np.repeat(found > 0, n_rows), np.repeat(sure, n_rows)


def _leave_near(odds: Floats, apart: Floats, least: float) -> None:
    """Leave stretches of exchanged rows as they are if the keypoints are never apart in them."""
    exchanged: Mask = np.asarray(odds > 0, dtype=bool)
    edges = np.flatnonzero(np.diff(np.pad(exchanged, 1))).reshape(-1, 2)
    for start, stop in edges.tolist():
        if apart[start:stop].max() < least:
            odds[start:stop] = -np.inf


def _posterior(parts: Floats, change: Floats) -> Floats:
    """Log odds of the second of two states in each part of a chain, given the complete chain.

    Parameters
    ----------
    parts : (m,) log odds of each part alone.
    change : (m - 1,) log odds of another state from one part to the next.
    """
    forward = _one_way(parts, change)
    backward = _one_way(parts[::-1], change[::-1])[::-1]
    return np.asarray(forward + backward - parts)


def _one_way(parts: Floats, change: Floats) -> Floats:
    odds = [float(parts[0])]
    for part, swap in zip(parts[1:].tolist(), change.tolist(), strict=True):
        last = odds[-1]
        odds.append(float(np.logaddexp(last, swap) - np.logaddexp(last + swap, 0.0)) + part)
    return np.array(odds)
