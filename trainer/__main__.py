"""``python -m trainer``."""

from pose_smoother.cli_support import run
from trainer.cli import main


def program() -> None:
    """The command, as a process of its own."""
    run(main)


if __name__ == "__main__":
    program()
