"""What is read without zarr is what ``zarr_writer`` makes, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from pose_smoother.store.layout import PlannedArray
from pose_smoother.store.names import FRAME_ARRAYS, WINDOW_SPEC, ArraySpec
from pose_smoother.store.zarr_layout import PlainArray, plain_array
from pose_smoother.store.zarr_writer import create_array

TEXT = ArraySpec("|u1", (31,), 20, 20)


def metadata(make: Callable[[zarr.Group], Any]) -> Any:
    """The parsed ``zarr.json`` of an array."""
    memory: dict[str, Any] = {}
    array = make(zarr.create_group(MemoryStore(memory)))
    return json.loads(memory[f"{array.path}/zarr.json"].to_bytes())


def written(spec: ArraySpec) -> Any:
    return metadata(lambda root: create_array(root, PlannedArray("a", spec, 20)))


@pytest.mark.parametrize("spec", [*FRAME_ARRAYS.values(), WINDOW_SPEC, TEXT])
def test_every_array_of_a_store_is_plain(spec: ArraySpec) -> None:
    expected = PlainArray(
        (20, *spec.frame_shape),
        np.dtype(spec.dtype),
        (spec.chunk_frames, *spec.frame_shape),
        (spec.shard_frames, *spec.frame_shape) if spec.chunk_frames < spec.shard_frames else None,
    )
    assert plain_array(written(spec)) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (8,), "dtype": "f4", "chunks": (4,)},
        {"shape": (8,), "dtype": "f4", "chunks": (2,), "shards": (4,)},
        {"shape": (8, 4), "dtype": "f4", "chunks": (8, 2), "compressors": None},
    ],
)
def test_another_layout_is_zarr_s(options: dict[str, Any]) -> None:
    assert plain_array(metadata(lambda root: root.create_array("a", **options))) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shape", [-20, 25, 56, 56]),
        ("shape", [20.0, 25, 56, 56]),
        ("shape", [20, 25, 56]),
        ("shape", 20),
        ("data_type", "object"),
        ("data_type", ["f4"]),
        ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [0, 25, 56, 56]}}),
        ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [250, 25, 56, 56]}}),
        ("codecs", []),
        ("codecs", [{"name": "numcodecs.pickle", "configuration": {}}]),
        (
            "chunk_grid",
            {"name": "rectilinear", "configuration": {"chunk_shape": [256, 25, 56, 56]}},
        ),
        ("chunk_key_encoding", {"name": "v2", "configuration": {"separator": "."}}),
        ("storage_transformers", [{"name": "a"}]),
        ("zarr_format", 2),
        ("node_type", "group"),
        ("something_new", {}),
    ],
)
def test_forged_metadata_is_not_plain(field: str, value: Any) -> None:
    assert plain_array(written(FRAME_ARRAYS["heatmaps"]) | {field: value}) is None


_BIG_ENDIAN = [{"name": "bytes", "configuration": {"endian": "big"}}, {"name": "crc32c"}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("chunk_shape", chunk) for chunk in ([0, 25, 56, 56], [16, 5, 56, 56], [], "16")),
        ("index_location", "start"),
        ("index_codecs", _BIG_ENDIAN),
        ("codecs", [_BIG_ENDIAN[0], {"name": "zstd"}, _BIG_ENDIAN[1]]),
    ],
)
def test_forged_shards_are_not_plain(field: str, value: Any) -> None:
    forged = written(FRAME_ARRAYS["heatmaps"])
    forged["codecs"][0]["configuration"][field] = value
    assert plain_array(forged) is None


@pytest.mark.parametrize("parsed", [None, [], "a", {}, {"node_type": "group"}])
def test_what_describes_no_array_is_not_plain(parsed: Any) -> None:
    assert plain_array(parsed) is None
