"""Stores, runs and weights made to do harm, with checksums that fit."""

import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pose_smoother.files.atomic import add_checksum, sha256_bytes, sha256_file, verify_checksum
from pose_smoother.store.names import MANIFEST
from tests.faults.hostile import CASES, Evil, Meeting, case, write_zip


def _forged(folder: Path, store: Path) -> Path:
    return Path(shutil.copytree(store, folder / "store"))


def seal_again(store: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """A manifest that fits the forged files, as an attacker would write it."""
    manifest = verify_checksum((store / MANIFEST).read_bytes())
    for name, entry in manifest["files"].items():
        if (store / name).is_file():
            entry |= {
                "sha256": sha256_file(store / name),
                "bytes": (store / name).stat().st_size,
            }
    change(manifest)
    (store / MANIFEST).write_bytes(add_checksum(manifest))


def _train(folder: Path, store: Path, expected: str) -> Meeting:
    words = ["train", "--model", "deciwatch", "--exp", "1.1", "--max-epochs", "1", "--store"]
    return Meeting("trainer", [*words, store, "--out", folder / "out"], expected)


def _hdf5(change: Callable[[h5py.File, Path], None], expected: str) -> Any:
    def make(folder: Path, stores: dict[str, Path]) -> Meeting:
        store = _forged(folder, stores["hdf5"])
        with h5py.File(store / "data.h5", "r+") as file:
            change(file, folder)
        seal_again(store)
        return _train(folder, store, expected)

    return make


def _replaced(path: str, **how: Any) -> Callable[[h5py.File, Path], None]:
    def change(file: h5py.File, _: Path) -> None:
        del file[path]
        file.create_dataset(path, **how)

    return change


def _external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["keypoints"] = np.zeros((5, 25, 2), "<i2")
    del file["train/keypoints"]
    file["train/keypoints"] = h5py.ExternalLink(str(folder / "other.h5"), "/keypoints")


def _virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((5, 25, 2), "<i2")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "keypoints", (5, 25, 2))
    del file["train/keypoints"]
    file.create_virtual_dataset("train/keypoints", layout)


_BREAKS = "breaks the contract"
CASES["HDF5: external link"] = _hdf5(_external_link, _BREAKS)
CASES["HDF5: virtual dataset"] = _hdf5(_virtual, _BREAKS)
CASES["HDF5: external storage"] = _hdf5(
    _replaced(
        "train/keypoints", shape=(5, 25, 2), dtype="<i2", external=[("/etc/passwd", 0, 2500)]
    ),
    _BREAKS,
)
CASES["HDF5: soft link to another array"] = _hdf5(
    lambda file, _: (file.pop("train/keypoints"), file.__setitem__(
        "train/keypoints", h5py.SoftLink("/val/keypoints")))[0],
    _BREAKS,
)  # fmt: skip
CASES["HDF5: forged shape"] = _hdf5(
    _replaced("train/frame", shape=(2**40,), dtype="<i4", chunks=(16_384,), fletcher32=True),
    "damaged",
)
CASES["HDF5: forged chunk"] = _hdf5(
    _replaced("train/frame", shape=(2**40,), dtype="<i4", chunks=(2**29,)), _BREAKS
)
CASES["HDF5: forged clips"] = _hdf5(
    _replaced("clips/id", shape=(2**40, 9), dtype="u1", chunks=(1000, 9)), _BREAKS
)


def _zarr(path: str, change: Callable[[dict[str, Any]], None], expected: str) -> Any:
    def make(folder: Path, stores: dict[str, Path]) -> Meeting:
        store = _forged(folder, stores["zarr"])
        file = store / path / "zarr.json"
        meta = json.loads(file.read_bytes())
        change(meta)
        file.write_text(json.dumps(meta))
        seal_again(store)
        return _train(folder, store, expected)

    return make


def _set(value: Any, *keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(meta: Any) -> None:
        for key in keys[:-1]:
            meta = meta[key]
        meta[keys[-1]] = value

    return change


_CHUNK = ("chunk_grid", "configuration", "chunk_shape")
CASES["zarr: forged shape"] = _zarr("train/frame", _set([2**40], "shape"), "damaged")
CASES["zarr: forged chunk"] = _zarr("train/frame", _set([2**34], *_CHUNK), _BREAKS)
CASES["zarr: forged clips"] = _zarr("clips/id", _set([2**40, 9], "shape"), _BREAKS)
CASES["zarr: unknown codec"] = _zarr(
    "train/frame",
    _set([{"name": "numcodecs.pickle", "configuration": {}}], "codecs"),
    "train/frame",
)
CASES["zarr: other dtype"] = _zarr("train/clip", _set("float64", "data_type"), _BREAKS)


def _manifest(change: Callable[[dict[str, Any]], None], expected: str) -> Any:
    def make(folder: Path, stores: dict[str, Path]) -> Meeting:
        store = _forged(folder, stores["zarr"])
        seal_again(store, change)
        return Meeting("pipeline", ["verify", store], expected)

    return make


_ENTRY = {"sha256": "0", "bytes": 1}
CASES["manifest: path traversal"] = _manifest(
    lambda m: m["files"].update({"../../etc/passwd": _ENTRY}), "leads out of the store"
)
CASES["manifest: absolute path"] = _manifest(
    lambda m: m["files"].update({"/etc/passwd": _ENTRY}), "leads out of the store"
)
CASES["manifest: hash that is none"] = _manifest(
    lambda m: m["files"]["zarr.json"].update(sha256="\x1b[2K"), "has no hash"
)
CASES["manifest: no table"] = _manifest(lambda m: m.update(files=[1, 2]), _BREAKS)


@case("manifest: deep")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    store = _forged(folder, stores["zarr"])
    (store / MANIFEST).write_bytes(b'{"a":' * 100_000)
    return Meeting("pipeline", ["verify", store], "is damaged")


@case("store: link as a shard")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    store = _forged(folder, stores["zarr"])
    file = store / "train/keypoints/c/0/0/0"
    file.rename(folder / "elsewhere")
    file.symlink_to(folder / "elsewhere")
    return Meeting("pipeline", ["verify", store], "no plain file")


@case("store: pipe as a shard")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    store = _forged(folder, stores["zarr"])
    file = store / "train/keypoints/c/0/0/0"
    file.unlink()
    os.mkfifo(file)
    return _train(folder, store, "no plain file")


def _run(folder: Path, stores: dict[str, Path], weights: bytes) -> Meeting:
    """A run folder as a stranger might send it, with weights that have a fitting hash."""
    run = Path(shutil.copytree(stores["run"], folder / "run"))
    (run / "best.pt").write_bytes(weights)
    (run / "best.pt.sha256").write_text(sha256_bytes(weights) + "\n")
    arguments = ["evaluate", run, "--store", stores["zarr"]]
    return Meeting("trainer", arguments, "is not a checkpoint of this program")


@case("pt: evil pickle")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    import torch

    buffer = io.BytesIO()
    torch.save({"model": Evil(folder / "canary")}, buffer)
    return _run(folder, stores, buffer.getvalue())


@case("pt: evil pickle of the old format")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    return _run(folder, stores, pickle.dumps(Evil(folder / "canary")))


@case("pt: bomb")
def _(folder: Path, stores: dict[str, Path]) -> Meeting:
    inside = {"archive/data.pkl": b"\x80\x02N.", "archive/data/0": bytes(256 << 20)}
    return _run(folder, stores, write_zip(folder / "b.zip", inside).read_bytes())
