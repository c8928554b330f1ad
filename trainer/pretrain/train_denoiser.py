"""Train the pretrained smoother on simulated detections of synthetic motion.

    python -m trainer.pretrain --out DIR
    python -m trainer.pretrain --out DIR --steps 3700 --live    (the network of live streams)

The same command goes on from the last checkpoint in DIR. A step whose loss or gradient is not
finite is skipped; gradients are clipped; the exported weights are a running mean.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pose_smoother.cli_support import say
from trainer.pretrain.batches import batches, draw_batch
from trainer.pretrain.export import export_weights
from trainer.pretrain.live_denoiser import LiveDenoiser, draw_live_batch, live_loss
from trainer.pretrain.temporal_denoiser import TemporalDenoiser, candidates, combine

T = TypeVar("T")

ERROR_FLOOR = 5e-4  # of the body: smaller errors are as good as none
JITTER_FLOOR = 5e-4
END_FRAMES = 9  # the last frames of a clip are what live use sees at delays of 0 to 8 frames


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of a run; its `steps` set the learning rate's schedule.

    Every batch is used `reuse` times, because making one costs half as much as a step.
    """

    steps: int = 6000
    seed: int = 0
    pool: int = 1500
    workers: int = 1
    threads: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    clip: float = 0.5
    average: float = 0.998
    jitter_weight: float = 0.18
    interval_weight: float = 0.03
    end_weight: float = 0.15
    bfloat16: bool = False
    reuse: int = 2
    live: bool = False


def to_tensors(batch: Any) -> dict[str, Tensor]:
    """The arrays of a batch as tensors."""
    return {name: torch.from_numpy(np.asarray(value)) for name, value in vars(batch).items()}


