"""Whether processes can share locks here: what worker processes need, and where it is missing."""

import multiprocessing


def shared_locks_problem() -> str:
    """Why processes cannot share locks, as a sentence's second half; "" where they can.

    Linux keeps such locks in ``/dev/shm``, which some containers lack or mount read-only.
    """
    try:
        multiprocessing.get_context("spawn").Lock()
    except (OSError, ImportError) as error:
        return f"worker processes need /dev/shm, which cannot be written here ({error})"
    return ""
