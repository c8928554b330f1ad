"""The cache keeps to its size and lets the least used go."""

import os
from pathlib import Path

import pytest

from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.cache import DEFAULT_BYTES, Cache, cache_folder, cap_bytes


def put(cache: Cache, name: str, n_bytes: int, used: float) -> Path:
    cache.make_room(n_bytes)
    file = cache.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(n_bytes))
    os.utime(file, (used, used))
    return file


def total(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    files = [put(cache, f"a/{n}", 30, used=1000 + n) for n in range(3)]
    os.utime(files[0], (5000, 5000))  # used again
    put(cache, "b/3", 30, used=6000)
    assert [file.exists() for file in files] == [True, False, True]


def test_the_size_holds_whatever_comes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1000)
    for n in range(200):
        put(cache, str(n), 7 + 13 * (n % 9), used=1000 + n)
        assert total(tmp_path) <= 1000


def test_two_caches_of_one_folder_stay_near_the_size(tmp_path: Path) -> None:
    first, second = Cache(tmp_path, 1000), Cache(tmp_path, 1000)
    for n in range(200):
        put(first if n % 2 else second, str(n), 20, used=1000 + n)
        assert total(tmp_path) <= 1000 + 2 * 1000 // 20


def test_a_file_larger_than_the_cap_is_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100)
    put(cache, "small", 10, used=1)
    put(cache, "large", 500, used=2)
    assert [file.name for file in tmp_path.iterdir()] == ["large"]


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("", DEFAULT_BYTES), ("10GB", 10**10), ("1.5 m", 1_500_000), ("77", 77), ("2kb", 2000)],
)
def test_sizes(text: str, n_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_CACHE_BYTES", text)
    assert cap_bytes() == n_bytes


@pytest.mark.parametrize("text", ["much", "-1", "1 GiB?"])
def test_no_size(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_CACHE_BYTES", text)
    with pytest.raises(InvalidInputError, match="POSE_CACHE_BYTES must be a size"):
        cap_bytes()


def test_the_folder_is_the_user_s_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSE_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("POSE_CACHE")
    pytest.importorskip("platformdirs")
    assert cache_folder().name == "pose-smoother"
