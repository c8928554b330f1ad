"""Scores against plain loops written from the definitions, and the identity against theory."""

import math

import numpy as np
import pytest
import torch

from pose_smoother.errors import RunError
from pose_smoother.skeleton import INDEX, KEYPOINTS, POOLED
from trainer.metrics import scorer as scorer_module
from trainer.metrics.ground_truth import GroundTruth
from trainer.metrics.scorer import Scorer, Scores, heatmap_positions, identity_pck, pck, score
from trainer.metrics.scores import metric_cells, value

LS, RS, LH, RH = (INDEX[n] for n in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"))


def windows(n=12, seed=0, share_annotated=0.85):
    """Random (predicted, truth, annotated, clip): truth at whole pixels, -1 where not annotated."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 56, (n, 5, 25, 2)).astype(np.float32)
    annotated = rng.random((n, 5, 25)) < share_annotated
    truth[~annotated] = -1
    predicted = (truth + rng.normal(0, 4, truth.shape)).astype(np.float32)
    return predicted, truth, annotated, rng.integers(0, 3, n)


def scores_of(predicted, truth, annotated, clip, batch=5, n_clips=3, **options) -> Scores:
    scorer = Scorer(n_clips, **options)
    for at in range(0, len(clip), batch):
        part = [torch.tensor(a[at : at + batch]) for a in (predicted, truth, annotated, clip)]
        scorer.update(part[0], GroundTruth(part[1], part[2]), part[3])
    return scorer.scores()


def torso_by_loop(truth, annotated, normalisation):
    """Torso of one frame in px, or None."""
    sides = [
        math.dist(truth[a], truth[b])
        for a, b in ((LS, LH), (RS, RH))
        if annotated[a] and annotated[b]
    ]
    needed = 2 if normalisation == "skip" else 1
    return sum(sides) / len(sides) if len(sides) >= needed else None


@pytest.mark.parametrize(("row", "normalisation"), [(0, "skip"), (1, "one-side")])
def test_pck_equals_its_definition(row, normalisation):
    predicted, truth, annotated, clip = windows()
    scores = scores_of(predicted, truth, annotated, clip)
    hits, scored, torsos = np.zeros((3, 3, 25)), np.zeros((3, 25)), np.zeros((3, 25))
    errors = np.zeros((3, 25))
    for w, c in enumerate(clip):
        for t in range(5):
            torso = torso_by_loop(truth[w, t], annotated[w, t], normalisation)
            for k in np.flatnonzero(annotated[w, t]) if torso is not None else []:
                distance = math.dist(predicted[w, t, k], truth[w, t, k])
                hits[c, :, k] += [distance <= alpha * torso for alpha in (0.05, 0.1, 0.2)]
                scored[c, k] += 1
                torsos[c, k] += torso
                errors[c, k] += distance
    assert 0 < scored.sum() < annotated.sum()
    np.testing.assert_array_equal(scores.sums["hits"][:, row], hits)
    np.testing.assert_array_equal(scores.sums["scored"][:, row], scored)
    np.testing.assert_allclose(scores.sums["torso_px"][:, row], torsos, atol=1e-4)
    np.testing.assert_allclose(scores.sums["scored_error_px"][:, row], errors, atol=1e-4)
    name = ("scored_error_px", "scored_error_one_side_px")[row]
    assert value(scores, name) == pytest.approx(errors.sum() / scored.sum())


def test_a_prediction_exactly_at_the_threshold_is_a_hit():
    truth = np.zeros((1, 3, 25, 2), np.float32)
    truth[:, :, [LH, RH], 1] = 40.0  # torso 40 px
    predicted = truth.copy()
    predicted[0, :, 0, 0] = [2.0, 4.0, 8.0]  # exactly at 0.05, 0.1 and 0.2 of it
    scores = scores_of(predicted, truth, np.ones((1, 3, 25), bool), np.zeros(1, int))
    assert scores.sums["hits"][0, 0, :, 0].tolist() == [1, 2, 3]


def test_error_acceleration_and_lag_equal_their_definitions():
    predicted, truth, annotated, clip = windows(seed=1)
    scores = scores_of(predicted, truth, annotated, clip)
    sums = {name: np.zeros((3, 25)) for name in ("n", "error", "triples", "acc", "late", "speed")}
    p, y = predicted.astype(float), truth.astype(float)
    for w, c in enumerate(clip):
        for t, k in np.ndindex(5, 25):
            if annotated[w, t, k]:
                sums["n"][c, k] += 1
                sums["error"][c, k] += math.dist(p[w, t, k], y[w, t, k])
            if 1 <= t <= 3 and annotated[w, t - 1 : t + 2, k].all():
                second = [a[w, t + 1, k] - 2 * a[w, t, k] + a[w, t - 1, k] for a in (p, y)]
                v = (y[w, t + 1, k] - y[w, t - 1, k]) / 2
                sums["triples"][c, k] += 1
                sums["acc"][c, k] += math.dist(*second)
                sums["late"][c, k] += -(p[w, t, k] - y[w, t, k]) @ v
                sums["speed"][c, k] += v @ v
    np.testing.assert_array_equal(scores.annotated, sums["n"])
    np.testing.assert_array_equal(scores.sums["triples"], sums["triples"])
    np.testing.assert_allclose(scores.sums["error_px"], sums["error"], atol=1e-4)
    np.testing.assert_allclose(scores.sums["acceleration_error_px"], sums["acc"], atol=1e-4)
    np.testing.assert_allclose(scores.sums["lag_product_px2"], sums["late"], atol=1e-3)
    np.testing.assert_allclose(scores.sums["speed_squared_px2"], sums["speed"], atol=1e-3)


@pytest.mark.parametrize("lag", [0.0, 1.0, -0.5])
def test_lag_of_a_late_copy_of_steady_motion(lag):
    t = np.arange(5, dtype=np.float32)[None, :, None, None]
    speed = np.random.default_rng(0).normal(0, 3, (4, 1, 25, 2)).astype(np.float32)
    scores = scores_of(
        20 + speed * (t - lag), 20 + speed * t, np.ones((4, 5, 25), bool), np.zeros(4, int)
    )
    assert value(scores, "lag_frames") == pytest.approx(lag, abs=1e-5)
    assert value(scores, "acceleration_error_px") == pytest.approx(0.0, abs=1e-4)


def test_identity_follows_theory():
    rng = np.random.default_rng(3)
    truth = np.full((1500, 5, 25, 2), 10.0, np.float32)
    truth[:, :, [LH, RH], 1] = 30.0  # torso 20 px everywhere
    scores = score(truth + rng.normal(0, 3, truth.shape), truth, np.zeros(1500, int), 1)
    for alpha in (0.05, 0.1, 0.2):
        assert value(scores, "mean_threshold_px", alpha) == pytest.approx(20 * alpha)
        assert pck(scores, alpha) == pytest.approx(identity_pck(20 * alpha, 3.0), abs=0.5)


def test_scores_do_not_depend_on_batches_or_order():
    arrays = windows(40, seed=2)
    order = np.random.default_rng(0).permutation(40)
    one = scores_of(*arrays, batch=40)
    other = scores_of(*(a[order] for a in arrays), batch=3)
    for name, found in one.sums.items():
        np.testing.assert_array_equal(found, other.sums[name])


def test_a_prediction_that_is_not_finite_is_refused_only_where_it_counts():
    predicted, truth, annotated, clip = windows()
    predicted[~annotated] = np.nan
    scores_of(predicted, truth, annotated, clip)
    predicted[tuple(np.argwhere(annotated)[0])] = np.inf
    with pytest.raises(RunError, match=r"1 predicted positions .* not finite"):
        scores_of(predicted, truth, annotated, clip)


def test_a_wild_prediction_does_not_overflow():
    predicted, truth, annotated, clip = windows()
    scores = scores_of(np.full_like(predicted, 1e30), truth, annotated, clip)
    assert value(scores, "error_px") > 1e4
    assert pck(scores, 0.2) == 0.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_counts_the_same_without_being_waited_for():
    arrays = windows(64, seed=6)
    on_gpu = [torch.tensor(a, device="cuda") for a in arrays]
    batch = on_gpu[0], GroundTruth(on_gpu[1], on_gpu[2]), on_gpu[3]
    scorer = Scorer(3, device="cuda")
    scorer.update(*batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        scorer.update(*batch)
        heatmap_positions(torch.zeros(1, 1, 25, 56, 56, device="cuda"))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    found, expected = scorer.scores(), scores_of(*arrays) + scores_of(*arrays)
    for name, one in expected.sums.items():
        np.testing.assert_array_equal(found.sums[name], one)


def test_wrong_shapes_are_refused():
    predicted, truth, annotated, clip = windows()
    for wrong in (predicted[..., :1], predicted[:, :4], np.repeat(predicted, 2, axis=1)):
        with pytest.raises(ValueError, match="expected predicted and truth"):
            scores_of(wrong, truth, annotated, clip)
    with pytest.raises(ValueError, match="missing_torso"):
        Scorer(3, missing_torso="other")


def test_arrays_are_scored_in_pieces(monkeypatch):
    predicted, truth, annotated, clip = windows()
    truth[~annotated] = np.nan
    whole = score(predicted, truth, clip, 3)
    monkeypatch.setattr(scorer_module, "_BATCH", 4)
    pieces = score(predicted, truth, clip, 3)
    for name, sums in whole.sums.items():
        np.testing.assert_array_equal(pieces.sums[name], sums)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_one_coordinate_that_is_not_finite_is_reported(axis, bad):
    predicted, truth, annotated, clip = windows(share_annotated=1.0)
    predicted[3, 2, 7, axis] = bad
    with pytest.raises(RunError, match=r"1 predicted positions .* not finite"):
        scores_of(predicted, truth, annotated, clip)


def test_one_side_can_carry_the_plain_names():
    arrays = windows()
    skip, one_side = scores_of(*arrays), scores_of(*arrays, missing_torso="one-side")
    for alpha in (0.05, 0.1, 0.2):
        assert pck(one_side, alpha) == value(skip, "pck_one_side", alpha)
        assert value(one_side, "pck_skip", alpha) == pck(skip, alpha)
        assert pck(one_side, alpha) != pck(skip, alpha)
    assert ("mean_threshold_skip_px", 0.1) in metric_cells(one_side)


def test_pooled_names_take_both_sides():
    predicted, truth, annotated, clip = windows()
    scores = scores_of(predicted, truth, annotated, clip)
    wrists = [KEYPOINTS.index("left_wrist"), KEYPOINTS.index("right_wrist")]
    expected = scores.sums["error_px"][:, wrists].sum() / scores.annotated[:, wrists].sum()
    assert value(scores, "error_px", keypoint="wrist") == expected
    with pytest.raises(ValueError, match=f"known: all, {POOLED[0]}"):
        value(scores, "error_px", keypoint="tail")
    with pytest.raises(ValueError, match="was not counted"):
        pck(scores, 0.3)


def test_heatmap_positions():
    heatmaps = torch.zeros(1, 1, 4, 6, 7)
    heatmaps[0, 0, 0, 2, 5] = 1.0
    heatmaps[0, 0, 1, 3, 1] = heatmaps[0, 0, 1, 3, 4] = heatmaps[0, 0, 1, 4, 0] = 2.0  # a tie
    heatmaps[0, 0, 3, 1, 1] = torch.nan
    found = heatmap_positions(heatmaps)
    assert found.dtype == torch.float32
    assert found[0, 0, :3].tolist() == [[5.0, 2.0], [1.0, 3.0], [0.0, 0.0]]
    assert found[0, 0, 3].isnan().all()
