"""The local copy of a remote store for zarr: a file that the cache deleted is fetched again."""

from typing import TYPE_CHECKING, Any

from zarr.storage import LocalStore, WrapperStore

from pose_smoother.remote.local_copy import MAX_TIMES

if TYPE_CHECKING:
    from pose_smoother.remote.local_copy import LocalCopy


class FetchedStore(WrapperStore[LocalStore]):
    """A local zarr store in which a file that the cache deleted is fetched again.

    zarr reads an absent chunk as zeros, and another process may delete any file at any moment.
    """

    def __init__(self, files: LocalStore, local_copy: "LocalCopy") -> None:
        super().__init__(files)
        self._local_copy = local_copy

    def _with_store(self, store: LocalStore) -> "FetchedStore":
        return type(self)(store, self._local_copy)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """As zarr's; a file of the manifest is never reported as absent."""
        found = await super().get(key, prototype, byte_range)
        for _ in range(MAX_TIMES):
            if found is not None or not self._local_copy.has(key):
                return found
            self._local_copy.fetch(key)
            found = await super().get(key, prototype, byte_range)
        raise FileNotFoundError(f"{key} is deleted from the cache as soon as it is fetched")
