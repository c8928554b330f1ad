"""Opens a folder or a zip archive, here or at an address, as a tree of files."""

from pipeline.sources.archives import ZipTree
from pipeline.sources.tree import FolderTree, Tree
from pose_smoother.errors import InvalidInputError
from pose_smoother.remote.path import PathOrUrl, RemotePath


def open_tree(path: PathOrUrl, expected: str) -> Tree:
    """A folder or a zip archive, here or at an address, open for reading.

    Parameters
    ----------
    path : the folder or archive.
    expected : what should be there, for the error's text.

    Raises
    ------
    InvalidInputError : the path is absent, or neither a folder nor a readable zip archive.
    """
    if path.is_dir():
        if isinstance(path, RemotePath):
            from pipeline.sources.remote_files import RemoteTree

            return RemoteTree(path)
        return FolderTree(path)
    if path.is_file():
        return ZipTree(path)
    raise InvalidInputError(f"{path} does not exist: expected {expected}")
