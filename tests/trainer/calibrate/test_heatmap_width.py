"""Widths of heatmaps: exact for Gaussians, from every container, errors in words."""

import h5py
import numpy as np
import pytest
import zarr

from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import render
from trainer.calibrate.heatmap_width import MOST_WIDTHS, as_set, fitted_widths, read_widths


def maps(sigma_px, n=12, seed=0):
    at = np.random.default_rng(seed).integers(12, 44, (n, 2))
    return render(at, np.ones(n, bool), sigma_px)


@pytest.mark.parametrize("sigma_px", [0.75, 1.0, 1.5, 2.0, 3.0])
def test_gaussians_have_their_own_width(sigma_px):
    np.testing.assert_allclose(fitted_widths(maps(sigma_px)), sigma_px, rtol=1e-3)


def test_noise_moves_it_little_and_scale_not_at_all():
    noisy = maps(2.0, 400)
    noisy = noisy + 0.02 * noisy.max() * np.random.default_rng(1).standard_normal(noisy.shape)
    assert np.nanmedian(fitted_widths(noisy)) == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(fitted_widths(1e-4 * maps(2.0)), 2.0, rtol=1e-3)


def test_where_there_is_no_peak_to_measure_there_is_no_width():
    empty = np.zeros((56, 56), np.float32)
    flat = np.ones((56, 56), np.float32)
    corner = render(np.array([[0, 30], [30, 55], [1, 1]]), np.ones(3, bool), 1.0)
    assert np.isnan(fitted_widths(np.stack([empty, flat, *corner]))).all()


def test_a_mixture_becomes_its_widths_and_shares():
    found = as_set(np.repeat([1.01, 2.97, 2.0], [700, 295, 5]))
    assert found.sigma_px == (1.0, 3.0)
    assert found.share == pytest.approx((0.7, 0.3), abs=0.006)
    many = as_set(np.random.default_rng(0).uniform(0.5, 9, 10_000))
    assert len(many.sigma_px) == MOST_WIDTHS
    assert sum(many.share) == pytest.approx(1.0)


@pytest.fixture(params=["npz", "hdf5", "zarr", "zarr-array"])
def file(request, tmp_path):
    heatmaps = np.concatenate([maps(1.5), maps(2.5)]).reshape(4, 6, 56, 56)
    path = tmp_path / f"maps.{request.param}"
    if request.param == "npz":
        np.savez(path, heatmaps=heatmaps, names=np.array(["a"]))
    elif request.param == "hdf5":
        with h5py.File(path, "w") as opened:
            opened["heatmaps"] = heatmaps
    elif request.param == "zarr":
        zarr.create_group(path)["heatmaps"] = heatmaps
    else:
        zarr.create_array(path, data=heatmaps)
    return path


def test_every_container_is_read(file):
    np.testing.assert_allclose(np.unique(read_widths(file).round(2)), [1.5, 2.5])


def test_what_cannot_be_used_is_reported(tmp_path):
    with pytest.raises(InvalidInputError, match="no such file"):
        read_widths(tmp_path / "none.npz")
    np.savez(tmp_path / "a.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(InvalidInputError, match="expected an array 'heatmaps', found 'a', 'b'"):
        read_widths(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", heatmaps=np.zeros((2, 3, 64, 48)))
    with pytest.raises(InvalidInputError, match=r"found \(2, 3, 64, 48\)"):
        read_widths(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", heatmaps=np.zeros((2, 3, 56, 56)))
    with pytest.raises(InvalidInputError, match="no heatmap has a peak"):
        read_widths(tmp_path / "c.npz")
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["heatmaps"] = np.zeros((2, 3, 56, 56), "f4")
    whole = (tmp_path / "e.h5").read_bytes()
    bits = bytes([0x11, 0x20, 0x1F, 0, 4, 0, 0, 0, 0, 0, 32])  # a float's, from its first to 32
    assert whole.count(bits) == 1
    (tmp_path / "e.h5").write_bytes(whole.replace(bits, bits[:8] + bytes([1, 0, 32])))
    with pytest.raises(InvalidInputError, match=r"e\.h5: cannot be read .*IEEE 754"):
        read_widths(tmp_path / "e.h5")
    (tmp_path / "d.h5").write_bytes(b"text")
    with pytest.raises(InvalidInputError, match="cannot be read as NPZ, HDF5 or Zarr"):
        read_widths(tmp_path / "d.h5")
