"""Parsing in processes of its own: order is kept, crashes are survived and named."""

import os
import types

import pytest

import pipeline.sources
from pipeline.contract.errors import BadInput
from pipeline.scan import Outcome, Workers, parse_items, scan
from pipeline.sources import Item
from tests.pipeline.penn_files import label_arrays, mat_bytes


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


class CrashingPool(Workers):
    """A pool whose parser dies outright at one file, as scipy's does on damaged headers."""

    @property
    def pool(self):  # type: ignore[no-untyped-def]
        pool = super().pool
        submit = pool.submit
        if not hasattr(pool, "patched"):
            pool.patched = True
            pool.submit = lambda f, *a: submit(crash_or_parse, *a)
        return pool


def crash_or_parse(dataset: str, items: list[Item]) -> list[Outcome]:
    if any(item.data == b"crash" for item in items):
        os._exit(11)
    return parse_items(dataset, items)


def test_a_crashing_file_is_named_and_the_others_are_kept() -> None:
    items = files(40)
    items[17] = Item("0017.mat", b"crash")
    with CrashingPool(2) as workers:
        found = list(scan("penn-action", iter(items), workers))
    assert [outcome.name for outcome in found] == [item.name for item in items]
    assert {o.name: o.reason for o in found if o.reason} == {"0017.mat": "parser crashed"}


def test_an_unexpected_exception_becomes_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(item: Item) -> list[object]:
        raise UnboundLocalError("odd") if item.name == "odd" else BadInput("known")

    fake = types.SimpleNamespace(NAME="fake", parse=parse)
    monkeypatch.setattr(pipeline.sources, "sources", lambda: {"fake": fake})
    found = parse_items("fake", [Item("odd", b""), Item("bad", b"")])
    assert [o.reason for o in found] == ["parser failed: UnboundLocalError: odd", "known"]
