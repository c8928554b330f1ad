import numpy as np

from pose_smoother.boxes import boxes_around, nearest_pixel, to_heatmap, to_source


def frame(*points: tuple[float, float]) -> np.ndarray:
    keypoints = np.full((1, 25, 2), np.nan)
    keypoints[0, : len(points)] = np.reshape(points, (-1, 2))
    return keypoints


def test_each_side_grows_by_a_tenth_and_the_box_maps_onto_0_to_55() -> None:
    keypoints = frame((100, 200), (200, 600), (130, 300))
    boxes, _ = boxes_around(keypoints)
    np.testing.assert_allclose(boxes[0], [95, 180, 205, 620])
    exact = to_heatmap(keypoints, boxes)
    np.testing.assert_allclose(exact[0, :2], [[2.5, 2.5], [52.5, 52.5]], rtol=0)
    assert exact.dtype == np.float32
    np.testing.assert_allclose(exact[0, 2], [(130 - 95) / 110 * 55, (300 - 180) / 440 * 55])


def test_the_outermost_keypoints_round_the_same_way_in_every_frame() -> None:
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 1000, (2000, 25, 2))
    boxes, _ = boxes_around(keypoints)
    pixels = nearest_pixel(to_heatmap(keypoints, boxes))
    assert set(pixels.min(axis=1).ravel().tolist()) == {3}
    assert set(pixels.max(axis=1).ravel().tolist()) == {53}


def test_a_square_box_keeps_the_aspect() -> None:
    boxes, _ = boxes_around(frame((0, 0), (100, 40)), keep_aspect=True)
    np.testing.assert_allclose(boxes[0], [-5, -35, 105, 75])
    left, _ = boxes_around(frame((-30, -20), (-10, -10)), expand=0)
    assert left.tolist() == [[-30, -20, -10, -10]]
    two = np.concatenate([frame((0, 0), (100, 40)), frame((1, 2), (2, 5))])
    np.testing.assert_allclose(
        boxes_around(two, keep_aspect=True)[0], [[-5, -35, 105, 75], [-0.15, 1.85, 3.15, 5.15]]
    )


def test_frames_without_a_box_are_reported_by_reason() -> None:
    frames = np.concatenate([frame(), frame((1, 2)), frame((1, 2), (1, 9)), frame((1, 2), (3, 4))])
    boxes, missing = boxes_around(frames)
    assert missing["frames: fewer than two annotated keypoints"].tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert missing["frames: box of zero width or height"].tolist() == [False, False, True, False]
    assert np.isnan(boxes[:, 0]).tolist() == [True, True, True, False]


def test_source_pixels_come_back() -> None:
    keypoints = np.random.default_rng(1).uniform(0, 500, (9, 25, 2))
    boxes, _ = boxes_around(keypoints)
    there = to_heatmap(keypoints, boxes)
    np.testing.assert_allclose(to_source(there, boxes), keypoints, atol=1e-3)
    np.testing.assert_allclose(to_source(there[:, 3], boxes), keypoints[:, 3], atol=1e-3)
    windows = np.stack([there, there], axis=1)
    np.testing.assert_allclose(to_source(windows, boxes)[:, 1], keypoints, atol=1e-3)


def test_positions_outside_the_heatmap_are_not_annotated() -> None:
    exact = np.array([[-0.6, 3], [-0.5, 3], [55.4, 55.4], [55.5, 3], [np.nan, np.nan]], np.float32)
    assert nearest_pixel(exact).tolist() == [[-1, -1], [0, 3], [55, 55], [-1, -1], [-1, -1]]
    # Of a frame and of a window, one keypoint outside says nothing of the others.
    assert nearest_pixel(exact[None, None]).tolist() == [[nearest_pixel(exact).tolist()]]
