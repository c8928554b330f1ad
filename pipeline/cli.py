"""The pipeline's program, and its commands about stores: preprocess, info, verify, show."""

import logging
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from pipeline.annotations.cli import SOURCES, check, download, parse_inputs, sample
from pipeline.bench.cli import bench
from pipeline.config import GROUP_BY, HEATMAPS, PROTOCOLS, BuildConfig
from pose_smoother.boxes import DEFAULT_EXPAND
from pose_smoother.cli_support import (
    HELP_OPTIONS,
    JSON,
    OVERWRITE,
    PATH,
    PLACE,
    FiniteRange,
    OneLineErrors,
    ignore_sigterm,
    inform,
    is_quiet,
    names,
    program_options,
    say,
    say_json,
    sigterm_as_exception,
)
from pose_smoother.errors import InvalidInputError
from pose_smoother.progress_bars import bars_hidden
from pose_smoother.remote.path import PathOrUrl, RemotePath, local_path
from pose_smoother.store.config import NEIGHBOURS
from pose_smoother.store.names import REPORT, STEPS
from pose_smoother.store.open import formats, open_store
from pose_smoother.store.split_overlap import PERSONS_NOTE


@click.group(cls=OneLineErrors, context_settings=HELP_OPTIONS)
@program_options(logging.WARNING)
def main(**chosen: bool) -> None:
    """Pose annotations in, a sharded store of ground-truth heatmap windows out."""
    del chosen  # read before the command, by their callbacks and by the group


main.add_command(sample)
main.add_command(download)
main.add_command(check)
main.add_command(bench)


@main.command()
@SOURCES
@click.option(
    "--out",
    required=True,
    type=PLACE,
    help="The store's folder or address (s3://bucket/store). A store of the same annotations and "
    "options that exists there is verified, and what is damaged in it is made again.",
)
@click.option(
    "--format",
    "store_format",
    default="zarr",
    show_default=True,
    type=click.Choice(formats()),
    help="Zarr v3 folder or HDF5 file.",
)
@click.option(
    "--actions",
    help="Penn Action's actions, comma separated, or 'all'. [default: the thesis's three]",
)
@click.option(
    "--test-actions",
    help="Actions whose videos make the test split, comma separated; the rest is split 75/25. "
    "[default: 60/20/20 of everything]",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Have a Dask cluster do the work: tcp://HOST:PORT of its scheduler, whose workers see "
    "--out under the same path; or 'local', a cluster of --workers processes on this machine.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the split.")
@click.option(
    "--expand",
    default=DEFAULT_EXPAND,
    show_default=True,
    type=FiniteRange(),
    help="Share by which each box side grows.",
)
@click.option("--keep-aspect", is_flag=True, help="Square boxes.")
@click.option(
    "--box-jitter",
    default=0.0,
    show_default=True,
    type=FiniteRange(),
    help="Move and scale every frame's box at random by up to this share of its side.",
)
@click.option(
    "--group-by",
    default=None,
    type=click.Choice(GROUP_BY),
    help="What stays in one split. neighbours: videos, and of Penn Action blocks of 20 "
    "neighbouring ids, which are often cut from one video (where there are at least 10 blocks); "
    "video: videos alone, which in Penn Action are single clips; clip: clips, chained where they "
    "share frames.  "
    "[default: neighbours; a store that exists keeps its own]",
)
@click.option(
    "--protocol",
    default="clips",
    show_default=True,
    type=click.Choice(PROTOCOLS),
    help="'thesis' cuts windows in file order, so that splits share frames.",
)
@click.option(
    "--heatmaps",
    default="dense",
    show_default=True,
    type=click.Choice(HEATMAPS),
    help="dense: every pixel is stored. impulse: positions alone; whatever reads the store renders "
    "the same heatmaps from them. Less processor time and disk.",
)
def preprocess(
    out: PathOrUrl,
    store_format: str,
    actions: str | None,
    test_actions: str | None,
    workers: int,
    scheduler: str | None,
    seed: int,
    expand: float,
    keep_aspect: bool,
    box_jitter: float,
    group_by: str | None,
    protocol: str,
    heatmaps: str,
    **paths: Any,
) -> None:
    """Turn annotations into a store of ground-truth heatmaps and windows.

    A killed run continues when the same command is given again. Given again for a finished store,
    it verifies the store and makes what is missing or damaged again, byte for byte; a store of
    other annotations or options is refused. Exit codes: 0 finished, 1 an
    error, 75 stopped by SIGTERM, 130 stopped by Ctrl-C; what is done is kept.

    Example: python -m pipeline preprocess --penn-action data/raw/penn_action/labels
    --out data/processed/store --workers 2
    """
    from pipeline.build import preprocess as build
    from pipeline.resume import saved_group_by
    from pose_smoother.files.lock import raise_if_locked

    config = BuildConfig(
        seed=seed,
        expand=expand,
        keep_aspect=keep_aspect,
        box_jitter=box_jitter,
        group_by=group_by or NEIGHBOURS,
        protocol=protocol,
        heatmaps=heatmaps,
        actions=names(actions) if actions else None,
        test_actions=names(test_actions) if test_actions else (),
    )
    inputs = parse_inputs(**paths)

    def make(folder: Path) -> None:
        progress = not bars_hidden()
        kept = saved_group_by(folder, store_format) if group_by is None else None
        chosen = replace(config, group_by=kept) if kept else config
        build(
            inputs,
            folder,
            chosen,
            store_format,
            workers,
            progress,
            scheduler,
            partial(inform, err=True),
        )

    with sigterm_as_exception():
        if isinstance(out, RemotePath):
            from pipeline.build_steps import build_key
            from pipeline.remote_build import build_at

            build_at(out, build_key(inputs, config, store_format), make, not bars_hidden())
        else:
            raise_if_locked(out)
            make(out)
        ignore_sigterm()
        if not is_quiet():
            _print_info(out)
        _warn_rejected(out)


