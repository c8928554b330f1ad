"""``python -m pose_smoother``."""

from pose_smoother.cli import main
from pose_smoother.cli_support import run


def program() -> None:
    """The command, as a process of its own."""
    run(main)


if __name__ == "__main__":
    program()
