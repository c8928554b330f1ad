"""Between pixels and what models read."""

import pytest
import torch

from tests.trainer.fake_store import make_store
from trainer.models.codec import (
    from_coordinates,
    model_input,
    model_target,
    positions_px,
    to_coordinates,
)
from trainer.training.config import TrainConfig, open_stream


def test_coordinates_are_interleaved_and_centred():
    px = torch.tensor([[[[0, 55], [27, 28]]]])
    present = torch.tensor([[[True, True]]])
    assert to_coordinates(px, present)[0, 0].tolist() == pytest.approx(
        [-1.0, 1.0, -0.5 / 27.5, 0.5 / 27.5], abs=1e-6
    )


def test_a_keypoint_without_a_position_is_the_middle():
    px = torch.tensor([[[[-1.0, torch.nan], [3.0, 4.0]]]])
    coordinates = to_coordinates(px, torch.tensor([[[False, True]]]))
    assert coordinates[0, 0, :2].tolist() == [0.0, 0.0]
    assert from_coordinates(coordinates)[0, 0, 0].tolist() == [27.5, 27.5]


def test_coordinates_go_back_to_pixels():
    px = torch.arange(56).repeat(2, 1).T.reshape(1, 1, 56, 2)
    back = from_coordinates(to_coordinates(px, torch.ones(1, 1, 56, dtype=torch.bool)))
    assert torch.allclose(back, px.float(), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "consumes"), [("deciwatch", "coordinates"), ("3dconv", "heatmaps")]
)
def test_a_perfect_output_scores_perfectly_and_costs_nothing(model, consumes):
    stream = open_stream(TrainConfig(model, "1.1", batch_size=4), make_store(5, 12), "val")
    batch = next(iter(stream.epoch(0)))
    target, has_target = model_target(batch, consumes)
    assert target.shape == model_input(batch, consumes).shape
    assert torch.broadcast_to(has_target, target.shape).any()
    found = positions_px(target, consumes)[batch.annotated]
    assert torch.allclose(found, batch.keypoints[batch.annotated].float(), atol=1e-4)


def test_heatmap_targets_count_where_the_dataset_labels_and_coordinates_where_annotated():
    store = make_store(5, 12)
    stream = open_stream(TrainConfig("deciwatch", "1.1"), store, "val")
    batch = next(iter(stream.epoch(0)))
    _, has_target = model_target(batch, "coordinates")
    assert torch.equal(has_target.unflatten(2, (-1, 2)).all(-1), batch.annotated)
    stream = open_stream(TrainConfig("3dconv", "1.1", batch_size=4), store, "val")
    batch = next(iter(stream.epoch(0)))
    _, has_target = model_target(batch, "heatmaps")
    expected = batch.labelled[:, None, :].expand(batch.annotated.shape)
    assert torch.equal(has_target[..., 0, 0].expand(batch.annotated.shape), expected)
    assert (batch.annotated & ~expected).sum() == 0
