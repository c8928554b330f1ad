"""The files of a run's folder, and the columns of its tables; no heavy import, for onlookers."""

CONFIG = "config.json"
STATE = "state.json"
HISTORY = "history.csv"
TIMING = "timing.csv"
SCORES = "scores.npz"
REGIONS = "regions.json"
VALIDATION_CSV = "validation.csv"  # of a baselines run
#: Ends the row name of a fine-tuned model as it was before.
BEFORE = "-pretrained"
#: Columns of ``history.csv`` and their kinds. Seconds are in ``timing.csv``: they alone differ
#: between equal runs.
HISTORY_KINDS: dict[str, str] = {
    "epoch": "int64",
    "train_loss": "float64",
    "val_loss": "float64",
    "val_pck_0.05": "float64",
    "val_pck_0.1": "float64",
    "val_pck_0.2": "float64",
    "val_error_px": "float64",
    "learning_rate": "float64",
    "learning_rate_reduced": "int64",
}
TIMING_KINDS: dict[str, str] = {
    "epoch": "int64",
    "train_seconds": "float64",
    "val_seconds": "float64",
}
