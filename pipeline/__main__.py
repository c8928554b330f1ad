"""``python -m pipeline``."""

from pipeline.cli import main
from pipeline.contract.cli import run


def program() -> None:
    """The command, as a process of its own."""
    run(main)


if __name__ == "__main__":
    program()
