"""The arithmetic of training: float32 everywhere, or matrix products in bfloat16."""

from contextlib import AbstractContextManager, nullcontext

import torch

from trainer.settings import PRECISIONS, check_choice


def resolved_precision(name: str, device: torch.device) -> str:
    """The precision on a device; "auto" is bfloat16 where its matrix units have it, else float32.

    On a CPU those are Intel's AMX tiles (1,200 GFLOP/s a core in bfloat16, 180 in float32, measured
    on 512 x 512 matrices); elsewhere bfloat16 on a CPU is emulated, and slower.

    Raises
    ------
    InvalidInputError : an unknown name.
    """
    check_choice("precision", name, PRECISIONS)
    if name != "auto":
        return name
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)  # private, so it may go
        fast = bool(has_tiles and has_tiles())
    return "bfloat16" if fast else "float32"


def computing_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A context whose matrix products are made in a precision ("float32" or "bfloat16").

    Weights, their gradients and the optimizer stay float32, and so do losses, which models and
    losses here compute on ``.float()`` outputs.
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
