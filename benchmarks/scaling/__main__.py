"""What grows with frames, clips, shards and workers: measured, then extrapolated.

    python -m benchmarks.scaling memory                          # 10^4 to 10^6 tiny clips
    python -m benchmarks.scaling scheduler                       # up to 100,000 no-op shards
    python -m benchmarks.scaling builds LABELS [LABELS ...]      # folders of Penn-like labels
    python -m benchmarks.scaling sample FOLDER --clips 100000    # labels for a build of that size
    python -m benchmarks.scaling resident STORE [STORE ...]      # what a training process holds
    python -m benchmarks.scaling model                           # the grids, pictures, tables

Each part writes a CSV into benchmarks/results; ``model`` reads them.
"""

import argparse
from pathlib import Path

_DOCS = Path(__file__).parent.parent.parent / "docs"


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    memory = parts.add_parser("memory")
    memory.add_argument("--clips", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    scheduler = parts.add_parser("scheduler")
    scheduler.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    scheduler.add_argument("--threads", type=int, default=64)
    builds = parts.add_parser("builds")
    builds.add_argument("labels", type=Path, nargs="+")
    builds.add_argument("--workers", type=int, default=2)
    sample = parts.add_parser("sample")
    sample.add_argument("folder", type=Path)
    sample.add_argument("--clips", type=int, default=100_000)
    sample.add_argument("--frames", type=int, default=10, help="of each clip")
    resident = parts.add_parser("resident")
    resident.add_argument("stores", type=Path, nargs="+")
    parts.add_parser("model")
    chosen = parser.parse_args()
    if chosen.part == "memory":
        from benchmarks.scaling import memory as measured

        # The last size again in longer clips, to tell a clip's share from a frame's.
        longer = [(n, 20) for n in chosen.clips if n <= 10**5][-1:]
        measured.main([*((n, 5) for n in chosen.clips), *longer])
    elif chosen.part == "scheduler":
        from benchmarks.scaling.scheduler import main as feed

        feed(chosen.tasks, chosen.threads)
    elif chosen.part == "builds":
        from benchmarks.scaling.builds import main as build

        build(chosen.labels, chosen.workers)
    elif chosen.part == "sample":
        from benchmarks.scaling.sample import write

        write(chosen.folder, chosen.clips, chosen.frames)
    elif chosen.part == "resident":
        from benchmarks.scaling.resident import main as hold

        hold(chosen.stores)
    else:
        _model()


def _model() -> None:
    from benchmarks.scaling import model, picture, training

    model.main()
    training.main()
    cost, steps, page = model.costs(), training.steps(), _DOCS / "scaling.md"
    picture.draw(cost, _DOCS / "pictures" / "scaling.png")
    picture.draw_training(steps, _DOCS / "pictures" / "scaling_training.png")
    model.put_into(page, "model", model.tables(cost))
    model.put_into(page, "training", training.tables(steps))


if __name__ == "__main__":
    main()
