"""The table of coverage: seeds pooled by their counts, in the keypoints' order."""

from types import SimpleNamespace

from trainer.report.tables.uncertainty import coverage_table


def run(seed, cells, model="resmlp", experiment="1.1"):
    rows = [
        {"metric": "coverage", "dataset": "all", "keypoint": k, "alpha": a, "value": v, "n": n}
        for k, a, v, n in cells
    ]
    other = {"metric": "pck", "dataset": "all", "keypoint": "all", "alpha": 0.5, "value": 1, "n": 9}
    results = {"rows": [other, *rows]} if cells is not None else None
    return SimpleNamespace(model=model, experiment=experiment, seed=seed, results=results)


def test_seeds_are_pooled_by_their_counts():
    zero = run(0, [("all", 0.5, 40.0, 100), ("nose", 0.5, 50.0, 10), ("all", 0.9, 90.0, 100)])
    one = run(1, [("all", 0.5, 60.0, 300), ("all", 0.9, 94.0, 300)])
    unfinished = SimpleNamespace(model="resmlp", experiment="2.1", seed=0, results=None)
    table = coverage_table(SimpleNamespace(runs=[one, zero, unfinished]))
    assert [(row.kind, row.label) for row in table.rows] == [
        ("block", "ResMLP 1.1"),
        ("value", "all"),
        ("value", "nose"),
    ]
    assert table.rows[1].cells == ("55.0", "93.0", "400")
    assert table.rows[2].cells == ("50.0", "–", "10")
    record = table.records[0]
    assert (record["value"], record["n"], record["seeds"]) == (55.0, 400, "0 1")
    assert table.heads[0][0][0] == "% inside the 50% region"


def test_without_an_uncertainty_there_is_no_table():
    assert coverage_table(SimpleNamespace(runs=[run(0, [])])) is None
