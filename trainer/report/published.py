"""The numbers of the thesis's tables, as printed there (``data/published``)."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pose_smoother.errors import InvalidInputError

TEST_PCK = "test_pck.csv"
KEYPOINT_PCK = "keypoint_pck_at_0.1.csv"
EPOCH_MINUTES = "epoch_minutes.csv"
#: In a checkout; an installed package has none.
DEFAULT_FOLDER = Path(__file__).parents[2] / "data" / "published"

#: (model, experiment, keypoint, alpha); the keypoint is "all" for totals.
PckKey = tuple[str, str, str, float]


@dataclass(frozen=True)
class Published:
    """Published numbers as text, with the digits that were printed.

    Attributes
    ----------
    pck : PCK in percent.
    column_mean : (keypoint, k as text) -> the column "Total" of Tables 3 and 4: the plain mean of a
        keypoint's row.
    threshold_px : (experiment, alpha) -> mean threshold in heatmap pixels.
    minutes : model -> minutes an epoch.
    """

    pck: dict[PckKey, str] = field(default_factory=dict)
    column_mean: dict[tuple[str, str], str] = field(default_factory=dict)
    threshold_px: dict[tuple[str, float], str] = field(default_factory=dict)
    minutes: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> set[str]:
        """Rows that have published numbers."""
        return {model for model, *_ in self.pck}


def read_published(folder: Path) -> Published:
    """Read the three CSV files of ``data/published``.

    Raises
    ------
    InvalidInputError : a file is absent or has other columns.
    """
    pck: dict[PckKey, str] = {}
    column_mean: dict[tuple[str, str], str] = {}
    threshold_px: dict[tuple[str, float], str] = {}
    try:
        for row in _rows(folder / TEST_PCK):
            pck[row["model"], row["experiment"], "all", float(row["alpha"])] = row["pck_percent"]
            threshold_px[row["experiment"], float(row["alpha"])] = row["mean_threshold_px"]
        for row in _rows(folder / KEYPOINT_PCK):
            if row["model"] == "total":
                column_mean[row["keypoint"], _K_OF_TABLE[row["source_table"]]] = row["pck_percent"]
            elif row["keypoint"] != "total":
                key = row["model"], row["experiment"], row["keypoint"], float(row["alpha"])
                pck[key] = row["pck_percent"]
        minutes = {row["model"]: row["minutes_per_epoch"] for row in _rows(folder / EPOCH_MINUTES)}
    except (OSError, KeyError, ValueError) as error:
        raise InvalidInputError(
            f"{folder} doesn't hold the published tables ({error}); --published names the folder "
            f"with {TEST_PCK}, {KEYPOINT_PCK} and {EPOCH_MINUTES}"
        ) from None
    return Published(pck, column_mean, threshold_px, minutes)


_K_OF_TABLE = {"Table 3": "1", "Table 4": "2"}


def _rows(path: Path) -> list[dict[str, str]]:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]
