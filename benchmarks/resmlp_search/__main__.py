"""Try the variants of the fifth model, and keep what came out.

    python -m benchmarks.resmlp_search --store STORE --out benchmarks/results/resmlp_search.csv

STORE: the nine actions of Penn Action (``preprocess --actions all``). Trains each variant on its
training windows with the noise of experiment 1.1, and scores it on 8,000 validation windows, whose
noise is drawn once; the test split is never read. A row a variant: as it is, and with the mirrored
window's estimate (``flip_``); ``cpu_s`` are the processor's seconds of training. Rows that are in
the CSV (same variant, steps and seed) are not made again. A full variant takes 3 to 7 minutes of
one core that multiplies bfloat16 matrices, all ten about 45; ``--only`` makes one, by its name or a
part of it that no other has.
"""

import argparse
import csv
import io
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.resmlp_search.network import HALF_PX, HEADS, Head, Network
from benchmarks.resmlp_search.poses import (
    ALPHAS,
    BATCH,
    Poses,
    Validation,
    draw_batch,
    mirrored,
    read_poses,
)
from benchmarks.resmlp_search.variants import MEAN, VARIANTS, Variant
from pose_smoother.errors import unknown_name
from pose_smoother.files.atomic import write_atomic
from pose_smoother.store.open import open_store

MEASURES = (*(f"pck_{alpha:g}" for alpha in ALPHAS), "error_px")
SETTINGS = ("steps", "width", "blocks", "loss", "rotate_deg", "shear", "reverse", "leave_out")
COLUMNS = ("variant", "seed", *SETTINGS, "learning_rate", *MEASURES)
COLUMNS += (*(f"flip_{name}" for name in MEASURES), "cpu_s")
_JUDGED_AT_ONCE = 2000

Row = dict[str, str]


def train(how: Variant, poses: Poses, seed: int) -> tuple[Network, Head, float]:
    """A trained network with its head, and the processor's seconds that it took."""
    torch.manual_seed(seed)
    n_keypoints = poses.annotated.shape[1]
    head_type = HEADS[how.loss]
    network = Network(how, n_keypoints, head_type.n_outputs)
    head: Head = head_type()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=how.learning_rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, how.learning_rate, total_steps=how.steps, pct_start=0.1
    )
    torch.manual_seed(seed)
    start_s = time.process_time()
    for _ in tqdm(range(how.steps), desc=how.name, unit="step", disable=None):
        noisy_px, truth_px, there = draw_batch(poses, how, BATCH)
        out, mean = network(noisy_px, there)
        loss = head.loss(out, mean, truth_px / HALF_PX - 1, there)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval(), head, time.process_time() - start_s


def estimated(network: Network, head: Head, noisy_px: Tensor, there: Tensor) -> Tensor:
    """Positions in px, of windows (B, T, K, 2)."""
    parts = zip(noisy_px.split(_JUDGED_AT_ONCE), there.split(_JUDGED_AT_ONCE), strict=True)
    with torch.no_grad():
        return torch.cat([head.estimate(*network(*part)) for part in parts])


def row_of(how: Variant, seed: int, train_poses: Poses, val: Validation) -> Row:
    """Train a variant and judge it."""
    network, head, cpu_s = train(how, train_poses, seed)
    mirror = train_poses.mirror
    plain = estimated(network, head, val.noisy, val.there)
    other = estimated(network, head, mirrored(val.noisy, mirror), val.there[:, :, mirror])
    both = (plain + mirrored(other, mirror)) / 2
    settings = asdict(how)
    row = {"variant": settings.pop("name"), "seed": str(seed)}
    row |= {name: f"{value:g}" if name != "loss" else value for name, value in settings.items()}
    row |= _measured("", val.scores(plain)) | _measured("flip_", val.scores(both))
    return row | {"cpu_s": f"{cpu_s:.0f}"}


def mean_row(val: Validation) -> Row:
    """The mean over the window, which the network starts as: nothing is trained for it."""
    there = val.there[..., None].float()
    mean = (val.noisy * there).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp(min=1)
    scores = val.scores(mean.expand_as(val.noisy))
    return dict.fromkeys(COLUMNS, "") | {"variant": MEAN, "steps": "0"} | _measured("", scores)


def _measured(prefix: str, scores: list[float]) -> Row:
    return {prefix + name: f"{number:.2f}" for name, number in zip(MEASURES, scores, strict=True)}


def chosen_variants(only: str | None, steps: int | None) -> list[Variant]:
    """The variants to make, perhaps with other numbers of steps.

    Raises
    ------
    InvalidInputError : ``only`` names none, or several.
    """
    found = [how for how in VARIANTS if only is None or how.name == only]
    if not found:
        found = [how for how in VARIANTS if only and only in how.name]
        if len(found) != 1:
            raise unknown_name("variant", str(only), [how.name for how in VARIANTS])
    return [how if steps is None else replace(how, steps=steps) for how in found]


def read_rows(file: Path) -> list[Row]:
    """What is in the CSV."""
    if not file.exists():
        return []
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def write_rows(file: Path, rows: list[Row]) -> None:
    """Write the CSV whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(file, text.getvalue().encode())


def key(row: Row) -> tuple[str, str, str]:
    """What makes a row another one."""
    return row["variant"], row["steps"], row.get("seed", "")


def main() -> None:
    """Make the rows that the CSV lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="the nine actions' store")
    parser.add_argument("--out", type=Path, required=True, help="CSV file that is gone on with")
    parser.add_argument("--only", metavar="NAME", help="one variant (default: all)")
    parser.add_argument("--steps", type=int, help="other than the variant's own, for a trial")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    variants = chosen_variants(options.only, options.steps)
    with open_store(options.store) as store:
        train_poses, val = read_poses(store, "train"), Validation.of(read_poses(store, "val"))
    rows = read_rows(options.out)
    if not any(row["variant"] == MEAN for row in rows):
        rows.insert(0, mean_row(val))
        write_rows(options.out, rows)
    for how in variants:
        if (how.name, str(how.steps), str(options.seed)) in map(key, rows):
            print(f"{how.name}, {how.steps} steps, seed {options.seed}: in the CSV already")
            continue
        rows.append(row_of(how, options.seed, train_poses, val))
        write_rows(options.out, rows)
        print(", ".join(f"{name} {cell}" for name, cell in rows[-1].items()), flush=True)


if __name__ == "__main__":
    main()
