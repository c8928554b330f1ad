"""Other loaders holding the same windows on local disk: LitData, MosaicML Streaming, WebDataset.

Needs the extra ``bench``; and, since MosaicML Streaming asks for numpy below 2.2 and much more,

    pip install --no-deps mosaicml-streaming==0.13.0 "transformers<5" "huggingface_hub<1" boto3 \
        "tokenizers<0.23" safetensors regex botocore jmespath s3transfer
    pip install Brotli "python-snappy<1" "xxhash<4" "zstd<2" catalogue

Each holds a window as a sample: dense target heatmaps and positions, or positions alone. Samples
are shuffled as each library does it, read in this process (or by two worker processes, which is
slower for dense windows), and batched by torch's DataLoader or by the library itself.
"""

import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

BATCH = 16
Sample = dict[str, np.ndarray]
#: (folder, number of worker processes) -> an epoch's batches, each a dict of stacked tensors.
Reader = Callable[[Path, int], Iterator[dict[str, Tensor]]]
Writer = Callable[[Path, list[Sample]], None]


def loaders() -> dict[str, tuple[Writer, Reader]]:
    """Those that are installed, by name; the others are named on stderr with the reason."""
    found = {}
    for name, check, pair in (
        ("LitData", _litdata, (_write_litdata, _read_litdata)),
        ("MosaicML Streaming", _mosaic, (_write_mosaic, _read_mosaic)),
        ("WebDataset", _webdataset, (_write_webdataset, _read_webdataset)),
    ):
        try:
            check()
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
            continue
        found[name] = pair
    return found


def _loader(dataset: Any, n_workers: int) -> Iterator[dict[str, Tensor]]:
    collate = None if n_workers else _stacked
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=BATCH, num_workers=n_workers, collate_fn=collate
    )
    return iter(loader)


def _stacked(samples: list[dict[str, Any]]) -> dict[str, Tensor]:
    names = [name for name in samples[0] if not name.startswith("__")]
    return {n: torch.stack([torch.as_tensor(np.asarray(s[n])) for s in samples]) for n in names}


def _litdata() -> Any:
    import litdata

    return litdata


def _write_litdata(folder: Path, samples: list[Sample]) -> None:
    """Chunks of 64 MB, as its documentation has it."""
    from litdata.streaming import Cache

    cache = Cache(input_dir=str(folder), chunk_bytes="64MB")
    for index, sample in enumerate(samples):
        cache._add_item(index, {name: torch.from_numpy(a) for name, a in sample.items()})
    cache.done()
    cache.merge()


def _read_litdata(folder: Path, n_workers: int) -> Iterator[dict[str, Tensor]]:
    litdata = _litdata()
    dataset = litdata.StreamingDataset(str(folder), shuffle=True, seed=0)
    return iter(litdata.StreamingDataLoader(dataset, batch_size=BATCH, num_workers=n_workers))


def _mosaic() -> Any:
    """Its package imports torchvision for datasets of images, which has to fit torch exactly."""
    names = ("", ".datasets", ".transforms", ".transforms.functional")
    for name in (f"torchvision{name}" for name in names):
        if name not in sys.modules:
            module: Any = types.ModuleType(name)
            module.__spec__ = importlib.machinery.ModuleSpec(name, None)
            module.VisionDataset, module.to_tensor = object, None
            sys.modules[name] = module
    import streaming

    return streaming


def _write_mosaic(folder: Path, samples: list[Sample]) -> None:
    columns = {name: f"ndarray:{a.dtype}:{_shape(a)}" for name, a in samples[0].items()}
    with _mosaic().MDSWriter(out=str(folder), columns=columns) as writer:
        for sample in samples:
            writer.write(sample)


def _shape(array: np.ndarray) -> str:
    return ",".join(map(str, array.shape or (1,)))


def _read_mosaic(folder: Path, n_workers: int) -> Iterator[dict[str, Tensor]]:
    streaming = _mosaic()
    dataset = streaming.StreamingDataset(local=str(folder), shuffle=True, batch_size=BATCH)
    return _loader(dataset, n_workers)


def _webdataset() -> Any:
    import webdataset

    return webdataset


def _write_webdataset(folder: Path, samples: list[Sample]) -> None:
    """Tar files of 128 windows; each array is an ``.npy``."""
    wds = _webdataset()
    folder.mkdir(parents=True, exist_ok=True)
    with wds.ShardWriter(str(folder / "%04d.tar"), maxcount=128, verbose=0) as writer:
        for index, sample in enumerate(samples):
            arrays = {f"{name}.npy": array for name, array in sample.items()}
            writer.write({"__key__": f"{index:07d}", **arrays})


def _read_webdataset(folder: Path, n_workers: int) -> Iterator[dict[str, Tensor]]:
    wds = _webdataset()
    files = sorted(map(str, folder.glob("*.tar")))
    dataset = wds.WebDataset(files, shardshuffle=len(files), empty_check=False).shuffle(1000)
    renamed = dataset.decode().map(_without_suffix)
    return _loader(renamed, n_workers)


def _without_suffix(sample: dict[str, Any]) -> dict[str, Any]:
    return {k.removesuffix(".npy"): v for k, v in sample.items() if not k.startswith("__")}
