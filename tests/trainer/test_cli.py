"""The commands: what they print, their exit codes, and errors of one line."""

import os
import signal

import click
import pytest
from click.testing import CliRunner

from pose_smoother.files.atomic import write_json
from tests.trainer.fake_store import make_store
from trainer import cli
from trainer.runs.results_io import read_json, read_results
from trainer.training import loop

QUICK = ["--max-epochs", "1", "--max-steps", "2", "--device", "cpu"]


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run a command on a store in memory; its path need not exist."""
    store = make_store(n_clips=10, n_frames=16)

    def run(*arguments):
        monkeypatch.setattr(cli, "open_store", lambda path: store)
        return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])

    run.runs = tmp_path / "runs"
    run.store = store
    run.train = ["train", "--model", "deciwatch", "--exp", "1.1", "--store", "s"]
    run.train += ["--out", run.runs, *QUICK]
    return run


def test_every_command_has_help_with_an_example():
    for name, command in cli.main.commands.items():
        result = CliRunner().invoke(cli.main, [name, "-h"])
        assert result.exit_code == 0
        assert f"Example: python -m trainer {name}" in " ".join(result.output.split())
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


def test_train_ends_with_its_rows_next_to_identity_and_mean(invoke):
    result = invoke(*invoke.train)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines[:4]] == ["model", "identity", "mean", "deciwatch"]
    assert "PCK@0.05   PCK@0.1   PCK@0.2  error px" in lines[0]
    assert lines[-1] == f"test results: {invoke.runs}/deciwatch-1.1-seed0/results.csv"
    assert "epoch 1/1: train loss" in result.stderr
    again = invoke(*invoke.train)
    assert again.exit_code == 0
    assert again.stdout == result.stdout
    assert "finished already" in again.stderr


def test_evaluate_repeats_the_numbers_and_notices_others(invoke):
    assert invoke(*invoke.train).exit_code == 0
    run = invoke.runs / "deciwatch-1.1-seed0"
    result = invoke("evaluate", run, "--store", "s")
    assert result.exit_code == 0, result.output
    assert "numbers equal the saved ones" in result.stdout
    assert "rounding" not in result.stdout
    saved = (run / "results.json").read_text()
    value = repr(next(r for r in read_results(run)["rows"] if r["metric"] == "error_px")["value"])
    (run / "results.json").write_text(saved.replace(value, repr(float(value) * (1 + 1e-7))))
    result = invoke("evaluate", run, "--store", "s")
    assert result.exit_code == 0, result.output
    assert "of them except for rounding, 1e-06 at most)" in result.stdout
    (run / "results.json").write_text(saved.replace(value, repr(float(value) * (1 + 1e-5))))
    result = invoke("evaluate", run, "--store", "s")
    assert result.exit_code == 1
    assert "rows differ" in result.stderr


def test_evaluate_notices_a_number_that_only_one_of_both_tests_has(invoke):
    assert invoke(*invoke.train).exit_code == 0
    run = invoke.runs / "deciwatch-1.1-seed0"
    results = read_json(run / "results.json", "")
    extra = results["rows"][0] | {"metric": "another"}
    for rows in (results["rows"][1:], [*results["rows"], extra]):
        write_json(run / "results.json", results | {"rows": rows})
        result = invoke("evaluate", run, "--store", "s")
        assert (result.exit_code, result.stderr.count("1 rows differ")) == (1, 1), result.output


def test_evaluate_refuses_another_store_and_damaged_weights(invoke):
    assert invoke(*invoke.train).exit_code == 0
    run = invoke.runs / "deciwatch-1.1-seed0"
    invoke.store.manifest["files"]["other"] = {}
    assert "is not the store of" in one_line(invoke("evaluate", run, "--store", "s"))
    del invoke.store.manifest["files"]["other"]
    (run / "best.pt").write_bytes((run / "best.pt").read_bytes()[:-9])
    assert "best.pt is damaged" in one_line(invoke("evaluate", run, "--store", "s"))
    assert "not a run folder" in one_line(invoke("evaluate", run.parent / "none"))


def test_baselines_prints_a_line_for_each_smoother(invoke):
    result = invoke(
        "baselines",
        "--exp",
        "1.2",
        "--store",
        "s",
        "--out",
        invoke.runs,
        "--smoothers",
        "identity, mean",
    )
    assert result.exit_code == 0, result.output
    assert [line.split()[1] for line in result.stdout.splitlines()[:3]] == [
        "model",
        "identity",
        "mean",
    ]
    assert (invoke.runs / "baselines-1.2-seed0" / "results.csv").exists()


def one_line(result):
    """The only line of a failed command's stderr."""
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--model", "2dconv", "unknown model '2dconv'; known: "),
        ("--exp", "1.4", "unknown experiment '1.4'; known: 1.1, 1.2"),
    ],
)
def test_a_wrong_value_is_one_line_and_leaves_nothing(invoke, option, value, text):
    assert text in one_line(invoke(*invoke.train, option, value))
    assert not invoke.runs.exists()


def test_no_store_is_one_line(tmp_path):
    command = ["train", "--model", "deciwatch", "--exp", "1.1", "--out", str(tmp_path / "runs")]
    result = CliRunner().invoke(cli.main, [*command, "--store", str(tmp_path / "none")])
    assert "no store at" in one_line(result)
    assert not (tmp_path / "runs").exists()


def test_the_unexpected_is_one_line_too_unless_debugging(invoke, monkeypatch):
    def broken(*_, **__):
        raise KeyError("what\nnow")

    monkeypatch.setattr(loop, "evaluate_together", broken)
    result = invoke(*invoke.train)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: KeyError: ")
    assert "--debug" in result.stderr
    debugged = invoke("--debug", *invoke.train)
    assert isinstance(debugged.exception, KeyError)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_and_leaves_with_its_code(invoke, monkeypatch, number, code):
    real = loop.evaluate_together

    def signalled(*arguments, **options):
        os.kill(os.getpid(), number)
        return real(*arguments, **options)

    before = signal.getsignal(number)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "evaluate_together", signalled)
        result = invoke(*invoke.train)
    assert result.exit_code == code
    assert "the same command continues" in result.stderr
    assert signal.getsignal(number) is before
    run = invoke.runs / "deciwatch-1.1-seed0"
    assert read_json(run / "state.json", "")["state"] == "preempted"
    assert invoke(*invoke.train).exit_code == 0
    assert read_json(run / "state.json", "")["state"] == "finished"