def _warn_rejected(store: PathOrUrl) -> None:
    from pipeline.ingest_report import entries

    n_files, n_rejected, shown = 0, 0, []
    with open_store(store) as opened:
        for entry in entries(opened.local(REPORT)):
            n_files += 1
            if entry["status"] == "rejected":
                n_rejected += 1
                shown += [f"{entry['name']} {entry['reason']}"][: n_rejected <= 3]
    if n_rejected:
        say(
            f"warning: {n_rejected} of {n_files:,} files rejected: {'; '.join(shown)}"
            f"{'; ...' if n_rejected > 3 else ''}. Details: {store}/report.json",
            err=True,
        )


@main.command()
@click.argument("store", type=PLACE)
@JSON
def info(store: PathOrUrl, as_json: bool) -> None:
    """Say what is in a store.

    Example: python -m pipeline info data/processed/store --json
    """
    from pipeline.verify import info as collect

    if not as_json:
        _print_info(store)
        return
    with open_store(store) as opened:
        say_json(collect(opened))


def _print_info(path: PathOrUrl) -> None:
    from pipeline.verify import info as collect

    with open_store(path) as opened:
        found = collect(opened)
    frames = found["total"]["frames"]
    per_frame = found["bytes"] / frames if frames else 0
    say(f"{path}: {found['format']}, {found['bytes']:,} bytes ({per_frame:.0f} a frame)")
    header = "".join(f"{f'windows, step {step}':>18}" for step in STEPS)
    say(f"{'':<8}{'clips':>8}{'frames':>10}{header}")
    for name, part in (*found["splits"].items(), ("total", found["total"])):
        share = part["windows"]["step1"] / max(1, found["total"]["windows"]["step1"])
        windows = "".join(f"{part['windows'][f'step{step}']:>18,}" for step in STEPS)
        say(f"{name:<8}{part['clips']:>8,}{part['frames']:>10,}{windows}   {share:6.1%}")
    if found["left_out"]:
        say("left out")
        for reason, count in found["left_out"].items():
            say(f"  {reason:<54}{count:>10,}")


@main.command()
@click.argument("store", type=PLACE)
@click.option("--same-as", type=PLACE, help="Also compare every number with this other store.")
@JSON
def verify(store: PathOrUrl, same_as: PathOrUrl | None, as_json: bool) -> None:
    """Hash everything again, and count what is shared between splits.

    Example: python -m pipeline verify data/processed/store
    """
    from pipeline.verify import differences, verdict
    from pipeline.verify import verify as audit_store

    audit = audit_store(store)
    if as_json:
        say_json({"store": store, **asdict(audit)})
    elif audit.problems:
        for name, why in list(audit.problems.items())[:20]:
            say(f"{name} {why}")
    if audit.problems:
        raise InvalidInputError(verdict(store, audit))
    if not as_json:
        inform(f"{store}: all {audit.n_shards} shards verify")
        for kind, count in audit.shared.items():
            inform(f"  {kind} in more than one split: {count:,} of {audit.counted[kind]:,}")
        if audit.counted["people"]:
            inform(f"  {PERSONS_NOTE}")
    if audit.leaks:
        raise InvalidInputError(f"{store}: splits share frames or videos; preprocess again")
    if same_as is not None:
        with open_store(store) as first, open_store(same_as) as second:
            found = differences(first, second)
        if found:
            raise InvalidInputError(f"{store} and {same_as} differ in: {', '.join(found)}")
        if not as_json:
            inform(f"  equal content: {same_as}")


@main.command()
@click.argument("store", type=PLACE)
@click.option("--out", type=PATH, default=Path("windows.png"), show_default=True, help="The PNG.")
@click.option("--split", default="train", show_default=True, help="train, val or test.")
@click.option(
    "--windows", default=3, show_default=True, type=click.IntRange(1, 20), help="How many."
)
@click.option(
    "--step",
    default="1",
    show_default=True,
    type=click.Choice([str(step) for step in STEPS]),  # click 8.1 joins choices as text
    help="Frame step.",
)
@click.option(
    "--k", default=1.0, show_default=True, type=FiniteRange(), help="Shifting-scalar of the noise."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the choice.")
@OVERWRITE
def show(
    store: PathOrUrl,
    out: Path,
    split: str,
    windows: int,
    step: str,
    k: float,
    seed: int,
    overwrite: bool,
) -> None:
    """Draw windows: ground truth, noisy input, skeleton lines.

    Example: python -m pipeline show data/processed/store --out windows.png
    """
    from pipeline.show import draw_windows
    from pose_smoother.errors import unknown_name
    from pose_smoother.files.outputs import check_output
    from pose_smoother.store.names import SPLITS

    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    target = check_output(out, (local_path(store),), overwrite=overwrite)
    with open_store(store) as opened:
        draw_windows(opened, split, windows, int(step), k, seed, target)
    inform(f"wrote {out}")
