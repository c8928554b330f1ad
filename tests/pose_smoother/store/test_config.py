"""The typed config of a store: what is written, what older stores lack, what is forged."""

from typing import Any

import pytest

from pipeline.config import BuildConfig
from pose_smoother.errors import StoreError
from pose_smoother.store.config import StoreConfig


def test_what_preprocess_writes_is_read() -> None:
    built = BuildConfig(expand=0.25, keep_aspect=True, box_jitter=0.1, group_by="clip")
    found = StoreConfig.from_attrs({"config": built.resolved()})
    assert found == StoreConfig(
        heatmaps="impulse", group_by="clip", box_jitter=0.1, expand=0.25, keep_aspect=True
    )
    assert found.has_impulses
    assert not found.has_detections


def test_defaults_are_those_of_preprocess() -> None:
    assert StoreConfig.from_attrs({"config": BuildConfig().resolved()}) == StoreConfig("impulse")


@pytest.mark.parametrize("attrs", [{}, {"config": {}}, {"config": None}])
def test_an_older_store_has_the_defaults(attrs: dict[str, Any]) -> None:
    found = StoreConfig.from_attrs(attrs)
    assert found == StoreConfig()
    assert not found.has_impulses
    assert not found.may_share


@pytest.mark.parametrize("changed", [{"protocol": "thesis"}, {"group_by": "clip"}])
def test_splits_may_share_by_protocol_or_group(changed: dict[str, str]) -> None:
    assert StoreConfig.from_attrs({"config": changed}).may_share


@pytest.mark.parametrize("group_by", ["neighbours", "video"])
def test_splits_by_whole_videos_share_nothing(group_by: str) -> None:
    assert not StoreConfig.from_attrs({"config": {"group_by": group_by}}).may_share


def test_a_detector_s_output_is_seen() -> None:
    table = {"detections": "recorded", "detected_heatmaps": [0, -1]}
    found = StoreConfig.from_attrs({"config": table})
    assert found.has_detections
    assert found.heatmap_columns == (0, -1)
    assert not StoreConfig.from_attrs({"config": {"detected_heatmaps": None}}).heatmap_columns


@pytest.mark.parametrize(
    "config", [{"expand": "wide"}, {"box_jitter": None}, {"detected_heatmaps": 3}, ["expand"]]
)
def test_a_value_of_another_type_is_refused(config: Any) -> None:
    with pytest.raises(StoreError, match="config is not understood"):
        StoreConfig.from_attrs({"config": config})
