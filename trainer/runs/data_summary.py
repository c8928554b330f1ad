"""The data of a run, saved with it: clips, splits, and what several splits share.

On disk next to ``scores.npz``: ``clips.csv``, one row for each clip row of the scores, and
``data.json``. With them a folder of runs is reported without the store.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pose_smoother.errors import RunError
from pose_smoother.files.atomic import sha256_bytes, to_json, write_json
from pose_smoother.store.config import NEIGHBOURS, neighbour_block
from pose_smoother.store.names import SPLITS, STEPS
from pose_smoother.store.split_overlap import leak_audit
from pose_smoother.store.store import Store
from trainer.runs.results_io import read_csv, read_json, write_csv
from trainer.runs.schema import DATA_SCHEMA

CLIPS_CSV = "clips.csv"
DATA_JSON = "data.json"
CLIP_KINDS = dict.fromkeys(("id", "dataset", "video", "action", "person", "split"), "text")


@dataclass(frozen=True)
class Data:
    """One store as a report describes it.

    Attributes
    ----------
    store_sha256 : identifies the store's content.
    format : of the store.
    config : what the store was built with.
    splits : split -> counts of ``clips``, ``videos``, ``frames``, ``windows_step1`` and
        ``windows_step2``.
    shared, counted : frames, clips, videos and people that are in more than one split, and in
        all.
    may_share : whether the store's protocol shares frames or videos on purpose.
    clips : the clips table with the columns ``CLIP_KINDS``, a row for each clip row of the scores.
    """

    store_sha256: str
    format: str
    config: dict[str, Any]
    splits: dict[str, dict[str, int]]
    shared: dict[str, int]
    counted: dict[str, int]
    may_share: bool
    clips: pd.DataFrame

    @property
    def videos(self) -> NDArray[Any]:
        """(C,) the label of each clip row's video, unique over datasets."""
        return np.asarray(self.clips["dataset"] + "/" + self.clips["video"], dtype=str)

    @property
    def is_by_blocks(self) -> bool:
        """Whether blocks of neighbouring ids were split, as those often share a video."""
        return bool(self.config.get("group_by") == NEIGHBOURS)

    def drawn_together(self, by_video: bool = False) -> NDArray[Any]:
        """(C,) what a bootstrap draws as one, unique over datasets.

        What was split as one: the video of each clip row, or its block of neighbouring ids. Only
        ids that are numbers have neighbours.

        Parameters
        ----------
        by_video : the video of every clip row, however the store was split.
        """
        if by_video or not self.is_by_blocks:
            return self.videos
        ids, actions = self.clips["id"], self.clips["action"]
        blocks = [neighbour_block(a, i) for a, i in zip(actions, ids, strict=True)]
        labels = np.asarray(self.clips["dataset"] + "/" + np.array(blocks, object), dtype=str)
        return np.where([str(i).isdecimal() for i in ids], labels, self.videos)

    @property
    def datasets(self) -> list[str]:
        """The datasets of the clips, sorted."""
        return sorted(self.clips["dataset"].unique())


def store_hash(store: Store) -> str:
    """The SHA-256 of a store's manifest, which lists every file's: it identifies the content."""
    return sha256_bytes(to_json(store.manifest))


def describe(store: Store, store_sha256: str) -> Data:
    """Look a store through.

    Raises
    ------
    StoreError, DamagedShardError : the store can't be read.
    """
    shared, counted = leak_audit(store)
    clips = pd.DataFrame({name: store.clips[name] for name in CLIP_KINDS}, dtype=object)
    return Data(
        store_sha256=store_sha256,
        format=store.format,
        config=dict(store.attrs.get("config", {})),
        splits={split: _counts(store, clips, split) for split in SPLITS},
        shared=shared,
        counted=counted,
        may_share=store.config.may_share,
        clips=clips,
    )


def save_data(folder: Path, data: Data) -> None:
    """Write ``clips.csv`` and ``data.json`` into a run's folder, atomically."""
    rows = [dict(zip(CLIP_KINDS, row, strict=True)) for row in data.clips.to_numpy()]
    write_csv(folder / CLIPS_CSV, list(CLIP_KINDS), rows)
    about = asdict(data)
    del about["clips"]
    write_json(folder / DATA_JSON, about)


def load_data(folder: Path) -> Data:
    """Read what ``save_data`` wrote.

    Raises
    ------
    RunError : absent or damaged.
    """
    about = read_json(
        folder / DATA_JSON, "an older version of this program made the run", DATA_SCHEMA
    )
    try:
        return Data(**about, clips=read_csv(folder / CLIPS_CSV, CLIP_KINDS))
    except TypeError as error:
        raise RunError(f"{folder / DATA_JSON} is of another version: {error}") from None


def _counts(store: Store, clips: pd.DataFrame, split: str) -> dict[str, int]:
    chosen = clips[clips["split"] == split]
    return {
        "clips": len(chosen),
        "videos": len(chosen[["dataset", "video"]].drop_duplicates()),
        "frames": store.n_frames(split),
        **{f"windows_step{step}": len(store.windows(split, step)) for step in STEPS},
    }
