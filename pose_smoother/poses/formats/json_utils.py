"""JSON that is written back as it came: parsed strictly, laid out as before."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pose_smoother.errors import InvalidInputError
from pose_smoother.files.plain import open_plain
from pose_smoother.poses.formats.tracks_io import MAX_BYTES
from pose_smoother.poses.tracks import Floats

#: Deeper nesting is refused: no format of keypoints comes near, and parsers recurse.
MAX_DEPTH = 64

_BLOCK_BYTES = 1 << 20  # looked through at once
#: Memory of values, at most: a list of one number or an object of one key takes less of each.
_ARRAY_BYTES, _OBJECT_BYTES, _VALUE_BYTES = 64, 232, 32
_MEMORY_RATIO, _MEMORY_FLOOR = 12, 512 << 20
#: Every byte but brackets and quotes.
_NO_STRUCTURE = bytes(set(range(256)).difference(b'[]{}"'))

_ITEMS_AT_ONCE = 200  # of a long list, written
#: What ends a line of laid-out text before its line feed, and the indent.
_INDENT = re.compile(rb"\s*[\[{](\r?)\n([ \t]+)")


def head(path: Path) -> bytes:
    """The start of a file, enough to distinguish formats by their keys; without a byte-order mark.

    Nothing of a folder.
    """
    if not path.is_file():
        return b""
    with open_plain(path, MAX_BYTES) as file:
        start = file.read(1 << 20)
    encoding = _encoding(start)
    if encoding != "utf-8":
        start = start.decode(encoding, "ignore").encode("utf-8", "ignore")
    return start.removeprefix(codecs.BOM_UTF8).lstrip()


def _encoding(raw: bytes) -> str:
    """UTF-8, or what a byte-order mark says."""
    marks = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    return marks.get(raw[:2], "utf-8")


def load(raw: bytes) -> Any:
    """The value of JSON text, in linear time.

    Raises
    ------
    InvalidInputError : it is no JSON, is nested too deeply, would take more memory than such a
        file should, or an object has a key twice (one would be lost).
    """
    encoding = _encoding(raw)
    if encoding != "utf-8":
        try:
            raw = raw.decode(encoding).encode()
        except UnicodeError as error:
            raise InvalidInputError(f"damaged: not UTF-16 ({error})") from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:  # most frames' files have fewer
        _check_structure(raw)
    try:
        return json.loads(raw, object_pairs_hook=_once)
    except InvalidInputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"damaged: not JSON ({error})") from None


def _check_structure(raw: bytes) -> None:
    """Raise InvalidInputError where text is nested too deeply or holds too many values.

    Brackets within strings do not count. Text that is no JSON may be judged wrongly: parsing it
    fails anyway.
    """
    # Pairs of backslashes first: a quote after one is not escaped.
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_STRUCTURE)
    depth, deepest, inside, n_arrays, n_objects = 0, 0, False, 0, 0
    for start in range(0, len(plain), _BLOCK_BYTES):
        block = np.frombuffer(plain, np.uint8, min(_BLOCK_BYTES, len(plain) - start), start)
        in_text = np.logical_xor.accumulate(block == ord('"')) ^ inside
        inside = bool(in_text[-1])
        brackets = block[~in_text]
        arrays, objects = brackets == ord("["), brackets == ord("{")
        closes = (brackets == ord("]")) | (brackets == ord("}"))
        steps = np.cumsum((arrays | objects).astype(np.int8) - closes.astype(np.int8), dtype=int)
        n_arrays += int(arrays.sum())
        n_objects += int(objects.sum())
        if len(steps):
            deepest = max(deepest, depth + int(steps.max()))
            depth += int(steps[-1])
    if deepest > MAX_DEPTH:
        raise InvalidInputError(f"nested {deepest:,} levels deep; expected at most {MAX_DEPTH}")
    needed = n_arrays * _ARRAY_BYTES + n_objects * _OBJECT_BYTES + raw.count(b",") * _VALUE_BYTES
    if needed > max(_MEMORY_RATIO * len(raw), _MEMORY_FLOOR):
        raise InvalidInputError(
            f"expected keypoints, found {n_arrays + n_objects:,} lists and objects in "
            f"{len(raw):,} bytes, which would take {needed:,} bytes of memory"
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, n in counts.items() if n > 1)
        raise InvalidInputError(f"an object has the key {twice!r:.60} twice")
    return found


def dump(document: Any, raw: bytes) -> bytes:
    """JSON text of a value, laid out and encoded like the text ``raw`` that it was read from.

    A long list is emptied on the way, so that text takes the room of the values.
    """
    encoding = _encoding(raw)
    if encoding != "utf-8":
        return dump(document, raw.decode(encoding).encode()).decode().encode(encoding)
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    bare = raw.removeprefix(mark)
    indent = _INDENT.match(bare)
    spaced = b'": ' in raw[:4096] or b'": ' in raw[-4096:]
    separators = (", ", ": ") if spaced and not indent else (",", ": " if spaced else ":")
    write = partial(
        _dumped,
        indent=indent[2].decode() if indent else None,
        separators=separators,
        ensure_ascii=bare.isascii(),
    )
    if indent or not isinstance(document, list):
        data = write(document)
    else:
        parts, separator = [b"["], separators[0].encode()
        for start in range(0, len(document), _ITEMS_AT_ONCE):
            part = slice(start, start + _ITEMS_AT_ONCE)
            parts += [separator] if start else []
            parts.append(write(document[part])[1:-1])
            document[part] = [None] * len(document[part])
        data = b"".join([*parts, b"]"])
    if indent and indent[1]:
        data = data.replace(b"\n", b"\r\n")
    end = raw[len(raw.rstrip()) :]
    return mark + data + end if mark or end else data  # without another copy, where it can be


def _dumped(document: Any, *, separators: tuple[str, str], **how: Any) -> bytes:
    try:
        return json.dumps(document, separators=separators, **how).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be written escaped
        return json.dumps(document, separators=separators).encode()


def first_given(item: dict[str, Any], keys: Sequence[str]) -> Any:
    """The value of the first of some keys that an object has one for, None without one."""
    return next((item[key] for key in keys if item.get(key) is not None), None)


def member(value: Any, key: str, kind: type, where: str) -> Any:
    """``value[key]`` of an object, of the kind expected.

    Raises
    ------
    InvalidInputError : the value is no object, has no such key, or another kind of thing there.
    """
    if not isinstance(value, dict) or not isinstance(value.get(key), kind):
        found = value.get(key) if isinstance(value, dict) else value
        raise InvalidInputError(f"{where}: expected a {kind.__name__} {key!r}, found {found!r:.40}")
    return value[key]


def numbers(value: Any, where: str) -> Floats:
    """A list of numbers, or of lists of equal length of them, as float64; null is NaN.

    Raises
    ------
    InvalidInputError : it holds something else, or the lists' lengths differ.
    """
    try:
        found: NDArray[Any] = np.array(value)
        if found.dtype.kind == "O":
            if not all(v is None or type(v) in (int, float) for v in found.ravel().tolist()):
                raise ValueError
        elif found.size and found.dtype.kind not in "iuf":
            raise ValueError
        return found.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        raise InvalidInputError(f"{where}: expected numbers, found {str(value)[:60]}") from None


def points(value: list[Any], where: str, per_point: int = 3) -> Floats:
    """Keypoints (J, 2 or 3) from a flat list x, y, score, … or from a list of lists.

    Raises
    ------
    InvalidInputError : the list holds something else or ends within a keypoint.
    """
    found = numbers(value, where)
    if found.ndim == 1 and found.size % per_point == 0:
        found = found.reshape(-1, per_point)
    if found.ndim != 2 or found.shape[1] not in (2, 3):
        raise InvalidInputError(
            f"{where}: expected keypoints as {per_point} numbers each, found shape {found.shape}"
        )
    return found


def person_name(item: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    """Who an item is by the first key it has; None where it has none or a negative number."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return None if isinstance(value, int | float) and not value >= 0 else str(value)
    return None
