"""Batches: complete, right, reproducible, and the same whether streamed or rendered."""

import threading

import numpy as np
import pytest
import torch

from pose_smoother import heatmap
from pose_smoother.errors import DamagedShardError, InvalidInputError
from pose_smoother.seeds import SPLIT_NOISE
from pose_smoother.store.names import SPLITS
from tests.trainer.fake_store import make_store
from trainer.data.stream import WindowStream
from trainer.noise.gaussian import NoiseConfig, noisy_input

SIGMAS = (1.0, 1.5, 2.0, 2.5, 3.0)
NOISE = NoiseConfig(1.0, SIGMAS)
FIELDS = ("window", "clip", "keypoints", "annotated", "labelled", "detected", "noisy")
FIELDS += ("target", "input")


POOL = 48


@pytest.fixture(scope="module")
def store():
    return make_store(n_clips=10, n_frames=20, seed=5)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of 16 frames: a small store has many, and its windows reach into the next."""
    monkeypatch.setattr("trainer.data.stream.BLOCK_FRAMES", 16)


def collect(stream, epoch=0, start_batch=0):
    """Window -> every field of its row, copied out of the stream's buffers."""
    rows = {}
    for batch in stream.epoch(epoch, start_batch):
        for i, window in enumerate(batch.window.tolist()):
            assert window not in rows
            values = ((name, getattr(batch, name)) for name in FIELDS)
            rows[window] = {name: None if v is None else v[i].clone() for name, v in values}
    return rows


def order(stream, epoch=0, start_batch=0):
    return [w for batch in stream.epoch(epoch, start_batch) for w in batch.window.tolist()]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("step", [1, 2])
def test_streamed_and_rendered_batches_hold_the_same(store, split, step):
    streams = [
        WindowStream(store, split, step, NOISE, batch_size=7, targets=targets, pool_frames=POOL)
        for targets in ("stored", "rendered")
    ]
    streamed, rendered = (collect(stream, epoch=3) for stream in streams)
    assert sorted(streamed) == sorted(rendered) == sorted(store.windows(split, step).tolist())
    for window, fields in streamed.items():
        for name in FIELDS:
            assert torch.equal(fields[name], rendered[window][name]), name


@pytest.mark.parametrize("targets", ["stored", "rendered"])
@pytest.mark.parametrize("step", [1, 2])
def test_a_row_is_what_the_store_holds(store, targets, step):
    stream = WindowStream(store, "train", step, NOISE, seed=9, targets=targets)
    for window, row in list(collect(stream, epoch=2).items())[::10]:
        frames = window + step * np.arange(5)
        keypoints = store.read("train", "keypoints")[frames]
        annotated = store.read("train", "annotated")[frames]
        assert np.array_equal(row["keypoints"], keypoints)
        assert np.array_equal(row["annotated"], annotated)
        assert row["clip"] == store.read("train", "clip")[window]
        assert np.array_equal(row["labelled"], store.labelled("train")[window])
        assert np.array_equal(row["target"], heatmap.render(keypoints, annotated))
        noisy, sigma = noisy_input(
            torch.from_numpy(keypoints).long()[None],
            torch.from_numpy(annotated)[None],
            torch.tensor([window]),
            NOISE,
            seed=9,
            purpose=SPLIT_NOISE["train"],
            epoch=2,
        )
        assert torch.equal(row["noisy"], noisy[0])
        for i, sigma_px in enumerate(SIGMAS):
            chosen = annotated & (sigma[0] == i).numpy()
            expected = heatmap.render(noisy[0].numpy(), chosen, sigma_px)
            assert np.array_equal(row["input"].numpy()[chosen], expected[chosen])
        assert not row["input"].numpy()[~annotated].any()


def test_dtypes_and_shapes(store):
    stream = WindowStream(store, "train", 1, NOISE, batch_size=4)
    batch = next(stream.epoch(0))
    found = {
        name: (getattr(batch, name).dtype, tuple(getattr(batch, name).shape)) for name in FIELDS
    }
    maps = (torch.float32, (4, 5, 25, 56, 56))
    assert found == {
        "window": (torch.int64, (4,)),
        "clip": (torch.int64, (4,)),
        "keypoints": (torch.int64, (4, 5, 25, 2)),
        "annotated": (torch.bool, (4, 5, 25)),
        "labelled": (torch.bool, (4, 25)),
        "detected": (torch.bool, (4, 5, 25)),
        "noisy": (torch.int64, (4, 5, 25, 2)),
        "target": maps,
        "input": maps,
    }


