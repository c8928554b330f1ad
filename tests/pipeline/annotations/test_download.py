"""Downloads against a server on this machine: interrupted, resumed, refused and damaged."""

import io
import json
import os
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.annotations import http_resume as fetching
from pipeline.annotations.download import (
    OFFICIAL,
    Dataset,
    DatasetFile,
    _tar_check,
    _zip_check,
    download,
)
from pipeline.annotations.http_resume import fetch, part_of
from pose_smoother.errors import InvalidInputError
from pose_smoother.files.lock import exclusive_lock

BODY = os.urandom(300_000)


class Server(ThreadingHTTPServer):
    """Serves ``bodies`` with ranges; ``faults`` are taken one a request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: dict[str, bytes] = {}
        self.faults: list[str] = []
        self.tag = '"one"'
        self.asked: list[tuple[str, str | None, int, int]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.server.bodies.get(self.path)
        fault = self.server.faults.pop(0) if self.server.faults else ""
        wanted = self.headers.get("Range")
        if body is None or fault == "busy":
            self.send_error(404 if body is None else 503)
            return
        same = self.headers.get("If-Range") in (None, self.server.tag)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and same else 0
        status = 206 if wanted and same and fault != "no ranges" else 200
        start = start if status == 206 else 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        sent = body[start:] if fault != "break" else body[start : start + 100_000]
        self.server.asked.append((self.path, wanted, status, len(sent)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) - start))
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        self.wfile.write(sent)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(fetching, "RETRY_AFTER_S", (0.0, 0.0))
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def dataset_of(server: Server, path: str, check=lambda file: 1, expected=1) -> dict[str, Dataset]:
    remote = DatasetFile(server.url(path), path.strip("/"), check, expected, "things", 1 << 20)
    return {"thing": Dataset("https://example.org/page", "free", (remote,))}


def test_a_file_arrives_whole(server, tmp_path):
    server.bodies["/a/b.zip"] = BODY
    said: list[str] = []
    found = download("thing", tmp_path, said.append, dataset_of(server, "/a/b.zip"))
    assert found == [tmp_path / "a" / "b.zip"]
    assert found[0].read_bytes() == BODY
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["b.zip"]
    assert "licence: free" in said[0]
    assert "1 things, 300,000 bytes" in said[1]
    download("thing", tmp_path, said.append, dataset_of(server, "/a/b.zip"))
    assert "is there already" in said[-1]
    assert len(server.asked) == 1


def test_broken_connections_are_continued_within_one_call(server, tmp_path):
    server.bodies["/f"] = BODY
    server.faults = ["break", "busy", "break", "busy"]
    part = fetch(server.url("/f"), tmp_path / "f", 1 << 20)
    assert part.read_bytes() == BODY
    assert [(wanted, sent) for _, wanted, _, sent in server.asked] == [
        (None, 100_000),
        ("bytes=100000-", 100_000),
        ("bytes=200000-", 100_000),
    ]


def test_an_interrupted_download_continues_in_the_next_call(server, tmp_path):
    server.bodies["/f"] = BODY
    server.faults = ["break", "busy", "busy", "busy"]
    data = dataset_of(server, "/f")
    with pytest.raises(
        InvalidInputError, match=r"100,000 bytes are kept.*again to continue"
    ) as caught:
        download("thing", tmp_path, datasets=data)
    assert "\n" not in str(caught.value)
    assert "https://example.org/page" in str(caught.value)
    assert not (tmp_path / "f").exists()
    (file,) = download("thing", tmp_path, datasets=data)
    assert file.read_bytes() == BODY
    assert server.asked[-1][1:] == ("bytes=100000-", 206, 200_000)


def test_a_complete_part_is_not_fetched_again(server, tmp_path):
    server.bodies["/f"] = BODY
    part = fetch(server.url("/f"), tmp_path / "f", 1 << 20)
    assert fetch(server.url("/f"), tmp_path / "f", 1 << 20) == part
    assert part.read_bytes() == BODY
    assert len(server.asked) == 1


@pytest.mark.parametrize("change", ["tag", "no tag", "no ranges", "shorter", "note lost", "url"])
def test_versions_are_never_glued_together(server, tmp_path, change):
    server.bodies["/f"] = server.bodies["/g"] = BODY
    server.tag = "" if change == "no tag" else server.tag
    server.faults = ["break", "busy", "busy", "busy"]
    with pytest.raises(InvalidInputError, match="are kept"):
        fetch(server.url("/f"), tmp_path / "f", 1 << 20)
    new = BODY[::-1][: 50_000 if change == "shorter" else None]
    server.bodies["/f"] = server.bodies["/g"] = new
    server.tag = '"two"' if change == "tag" else server.tag
    server.faults = ["no ranges"] if change == "no ranges" else []
    if change == "note lost":
        part_of(tmp_path / "f").with_name("f.part.json").write_text("{")
    address = "/g" if change == "url" else "/f"
    assert fetch(server.url(address), tmp_path / "f", 1 << 20).read_bytes() == new


def test_no_connection_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "RETRY_AFTER_S", ())
    with pytest.raises(
        InvalidInputError, match=r"no connection: .*run the same command again"
    ) as caught:
        fetch("http://127.0.0.1:9/f", tmp_path / "f", 10)
    assert "\n" not in str(caught.value)
    assert "are kept" not in str(caught.value)


def test_refusals_of_the_server_are_reported_at_once(server, tmp_path):
    with pytest.raises(InvalidInputError, match="the server answers HTTP Error 404"):
        fetch(server.url("/absent"), tmp_path / "f", 10)


def test_more_bytes_than_expected_are_refused(server, tmp_path):
    server.bodies["/f"] = BODY
    with pytest.raises(InvalidInputError, match="300,000 bytes, more than the 1,000 expected"):
        fetch(server.url("/f"), tmp_path / "f", 1000)


def test_a_full_disk_is_reported_before_the_first_byte(server, tmp_path, monkeypatch):
    server.bodies["/f"] = BODY
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5}))
    with pytest.raises(InvalidInputError, match=r"needs 300,000 more bytes.*has 5 free"):
        fetch(server.url("/f"), tmp_path / "f", 1 << 20)
    assert not part_of(tmp_path / "f").exists()


def zip_of(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"0123456789" * 20)
    return file.getvalue()


def tar_of(*names: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 200
            archive.addfile(info, io.BytesIO(os.urandom(200)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "check"),
    [(zip_of("a.x", "b.x"), _zip_check(r".*\.x")), (tar_of("a.x", "b.x"), _tar_check(r".*\.x"))],
    ids=["zip", "tar.gz"],
)
def test_damaged_archives_are_set_aside_and_fetched_again(server, tmp_path, body, check, caplog):
    data = dataset_of(server, "/f", check, expected=2)
    damaged = bytearray(body)
    damaged[len(body) - 6 if body[:2] == b"\x1f\x8b" else 60] ^= 0xFF
    for bad in (bytes(damaged), body[:-30], b"<html>gone</html>"):
        server.bodies["/f"] = bad
        with pytest.raises(
            InvalidInputError, match=r"archive.*kept as .*f\.damaged.*fetch it again"
        ):
            download("thing", tmp_path, datasets=data)
        assert (tmp_path / "f.damaged").read_bytes() == bad
        assert not (tmp_path / "f").exists()
    server.bodies["/f"] = body
    download("thing", tmp_path, datasets=data)
    assert (tmp_path / "f").read_bytes() == body
    assert not caplog.records


def test_an_odd_number_of_entries_is_logged(server, tmp_path, caplog):
    server.bodies["/f"] = zip_of("a.x")
    download("thing", tmp_path, datasets=dataset_of(server, "/f", _zip_check(r".*\.x"), 2))
    assert "holds 1 things, expected 2" in caplog.text


def test_a_second_download_into_the_folder_is_refused(server, tmp_path):
    with (
        exclusive_lock(tmp_path / "download"),
        pytest.raises(InvalidInputError, match="another download into"),
    ):
        download("thing", tmp_path, datasets=dataset_of(server, "/f"))


def test_unknown_datasets_list_the_known(tmp_path):
    with pytest.raises(
        InvalidInputError, match="unknown dataset 'coco'; known: brace, penn-action"
    ):
        download("coco", tmp_path)


def test_the_official_table_is_https_and_its_checks_know_the_datasets(tmp_path):
    remotes = {r.name: r for dataset in OFFICIAL.values() for r in dataset.files}
    assert all(remote.url.startswith("https://") for remote in remotes.values())
    assert all(re.fullmatch(r"[\w/.]+", name) for name in remotes)
    files = {
        "dataset.zip": zip_of("dataset/2011/-a/-a_1-2_toprock.json.json", "dataset/readme.md"),
        "manual_keypoints.zip": zip_of("manual_keypoints/2011/-a/img-000001.npz", "x.npz"),
        "Penn_Action.tar.gz": tar_of("Penn_Action/labels/0001.mat", "Penn_Action/frames/1/1.jpg"),
        "annotations/segments.csv": b"video_id,start_frame,end_frame,dancer\n-a,1,2,x\n",
        "annotations/videos_info.csv": b"video_id,fps,resolution\n-a,25,1920x1080\n",
        "annotations/shot_boundaries.json": json.dumps({"-a": [3]}).encode(),
    }
    assert set(files) == set(remotes)
    for name, data in files.items():
        file = Path(tmp_path / name.replace("/", "-"))
        file.write_bytes(data)
        assert remotes[name].check(file) == 1, name
