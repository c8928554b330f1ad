"""A headless Chromium, spoken to over a pipe: pages opened, keys and touches sent, pictures taken.

The browser's own protocol (https://chromedevtools.github.io/devtools-protocol/), without a driver
or a package: messages are JSON, each ended by a zero byte, on file descriptors 3 and 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
     if (found := shutil.which(name))),
    None,
)  # fmt: skip
_TIMEOUT_S = 60.0
_KEYS = {
    " ": ("Space", 32),
    "ArrowLeft": ("ArrowLeft", 37),
    "ArrowRight": ("ArrowRight", 39),
    "Home": ("Home", 36),
    "End": ("End", 35),
    "Tab": ("Tab", 9),
    "Escape": ("Escape", 27),
    "Enter": ("Enter", 13),
}


class Chromium:
    """One browser with one page."""

    def __init__(self, profile: Path) -> None:
        assert BROWSER is not None
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        words = [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            f"--user-data-dir={profile}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]

        def connect() -> None:  # Chromium reads its commands from descriptor 3 and writes to 4
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self._process = subprocess.Popen(
            words,
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in high:
            os.close(end)
        os.close(to_read)
        os.close(to_write)
        self._pending = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        try:
            self._attach()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def _attach(self) -> None:
        """Speak to the browser's page from here on."""
        targets = self.send("Target.getTargets")["targetInfos"]
        [page] = [target for target in targets if target["type"] == "page"]
        attached = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.terminate()
        self._process.wait(20)
        os.close(self._read)
        os.close(self._write)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < until:
            answer = self._next(until - time.monotonic())
            if answer is None:
                continue
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self.events.append(answer)
        raise TimeoutError(f"{method}: no answer in {_TIMEOUT_S:g} s")

    def _next(self, timeout_s: float) -> dict[str, Any] | None:
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._read], [], [], max(0.0, timeout_s))
            if not ready:
                return None
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._pending += part
        text, _, self._pending = self._pending.partition(b"\0")
        return dict(json.loads(text))

    def size(self, width: int, height: int, dark: bool = False, touch: bool = False) -> None:
        """The window, the colour scheme, and whether it is touched."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=touch,
        )  # fmt: skip
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, page: Path) -> None:
        """Open a file and wait until its script has run."""
        self.send("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.documentElement?.dataset.ready === 'yes'")
        self.settle()

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + _TIMEOUT_S
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < until, f"never true: {condition}"
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        frame = "requestAnimationFrame(() => requestAnimationFrame(done))"
        self.run(f"new Promise((done) => {frame})")

    def key(self, key: str, shift: bool = False) -> None:
        """Press and release a key."""
        code, number = _KEYS.get(key, ("", ord(key[0].upper())))
        text = {"text": key} if len(key) == 1 else {}
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        modifiers = 8 if shift else 0
        self.send("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **common, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **common)
        self.settle()

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element in the window; it is scrolled there."""
        x, y, width, height = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            "return [b.x, b.y, b.width, b.height]; })()"
        )
        return x, y, width, height

    def drag(self, points: list[tuple[float, float]], touch: bool = False) -> None:
        """Press at the first point, move over the others, release at the last."""
        for i, (x, y) in enumerate(points):
            if touch:
                kind = "touchMove" if i else "touchStart"
                self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
            else:
                kind = "mouseMoved" if i else "mousePressed"
                self._mouse(kind, x, y)
        if touch:
            self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        else:
            self._mouse("mouseReleased", *points[-1])
        self.settle()

    def click(self, selector: str) -> None:
        """Click an element in its middle."""
        x, y, width, height = self.place(selector)
        self.drag([(x + width / 2, y + height / 2)])

    def _mouse(self, kind: str, x: float, y: float) -> None:
        self.send(
            "Input.dispatchMouseEvent",
            type=kind, x=x, y=y, button="left", buttons=1, clickCount=1,
        )  # fmt: skip

    def picture(self, clip: tuple[float, float, float, float] | None = None) -> bytes:
        """The window, or a part of it, as PNG."""
        self.settle()
        part: dict[str, Any] = {}
        if clip is not None:
            x, y, width, height = clip
            left, top = self.run("[scrollX, scrollY]")
            x, y = x + left, y + top
            part = {"clip": {"x": x, "y": y, "width": width, "height": height, "scale": 1}}
        return base64.b64decode(self.send("Page.captureScreenshot", format="png", **part)["data"])

    def problems(self) -> list[str]:
        """Exceptions and errors of the page so far, and every request that left it."""
        found = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("text", "exception"))
                found[-1] += str(params["exceptionDetails"].get("exception", {}).get("description"))
            elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(params["entry"]["text"])
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    found.append(url)
        return found