def predict(net: nn.Module, b: dict[str, Tensor], bfloat16: bool = False) -> tuple[Tensor, Tensor]:
    """(smoothed (B, T, K, 2), log of the error's scale in units (B, T, K))."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        raw = net(b["inputs"], b["neighbours"], b["valid"])
    near, logit = candidates(b["filled"], b["medians"], b["observed"])
    out = combine(raw, near, logit, b["medians"][:, 0], b["unit"])
    return out, raw[..., -1].transpose(1, 2)


@dataclass
class Measures:
    """Errors of clips in body sizes, over points that the detector gave.

    `error`, `end` (its last frames alone) and `jitter` (error of the second difference) are means
    of shape (B,); `length` has every point's error, shape (B, T, K).
    """

    error: Tensor
    end: Tensor
    jitter: Tensor
    length: Tensor


def _mean(values: Tensor, ok: Tensor) -> Tensor:
    return (values * ok).sum((1, 2)) / ok.sum((1, 2)).clamp(min=1.0)


def clip_measures(out: Tensor, b: dict[str, Tensor]) -> Measures:
    """Errors of smoothed clips."""
    ok = b["observed"].float()
    size = b["size"][:, None, None]
    delta = torch.where(b["observed"][..., None], out - b["target"], 0.0)
    length = torch.sqrt((delta**2).sum(-1) / size**2 + 1e-9)
    ok3 = ok[:, 2:] * ok[:, 1:-1] * ok[:, :-2]
    second = delta[:, 2:] - 2 * delta[:, 1:-1] + delta[:, :-2]
    second = torch.sqrt((second**2).sum(-1) / size**2 + 1e-9)
    end = _mean(length[:, -END_FRAMES:], ok[:, -END_FRAMES:])
    return Measures(_mean(length, ok), end, _mean(second, ok3), length)


def loss_of(
    out: Tensor, log_scale: Tensor, b: dict[str, Tensor], config: PretrainConfig
) -> tuple[Tensor, Tensor]:
    """(loss, mean logarithm of error over raw error).

    Logarithms, because the score is a geometric mean of ratios over recordings: a clip with little
    noise counts as much as one with a lot.
    """
    ours, raw = clip_measures(out, b), clip_measures(torch.nan_to_num(b["noisy"]), b)
    ratio = torch.log(ours.error + ERROR_FLOOR) - torch.log(raw.error + ERROR_FLOOR)
    end = torch.log(ours.end + ERROR_FLOOR) - torch.log(raw.end + ERROR_FLOOR)
    rough = torch.log(ours.jitter + JITTER_FLOOR) - torch.log(raw.jitter + JITTER_FLOOR)
    unit = (b["unit"] / b["size"][:, None])[:, None]
    scale = torch.exp(log_scale.clamp(-4.0, 6.0)) * unit
    likelihood = ours.length.detach() / scale + 2.0 * log_scale.clamp(-4.0, 6.0)
    ok = b["observed"].float()
    interval = (likelihood.clamp(max=50.0) * ok).sum() / ok.sum().clamp(min=1.0)
    loss = ratio.mean() + config.jitter_weight * rough.mean() + config.interval_weight * interval
    loss = loss + config.end_weight * end.mean()
    return loss, ratio.detach().mean()


class Run:
    """A training run in a folder: network, optimizer, running mean, progress."""

    def __init__(self, folder: Path, config: PretrainConfig) -> None:
        self.folder, self.config = folder, config
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.net: nn.Module = LiveDenoiser() if config.live else TemporalDenoiser()
        self.mean = copy.deepcopy(self.net)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.step, self.seconds, self.skipped = 0, 0.0, 0
        if (folder / "last.pt").exists():
            state = torch.load(folder / "last.pt", weights_only=True)
            self.net.load_state_dict(state["net"])
            self.mean.load_state_dict(state["mean"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]
        (folder / "config.json").write_text(json.dumps(asdict(config), indent=1))

    def learning_rate(self) -> float:
        """Warm-up over 200 steps, then half a cosine over the run's steps."""
        done = min(self.step / self.config.steps, 1.0)
        rise = min((self.step + 1) / 200, 1.0)
        return self.config.learning_rate * rise * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))

    def save(self) -> None:
        """Write the checkpoint aside and rename it."""
        state = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, self.folder / "last.tmp")
        (self.folder / "last.tmp").replace(self.folder / "last.pt")

    def update(self, b: dict[str, Tensor]) -> float:
        """One step; returns the mean log ratio, NaN where the step was skipped."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        if self.config.live:
            loss, ratio = live_loss(self.net, b, self.config.jitter_weight)
        else:
            out, log_scale = predict(self.net, b, self.config.bfloat16)
            loss, ratio = loss_of(out, log_scale, b, self.config)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip)
        self.step += 1
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            self.skipped += 1
            return math.nan
        self.optimizer.step()
        keep = min(self.config.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for slow, fast in zip(self.mean.parameters(), self.net.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        return float(ratio)


def replayed(source: Iterable[tuple[int, Any]], reuse: int, seed: int) -> Iterator[Any]:
    """Every new batch once, then `reuse - 1` random ones of the last 48."""
    kept: list[Any] = []
    for index, batch in source:
        yield batch
        kept.append(batch)
        del kept[:-48]
        rng = np.random.default_rng((seed, 13, index))
        for _ in range(reuse - 1):
            yield kept[rng.integers(len(kept))]


class Resumable(Protocol):
    """A run that knows how far it came and how long it took, and can be saved."""

    step: int
    seconds: float

    def save(self) -> None:
        """Write a checkpoint."""


def saved_often(run: Resumable, items: Iterable[T], steps: int) -> Iterator[T]:
    """Items until the run has made its steps; a checkpoint every two minutes and at the end."""
    saved = last = time.monotonic()
    for item in items if run.step < steps else ():
        yield item
        now = time.monotonic()
        run.seconds += now - last
        last = now
        if run.step >= steps:
            break
        if now - saved > 120:
            run.save()
            saved = now
    run.save()


def train(folder: Path, config: PretrainConfig) -> Run:
    """Train until the run has made its steps."""
    torch.set_num_threads(config.threads)
    run = Run(folder, config)
    recent: list[float] = []
    draw = draw_live_batch if config.live else draw_batch
    source = batches(config.seed, config.pool, run.step // config.reuse, config.workers, draw)
    for batch in saved_often(run, replayed(source, config.reuse, config.seed), config.steps):
        begun = time.monotonic()
        recent.append(run.update(to_tensors(batch)))
        took = time.monotonic() - begun
        if run.step % 50 == 0:
            line = (
                f"{run.step} {run.seconds / 60:.1f} min  log ratio {np.nanmean(recent):.4f}"
                f"  step {took:.2f} s  lr {run.learning_rate():.1e}  skipped {run.skipped}"
            )
            with (run.folder / "log.txt").open("a") as log:
                log.write(line + "\n")
            recent.clear()
    source.close()
    return run


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, train, and write the weights."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.pretrain",
        description="Train the pretrained smoother, or go on from the last checkpoint in --out.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    for name, value in asdict(PretrainConfig()).items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=value)
        else:
            parser.add_argument(flag, type=type(value), default=value, help=f"default {value}")
    options = vars(parser.parse_args(arguments))
    folder = options.pop("out")
    run = train(folder, PretrainConfig(**options))
    digest = export_weights(run.mean, folder / "weights.npz")
    say(f"{folder / 'weights.npz'}: {run.step} steps, SHA-256 {digest}")
