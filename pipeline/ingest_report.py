"""``report.json``, what became of every input file: written and read line by line.

The layout is that of ``pose_smoother.files.atomic.to_json``, so a list of millions of files
needs no more memory than one of ten.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pose_smoother.errors import InvalidInputError, StoreError
from pose_smoother.files.atomic import to_json
from pose_smoother.files.plain import open_plain

_TAIL_BYTES, _MAX_TAIL_BYTES = 1 << 16, 64 << 20
_MAX_BYTES = 64 << 30
_LEFT_OUT = b'\n "left_out": '  # a line's end is never inside a JSON text


def report_pieces(files: Path, left_out: dict[str, int]) -> Iterator[bytes]:
    """The report's bytes, from a file with a JSON entry a line."""
    yield b'{\n "files": ['
    separator = b"\n"
    with files.open("rb") as lines:
        for line in lines:
            entry = to_json(json.loads(line)).rstrip().replace(b"\n", b"\n  ")
            yield separator + b"  " + entry
            separator = b",\n"
    yield b"]," if separator == b"\n" else b"\n ],"
    yield _LEFT_OUT + to_json(left_out).rstrip().replace(b"\n", b"\n ") + b"\n}\n"


def left_out(report: Path) -> dict[str, int]:
    """What a report says was left out, read from the file's end.

    Raises
    ------
    StoreError : the file is damaged: it lacks the list, or holds something else there.
    """
    try:
        with open_plain(report, _MAX_BYTES) as file:
            size = file.seek(0, 2)
            n_bytes = _TAIL_BYTES
            while True:
                file.seek(max(0, size - n_bytes))
                tail = file.read(n_bytes)
                at = tail.rfind(_LEFT_OUT)
                if at >= 0 or n_bytes >= min(size, _MAX_TAIL_BYTES):
                    break
                n_bytes *= 4
        found = json.loads(b"{" + tail[at:] if at >= 0 else tail)["left_out"]
        return {str(reason): int(count) for reason, count in found.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{report} is damaged ({error})") from None
    except (OSError, InvalidInputError) as error:
        raise StoreError(f"{report} cannot be read ({error})") from None


def entries(report: Path) -> Iterator[dict[str, Any]]:
    """The report's files, one after the other."""
    inside: list[bytes] = []
    with report.open("rb") as lines:
        for line in lines:
            if line == b"  {\n":
                inside = [line]
            elif inside:
                inside.append(line)
                if line.startswith(b"  }"):
                    yield json.loads(b"".join(inside).rstrip().rstrip(b","))
                    inside = []
