import numpy as np

from pipeline.windows import window_starts


def brute_force(clip: np.ndarray, frame: np.ndarray, step: int) -> list[int]:
    found = []
    for w in range(len(frame) - 4 * step):
        inside = range(w, w + 4 * step + 1)
        same = len({clip[i] for i in inside}) == 1
        unbroken = all(frame[i + 1] - frame[i] == 1 for i in list(inside)[:-1])
        if same and unbroken:
            found.append(w)
    return found


def test_windows_never_cross_a_gap_or_a_clip() -> None:
    frame = np.array([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5])
    clip = np.array([0] * 11 + [1] * 5)
    assert window_starts(clip, frame, 1).tolist() == [0, 1, 6, 11]
    assert window_starts(clip, frame, 2).tolist() == []


def test_against_a_plain_search() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        lengths = rng.integers(1, 30, 4)
        clip = np.repeat(np.arange(4), lengths)
        steps = rng.choice([1, 1, 1, 1, 1, 1, 2, 5], len(clip))
        frame = np.concatenate([np.cumsum(steps[clip == c]) for c in range(4)])
        for step in (1, 2):
            assert window_starts(clip, frame, step).tolist() == brute_force(clip, frame, step)


def test_too_few_frames_give_no_window() -> None:
    assert window_starts(np.zeros(4, int), np.arange(4), 1).tolist() == []
    assert window_starts(np.zeros(5, int), np.arange(5), 1).tolist() == [0]
    assert window_starts(np.zeros(8, int), np.arange(8), 2).tolist() == []
    assert window_starts(np.zeros(9, int), np.arange(9), 2).tolist() == [0]
