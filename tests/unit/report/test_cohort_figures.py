"""Figures of a cohort: what they draw is what the diagnostics say, and the title says it in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

import attribution as at
from attribution.cohorts.propensity import propensity
from attribution.diagnostics.balance import Balance, balance
from attribution.diagnostics.overlap import overlap
from attribution.errors import MethodError
from attribution.report import drawing
from attribution.report.cohort_figures import draw_overlap, love_plot, overlap_plot

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def panel() -> at.Panel:
    rng, n = np.random.default_rng(2), 300
    trained = np.arange(n) < 80
    frame = pd.DataFrame(
        {
            "id": range(n),
            "kpi": rng.normal(size=n),
            "treat": trained.astype(int),
            "age": rng.normal(40, 8, n) + 6 * trained,
            "tenure": rng.exponential(5, n) + 2 * trained,
            "site": np.where(rng.random(n) < np.where(trained, 0.6, 0.35), "north", "south"),
        }
    )
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="treat", covariates=["age", "tenure", "site"], kind="cross_section"
    )


@pytest.fixture(scope="module")
def cohort(panel: at.Panel) -> at.Cohort:
    return propensity(panel, covariates=["age", "tenure", "site"])


def _dots(ax: Axes, face: str) -> list[float]:
    """Return how far across the dots of one face lie, from top to bottom."""
    dots = [line for line in ax.lines if line.get_marker() == "o" and line.get_markerfacecolor() == face]
    return [float(np.ravel(line.get_xdata())[0]) for line in sorted(dots, key=lambda line: -float(line.get_ydata()[0]))]


def test_the_love_plot_draws_every_difference_the_furthest_before_first(panel: at.Panel, cohort: at.Cohort) -> None:
    found = balance(panel, cohort)
    ax = love_plot(found)
    before = sorted((abs(row.before.smd) for row in found), reverse=True)
    assert _dots(ax, drawing.PAGE) == pytest.approx(before)
    after = [abs(row.after.smd) for row in sorted(found, key=lambda row: -abs(row.before.smd))]
    assert _dots(ax, drawing.TRAINING) == pytest.approx(after)
    dashed = [float(line.get_xdata()[0]) for line in ax.lines if line.get_linestyle() == "--"]
    assert sorted(dashed) == [0.1, 0.25]
    far = sum(size >= 0.1 for size in after)
    said = f"{far} of 5 columns are 0.1 standard deviations apart or more after the cohort, 5 before"
    assert ax.get_label() == said


def test_without_a_cohort_there_is_one_dot_a_row(panel: at.Panel) -> None:
    ax = love_plot(balance(panel))
    assert len(_dots(ax, drawing.TRAINING)) == 4
    assert _dots(ax, drawing.PAGE) == []
    assert ax.get_label() == "4 of 4 columns are 0.1 standard deviations apart or more"


def test_a_long_list_is_cut_and_the_rest_counted(panel: at.Panel, cohort: at.Cohort) -> None:
    ax = love_plot(balance(panel, cohort), most=2)
    assert len(_dots(ax, drawing.PAGE)) == 2
    assert "3 variables nearer than these not drawn" in ax.get_xlabel().replace("\n", " ")


def test_names_can_be_said_in_words(panel: at.Panel, cohort: at.Cohort) -> None:
    ax = love_plot(balance(panel, cohort), names={"age": "Age at hire"})
    assert "Age at hire" in [label.get_text() for label in ax.get_yticklabels()]


def test_nothing_to_draw_is_an_error(panel: at.Panel) -> None:
    found = balance(panel)
    empty: Balance = replace(found, rows=())
    with pytest.raises(MethodError, match="no standardised difference"):
        love_plot(empty)


def test_the_overlap_plot_draws_shares_of_each_arm(panel: at.Panel, cohort: at.Cohort) -> None:
    ax = overlap_plot(panel, cohort)
    heights = np.array([bar.get_height() for bar in ax.patches if hasattr(bar, "get_height")])
    assert heights[heights > 0].sum() == pytest.approx(1)
    assert heights[heights < 0].sum() == pytest.approx(-1)
    words = " ".join(text.get_text() for text in ax.texts)
    assert "Trained" in words
    assert "Controls" in words
    assert "Outline: all who could take part." in words


@pytest.mark.parametrize(
    ("scores", "estimand", "title"),
    [
        ((0.5, 0.5), "ATT", "All 80 trained have controls like them"),
        ((0.8, 0.5), "ATT", "1 of 80 trained lies beyond every control"),
        ((0.95, 0.97), "ATT", "1 of 80 trained was almost certain to be trained"),
        ((0.5, 0.95), "ATE", "1 of 300 units have a propensity outside 0.1 to 0.9"),
        ((0.5, 0.5), "ATE", "All 300 units have a propensity within 0.1 to 0.9"),
        ((0.95, 0.5), "ATO", "Overlap weights compare those who could have been in either arm"),
    ],
)
def test_the_title_of_an_overlap_plot(
    scores: tuple[float, float], estimand: str, title: str, panel: at.Panel, cohort: at.Cohort
) -> None:
    assert cohort.propensity is not None
    probability = np.full(300, 0.5)
    probability[0], probability[200] = scores
    odd = replace(cohort, estimand=estimand, propensity=replace(cohort.propensity, probability=probability))
    assert draw_overlap(overlap(panel, odd)).get_label() == title


@pytest.mark.parametrize("width", [760, 330])
def test_every_line_of_text_stays_inside_the_figure(width: int, panel: at.Panel, cohort: at.Cohort) -> None:
    longest = {"age": "Mean working days from hire to the first productive sale of all", "tenure": "Wm" * 40}
    found = balance(panel, cohort)
    for draw, height in (
        (lambda ax: love_plot(found, ax=ax, names=longest), None),
        (lambda ax: overlap_plot(panel, cohort, ax=ax), 380),
    ):
        ax = drawing.picture(draw, width=width, height=height)
        figure = ax.get_figure(root=True)
        assert isinstance(figure, Figure)
        figure.draw_without_rendering()
        # Numbers of the axis beyond its ends are not drawn, and still have a place.
        beyond = {label for label in ax.get_xticklabels() if not 0 <= label.get_position()[0] <= ax.get_xlim()[1]}
        for text in ax.findobj(Text):
            if isinstance(text, Text) and text not in beyond and text.get_visible() and text.get_text().strip():
                extent = text.get_window_extent()
                assert extent.x0 >= -1, text.get_text()
                assert extent.x1 <= figure.bbox.x1 + 1, text.get_text()
