"""An S3-compatible server (moto's) on loopback that answers wrongly when it is told to."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Environ = dict[str, Any]
_MAX_A_REQUEST = 2


@dataclass
class Faults:
    """What goes wrong, and how often, by a seed and the request: not by who came first.

    No request goes wrong more than twice, so a program that tries five times gets through, also
    where one call of its library is two requests.

    Attributes
    ----------
    rate : share of the requests that go wrong.
    kinds : of the faults, drawn evenly: "500", "503", "silent" (no answer for ``silent_s``), "cut"
        (the connection breaks within the body), "short" (half a body, said to be whole),
        "flipped" (a bit of the body).
    only : which requests can go wrong.
    """

    rate: float = 0.0
    kinds: tuple[str, ...] = ()
    seed: int = 0
    silent_s: float = 1.0
    only: Callable[[Environ], bool] = lambda environ: True
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._lock = threading.Lock()

    def draw(self, environ: Environ) -> str:
        """The fault of one request, or ""."""
        with self._lock:
            if self.rate == 0 or not self.only(environ):
                return ""
            names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_RANGE")
            request = " ".join(environ.get(name, "") for name in names)
            self._asked[request] += 1
            draw = random.Random(f"{self.seed} {request} {self._asked[request]}")
            if draw.random() >= self.rate or self._wrong[request] == _MAX_A_REQUEST:
                return ""
            kind = draw.choice(self.kinds)
            self._wrong[request] += 1
            self.done[kind] += 1
            return kind


class FaultyApp:
    """A WSGI application before another one, which it asks or not."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.watch: Callable[[Environ], None] = lambda environ: None

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        self.requests[environ["REQUEST_METHOD"]] += 1
        self.watch(environ)
        fault = self.faults.draw(environ)
        if fault == "silent":
            time.sleep(self.faults.silent_s)
            fault = "503"
        if fault in ("500", "503"):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{fault} Injected", [("Content-Length", "0")])
            return [b""]
        if fault in ("cut", "short", "flipped") and environ["REQUEST_METHOD"] == "GET":
            return self._mangled(fault, environ, start_response)
        inner: Iterable[bytes] = self.inner(environ, start_response)
        return inner

    def _mangled(self, fault: str, environ: Environ, start_response: Any) -> Iterable[bytes]:
        told: list[Any] = []
        body = b"".join(self.inner(environ, lambda *args: told.extend(args)))
        status, headers = told[0], dict(told[1])
        half = body[: len(body) // 2]
        if fault == "flipped" and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        if fault == "short":
            body = half
            headers["Content-Length"] = str(len(half))
        start_response(status, list(headers.items()))
        return _broken(half) if fault == "cut" else [body]


def _broken(half: bytes) -> Iterator[bytes]:
    yield half
    raise ConnectionAbortedError("injected")


class Server:
    """The server, running in threads of this process.

    Attributes
    ----------
    url : its address.
    app : where faults are set (``app.faults``) and requests counted.
    """

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            protocol_version = "HTTP/1.1"

            def log(self, *args: Any) -> None:
                del args

        self.app = FaultyApp(DomainDispatcherApplication(create_backend_app))
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
