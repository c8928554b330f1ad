"""Smooth keypoints while they come: a simulated stream, or a camera with MediaPipe.

    python examples/live.py                    simulated detections, 30 frames a second
    python examples/live.py --camera           a webcam (pip install mediapipe opencv-python)

Prints how far the estimates are from the simulated ground truth, and what a frame costs.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np

import pose_smoother as ps

DELAY_FRAMES = 2
FPS = 30


def simulated(seconds: float = 20.0) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(detected, score, ground truth) of 17 keypoints that wave, in pixels."""
    rng = np.random.default_rng(0)
    rest = rng.uniform(200, 600, (17, 2))
    phase = rng.uniform(0, 2 * np.pi, (17, 2))
    slow = np.zeros((17, 2))
    for frame in range(int(seconds * FPS)):
        truth = rest + 60 * np.sin(2.5 * frame / FPS + phase)
        slow = 0.8 * slow + rng.normal(0, 1.5, (17, 2))  # most of a detector's noise is slow
        detected = truth + slow + rng.normal(0, 1.5, (17, 2))
        detected[rng.random(17) < 0.02] = np.nan
        yield detected, np.full(17, 0.9), truth


def from_camera() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(detected, score) of MediaPipe's 33 landmarks, in pixels."""
    import cv2
    import mediapipe

    camera = cv2.VideoCapture(0)
    detector = mediapipe.solutions.pose.Pose()
    while camera.isOpened():
        good, picture = camera.read()
        if not good:
            break
        height, width = picture.shape[:2]
        found = detector.process(picture[..., ::-1]).pose_landmarks
        landmarks = found.landmark if found else []
        xy = np.array([(one.x * width, one.y * height) for one in landmarks] or [[np.nan] * 2] * 33)
        yield xy, np.array([one.visibility for one in landmarks] or [0.0] * 33)


def main() -> None:
    """Stream, smooth, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--camera", action="store_true", help="a webcam with MediaPipe")
    live = ps.Live(delay_frames=DELAY_FRAMES, fps=FPS)
    if parser.parse_args().camera:
        for xy, score in from_camera():
            estimate = live.update(xy, score, time=time.monotonic())
            print(np.round(estimate[0], 1))
        return
    truths, raw, found, cost = [], [], [], []
    for xy, score, truth in simulated():
        begun = time.perf_counter()
        found.append(live.update(xy, score))
        cost.append(time.perf_counter() - begun)
        raw.append(xy)
        truths.append(truth)
    found = [*found[DELAY_FRAMES:], *live.finish()]

    def error(positions: list[np.ndarray]) -> float:
        return float(np.nanmean(np.linalg.norm(np.array(positions) - truths, axis=-1)))

    print(f"{len(raw)} frames, {DELAY_FRAMES} frames of delay")
    print(f"mean error: {error(raw):.2f} px as detected, {error(found):.2f} px smoothed")
    median, slowest = 1e3 * np.quantile(cost, [0.5, 0.99])
    print(f"a frame: {median:.2f} ms, 99th percentile {slowest:.2f} ms")


if __name__ == "__main__":
    main()
