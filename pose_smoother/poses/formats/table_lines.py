"""The text of a file's bytes, and its lines; a line break within quotes ends none."""

import re
from collections.abc import Iterator

import numpy as np

from pose_smoother.errors import InvalidInputError

#: A line with its ending; line breaks within quotes belong to it. By the line's last character.
_RECORD = {end: re.compile(rf'(?:[^"{end}]+|"[^"]*")*{end}?') for end in ("\n", "\r")}
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def is_ascii_text(raw: bytes) -> bool:
    """Whether bytes are ASCII, of which no decoding changes any."""
    return raw.isascii() and b"\0" not in raw[:4096]


def decoded(raw: bytes, errors: str = "strict") -> tuple[str, str]:
    """A file's text, a byte-order mark included, and its encoding."""
    encoding = _UTF_16.get(raw[:2], "utf-8")
    if encoding == "utf-8" and b"\0" in raw[:4096]:
        raise InvalidInputError(
            "expected text in UTF-8, found binary data or UTF-16 without a byte-order mark"
        )
    try:
        return raw.decode(encoding, errors), encoding
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise InvalidInputError(f"damaged: not UTF-16 ({error.reason})") from None
        return raw.decode("latin-1"), "latin-1"


def line_end(data: bytes) -> str:
    """A line feed, or a carriage return in text without any."""
    return "\r" if b"\n" not in data and b"\r" in data else "\n"


def each_line(data: bytes) -> Iterator[str]:
    """Lines with their endings.

    Raises
    ------
    InvalidInputError : at the last line: a quote is never closed.
    """
    start, end = 0, line_end(data)
    if b'"' in data:
        text = data.decode()
        for match in _RECORD[end].finditer(text):
            if match[0]:
                yield match[0]
                start += len(match[0])
        if start < len(text):
            raise InvalidInputError('a quote (") is opened and never closed')
        return
    while at := data.find(end.encode(), start) + 1:
        yield data[start:at].decode()
        start = at
    if start < len(data):
        yield data[start:].decode()


def count_plain_lines(text: bytes) -> int:
    """The number of lines that begin with a visible character of ASCII; 0 where some do not.

    0 as well where a line may be longer than to its line feed.
    """
    if b'"' in text or b"\n" not in text:
        return 0
    data = np.frombuffer(text, np.uint8)
    first = data[np.append(0, np.flatnonzero(data[:-1] == ord("\n")) + 1)]
    return len(first) if (first > ord(" ")).all() and (first < 127).all() else 0
