"""A run's folder: its files, the columns of its tables, its states. Nothing heavy is imported."""

from enum import StrEnum

CONFIG = "config.json"
#: Next to the runs: where a run is kept that is trained again, until its successor has finished.
ASIDE = ".before"
STATE = "state.json"
#: Larger files of a run are refused: those of tables and scores, and checkpoints.
MAX_FILE_BYTES, MAX_CHECKPOINT_BYTES = 1 << 30, 16 << 30
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


class RunState(StrEnum):
    """The state of a run, in the order of overviews."""

    FAILED = "failed"
    #: Its process died and wrote nothing: a kill, a machine that is gone.
    LOST = "lost"
    RUNNING = "running"
    #: Another process writes to the folder that this sweep wants.
    LOCKED = "locked"
    #: It was interrupted and saved everything: the same command continues it.
    STOPPED = "stopped"
    #: It is planned and was not started.
    PENDING = "pending"
    FINISHED = "finished"
