"""Parsing in processes of its own: order is kept, crashes are survived and named."""

import os
import signal
import time
import types

import pytest

import pipeline.sources
from pipeline.parse_files import ParsedFile, _batches, parse_items, scan
from pipeline.sources import Item
from pipeline.worker_pool import Workers
from pose_smoother.errors import InvalidInputError
from tests.pipeline.penn_files import label_arrays, mat_bytes
from tests.warm_workers import warm_workers  # noqa: F401


def files(n: int) -> list[Item]:
    return [Item(f"{i:04d}.mat", mat_bytes(label_arrays(6 + i % 5, i))) for i in range(n)]


def test_results_keep_the_order_of_files_for_any_number_of_workers() -> None:
    items = files(50)
    items[20] = Item("0020.mat", b"broken")
    with Workers(2) as workers:
        found = list(scan("penn-action", iter(items), workers))
    assert [outcome.name for outcome in found] == [item.name for item in items]
    assert [outcome.name for outcome in found if outcome.reason] == ["0020.mat"]
    assert [len(o.clips[0].frames) for o in found[:3]] == [6, 7, 8]


class BadWorkers(Workers):
    """Workers whose parser dies outright, hangs or eats memory at some files."""

    def submit(self, timeout_s, function, *arguments):  # type: ignore[no-untyped-def]
        return super().submit(timeout_s, misbehave_or_parse, *arguments)


def misbehave_or_parse(dataset: str, items: list[Item]) -> list[ParsedFile]:
    for item in items:
        if item.data == b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item.data == b"leave":
            os._exit(3)
        if item.data == b"hang":
            time.sleep(600)
    return parse_items(dataset, items)


def test_files_that_crash_or_hang_the_parser_are_named_and_the_others_kept() -> None:
    items = files(40)
    for row, what in ((17, b"crash"), (18, b"leave"), (33, b"hang")):
        items[row] = Item(f"{row:04d}.mat", what)
    with BadWorkers(2) as workers:
        found = list(scan("penn-action", iter(items), workers, timeout_s=3.0))
    assert [outcome.name for outcome in found] == [item.name for item in items]
    assert {o.name: o.reason for o in found if o.reason} == {
        "0017.mat": "parser crashed (SIGSEGV)",
        "0018.mat": "parser crashed (exit code 3)",
        "0033.mat": "parser did not end within 3 s",
    }


def test_a_parser_may_not_take_all_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(item: Item) -> list[object]:
        return [bytes(2 << 30)]

    fake = types.SimpleNamespace(NAME="fake", parse=parse)
    monkeypatch.setattr(pipeline.sources, "sources", lambda: {"fake": fake})
    (found,) = parse_items("fake", [Item("bomb", b"")])
    assert found.reason == "needs more than the 768 MiB of memory allowed for a file"
    assert len(bytes(1 << 30)) == 1 << 30  # the limit holds while parsing only


def test_few_bytes_are_on_their_way_at_a_time() -> None:
    big = [Item(str(i), bytes(9 << 20)) for i in range(5)]
    assert [len(batch) for batch in _batches(iter(big))] == [1] * 5
    assert [len(batch) for batch in _batches(iter(files(20)))] == [16, 4]


def test_an_unexpected_exception_becomes_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(item: Item) -> list[object]:
        raise UnboundLocalError("odd") if item.name == "odd" else InvalidInputError("known")

    fake = types.SimpleNamespace(NAME="fake", parse=parse)
    monkeypatch.setattr(pipeline.sources, "sources", lambda: {"fake": fake})
    found = parse_items("fake", [Item("odd", b""), Item("bad", b"")])
    assert [o.reason for o in found] == ["parser failed: UnboundLocalError: odd", "known"]
