"""The thesis's numbers are read as they are printed."""

import pytest

from pose_smoother.errors import InvalidInputError
from trainer.report.published import DEFAULT_FOLDER, read_published


def test_all_tables_are_read_with_their_digits():
    found = read_published(DEFAULT_FOLDER)
    assert found.pck["identity", "1.1", "all", 0.1] == "25.7"
    assert found.pck["3dconv", "2.1", "all", 0.05] == "0.80"
    assert found.pck["deciwatch", "2.2", "ankle", 0.1] == "47.5"
    assert found.column_mean["nose", "1"] == "61.7"
    assert found.column_mean["ankle", "2"] == "39.9"
    assert found.threshold_px["2.3", 0.2] == "4.46"
    assert found.minutes["biconvlstm-c"] == "88"
    totals = [key for key in found.pck if key[2] == "all"]
    assert len(totals) == 5 * 6 * 3
    assert len(found.pck) == len(totals) + 4 * 6 * 8
    assert len(found.column_mean) == 2 * 8


def test_another_folder_is_reported(tmp_path):
    with pytest.raises(InvalidInputError, match="--published names the folder"):
        read_published(tmp_path)
    for name in ("test_pck.csv", "keypoint_pck_at_0.1.csv", "epoch_minutes.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="doesn't hold the published tables"):
        read_published(tmp_path)
