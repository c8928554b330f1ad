"""Answers of a server that is hostile: too large, endless, slow, or from another host."""

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pose_smoother.remote.retry import RemoteError

pytest.importorskip("aiobotocore")
import aiohttp

from pose_smoother.remote import bounded_session


class Hostile(BaseHTTPRequestHandler):
    """Answers by the path asked for."""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/plain")  # type: ignore[attr-defined]
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/stated":
            self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        block = b"x" * (1 if self.path == "/drip" else 1 << 16)
        try:
            for _ in range(1 if self.path == "/plain" else 1 << 20):
                self.wfile.write(block)
                self.wfile.flush()
                time.sleep(0.02 * (self.path == "/drip"))
        except OSError:
            pass  # the client has gone


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def got(url: str) -> bytes:
    async def get() -> bytes:
        async with aiohttp.ClientSession() as session:
            answer = await bounded_session._Requests(session).request("GET", url=url)
            data: bytes = await answer.read()
            return data

    return asyncio.run(get())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("stated", "answered with 1,099,511,627,776 bytes"),
        ("endless", "without an end"),
        ("drip", "without an end"),
        ("redirect", "sends to another address"),
    ],
)
def test_hostile_answers_are_refused(
    url: str, path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSE_REMOTE_TIMEOUT", "0.05")
    monkeypatch.setattr(bounded_session, "MAX_BODY_BYTES", 1 << 20)
    with pytest.raises(RemoteError, match=message):
        got(f"{url}/{path}")


def test_a_plain_answer_is_read(url: str) -> None:
    assert got(f"{url}/plain") == b"x" * (1 << 16)
