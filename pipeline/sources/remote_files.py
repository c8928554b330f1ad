"""Sources at an address: a folder's objects as a tree, read a few ahead, for each answer waits."""

from collections.abc import Iterable, Iterator

from pipeline.sources.tree import Member, Tree
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.objects import Entry, listing, read, thread_map
from pose_smoother.remote.path import RemotePath


class RemoteTree(Tree):
    """The objects below an address."""

    def __init__(self, path: RemotePath) -> None:
        self.path: RemotePath = path
        self._entries: dict[str, Entry] = listing(path)
        self.members = [Member(name) for name in self._entries]

    def read(self, name: str, max_bytes: int) -> bytes:
        n_bytes = self._entries[name].n_bytes
        if n_bytes > max_bytes:
            raise InvalidInputError(f"is larger than the {max_bytes:,} bytes allowed")
        try:
            return read(self.path / name, n_bytes)
        except FileNotFoundError:
            raise InvalidInputError("was deleted while the folder was read") from None


def read_ahead(
    tree: Tree, names: Iterable[str], max_bytes: int
) -> Iterator[tuple[str, bytes | InvalidInputError]]:
    """Members in the order asked for, or why one can't be used; the next ones are on their way."""

    def get(name: str) -> tuple[str, bytes | InvalidInputError]:
        try:
            return name, tree.read(name, max_bytes)
        except InvalidInputError as error:
            return name, error

    yield from thread_map(get, names)
