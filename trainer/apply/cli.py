"""Commands that use a trained model: show, export."""

from pathlib import Path

import click

from pipeline.contract.cli import PATH
from pipeline.contract.store import open_store
from trainer.run.cli import DEVICE


@click.command()
@click.option(
    "--run", required=True, type=PATH, help="The folder of a run, trained or in training."
)
@click.option("--store", default=None, type=PATH, help="Where the store is now, if it was moved.")
@click.option(
    "--out",
    default=Path("smoothed.png"),
    show_default=True,
    type=PATH,
    help="The picture: .png, .svg or .pdf.",
)
@click.option(
    "--windows", default=3, show_default=True, type=click.IntRange(1, 16), help="How many."
)
@click.option("--device", default="cpu", show_default=True, type=DEVICE, help="Where to compute.")
def show(run: Path, store: Path | None, out: Path, windows: int, device: str) -> None:
    """Draw test windows, noisy and as the run's best epoch smooths them.

    Example: python -m trainer show --run runs/deciwatch-2.3-seed0 --out smoothed.png
    """
    from trainer.apply.show import draw_test_windows
    from trainer.run.repeat import run_config

    config, store_then = run_config(run, device)
    with open_store(store or store_then) as opened:
        draw_test_windows(run, config, opened, windows, out)
    click.echo(f"wrote {out}")


@click.command()
@click.argument("out", type=PATH)
@click.option(
    "--run", required=True, type=PATH, help="The folder of a run, trained or in training."
)
@click.option(
    "--tolerance",
    default=1e-4,
    show_default=True,
    type=click.FloatRange(0),
    help="Largest difference to torch, as a share of the largest output; beyond it nothing is "
    "written.",
)
def export(out: Path, run: Path, tolerance: float) -> None:
    """Write the run's best epoch as ONNX, for batches of any size, after comparing it with torch.

    The file tells of itself: keypoints in their order, frames, how positions become its input.
    examples/onnx_without_torch.py runs it without torch. Needs the extra `export`.

    Example: python -m trainer export --run runs/deciwatch-2.3-seed0 model.onnx
    """
    from trainer.apply.export import export_run

    exported = export_run(run, out, tolerance)
    click.echo(
        f"max difference to torch: {exported.difference:.3g} (largest output "
        f"{exported.largest:.3g}, batches of 1, 2 and 3)"
    )
    click.echo(f"wrote {out}: {exported.n_bytes / 1e6:.1f} MB, {exported.metadata['model']}")
