"""Go on from weights at hand: towards the truth, and towards their own mean over mirrored inputs.

    python -m trainer.pretrain.distil --out DIR --weights DIR/weights.npz

The network is not quite equivariant to mirroring and to the direction of time. The mean of its
eight answers to one clip has less error than each, at eight times the cost; so the network is
trained to give that mean at once. Clips without noise, of which there are more here, are taught by
the truth. The teacher is the network as it was at the beginning. The same command goes on from the
last checkpoint in DIR.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pose_smoother.cli_support import say
from pose_smoother.pretrained.features import MEDIANS, prepare
from pose_smoother.pretrained.network import WEIGHTS
from trainer.data.clean_motion import MotionPool
from trainer.pretrain.batches import POSITIONS, Batch, batches, draw_clips
from trainer.pretrain.export import export_weights
from trainer.pretrain.temporal_denoiser import TemporalDenoiser
from trainer.pretrain.train_denoiser import (
    ERROR_FLOOR,
    JITTER_FLOOR,
    PretrainConfig,
    clip_measures,
    loss_of,
    predict,
    saved_often,
    to_tensors,
)

SIGNED = 2 * len(MEDIANS) + 8  # the first input channels change their sign with their axis
VIEWS = tuple((x, y, back) for back in (False, True) for x in (1, -1) for y in (1, -1))
KEPT = 24  # batches that are used again
CLEAN = 0.12  # share of clips without noise


@dataclass(frozen=True)
class DistilConfig:
    """Settings of a run; its steps set the learning rate's half cosine."""

    steps: int = 2400
    seed: int = 1
    pool: int = 600
    learning_rate: float = 3e-4
    share: float = 0.7  # of the loss: distance to the teacher's mean; the rest is that of training
    reuse: int = 6
    average: float = 0.997
    clip: float = 0.5
    bfloat16: bool = False


@dataclass
class TwoWayBatch(Batch):
    """A batch with the inputs of its clips read backwards."""

    backward_inputs: NDArray[np.float32]


def draw_two_way(
    pool: MotionPool, rng: np.random.Generator, positions: int = POSITIONS
) -> TwoWayBatch:
    """One batch of whole clips as the network sees them in both directions of time."""
    rows = []
    for clip in draw_clips(pool, rng, positions, CLEAN):
        ready = prepare(clip.noisy, clip.scores)
        centre = ready.centre.astype(np.float32)
        backward = replace(
            ready, filled=ready.filled[::-1], medians=ready.medians[:, ::-1],
            observed=ready.observed[::-1], scores=ready.scores[:, ::-1],
        )  # fmt: skip
        rows.append((
            ready.inputs(), ready.neighbours, ready.valid, ready.filled, ready.medians,
            ready.observed, ready.unit, (clip.target - centre).astype(np.float32),
            (clip.noisy - centre).astype(np.float32), np.float32(clip.size), backward.inputs(),
        ))  # fmt: skip
    return TwoWayBatch(*(np.stack(column) for column in zip(*rows, strict=True)))


