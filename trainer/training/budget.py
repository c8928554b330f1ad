"""A budget of training steps: a row and a folder of their own, next to runs of the full rule."""

from typing import Any

#: Settings of runs without a budget; they are not in the identity of such a run, as ever.
_USUAL = {"budget_steps": None, "validation_share": 1.0}


def budget_suffix(n_steps: int | None) -> str:
    """What the names of rows and folders end with where training has a budget."""
    return "" if n_steps is None else f"-b{n_steps}"


def without_usual_budget(chosen: dict[str, Any]) -> dict[str, Any]:
    """Settings as runs have always been named by: a run without a budget does not mention one."""
    return {name: v for name, v in chosen.items() if name not in _USUAL or v != _USUAL[name]}


def epoch_lengths(n_batches: int, max_epochs: int, budget_steps: int | None) -> tuple[int, int]:
    """How many epochs a run has at most, and how many steps all of them have.

    Parameters
    ----------
    n_batches : training batches of an epoch.
    max_epochs : of a run without a budget.
    budget_steps : steps of the run; its last epoch is as short as they require.
    """
    if budget_steps is None:
        return max_epochs, max_epochs * n_batches
    return -(-budget_steps // n_batches), budget_steps
