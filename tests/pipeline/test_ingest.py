import numpy as np
import pytest

from pipeline.ingest import jittered


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_jitter_moves_and_scales_by_no_more_than_its_share(share: float) -> None:
    boxes = np.tile([10.0, 20.0, 110.0, 220.0], (5000, 1))
    moved = jittered(boxes, share, np.random.default_rng(3))
    side = (moved[:, 2:] - moved[:, :2]) / [100, 200]
    centre = ((moved[:, 2:] + moved[:, :2]) / 2 - [60, 120]) / [100, 200]
    for values in (side - 1, centre):
        assert np.abs(values).max() <= share
        assert values.std() == pytest.approx(share / np.sqrt(3), rel=0.05)
    assert jittered(boxes, 0, np.random.default_rng(3)) is boxes
