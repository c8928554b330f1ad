"""Row 22: servers that answer oddly; the file is exactly one of the server's, or a clear error."""

import http.server
import json
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from pipeline.annotations import http_resume
from pose_smoother.errors import InvalidInputError
from tests.faults.damage import Rng
from tests.faults.harness import Attempt

NUMBER, FAULT = 22, "downloads from servers that answer oddly"
TRIES, SHARE = 400, 12
_N_BYTES = 60_000
_ODD_NUMBERS = ("²", "-1", "9" * 5_000, "x", "", "1e3", "0", "٣")


class _Server(http.server.ThreadingHTTPServer):
    rng: Rng
    versions: list[bytes]
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is expected."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        """Answer, mostly wrongly."""
        rng, self.close_connection = self.server.rng, True
        which = int(rng.integers(len(self.server.versions)))
        body, tag = self.server.versions[which], f'"{which}"'
        wanted = self.headers.get("Range")
        start = int(wanted[6:-1]) if wanted else 0
        if rng.integers(2) and self.headers.get("If-Range") not in (None, tag):
            start, wanted = 0, None  # as it should be
        stop = len(body) if rng.integers(2) else int(rng.integers(start, len(body) + 1))
        odd = str(rng.choice(_ODD_NUMBERS)).encode().decode("latin-1")
        right = 206 if wanted else 200
        status = int(rng.choice([right, right, 200, 206, 416, 204]))
        start = 0 if status == 200 else start  # the one thing that a client must believe
        self.send_response(status)
        length = str(len(body) - start)
        self.send_header("Content-Length", odd if rng.integers(8) == 0 else length)
        if rng.integers(8):
            self.send_header("ETag", tag)
        if wanted:
            total = odd if rng.integers(6) == 0 else len(body)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
        self.end_headers()
        if rng.integers(8) == 0:
            for at in range(start, min(stop, start + 40)):
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()
                time.sleep(0.02)
            return
        self.wfile.write(body[start:stop])


def needs() -> str:
    """Nothing."""
    return ""


class Ready:
    """A server and its files."""

    def __init__(self) -> None:
        self.server = _Server(("127.0.0.1", 0), _Handler)
        rng = np.random.default_rng(7)
        self.server.versions = [rng.bytes(_N_BYTES), rng.bytes(_N_BYTES)]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def prepare(folder: Path) -> Ready:
    """Start the server."""
    del folder
    return Ready()


def attempt(ready: Ready, folder: Path, rng: np.random.Generator, index: int) -> Attempt:
    """One download, started again or continued."""
    del index
    ready.server.rng = rng
    url, file, found = f"http://127.0.0.1:{ready.server.server_port}/f", folder / "f", Attempt()
    if rng.integers(2):
        part = http_resume.part_of(file)
        part.write_bytes(ready.server.versions[0][: int(rng.integers(1, _N_BYTES))])
        note = {"url": url, "validator": '"0"', "total": _N_BYTES}
        part.with_name(f"{part.name}.json").write_text(json.dumps(note))
    began = time.monotonic()
    try:
        with (
            patch.object(http_resume, "RETRY_AFTER_S", (0.0, 0.0)),
            patch.object(http_resume, "PATIENCE_S", 0.2),
            patch.object(http_resume, "TIMEOUT_S", 2.0),
        ):
            got = http_resume.fetch(url, file, 1 << 20).read_bytes()
        if got not in ready.server.versions:
            found.problems.append(f"{len(got)} bytes of no version were taken as complete")
    except InvalidInputError as error:
        if not str(error).isprintable():
            found.problems.append(f"no line: {error!r}")
    found.notes["slowest, s"] = time.monotonic() - began
    return found
