"""A detector's own heatmaps: read from three formats, matched with the truth, fed as they are."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
import zarr

from pose_smoother.boxes import boxes_around, to_heatmap
from pose_smoother.errors import InvalidInputError
from pose_smoother.heatmap import render
from pose_smoother.poses.keypoint_names import mapping
from pose_smoother.skeleton import INDEX, KEYPOINTS
from tests.trainer.calibrate.made import as_csv, truth
from tests.trainer.fake_store import make_store
from trainer.finetune.heatmap_file import pair_heatmaps, read_heatmaps
from trainer.finetune.pair_store import PairStore
from trainer.finetune.run import PairFiles, finetune, prepare
from trainer.training.config import TrainConfig, open_stream
from trainer.training.train import train

NAMES = ("tail", "right_knee", "left_hip", "left_shoulder", "right_shoulder", "right_hip", "nose")


def made(real, seed=0):
    """What a detector gives of a truth, rows in no order: arrays of a file, peaks at 0.9."""
    rng = np.random.default_rng(seed)
    rows = []
    for track in real.tracks:
        boxes, _ = boxes_around(track.keypoints, 0.3)
        px = to_heatmap(track.keypoints, boxes)[:, [INDEX.get(name, 0) for name in NAMES]]
        present = np.isfinite(px[..., 0])
        present[:, 0] = True  # the tail's map must not be taken for another's
        pixels = np.nan_to_num(px).round().clip(0, 55).astype(np.int64)
        maps = render(pixels, present, 2.0)
        maps *= 0.9 / maps.max()
        for i, frame in enumerate(track.frame.tolist()):
            rows.append((maps[i], frame, boxes[i], track.video, track.person, pixels[i]))
    order = rng.permutation(len(rows))
    maps, frame, boxes, video, person, pixels = (
        np.array([row[i] for row in rows])[order] for i in range(6)
    )
    arrays = {"heatmaps": maps, "frame": frame, "boxes": boxes, "video": video, "person": person}
    return {**arrays, "names": np.array(NAMES)}, pixels


def write(path, arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype("S") if array.dtype.kind == "U" else array
    else:
        group = zarr.open_group(str(path), mode="w")
        for name, array in arrays.items():
            plain = array.astype("S") if array.dtype.kind == "U" else array
            group[name] = plain
    return path


@pytest.fixture(scope="module")
def real():
    """Each track's frames go on where those of the one before it end."""
    tracks, last = [], 0
    for track in truth(4, 14).tracks:
        tracks.append(replace(track, frame=track.frame - track.frame[0] + last + 1))
        last = int(tracks[-1].frame[-1])
    return replace(truth(4, 14), tracks=tuple(tracks))


@pytest.fixture(scope="module")
def npz(real, tmp_path_factory):
    return write(tmp_path_factory.mktemp("maps") / "maps.npz", made(real)[0])


@pytest.mark.filterwarnings("ignore:The data type")  # of names as bytes in Zarr
@pytest.mark.filterwarnings("ignore:The (codec|dtype)")  # the same, of zarr before 3.1
@pytest.mark.parametrize("name", ["maps.npz", "maps.h5", "maps.zarr"])
def test_all_formats_read_alike(name, real, tmp_path):
    arrays, _ = made(real)
    found = read_heatmaps(write(tmp_path / name, arrays))
    assert found.names == NAMES
    for field in ("heatmaps", "boxes", "frame", "video", "person"):
        np.testing.assert_array_equal(getattr(found, field), arrays[field])


def paired(path, real, **chosen):
    found = read_heatmaps(path)
    given = {"min_score": None, "sigma_px": 2.0, **chosen}
    return pair_heatmaps(found, real, mapping(found.names), mapping(real.names), **given)


def test_every_frame_finds_its_truth_in_the_detector_s_box(npz, real):
    result = paired(npz, real)
    pairs = result.pairs
    assert pairs.counts["frames compared"] == sum(len(track.frame) for track in real.tracks)
    assert [KEYPOINTS[i] for i in np.flatnonzero(pairs.known)] == sorted(
        NAMES[1:], key=KEYPOINTS.index
    )
    # A peak is the truth's nearest pixel, but for the wide smear's reflection at borders.
    error = pairs.errors[np.isfinite(pairs.errors[..., 0])]
    assert np.abs(error).max() < 0.75
    assert result.heatmaps.max() == pytest.approx(255 / (2 * np.pi * 4), rel=0.01)
    n_breaks = sum(int((np.diff(track.frame) > 1).sum()) + 1 for track in real.tracks)
    assert (~pairs.follows).sum() == n_breaks


