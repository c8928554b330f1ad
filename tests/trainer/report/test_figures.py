"""Figures: equal bytes for equal runs, and the marks that they promise."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests.trainer.report.made_runs import FELL_AFTER
from trainer.report.figures import (
    identity_lines,
    inline_svg,
    pck_figure,
    training_figure,
)
from trainer.report.published import Published
from trainer.report.style import png, svg
from trainer.report.tables.grid import ReportData


@pytest.fixture(scope="module")
def figure(found):
    return training_figure(found)


def test_a_row_a_model_and_three_columns(figure):
    assert len(figure.axes) == 3 * 3
    titles = [axis.get_title() for axis in figure.axes[:3]]
    assert titles == ["Training loss", "Validation loss", "Validation PCK@0.2 (%)"]
    labels = [axis.get_ylabel() for axis in figure.axes[::3]]
    assert labels == ["3DConv", "DeciWatch", "bi-ConvLSTM Model C"]


def test_a_dot_is_where_the_learning_rate_fell(figure):
    for axis in figure.axes:
        dots = [line for line in axis.lines if line.get_marker() == "o"]
        assert dots
        assert {tuple(line.get_xdata()) for line in dots} == {(FELL_AFTER,)}


def test_a_run_of_one_epoch_is_seen(found):
    (run,) = (run for run in found.runs if run.model == "3dconv")
    short = replace(run, history=run.history[:1])
    figure = training_figure(type(found)(found.data, [short], []))
    assert {axis.lines[0].get_marker() for axis in figure.axes} == {"_"}


def test_identity_lines_of_both_k_stand_on_validation(found, figure):
    lines = identity_lines(found)
    assert list(lines) == ["1", "2"]
    table = found.baselines[0].validation
    wanted = "model == 'identity' and dataset == 'all' and keypoint == 'all' and metric == 'pck'"
    values = table.query(f"{wanted} and alpha == 0.2 and split == 'val'")["value"]
    assert lines["1"] == values.item()
    heights = [
        line.get_ydata()[0] for line in figure.axes[2].lines if line.get_color() == "#8c8c8c"
    ]
    assert heights == list(lines.values())


def test_the_legend_names_every_kind_of_line(figure):
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "1.1",
        "2.3",
        "identity, k = 1",
        "identity, k = 2",
        "rate falls",
    ]


def test_without_any_epoch_there_is_no_figure(found):
    assert training_figure(type(found)(found.data, [], found.baselines)) is None


def test_every_row_has_its_interval_and_its_published_diamond(source):
    figure = pck_figure(source)
    titles = [axis.get_title() for axis in figure.axes if axis.get_visible()]
    assert titles == ["1.1: PCK@0.1 (%)", "2.3: PCK@0.1 (%)"]
    number = source.numbers["3dconv", "1.1", "all", "all", "pck", 0.1]
    spans = [tuple(line.get_xdata()) for line in figure.axes[0].lines]
    assert (number.low, number.high) in spans
    diamonds = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert len(diamonds) == 5
    bare = pck_figure(ReportData(source.numbers, Published()))
    assert not [line for line in bare.axes[0].lines if line.get_marker() == "D"]
    assert pck_figure(ReportData({}, Published())) is None


def test_equal_runs_give_equal_bytes_without_a_date(found):
    pair = [training_figure(found) for _ in range(2)]
    for save, mark in ((svg, b"dc:date"), (png, b"Software")):
        first, second = map(save, pair)
        assert first == second
        assert mark not in first


def test_an_inline_svg_takes_the_pages_colour_and_keeps_its_ids_to_itself(figure):
    text = inline_svg(svg(figure), "f1")
    root = ET.fromstring(text)
    assert "width" not in root.attrib
    assert "height" not in root.attrib
    assert root.attrib["viewBox"]
    assert "currentColor" in text
    assert "purl.org" not in text
    ids = set(re.findall(r'\bid="([^"]*)"', text))
    assert ids
    assert all(name.startswith("f1-") for name in ids)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]*)', text))
    assert used <= ids
