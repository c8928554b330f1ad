"""A report that is written and read line by line is the same JSON as one made whole."""

import json
from pathlib import Path

import pytest

from pipeline.ingest_report import entries, left_out, report_pieces
from pose_smoother.errors import StoreError
from pose_smoother.files.atomic import to_json

FILES = [
    {"name": f"{i:04d}.mat", "reason": 'odd\n "left_out": {}' * i, "clips": i, "status": "é"}
    for i in range(3)
]


@pytest.mark.parametrize("n_files", [0, 1, 3])
@pytest.mark.parametrize("counts", [{}, {"files: rejected": 2, "clips: odd": 1}])
def test_the_bytes_are_those_of_the_whole(
    tmp_path: Path, n_files: int, counts: dict[str, int]
) -> None:
    lines = tmp_path / "files.jsonl"
    lines.write_text("".join(json.dumps(entry) + "\n" for entry in FILES[:n_files]))
    made = b"".join(report_pieces(lines, counts))
    assert made == to_json({"files": FILES[:n_files], "left_out": counts})
    report = tmp_path / "report.json"
    report.write_bytes(made)
    assert left_out(report) == counts
    assert list(entries(report)) == FILES[:n_files]


def test_counts_longer_than_the_first_look_are_found(tmp_path: Path) -> None:
    counts = {f"{'reason ' * 20}{i:05d}": i for i in range(2_000)}
    report = tmp_path / "report.json"
    report.write_bytes(to_json({"files": FILES, "left_out": counts}))
    assert left_out(report) == counts


@pytest.mark.parametrize(
    "text", [b"", b'{"left_out": [1]}', b'{"left_out": {"a": "x"}}', b"[" * 99]
)
def test_counts_of_a_damaged_report_are_refused(tmp_path: Path, text: bytes) -> None:
    report = tmp_path / "report.json"
    report.write_bytes(text)
    with pytest.raises(StoreError, match=r"report\.json is damaged"):
        left_out(report)
