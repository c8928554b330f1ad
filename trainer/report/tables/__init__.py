"""The thesis's tables and those it lacks, each as CSV, Markdown and LaTeX."""

from collections.abc import Sequence
from itertools import product

from trainer.metrics.scorer import ALPHAS
from trainer.report.collect import Collection
from trainer.report.intervals import Difference
from trainer.report.tables.checks import difference_table, rank_table, theory_table
from trainer.report.tables.grid import ReportData
from trainer.report.tables.metadata_tables import parameter_table, run_table, split_table
from trainer.report.tables.table import Table
from trainer.report.tables.thesis import (
    BY_K,
    dataset_table,
    keypoint_table,
    motion_table,
    one_side_table,
    pck_table,
    real_table,
)
from trainer.report.tables.uncertainty import coverage_table

__all__ = ["tables_by_section"]


def tables_by_section(
    found: Collection, source: ReportData, differences: Sequence[Difference]
) -> dict[str, list[Table]]:
    """Every table of a report by the page's sections; what has nothing to show is left out."""
    twins = [alpha for alpha in ALPHAS if alpha != 0.1]
    by_section: dict[str, list[Table | None]] = {
        "accuracy": [
            *(pck_table(source, k) for k in BY_K),
            one_side_table(source),
            real_table(source),
        ],
        "differences": [difference_table(differences, source)],
        "keypoints": [keypoint_table(source, k, 0.1) for k in BY_K],
        "twins": [keypoint_table(source, k, alpha) for k, alpha in product(BY_K, twins)],
        "measures": [
            motion_table(source),
            dataset_table(source, found.data.datasets),
        ],
        "checks": [theory_table(found, source), rank_table(source), coverage_table(found)],
        "data": [split_table(found.data)],
        "runs": [run_table(found, source.published), parameter_table(found)],
    }
    return {
        section: [table for table in listed if table is not None and table.records]
        for section, listed in by_section.items()
    }
