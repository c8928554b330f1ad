"""Noise files: read back whole, hashed by content, refused in words when wrong."""

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.skeleton import INDEX
from tests.trainer.made_noise import content, detector, write
from trainer.noise.noise_file import PAIRS, parse_noise, read_noise

NOISE = detector(
    swapped=0.25, sigmas=((1.0, 0.75), (2.5, 0.25)), bias_px=(0.5, -1.0), correlation=-0.2
)


def test_a_file_holds_every_field(tmp_path):
    assert read_noise(write(tmp_path / "noise.toml", NOISE)) == NOISE


def test_the_hash_is_of_what_decides(tmp_path):
    file = write(tmp_path / "noise.toml", NOISE)
    file.write_text("# a comment\n" + file.read_text() + "[measured]\nframes = 12\n")
    assert read_noise(file).sha256 == NOISE.sha256
    assert detector(swapped=0.26).sha256 != detector(swapped=0.25).sha256


def test_both_sides_of_a_pair_share_a_swap():
    noise = parse_noise(content(NOISE) | {"swapped": {p: i / 100 for i, p in enumerate(PAIRS)}})
    by_keypoint = noise.swapped_by_keypoint
    assert by_keypoint[INDEX["nose"]] == 0
    assert by_keypoint[INDEX["left_toes"]] == by_keypoint[INDEX["right_toes"]] == 0.11
    assert by_keypoint[INDEX["left_ear"]] == 0.0


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("version",), 2, "expected version = 1, found 2"),
        (("blur",), None, "expected a table blur, found None"),
        (("blur", "share"), [0.5, 0.4], "sum to 1, found 0.9"),
        (("blur", "sigma_in_px"), [0.0, 1.0], "each positive blur.sigma_in_px"),
        (("blur", "share"), [1.0], "one share for each positive"),
        (("blur", "share"), 1.0, "expected blur.share to be a list of numbers, found 1.0"),
        (("swapped", "nose"), 0.1, "swapped holds nose, which is unknown; known: ear"),
        (("swapped", "knee"), -0.1, "swapped.knee to be a number in 0 ... 1, found -0.1"),
        (("keypoints", "nose", "missing"), 1.5, "keypoints.nose.missing to be a number in 0"),
        (("keypoints", "nose", "missing"), True, "found True"),
        (("keypoints", "nose", "bias_px"), [1.0], r"bias_px to be \[x, y\], found \[1.0\]"),
        (("keypoints", "nose", "spread_px"), [float("nan"), 1.0], "spread_px to be a number"),
        (("keypoints", "nose", "correlation"), 1.0, "in -0.999 ... 0.999, found 1.0"),
        (("keypoints", "nose"), {}, "keypoints.nose lacks bias_px, spread_px"),
    ],
)
def test_a_wrong_entry_is_named(path, value, message):
    table = changed = content(NOISE)
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    with pytest.raises(InvalidInputError, match=message):
        parse_noise(changed)


def test_an_absent_keypoint_is_named():
    changed = content(NOISE)
    del changed["keypoints"]["left_toes"]
    with pytest.raises(InvalidInputError, match="keypoints lacks left_toes"):
        parse_noise(changed)


def test_no_file_and_no_toml_are_one_line(tmp_path):
    with pytest.raises(InvalidInputError, match=r"no noise file .*: make one with"):
        read_noise(tmp_path / "noise.toml")
    (tmp_path / "noise.toml").write_text("= 3")
    with pytest.raises(InvalidInputError, match="is no noise file"):
        read_noise(tmp_path / "noise.toml")
    (tmp_path / "noise.toml").write_text("version = 1")
    with pytest.raises(InvalidInputError, match=r"noise.toml: expected a table blur"):
        read_noise(tmp_path / "noise.toml")
