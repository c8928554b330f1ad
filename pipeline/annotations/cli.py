"""The commands about annotations, sample, download and check; and the options that name them."""

from pathlib import Path
from typing import Any

import click

from pipeline.sources import SourceOptions, sources
from pose_smoother.cli_support import JSON, PATH, PLACE, inform, options, say_json, say_lines
from pose_smoother.errors import InvalidInputError
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.remote.path import PathOrUrl


def _source_options() -> list[Any]:
    """An option for each path that a source declares."""
    return [
        click.option(f"--{option.name}", type=PLACE, help=option.help)
        for source in sources().values()
        for option in source.OPTIONS
    ]


SOURCES = options(
    *_source_options(),
    click.option(
        "--hashes",
        type=PATH,
        help="SHA-256 sums as sha256sum writes them: files that are not as listed are rejected.",
    ),
)


def parse_inputs(hashes: Path | None, **values: PathOrUrl | None) -> Any:
    """The inputs that the options of ``SOURCES`` name.

    Parameters
    ----------
    values : by click's names of the options, such as ``penn_action``; None is not given.
    """
    from pipeline.ingest import Inputs

    names = [option.name for source in sources().values() for option in source.OPTIONS]
    paths = {name: path for name in names if (path := values[name.replace("-", "_")]) is not None}
    given = {name: path for name, path in paths.items() if name in sources()}
    if not given:
        choices = ", ".join(f"--{name} PATH" for name in sources())
        raise InvalidInputError(f"no annotations given: use one or more of {choices}")
    for path in (*paths.values(), hashes):
        if path is not None and not path.exists():
            raise InvalidInputError(f"{path} does not exist")
    extra = {name: path for name, path in paths.items() if name not in given}
    return Inputs(given, SourceOptions(extra, hashes))


@click.command()
@click.argument("out", type=PATH)
@click.option("--clips", default=60, show_default=True, type=click.IntRange(2), help="Clips.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed.")
def sample(out: Path, clips: int, seed: int) -> None:
    """Write synthetic annotations in both datasets' own formats.

    Example: python -m pipeline sample data/raw --clips 60 --seed 0
    """
    from tqdm import tqdm

    from pipeline.synthetic import write_sample

    with tqdm(total=clips, unit="clip", disable=bars_hidden()) as bar:
        write_sample(out, clips, seed, bar.update)
    inform(f"wrote {clips} sample clips to {out} (synthetic people, not a dataset)")


@click.command()
@click.argument("name", type=click.Choice(["brace", "penn-action"]))
@click.option("--out", type=PATH, default=Path("data/raw"), show_default=True, help="Folder.")
def download(name: str, out: Path) -> None:
    """Fetch a dataset's annotations from its official address.

    Example: python -m pipeline download brace --out data/raw
    """
    from pipeline.annotations.download import download as fetch

    for path in fetch(name, out, inform):
        inform(f"ready: {path}")


@click.command()
@SOURCES
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@JSON
def check(workers: int, hashes: Path | None, as_json: bool, **paths: Any) -> None:
    """Say what is in the annotations, and what is broken and why.

    Nothing is written, except the list of --hashes where there is none yet: of what is here now.

    Example: python -m pipeline check --penn-action data/raw/penn_action/labels
    """
    from pipeline.annotations.check import check as count
    from pipeline.annotations.check import table

    listed = hashes if hashes is not None and hashes.exists() else None
    results = count(parse_inputs(**paths, hashes=listed), workers, progress=not bars_hidden())
    if as_json:
        say_json([{**vars(found), "sha256": len(found.sha256)} for found in results])
    else:
        for found in results:
            say_lines(table(found))
    if listed is not None:
        _say_whether_listed(results, listed)
    elif hashes is not None:
        from pipeline.checksums import write_hashes

        sums = {name: sha256 for found in results for name, sha256 in found.sha256.items()}
        write_hashes(hashes, sums)
        inform(f"wrote {len(sums):,} SHA-256 sums to {hashes}")
    if not any(found.n_boxed for found in results):
        raise InvalidInputError("nothing usable: no clip has a frame with two annotated keypoints")


def _say_whether_listed(results: Any, listed: Path) -> None:
    n_other = sum(found.n_not_as_listed for found in results)
    if n_other:
        raise InvalidInputError(f"{n_other} files are not as {listed} lists them: see above")
    n_files = sum(found.n_files for found in results)
    inform(f"all {n_files:,} files are as {listed} lists them")
