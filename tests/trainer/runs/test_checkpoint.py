"""Checkpoints: whole or not at all, damage found before unpickling, the previous one kept."""

import io
import logging
import pickle

import numpy as np
import pytest
import torch

from pose_smoother.errors import RunError
from pose_smoother.files import atomic
from pose_smoother.files.atomic import sha256_bytes
from trainer.runs import checkpoint
from trainer.runs.checkpoint import (
    LAST,
    PREVIOUS,
    DamagedCheckpointError,
    hash_file,
    load_last,
    read_checkpoint,
    save_last,
    write_checkpoint,
)


def payload(epoch):
    return {"epoch": epoch, "weights": {"w": torch.full((4,), float(epoch))}, "history": []}


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def test_what_is_written_is_read(tmp_path):
    write_checkpoint(tmp_path / "best.pt", payload(3))
    found = read_checkpoint(tmp_path / "best.pt")
    assert found["epoch"] == 3
    assert torch.equal(found["weights"]["w"], torch.full((4,), 3.0))
    assert hash_file(tmp_path / "best.pt").read_text().split() == [
        sha256_bytes((tmp_path / "best.pt").read_bytes())
    ]


def test_the_one_before_is_kept(tmp_path):
    assert load_last(tmp_path) is None
    for epoch in (1, 2, 3):
        save_last(tmp_path, payload(epoch))
    assert load_last(tmp_path)["epoch"] == 3
    assert read_checkpoint(tmp_path / PREVIOUS)["epoch"] == 2


def killed_at(moment):
    """``write_atomic`` and ``_link`` that die instead of acting the n-th time."""
    left = moment

    def dying(act):
        def do(*args):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            act(*args)

        return do

    return {"write_atomic": dying(atomic.write_atomic), "_link": dying(checkpoint._link)}


N_ACTS = 6  # hash, link, hash of the previous one; hash, bytes, hash of the last one
HAS_NEW = 5  # from this act on, the new bytes are in place


@pytest.mark.parametrize("first", range(N_ACTS))
@pytest.mark.parametrize("second", range(N_ACTS))
def test_a_kill_at_any_moment_leaves_good_checkpoints(tmp_path, monkeypatch, first, second):
    """Two interrupted saves in a row, at every pair of moments, then a good one."""
    for epoch in (1, 2):
        save_last(tmp_path, payload(epoch))
    newest = 2
    for epoch, moment in ((3, first), (4, second)):
        with monkeypatch.context() as patched:
            for name, act in killed_at(moment).items():
                patched.setattr(checkpoint, name, act)
            with pytest.raises(Killed):
                save_last(tmp_path, payload(epoch))
        newest = epoch if moment >= HAS_NEW else newest
        assert load_last(tmp_path)["epoch"] == newest
        assert read_checkpoint(tmp_path / PREVIOUS)["epoch"] <= newest
    save_last(tmp_path, payload(5))
    assert load_last(tmp_path)["epoch"] == 5
    assert read_checkpoint(tmp_path / PREVIOUS)["epoch"] == newest
    assert len(hash_file(tmp_path / LAST).read_text().split()) == 1


def test_a_kill_between_the_link_and_the_new_checkpoint_leaves_no_stray(tmp_path, monkeypatch):
    save_last(tmp_path, payload(1))
    for name, dying in killed_at(3).items():
        monkeypatch.setattr(checkpoint, name, dying)
    with pytest.raises(Killed):
        save_last(tmp_path, payload(2))
    monkeypatch.undo()
    assert (tmp_path / PREVIOUS).samefile(tmp_path / LAST)
    save_last(tmp_path, payload(2))
    assert not list(tmp_path.glob(".*"))
    assert read_checkpoint(tmp_path / PREVIOUS)["epoch"] == 1
    assert load_last(tmp_path)["epoch"] == 2


def test_without_hard_links_a_copy_is_kept(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("not supported")

    monkeypatch.setattr(checkpoint.os, "link", refuse)
    for epoch in (1, 2):
        save_last(tmp_path, payload(epoch))
    assert read_checkpoint(tmp_path / PREVIOUS)["epoch"] == 1


def damage(path, rng):
    """Flip one bit, or cut the file, or empty it."""
    data = bytearray(path.read_bytes())
    match int(rng.integers(4)):
        case 0:
            data = data[: int(rng.integers(len(data)))]
        case _:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def test_damage_is_found_before_unpickling_and_the_one_before_is_used(
    tmp_path, monkeypatch, caplog
):
    for epoch in (1, 2):
        save_last(tmp_path, payload(epoch))
    good = (tmp_path / LAST).read_bytes()
    rng = np.random.default_rng(0)
    opened = []
    monkeypatch.setattr(
        checkpoint.torch,
        "load",
        lambda file, load=torch.load, **options: opened.append(1) or load(file, **options),
    )
    for _ in range(100):
        (tmp_path / LAST).write_bytes(good)
        damage(tmp_path / LAST, rng)
        with pytest.raises(DamagedCheckpointError, match=r"last\.pt is damaged \(expected"):
            read_checkpoint(tmp_path / LAST)
    assert opened == []
    with caplog.at_level(logging.WARNING):
        assert load_last(tmp_path)["epoch"] == 1
    assert "going back to previous.pt" in caplog.text


def test_a_damaged_last_does_not_replace_the_good_one_before(tmp_path):
    for epoch in (1, 2):
        save_last(tmp_path, payload(epoch))
    (tmp_path / LAST).write_bytes(b"torn")
    save_last(tmp_path, payload(3))
    assert read_checkpoint(tmp_path / PREVIOUS)["epoch"] == 1
    assert load_last(tmp_path)["epoch"] == 3


def test_both_damaged_is_one_error_that_says_what_to_do(tmp_path):
    for epoch in (1, 2):
        save_last(tmp_path, payload(epoch))
    for name in (LAST, PREVIOUS):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(RunError, match=r"last\.pt.*previous\.pt.*--no-resume"):
        load_last(tmp_path)


def test_a_missing_or_garbled_hash_is_damage(tmp_path):
    write_checkpoint(tmp_path / LAST, payload(1))
    for garbled in (b"", b"\xff\xfe", None):
        if garbled is None:
            hash_file(tmp_path / LAST).unlink()
        else:
            hash_file(tmp_path / LAST).write_bytes(garbled)
        with pytest.raises(DamagedCheckpointError):
            read_checkpoint(tmp_path / LAST)


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


FOREIGN = {
    "pickle": pickle.dumps(Evil()),
    "evil": saved({"epoch": Evil()}),
    "list": saved([1]),
    "empty": b"",
    "no zip": b"PK\x03\x04 no zip",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_with_a_fitting_hash_runs_no_code(tmp_path, kind, capsys):
    path = tmp_path / LAST
    path.write_bytes(FOREIGN[kind])
    hash_file(path).write_text(sha256_bytes(FOREIGN[kind]))
    with pytest.raises(RunError, match="not a checkpoint of this program"):
        read_checkpoint(path)
    assert capsys.readouterr().out == ""


def test_no_checkpoint_is_one_clear_error(tmp_path):
    with pytest.raises(RunError, match="no checkpoint"):
        read_checkpoint(tmp_path / "best.pt")
