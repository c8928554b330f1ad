"""The shipped smoother: what goes in comes out, moved only as far as the noise allows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pose_smoother.cli import main
from pose_smoother.errors import InvalidInputError
from pose_smoother.pretrained import live, network, smooth_pretrained
from pose_smoother.pretrained.network import WEIGHTS, WEIGHTS_SHA256, read_weights


def _motion(frames: int = 240, keypoints: int = 8) -> np.ndarray:
    rng = np.random.default_rng(7)
    t = np.arange(frames)[:, None, None]
    places = 100.0 * rng.normal(size=(1, keypoints, 2))
    phase = rng.normal(size=(1, keypoints, 2))
    return 500.0 + places + 30.0 * np.sin(t / 8.0 + phase) + 10.0 * np.sin(t / 17.0 + 2 * phase)


def _noisy(sigma: float = 3.0) -> np.ndarray:
    x = _motion()
    x = x + sigma * np.random.default_rng(1).normal(size=x.shape)
    x[40:46, 2] = np.nan
    x[:, 5] = np.where(np.arange(len(x))[:, None] == 100, x[:, 5] + 80.0, x[:, 5])
    return x


def test_noise_is_removed() -> None:
    clean, noisy = _motion(), _noisy()
    smooth, info = smooth_pretrained(noisy)
    seen = np.isfinite(noisy)
    assert np.abs(smooth - clean)[seen].mean() < 0.6 * np.abs(noisy - clean)[seen].mean()
    assert info.strength == 1.0
    np.testing.assert_allclose(info.noise, 3.0, rtol=0.5)


def test_an_outlier_is_replaced_and_marked() -> None:
    clean, noisy = _motion(), _noisy(1.0)
    smooth, info = smooth_pretrained(noisy)
    assert np.linalg.norm(smooth[100, 5] - clean[100, 5]) < 10.0
    assert info.outliers[100, 5]
    assert info.outliers.mean() < 0.01


@pytest.mark.parametrize("fps", [0, -30, np.inf, np.nan])
def test_a_rate_is_positive(fps: float) -> None:
    with pytest.raises(ValueError, match="positive number of frames a second"):
        smooth_pretrained(_noisy(), fps=fps)


def test_clean_input_stays() -> None:
    clean = _motion()
    smooth, info = smooth_pretrained(clean)
    assert np.linalg.norm(smooth - clean, axis=-1).max() < 0.002 * info.size


def test_clean_motion_that_is_quick_stays_too() -> None:
    """Fourth differences alone would call its jumps noise."""
    clean = _motion()
    clean[100:, 3] += 150.0
    clean[140:, 4:6] -= 90.0
    smooth, info = smooth_pretrained(clean)
    assert np.linalg.norm(smooth - clean, axis=-1).max() < 0.002 * info.size


def test_missing_stays_missing_and_nothing_else_is_lost() -> None:
    noisy = _noisy()
    smooth, info = smooth_pretrained(noisy)
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(noisy))
    np.testing.assert_array_equal(np.isnan(info.error_scale), np.isnan(noisy[..., 0]))


def test_a_keypoint_that_was_never_seen_changes_nothing_for_the_others() -> None:
    noisy = _noisy()
    more = np.concatenate([noisy, np.full((len(noisy), 1, 2), np.nan)], 1)
    smooth, info = smooth_pretrained(more)
    assert np.isnan(smooth[:, -1]).all()
    assert np.isnan(info.noise[-1])
    np.testing.assert_allclose(smooth[:, :-1], smooth_pretrained(noisy)[0], atol=1e-3)


def test_moving_scaling_and_renaming_the_file_moves_the_answer_alike() -> None:
    noisy = _noisy()
    smooth, _ = smooth_pretrained(noisy)
    moved, _ = smooth_pretrained(noisy + np.array([1000.0, -200.0]))
    np.testing.assert_allclose(moved, smooth + np.array([1000.0, -200.0]), atol=1e-2)
    larger, _ = smooth_pretrained(7.0 * noisy)
    np.testing.assert_allclose(larger / 7.0, smooth, atol=1e-2)
    order = np.random.default_rng(0).permutation(noisy.shape[1])
    renamed, _ = smooth_pretrained(noisy[:, order])
    np.testing.assert_allclose(renamed, smooth[:, order], atol=1e-2)


def test_the_same_file_gives_the_same_bytes() -> None:
    noisy = _noisy()
    assert smooth_pretrained(noisy)[0].tobytes() == smooth_pretrained(noisy)[0].tobytes()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_dtype_is_kept_and_the_input_is_left_alone(kind: type) -> None:
    noisy = _noisy().astype(kind)
    before = noisy.copy()
    smooth, _ = smooth_pretrained(noisy, np.full(noisy.shape[:2], 0.9))
    assert smooth.dtype == kind
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize(
    ("xy", "scores", "message"),
    [
        (np.zeros((20, 3)), None, r"expected keypoints of shape \(T, K, 2\), found \(20, 3\)"),
        (np.zeros((7, 3, 2)), None, "expected at least 8 frames"),
        (np.zeros((20, 3, 2)), np.zeros((20, 4)), r"expected scores of shape \(20, 3\)"),
    ],
)
def test_input_that_cannot_be_smoothed_is_refused(
    xy: np.ndarray, scores: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        smooth_pretrained(xy, scores)


def test_a_file_without_any_detection_comes_back() -> None:
    smooth, info = smooth_pretrained(np.full((20, 3, 2), np.nan))
    assert np.isnan(smooth).all()
    assert info.moved == 0.0


def test_one_keypoint_and_a_still_one_are_fine() -> None:
    still = np.zeros((30, 1, 2))
    np.testing.assert_array_equal(smooth_pretrained(still)[0], still)
    assert np.isfinite(smooth_pretrained(_noisy()[:, :1])[0]).any()


def test_the_weights_are_the_ones_that_were_checked() -> None:
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == WEIGHTS_SHA256
    assert WEIGHTS.stat().st_size <= 2_000_000
    assert read_weights(WEIGHTS)["last.bias"].dtype == np.float32
    onnx = WEIGHTS.with_suffix(".onnx").read_bytes()
    assert hashlib.sha256(onnx).hexdigest() in WEIGHTS.with_name("model_card.md").read_text()


def _flipped(path: Path) -> None:
    raw = bytearray(WEIGHTS.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(64 << 30)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "No such file": lambda path: None,
    "found e3b0c442": lambda path: path.touch(),
    "found [0-9a-f]{64}; install": _flipped,
    "expected SHA-256 bb31b3e5.*, found ": lambda path: path.write_bytes(b"PK" + bytes(1000)),
    "found b33f6aaf": lambda path: path.write_bytes(live.WEIGHTS.read_bytes()),
    "found a pipe": os.mkfifo,
    "found a device": lambda path: path.symlink_to("/dev/zero"),
    "found a folder": lambda path: path.mkdir(),
    "at most 67,108,864 bytes": _sparse,
    "symbolic links": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_other_weights_than_those_that_ship_are_refused(message: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    DAMAGE[message](path)
    with pytest.raises(InvalidInputError, match=message) as refused:
        read_weights(path, WEIGHTS_SHA256)
    assert str(path) in str(refused.value)
    assert str(refused.value).endswith("; install the package again")


def test_weights_behind_a_link_are_read(tmp_path: Path) -> None:
    (tmp_path / "weights.npz").symlink_to(WEIGHTS)
    assert read_weights(tmp_path / "weights.npz", WEIGHTS_SHA256)


@pytest.mark.parametrize("cut", [0, 10, 1000, -30])
def test_damaged_weights_without_a_known_hash_are_refused(cut: int, tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_bytes(WEIGHTS.read_bytes()[:cut])
    with pytest.raises(InvalidInputError, match=r"own\.npz: cannot be read as weights"):
        read_weights(tmp_path / "own.npz")


def test_a_command_without_its_weights_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "WEIGHTS", tmp_path / "absent.npz")
    network.load_network.cache_clear()
    np.save(tmp_path / "a.npy", _noisy())
    given = ["smooth", str(tmp_path / "a.npy"), "--out", str(tmp_path / "b.npy")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 1
    (line,) = [line for line in done.output.splitlines() if line.startswith("error: ")]
    assert line.endswith(
        "absent.npz: cannot be read as weights: "
        "No such file or directory; install the package again"
    )
    assert not (tmp_path / "b.npy").exists()
