"""``python -m pose_smoother``."""

import os


def program() -> None:
    """The command, as a process of its own.

    OpenBLAS gets one thread, unless its own variable says how many: the products of the network
    that ships are small, and threads wait for each other longer than they work. The variable is
    read when numpy is first imported.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from pose_smoother.cli import main
    from pose_smoother.cli_support import run

    run(main)


if __name__ == "__main__":
    program()