def seen_as(b: dict[str, Tensor], x: int, y: int, backward: bool) -> dict[str, Tensor]:
    """A batch with the signs of its axes and the direction of time changed."""
    signs = torch.tensor([x, y], dtype=torch.float32)
    both = ("inputs", "backward_inputs")
    out = dict(b)
    for name, source in zip(both, both[::-1] if backward else both, strict=True):
        out[name] = b[source].clone()
        out[name][..., :SIGNED] *= signs.repeat(SIGNED // 2)
    for name in ("filled", "medians", "target", "noisy", "teacher"):
        if name in b:
            value = b[name] * signs
            out[name] = value.flip(2 if name == "medians" else 1) if backward else value
    if backward:
        out["observed"] = b["observed"].flip(1)
    return out


@torch.no_grad()
def mean_over_views(net: nn.Module, b: dict[str, Tensor]) -> Tensor:
    """The mean of a network's answers over all views, float32 (B, T, K, 2)."""
    total = torch.zeros_like(b["filled"])
    for x, y, backward in VIEWS:
        found, _ = predict(net, seen_as(b, x, y, backward))
        found = found.flip(1) if backward else found
        total += found * torch.tensor([x, y], dtype=torch.float32)
    return total / len(VIEWS)


def teach(net: nn.Module, b: dict[str, Tensor]) -> Tensor:
    """What a batch is taught, float32 (B, T, K, 2): the mean over views; the truth of clean clips.

    Quick clean motion looks like noise to the teacher.
    """
    noise = (torch.nan_to_num(b["noisy"]) - b["target"]).norm(dim=-1) * b["observed"]
    clean = noise.amax((1, 2)) < 1e-6 * b["size"]
    return torch.where(clean[:, None, None, None], b["target"], mean_over_views(net, b))


def distil_loss(net: nn.Module, b: dict[str, Tensor], config: DistilConfig) -> Tensor:
    """The loss of training, and the distance to the teacher in units of the teacher's error."""
    usual = PretrainConfig()
    out, log_scale = predict(net, b, config.bfloat16)
    loss, _ = loss_of(out, log_scale, b, usual)
    with torch.no_grad():
        left = clip_measures(b["teacher"], b)
    apart = clip_measures(out, {**b, "target": b["teacher"]})
    distance = (apart.error / (left.error + ERROR_FLOOR)).mean()
    distance += usual.jitter_weight * (apart.jitter / (left.jitter + JITTER_FLOOR)).mean()
    distance += usual.end_weight * (apart.end / (left.end + ERROR_FLOOR)).mean()
    return (1.0 - config.share) * loss + config.share * distance


def load_shipped(path: Path = WEIGHTS) -> TemporalDenoiser:
    """The torch network with the weights of a file."""
    net = TemporalDenoiser()
    with np.load(path, allow_pickle=False) as file:
        net.load_state_dict(
            {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
        )
    return net


class DistilRun:
    """A run in a folder: network, optimizer, running mean, progress."""

    def __init__(self, folder: Path, config: DistilConfig, weights: Path = WEIGHTS) -> None:
        self.folder, self.config = folder, config
        folder.mkdir(parents=True, exist_ok=True)
        self.teacher = load_shipped(weights).eval()
        self.net, self.mean = copy.deepcopy(self.teacher), copy.deepcopy(self.teacher)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), config.learning_rate, weight_decay=0.0
        )
        self.step, self.seconds = 0, 0.0
        if (folder / "last.pt").exists():
            state = torch.load(folder / "last.pt", weights_only=True)
            for name in ("net", "mean", "optimizer"):
                getattr(self, name).load_state_dict(state[name])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the checkpoint aside and rename it."""
        state = {name: getattr(self, name).state_dict() for name in ("net", "mean", "optimizer")}
        torch.save({**state, "step": self.step, "seconds": self.seconds}, self.folder / "last.tmp")
        (self.folder / "last.tmp").replace(self.folder / "last.pt")

    def update(self, b: dict[str, Tensor]) -> float:
        """One step; returns the loss. A step that is not finite is skipped."""
        done = min(self.step / self.config.steps, 1.0)
        rate = self.config.learning_rate * min((self.step + 1) / 100, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * done))
        loss = distil_loss(self.net, b, self.config)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip)
        self.step += 1
        if torch.isfinite(loss) and torch.isfinite(norm):
            self.optimizer.step()
            keep = min(self.config.average, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                pairs = zip(self.mean.parameters(), self.net.parameters(), strict=True)
                for slow, fast in pairs:
                    slow.lerp_(fast, 1 - keep)
        return float(loss.detach())


def taught(run: DistilRun) -> Iterator[dict[str, Tensor]]:
    """Every new batch with its teacher, then earlier ones again, each from a random view."""
    config, kept = run.config, list[dict[str, Tensor]]()
    first = run.step // config.reuse
    for index, batch in batches(config.seed, config.pool, first, 1, draw_two_way):
        new = to_tensors(batch)
        new["teacher"] = teach(run.teacher, new)
        kept.append(new)
        del kept[:-KEPT]
        rng = np.random.default_rng((config.seed, 13, index))
        for use in range(config.reuse):
            b = new if use == 0 else kept[rng.integers(len(kept))]
            yield seen_as(b, *VIEWS[rng.integers(len(VIEWS))])


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, train, and write the weights."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.pretrain.distil", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to start (.npz)")
    for name in ("steps", "pool"):
        default = getattr(DistilConfig, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument(
        "--bfloat16", action="store_true", help="twice as fast on processors that multiply it"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = DistilConfig(steps=options.steps, pool=options.pool, bfloat16=options.bfloat16)
    run = DistilRun(options.out, config, options.weights)
    for b in saved_often(run, taught(run), config.steps):
        run.update(b)
    digest = export_weights(run.mean, options.out / "weights.npz")
    say(f"{options.out / 'weights.npz'}: {run.step} steps, SHA-256 {digest}")


if __name__ == "__main__":
    main()