def test_the_input_is_the_heatmaps_themselves(npz, real, tmp_path):
    result = paired(npz, real)
    store = PairStore(result.pairs, 1, 0, npz, heatmaps=result)
    config = TrainConfig("3dconv", "1.1", device="cpu", batch_size=4, noise="recorded")
    order = np.argsort(result.pairs.video, kind="stable")
    split = np.array([store.clips["split"][video] for video in result.pairs.video[order]])
    for name in ("train", "test"):
        rows = order[split == name]
        for batch in open_stream(config, store, name).epoch(1):
            at = rows[batch.window.numpy()[:, None] + np.arange(5)]
            for keypoint in KEYPOINTS:
                found = batch.input[:, :, INDEX[keypoint]].numpy()
                if keypoint in NAMES:
                    expected = result.heatmaps[at][:, :, NAMES.index(keypoint)]
                    np.testing.assert_array_equal(found, expected)
                else:
                    assert not found.any()
            assert (batch.input.flatten(3).amax(-1) > 0).eq(batch.detected).all()


def test_low_peaks_count_as_missed(real, tmp_path):
    arrays, _ = made(real)
    arrays["heatmaps"][:, 6] *= 0.1
    arrays["heatmaps"][0, 5] = np.nan
    result = paired(write(tmp_path / "m.npz", arrays), real, min_score=0.3)
    assert not np.isfinite(result.pairs.detected[:, INDEX["nose"]]).any()
    assert not result.heatmaps[:, 6].any()
    assert np.isfinite(result.heatmaps).all()
    with pytest.raises(InvalidInputError, match="no heatmap with a ground truth has a peak"):
        paired(tmp_path / "m.npz", real, min_score=9.0)


def test_a_truth_outside_the_detector_s_box_is_no_target(real, tmp_path):
    arrays, _ = made(real)
    arrays["boxes"][:, 3] -= 0.4 * (arrays["boxes"][:, 3] - arrays["boxes"][:, 1])
    result = paired(write(tmp_path / "m.npz", arrays), real)
    store = PairStore(result.pairs, 1, 0, tmp_path, heatmaps=result)
    below = result.pairs.truth[..., 1] > 55.5
    n = sum(int(store.read(s, "annotated").sum()) for s in ("train", "val", "test"))
    assert below.any()
    assert n == (result.pairs.annotated & ~below).sum()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("model", ["tiny", "3dconv"])
def test_runs_of_both_kinds_are_finetuned_on_heatmaps(model, npz, real, tmp_path):
    (tmp_path / "truth.csv").write_text(as_csv(real))
    config = TrainConfig(model, "1.1", device="cpu", max_epochs=1, max_steps=1)
    train(config, make_store(5, 12), tmp_path / "runs")
    files = PairFiles(None, tmp_path / "truth.csv", pred_heatmaps=npz)
    arrays = dict(np.load(npz))
    arrays["person"][:] = ""  # one person a video: the file need not name them
    np.savez(tmp_path / "maps.npz", **arrays)
    files = replace(files, pred_heatmaps=tmp_path / "maps.npz")
    ready = prepare(
        tmp_path / "runs" / config.run_name, files, device="cpu", max_epochs=1, max_steps=1
    )
    results = finetune(ready, tmp_path / "out")
    assert {f"{model}-pretrained", "identity"} < {row["model"] for row in results["rows"]}
    assert torch.is_tensor(next(iter(ready.start.weights.values())))


def test_bad_files_are_reported(npz, real, tmp_path):
    arrays = dict(np.load(npz))

    def spoiled(**changed):
        kept = {name: a for name, a in {**arrays, **changed}.items() if a is not None}
        return write(tmp_path / "bad.npz", kept)

    with pytest.raises(InvalidInputError, match="expected an array 'boxes', found 'heatmaps'"):
        read_heatmaps(spoiled(boxes=None))
    with pytest.raises(InvalidInputError, match=r"expected names of shape \(7,\), found \(6,\)"):
        read_heatmaps(spoiled(names=arrays["names"][1:]))
    with pytest.raises(InvalidInputError, match=r"heatmaps of shape \(56, 7, 56, 56\), found"):
        read_heatmaps(spoiled(heatmaps=arrays["heatmaps"][..., 1:]))
    with pytest.raises(InvalidInputError, match="no such file"):
        read_heatmaps(tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no file of heatmaps")
    with pytest.raises(InvalidInputError, match="cannot be read as NPZ, HDF5 or Zarr"):
        read_heatmaps(tmp_path / "text.h5")
    with pytest.raises(InvalidInputError, match="no heatmap has a ground truth"):
        paired(spoiled(frame=arrays["frame"] + 999), real)
    with pytest.raises(InvalidInputError, match="occur twice"):
        paired(spoiled(frame=np.full_like(arrays["frame"], 3)), real)
    with pytest.raises(InvalidInputError, match="no keypoint in common"):
        paired(spoiled(names=np.array([f"x{i}" for i in range(7)])), real)
    together = truth(4, 14)
    together = replace(together, tracks=tuple(replace(t, video="v") for t in together.tracks))
    with pytest.raises(InvalidInputError, match="4 people in frame"):
        paired(spoiled(person=None, video=None), together)
