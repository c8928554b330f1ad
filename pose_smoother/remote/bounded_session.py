"""HTTP of S3 with bounds: no answer without end, none that drips, none from another host.

aiobotocore reads every answer into memory, whatever was asked for, waits as long as a byte comes
now and then, and follows redirects.
"""

import time
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession

from pose_smoother.remote.retry import RemoteError, timeout_s

MAX_BODY_BYTES = 80 << 20  # a manifest; a piece of an object; a page of a listing
_LEAST_BYTES_A_SECOND = 16 << 10
_REDIRECTS = (301, 302, 303, 307, 308)
_REGION = "x-amz-bucket-region"  # botocore itself then asks the bucket's own region
_PATIENCE = 6  # times the timeout, before the rate counts


class BoundedSession(AIOHTTPSession):
    """A session whose answers are bounded in size and time."""

    async def _get_session(self, proxy_url: Any) -> "_Requests":
        return _Requests(await super()._get_session(proxy_url))


class _Requests:
    """An aiohttp session that follows no redirect."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **words: Any) -> Any:
        """Send one request; the answer's body is bounded."""
        answer = await self._session.request(method, **{**words, "allow_redirects": False})
        if answer.status in _REDIRECTS and _REGION not in answer.headers:
            answer.close()
            raise RemoteError(f"{_host(answer)} sends to another address, which is not followed")
        stated = answer.content_length or 0
        if method != "HEAD" and stated > MAX_BODY_BYTES:
            answer.close()
            raise RemoteError(f"{_host(answer)} answered with {stated:,} bytes, more than are read")
        answer.content = _Body(answer)
        return answer


class _Body:
    """The body of an answer: at most so many bytes, not slower than the least rate."""

    def __init__(self, answer: Any) -> None:
        self._answer, self._stream = answer, answer.content
        self._began, self._n_bytes = time.monotonic(), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def read(self, n: int = -1) -> bytes:
        """Up to n bytes, or all that are left."""
        if n >= 0:
            return self._counted(await self._stream.read(n))
        parts = []
        while part := self._counted(await self._stream.readany()):
            parts.append(part)
        return b"".join(parts)

    def _counted(self, data: bytes) -> bytes:
        self._n_bytes += len(data)
        allowed_s = _PATIENCE * timeout_s() + self._n_bytes / _LEAST_BYTES_A_SECOND
        seconds = time.monotonic() - self._began
        if self._n_bytes > MAX_BODY_BYTES or seconds > allowed_s:
            self._answer.close()
            raise RemoteError(
                f"{_host(self._answer)} sent {self._n_bytes:,} bytes in {seconds:.0f} s without an "
                "end: too much, or too slowly"
            )
        return data


def _host(answer: Any) -> str:
    return str(answer.url.host)