@pytest.mark.parametrize("targets", ["stored", "rendered"])
def test_the_last_batch_is_kept_and_counted(store, targets):
    n = len(store.windows("train", 1))
    batch_size = next(b for b in range(8, 20) if n % b)
    stream = WindowStream(store, "train", 1, NOISE, batch_size, targets=targets)
    sizes = [len(batch.target) for batch in stream.epoch(0)]
    assert sizes == [batch_size] * (n // batch_size) + [n % batch_size]
    assert (stream.n_windows, stream.n_batches, stream.clip_count) == (n, len(sizes), 10)


@pytest.mark.parametrize("targets", ["stored", "rendered"])
def test_training_order_is_new_in_every_epoch_and_reproducible(store, targets):
    def train(seed):
        return WindowStream(store, "train", 1, NOISE, seed=seed, targets=targets, pool_frames=POOL)

    first = order(train(0), epoch=0)
    assert first == order(train(0), epoch=0)
    assert first != order(train(0), epoch=1)
    assert first != order(train(1), epoch=0)
    assert first != sorted(first)


@pytest.mark.parametrize("targets", ["stored", "rendered"])
@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("start_batch", [1, 4, 10_000])
def test_an_epoch_can_be_entered_at_any_batch(store, targets, split, start_batch):
    stream = WindowStream(store, split, 1, NOISE, 8, targets=targets, pool_frames=POOL)
    assert order(stream, 4, start_batch) == order(stream, 4)[start_batch * 8 :]
    whole, rest = collect(stream, 4), collect(stream, 4, start_batch)
    for window, row in rest.items():
        assert all(torch.equal(row[name], whole[window][name]) for name in FIELDS)


def test_resident_positions_are_shuffled_as_by_chance():
    """Neighbours meet as often as 16 windows drawn at random do."""
    store = make_store(n_clips=40, n_frames=60, gaps=False)
    stream = WindowStream(store, "train", 1, NOISE, consumes="coordinates")
    met, n_batches = 0, 0
    for epoch in range(8):
        for batch in stream.epoch(epoch):
            first = batch.window
            near = (first[:, None] - first).abs() < 5
            near &= batch.clip[:, None] == batch.clip
            met += (int(near.sum()) - len(first)) // 2
            n_batches += len(first) == 16
    first = store.windows("train", 1)
    clip = store.read("train", "clip")[first]
    near = (np.abs(first[:, None] - first) < 5) & (clip[:, None] == clip)
    by_chance = 120 * (near.sum() - len(first)) / (len(first) * (len(first) - 1))
    assert met / n_batches == pytest.approx(by_chance, rel=0.12)  # of some 400 meetings


def test_val_and_test_keep_order_and_noise_over_epochs(store):
    for split in ("val", "test"):
        stream = WindowStream(store, split, 1, NOISE, 8)
        assert order(stream, 0) == order(stream, 5) == store.windows(split, 1).tolist()
        first, later = collect(stream, 0), collect(stream, 5)
        assert all(torch.equal(first[w]["noisy"], later[w]["noisy"]) for w in first)
    train = WindowStream(store, "train", 1, NOISE, 8)
    first, later = collect(train, 0), collect(train, 5)
    assert not all(torch.equal(first[w]["noisy"], later[w]["noisy"]) for w in first)


@pytest.mark.parametrize("targets", ["stored", "rendered"])
def test_maps_that_were_left_alone_are_zero(store, targets):
    """Columns of keypoints that no frame has are never written, and sparse maps are cleared."""
    stream = WindowStream(store, "train", 1, NOISE, 8, targets=targets, pool_frames=POOL)
    for epoch in (0, 1):
        for batch in stream.epoch(epoch):
            assert not batch.target[~batch.annotated].any()
            assert not batch.input[~batch.annotated].any()
            assert (batch.target.amax(dim=(-2, -1)) > 0).equal(batch.annotated)


def test_a_store_of_filled_heatmaps_is_streamed_as_it_is(monkeypatch):
    store = make_store(heatmaps="detector")
    read = store.read

    def filled(split, name, *where):
        found = read(split, name, *where)
        return found + np.float32(0.5) if name == "heatmaps" else found

    monkeypatch.setattr(store, "read", filled)
    stream = WindowStream(store, "train", 1, NOISE, 8, pool_frames=POOL)
    assert stream.targets == "stored"
    for batch in stream.epoch(0):
        frames = batch.window[:, None] + torch.arange(5)
        whole = torch.from_numpy(filled("train", "heatmaps"))
        assert torch.equal(batch.target, whole[frames])


def test_streamed_val_reads_each_block_once():
    store = make_store(n_clips=10, n_frames=50)
    order(WindowStream(store, "val", 1, NOISE, targets="stored"))
    blocks = np.unique(store.windows("val", 1) // 16)
    ends = np.minimum(16 * blocks + 20, store.n_frames("val"))
    assert store.n_reads["val", "heatmaps"] == sum(-(-ends // 16) - blocks)  # its own, and the next


def test_noise_does_not_depend_on_the_batch_size(store):
    few, many = (collect(WindowStream(store, "val", 1, NOISE, size)) for size in (3, 16))
    assert all(torch.equal(few[w]["input"], many[w]["input"]) for w in few)


@pytest.mark.parametrize(
    ("heatmaps", "expected"), [("impulse", "rendered"), ("detector", "stored")]
)
def test_auto_renders_only_impulse_heatmaps(heatmaps, expected):
    store = make_store(heatmaps=heatmaps)
    stream = WindowStream(store, "val", 1, NOISE)
    assert stream.targets == expected
    next(stream.epoch(0))
    assert (("val", "heatmaps") in store.n_reads) == (expected == "stored")


@pytest.mark.parametrize("targets", ["auto", "stored", "rendered"])
def test_coordinate_models_read_and_render_no_heatmaps(targets):
    store = make_store()
    stream = WindowStream(store, "train", 1, NOISE, consumes="coordinates", targets=targets)
    rows = collect(stream)
    assert len(rows) == stream.n_windows
    assert all(row["target"] is None and row["input"] is None for row in rows.values())
    assert ("train", "heatmaps") not in store.n_reads
    full = collect(WindowStream(store, "train", 1, NOISE))
    assert all(torch.equal(row["noisy"], full[w]["noisy"]) for w, row in rows.items())


def test_frozen_noise_stays_on_its_frame_and_on_its_clip(store):
    frozen = NoiseConfig(1.0, SIGMAS, frozen=True, per_clip_datasets=("penn-action",))
    stream = WindowStream(store, "train", 1, frozen, consumes="coordinates")
    seen: dict[tuple, set] = {}
    datasets = store.clips["dataset"]
    for epoch in (0, 1):
        for window, row in collect(stream, epoch).items():
            shift = torch.where(row["annotated"][..., None], row["noisy"] - row["keypoints"], 0)
            inside = row["annotated"] & ((row["noisy"] > 0) & (row["noisy"] < 55)).all(dim=-1)
            clip = row["clip"].item()
            for t, k in inside.nonzero().tolist():
                owner = (clip,) if datasets[clip] == "penn-action" else (clip, window + t)
                seen.setdefault((*owner, k), set()).add(tuple(shift[t, k].tolist()))
    assert all(len(shifts) == 1 for shifts in seen.values())
    of_one_frame = [next(iter(shifts)) for owner, shifts in seen.items() if len(owner) == 3]
    assert len(set(of_one_frame)) > 50


def test_a_clip_cut_into_rows_keeps_its_frozen_noise():
    store = make_store()
    penn = np.flatnonzero(store.clips["dataset"] == "penn-action")
    store.clips["id"][penn] = "one"
    frozen = NoiseConfig(1.0, SIGMAS, frozen=True, per_clip_datasets=("penn-action",))
    rows = collect(WindowStream(store, "train", 1, frozen, consumes="coordinates"))
    shoulders = [row for row in rows.values() if row["clip"] in penn and row["annotated"][0, 3]]
    shifts = {tuple((row["noisy"] - row["keypoints"])[0, 3].tolist()) for row in shoulders}
    assert len({row["clip"].item() for row in shoulders}) > 1
    assert len(shifts) == 1


def test_damage_on_disk_surfaces_and_leaves_no_thread():
    store = make_store(n_frames=40)
    store.damaged = ("train", "heatmaps", 130)
    stream = WindowStream(store, "train", 1, NOISE, targets="stored")
    with pytest.raises(DamagedShardError, match="fake/train/heatmaps shard 0"):
        order(stream)
    assert "heatmap reader" not in {thread.name for thread in threading.enumerate()}


def test_stopping_early_leaves_no_thread(store):
    stream = WindowStream(store, "train", 1, NOISE, targets="stored", pool_frames=POOL)
    for _ in stream.epoch(0):
        break
    batches = stream.epoch(1)
    next(batches)
    batches.close()
    assert "heatmap reader" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("name", ["split", "consumes", "targets"])
def test_unknown_names_list_the_known(store, name):
    values = {"split": "val", "consumes": "heatmaps", "targets": "auto", name: "nonsense"}
    with pytest.raises(InvalidInputError, match=rf"unknown {name} 'nonsense'; known: "):
        WindowStream(store, step=1, noise=NOISE, **values)
