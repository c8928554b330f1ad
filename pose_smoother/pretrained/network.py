"""The pretrained network in numpy: equal to the torch network that was trained.

See `trainer.pretrain.temporal_denoiser` for the idea. A file is run in chunks of frames that
overlap by the network's reach, so its length costs no memory, and the chunks change no result.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import read_plain
from pose_smoother.pretrained.features import CANDIDATES, CHANNELS, TAPS, Prepared

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("weights.npz")
WEIGHTS_SHA256 = "bb31b3e5d331907a0f81265893e27b2144d9b1da86ec6af17d6221efdd253e55"
MOST_BYTES = 64 << 20  # of a file of weights
DILATIONS = (1, 2, 4, 8, 16, 8, 4, 2, 1)
REACH = 1 + sum(DILATIONS)
PAD = max(DILATIONS)
TILE_ROWS = 1024  # what is read and written at once stays in a processor core's own cache
UNSEEN_LOGIT = np.float32(-3.0)
CHUNK_POSITIONS = 20480


class Network:
    """Weights by name and how to run them.

    Parameters
    ----------
    weights : dict of float32 arrays
        `first.linear.weight` (inputs, outputs) and so on, as the torch network names them.
    """

    def __init__(self, weights: dict[str, Floats]) -> None:
        self.weights = weights

    def __call__(self, inputs: Floats, neighbours: Floats, valid: NDArray[np.bool_]) -> Floats:
        """Raw outputs.

        All keypoints are rows of one array, one after another, with rows of zeros between them, so
        that the frames of a tap are a slice of it and no tap is copied.

        Parameters
        ----------
        inputs : float32 array, shape (K, T, CHANNELS)
        neighbours : float32 array, shape (K, K)
        valid : bool array, shape (K,)

        Returns
        -------
        float32 array, shape (K, T, 2 * CANDIDATES + 4)
        """
        keypoints, frames, channels = inputs.shape
        if channels != CHANNELS:
            raise ValueError(f"expected {CHANNELS} input channels, found {channels}")
        share = valid.astype(np.float32) / np.float32(max(valid.sum(), 1))
        rows = keypoints * (frames + PAD)
        tiles = [slice(at, min(at + TILE_ROWS, rows)) for at in range(0, rows, TILE_ROWS)]
        width = len(self.weights["first.linear.bias"])
        wide = np.zeros((PAD + rows + PAD, channels), np.float32)
        _by_keypoint(wide[PAD:-PAD], keypoints)[:, :frames] = inputs
        h = np.empty((rows, width), np.float32)
        own = _by_keypoint(h, keypoints)
        read = np.zeros((PAD + rows + PAD, width), np.float32)
        inner = np.empty((TILE_ROWS, width), np.float32)
        zeros = np.zeros_like(inner)
        for tile in tiles:
            self._over_time("first", wide, 1, tile, h[tile])
        for i, dilation in enumerate(DILATIONS):
            own[:, frames:] = 0.0
            for tile in tiles:
                np.maximum(h[tile], zeros[: len(h[tile])], out=read[PAD:-PAD][tile])
            for tile in tiles:
                part = inner[: len(h[tile])]
                self._over_time(f"blocks.{i}.wide", read, dilation, tile, part)
                np.maximum(part, zeros[: len(part)], out=part)
                h[tile] += self.weights[f"blocks.{i}.point.bias"]
                _add_product(part, self.weights[f"blocks.{i}.point.weight"], h[tile])
            if f"blocks.{i}.mix.weight" in self.weights:
                self._mix(f"blocks.{i}.mix", own, neighbours, share)
        out = np.empty((rows, len(self.weights["last.bias"])), np.float32)
        out[:] = self.weights["last.bias"]
        for tile in tiles:
            part = np.maximum(h[tile], zeros[: len(h[tile])])
            _add_product(part, self.weights["last.weight"], out[tile])
        return _by_keypoint(out, keypoints)[:, :frames]

    def _over_time(self, name: str, h: Floats, dilation: int, tile: slice, out: Floats) -> None:
        """Three taps over time, into `out`, for some rows of `h` without its `PAD` at both ends."""
        out[:] = self.weights[f"{name}.linear.bias"]
        taps = self.weights[f"{name}.linear.weight"].reshape(3, h.shape[1], -1)
        for tap, shift in zip(taps, (-dilation, 0, dilation), strict=True):
            _add_product(h[PAD + tile.start + shift : PAD + tile.stop + shift], tap, out)

    def _mix(self, name: str, own: Floats, neighbours: Floats, share: Floats) -> None:
        """Add what the means over all keypoints and over those that move alike are worth."""
        keypoints, _, width = own.shape
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        flat = own.reshape(keypoints, -1)
        step = max(TILE_ROWS // keypoints, 1) * width
        for at in range(0, flat.shape[1], step):
            part: NDArray[Any] = flat[:, at : at + step]
            mean = (share @ part).reshape(-1, width) @ weight[:width]
            mean += bias
            like = (neighbours @ part).reshape(-1, width) @ weight[width:]
            part += like.reshape(keypoints, -1)
            part += mean.reshape(-1)


def _add_product(rows: Floats, weight: Floats, out: Floats) -> None:
    """``out += rows @ weight`` in one call of BLAS, all of them contiguous."""
    from scipy.linalg.blas import sgemm

    sgemm(1.0, weight.T, rows.T, 1.0, out.T, overwrite_c=1)


def _by_keypoint(rows: Floats, keypoints: int) -> Floats:
    """Rows of one keypoint after another as (K, rows of a keypoint, width)."""
    return rows.reshape(keypoints, -1, rows.shape[-1])


def combine(raw: Floats, ready: Prepared, first: int, start: int, stop: int) -> Floats:
    """Positions from raw outputs of frames `start` to `stop` of a file, (stop - start, K, 2).

    `raw` begins at frame `first`. Weights are `(1 + g) softmax(a) - g softmax(b)` over
    neighbouring frames and running medians.
    """
    out = np.ascontiguousarray(raw[:, start - first : stop - first].transpose(2, 1, 0))
    logit, positions = _candidates(ready, start, stop)
    a = softmax(out[:CANDIDATES] + logit, 0)
    b = softmax(out[CANDIDATES : 2 * CANDIDATES] + logit, 0)
    gain = np.logaddexp(0, out[2 * CANDIDATES] - np.float32(1.0)).astype(np.float32)
    a += gain * (a - b)
    moved = np.einsum("ntk,ntkc->tkc", a, positions)
    correction = np.clip(out[2 * CANDIDATES + 1 : 2 * CANDIDATES + 3], -8.0, 8.0)
    moved += ready.unit[None, :, None] * correction.transpose(1, 2, 0)
    return ready.medians[0, start:stop] + moved


def _candidates(ready: Prepared, start: int, stop: int) -> tuple[Floats, Floats]:
    """(logits (N, T, K), positions about the base (N, T, K, 2)) of frames start to stop."""
    frames = len(ready.filled)
    at = np.arange(start, stop)[None] + np.asarray(TAPS)[:, None]
    inside = (at >= 0) & (at < frames)
    at = np.clip(at, 0, frames - 1)
    seen = ready.observed[at] & inside[..., None]
    logit = np.zeros((CANDIDATES, *seen.shape[1:]), np.float32)
    logit[: len(TAPS)][~seen] = UNSEEN_LOGIT
    positions = np.concatenate([ready.filled[at], ready.medians[:, start:stop]])
    positions -= ready.medians[0, start:stop]
    return logit, positions


def softmax(logits: Floats, axis: int) -> Floats:
    """Weights that sum to 1 along an axis, in the logits' memory."""
    logits -= logits.max(axis, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis, keepdims=True)
    return logits


