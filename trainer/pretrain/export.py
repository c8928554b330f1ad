"""Write the running mean of a training run as the weights that ship."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn


def export_weights(net: nn.Module, path: Path) -> str:
    """Write float16 arrays to `path` (.npz, no pickle); returns the SHA-256 of the file.

    The same weights give the same bytes: members carry no date.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in sorted(net.state_dict().items()):
            buffer = io.BytesIO()
            np.save(buffer, value.detach().numpy().astype(np.float16), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, buffer.getvalue())
    aside.replace(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def as_shipped(net: nn.Module) -> nn.Module:
    """Round the weights in place to what the file holds."""
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(value.half().float())
    return net
