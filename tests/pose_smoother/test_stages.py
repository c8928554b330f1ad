"""Stages in the log: their seconds at debug level, also of one that fails."""

import logging
import re

import pytest

from pose_smoother.stages import stage


def test_a_stage_logs_its_seconds_also_when_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("a")
    with caplog.at_level(logging.DEBUG), pytest.raises(KeyError), stage(log, "read"):
        raise KeyError
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG
    assert re.fullmatch(r"read: \d\.\d\d s, \d\.\d\d s of the processor", record.getMessage())
