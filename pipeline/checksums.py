"""SHA-256 sums that a user trusts, in the format of sha256sum, against the annotations as found.

No checksum covers a value in an uncompressed `.mat` file: a flipped coordinate that stays plausible
can only be detected by a hash from elsewhere (DESIGN section 12).
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.parse_files import ParsedFile
from pose_smoother.errors import InvalidInputError
from pose_smoother.files.atomic import hash_mismatch, write_atomic
from pose_smoother.files.plain import read_plain

_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
_MAX_BYTES = 1 << 30
_NAMED = 3  # of the files that are listed and were not found

_log = logging.getLogger(__name__)


def read_hashes(path: Path) -> dict[str, str]:
    """File name -> SHA-256, from a list as ``sha256sum`` writes it; ``#`` begins a comment.

    Raises
    ------
    InvalidInputError : absent, a line of another kind, or a name with two sums.
    """
    try:
        text = read_plain(path, _MAX_BYTES).decode()
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path} can't be read as a list of SHA-256 sums ({error})"
        ) from None
    by_name: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidInputError(
                f"{path}, line {number}: expected a SHA-256 sum, two spaces and a name, as "
                f"sha256sum writes them, got {line[:80]!r}"
            )
        sha256, name = match[1].lower(), match[2]
        if by_name.setdefault(name, sha256) != sha256:
            raise InvalidInputError(f"{path}, line {number}: {name} has another sum above")
    return by_name


def write_hashes(path: Path, by_name: dict[str, str]) -> None:
    """Write a list that ``sha256sum --check`` reads, sorted by name."""
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(by_name.items())]
    write_atomic(path, "".join(lines).encode())


class ChecksumList:
    """What becomes of files that are not as a list says: they are rejected. No list trusts all.

    Attributes
    ----------
    n_other : files so far that were not as listed.

    Raises
    ------
    InvalidInputError : see ``read_hashes``.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._listed = {} if path is None else read_hashes(path)
        self._absent = set(self._listed)
        self.n_other = 0

    def judged(self, outcomes: Iterable[ParsedFile]) -> Iterator[ParsedFile]:
        """Outcomes, without the clips of files that are not as listed."""
        for outcome in outcomes:
            self._absent.discard(outcome.name)
            fault = self._fault(outcome)
            self.n_other += bool(fault)
            reason = "; ".join(part for part in (outcome.reason, fault) if part)
            yield replace(outcome, clips=[], reason=reason) if fault else outcome

    def _fault(self, outcome: ParsedFile) -> str:
        if self._path is None:
            return ""
        expected = self._listed.get(outcome.name)
        if expected is None:
            return "is not in the list of SHA-256 sums"
        if expected == outcome.sha256:
            return ""
        return f"has another SHA-256 than listed ({hash_mismatch(expected, outcome.sha256)})"

    def tell_absent(self) -> None:
        """Warn of files that are listed and were not there."""
        if self._absent:
            names = sorted(self._absent)
            named = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            message = "%d of the %d files that %s lists are not there: %s"
            _log.warning(message, len(names), len(self._listed), self._path, named)