def run(network: Network, ready: Prepared) -> tuple[Floats, Floats]:
    """Run the network over a file, chunk by chunk, forwards and turned (see `Prepared.turned`).

    The network is not quite equivariant to either turn, so the mean of its two answers has less
    error than each.

    Parameters
    ----------
    network : Network
    ready : Prepared

    Returns
    -------
    float32 array, shape (T, K, 2), unit of the file
        Smoothed positions about the file's own centre.
    float32 array, shape (T, K), unit of the file
        Scale of the error of each point.
    """
    one, its_scale = run_view(network, ready)
    other, other_scale = run_view(network, ready.turned())
    half = np.float32(0.5)
    return half * (one - other[::-1]), half * (its_scale + other_scale[::-1])


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """One thread for products of matrices: those of so small ones wait for each other."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    """The BLAS libraries of this process, whose threads can be limited."""
    return ThreadpoolController()


def run_view(network: Network, ready: Prepared) -> tuple[Floats, Floats]:
    """The same as `run`, of the file as it is alone."""
    frames, keypoints, _ = ready.filled.shape
    length = max(4 * REACH, CHUNK_POSITIONS // keypoints)
    smooth = np.empty((frames, keypoints, 2), np.float32)
    scale = np.empty((frames, keypoints), np.float32)
    for start in range(0, frames, length):
        stop = min(start + length, frames)
        first, last = max(start - REACH, 0), min(stop + REACH, frames)
        raw = network(ready.inputs(first, last), ready.neighbours, ready.valid)
        smooth[start:stop] = combine(raw, ready, first, start, stop)
        log_scale = raw[:, start - first : stop - first, -1].T
        scale[start:stop] = np.exp(np.clip(log_scale, -4.0, 6.0)) * ready.unit
    return smooth, scale


@lru_cache(maxsize=1)
def load_network() -> Network:
    """The network that ships; its file's SHA-256 is checked."""
    return Network(read_weights(WEIGHTS, WEIGHTS_SHA256))


def read_weights(path: Path, sha256: str = "") -> dict[str, Floats]:
    """Arrays of an .npz file as float32, matrices as (inputs, outputs); no pickle is read.

    Parameters
    ----------
    sha256 : str
        The file's SHA-256, if it is known.

    Raises
    ------
    InvalidInputError
        The file cannot be read, is no regular file, or has another SHA-256.
    """
    again = "; install the package again" if sha256 else ""
    try:
        arrays = _arrays(read_plain(path, MOST_BYTES), sha256)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise InvalidInputError(f"{path}: cannot be read as weights: {reason}{again}") from error
    return {
        name: np.ascontiguousarray(value.T if value.ndim == 2 else value, dtype=np.float32)
        for name, value in arrays.items()
    }


def _arrays(raw: bytes, sha256: str) -> dict[str, NDArray[Any]]:
    """Arrays of an .npz file whose SHA-256 is this one, if one is given."""
    found = hashlib.sha256(raw).hexdigest()
    if sha256 and found != sha256:
        raise InvalidInputError(f"expected SHA-256 {sha256}, found {found}")
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
