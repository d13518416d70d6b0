"""Figures of the review: lines where the numbers are, names that do not meet, titles that say the finding."""

from __future__ import annotations

import math
from collections.abc import Iterator

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Text

import attribution as at
from attribution.errors import MethodError
from attribution.planning.records import Plan, PlannedCohort
from attribution.report import drawing
from tests.powers import mde_of, plan_of, power_of

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def upright(ax: Axes) -> set[float]:
    """Return where lines stand upright."""
    lines = [np.asarray(line.get_xdata(), dtype=float) for line in ax.lines]
    return {round(float(x[0]), 9) for x in lines if len(x) == 2 and x[0] == x[1]}


def test_the_curve_passes_the_smallest_effect_at_its_power_and_marks_what_is_declared() -> None:
    found = power_of()
    ax = at.figures.power_curve(found)
    curve = max(ax.lines, key=lambda line: len(line.get_xdata()))
    effects, powers = (np.asarray(one, dtype=float) for one in (curve.get_xdata(), curve.get_ydata()))
    # The curve is drawn at 121 places; between them the chord is at most 1% off.
    assert np.interp(0.51, effects, powers) == pytest.approx(0.8, abs=0.01)
    assert upright(ax) == {0.51, 0.6, 0.37}
    assert texts(ax)[0] == "break-even 0.370"
    assert set(texts(ax)) == {"break-even 0.370", "expected 0.600", "smallest to be seen 0.510"}
    said = "sales: the smallest effect seen with 80% probability is 0.510 orders; the expected 0.600 with "
    assert ax.get_label().startswith(said)
    assert ax.get_label().endswith(f"{100 * found.analytic.power_at(0.6):.0f}%")


def test_a_simulated_effect_is_drawn_where_there_is_one() -> None:
    found = power_of(simulated=mde_of(0.55, how="simulated", replications=1200, size=0.049))
    ax = at.figures.power_curve(found, label="Monthly sales")
    assert 0.55 in upright(ax)
    assert 0.51 not in upright(ax)
    assert "simulated 1 200 times" in " ".join(ax.get_xlabel().split())
    assert ax.get_label().startswith("Monthly sales: the smallest effect")


def test_an_mde_alone_is_drawn() -> None:
    ax = at.figures.power_curve(mde_of(0.2), unit="days")
    assert ax.get_label() == "The smallest effect seen with 80% probability is 0.200 days"
    assert upright(ax) == {0.2}


def test_a_mark_beyond_the_axis_is_named_at_its_edge() -> None:
    ax = at.figures.power_curve(power_of(expected=None, worthwhile=9.0, break_even=None))
    assert "worthwhile 9.00 →" in texts(ax)
    assert upright(ax) == {0.51}
    assert ax.get_xlim()[1] < 2


@pytest.mark.parametrize("break_even", [0.05, 0.37, 0.509, 0.511, 1.2])
@pytest.mark.parametrize("width", [760, 330])
def test_names_do_not_meet(break_even: float, width: int) -> None:
    found = power_of(break_even=break_even, worthwhile=0.512)
    ax = drawing.picture(lambda ax: at.figures.power_curve(found, ax=ax), width=width, height=300)
    figure = ax.figure
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            down = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert across <= 1 or down <= 4


@pytest.mark.parametrize("mde", [math.nan, math.inf])
def test_without_an_mde_there_is_no_curve(mde: float) -> None:
    none = mde_of(0.5, mde=mde, reason="nothing says how the KPI varies")
    with pytest.raises(MethodError, match="nothing says how the KPI varies") as caught:
        at.figures.power_curve(power_of(analytic=none))
    assert "[power]" in caught.value.remedy
    with pytest.raises(MethodError, match="not a DesignPower"):
        at.figures.power_curve("power")


def bars(ax: Axes, colour: str) -> list[tuple[float, float]]:
    found = [bar for bar in ax.patches if to_hex(bar.get_facecolor()) == colour and bar.get_height() < 1]
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in found]


def test_the_calendar_is_dark_from_each_start_on() -> None:
    ax = at.figures.calendar(plan_of(waves=3, size=8.0), period="month", cluster="team", unit="person")
    assert bars(ax, drawing.TRAINING) == [(3, 7), (4, 7), (5, 7)]
    assert bars(ax, drawing.BACKGROUND) == [(0, 3), (0, 4), (0, 5), (0, 7)]
    words = texts(ax)
    assert {"baseline", "follow-up"} <= set(words)
    assert "2026-02: 24 teams, 192 people" in words
    assert "not trained: 36 teams, 288 people" in words
    assert ax.get_label() == "72 teams start in 3 waves from 2026-02 to 2026-04; 36 are not trained by the end"


def test_one_start_and_nobody_left() -> None:
    ax = at.figures.calendar(plan_of(control=0), cluster="team")
    assert ax.get_label() == "24 teams start in 2026-02; all are trained by the end"
    # A cluster of one unit is not counted twice.
    assert "2026-02: 24 teams" in texts(ax)


def test_many_starts_share_rows_and_nobody_is_lost() -> None:
    plan = plan_of(waves=20, clusters=2, span=26)
    ax = at.figures.calendar(plan)
    words = [text for text in texts(ax) if "cluster" in text]
    assert len(words) == 8  # seven rows of three starts or two, and the untrained
    assert words[0] == "2026-02 to 2026-04: 6 clusters"
    counted = sum(int(text.rpartition(": ")[2].split()[0]) for text in words)
    assert counted == sum(one.clusters for one in plan.cohorts)


def test_periods_without_labels_are_numbered() -> None:
    plan = Plan("did", {}, (PlannedCohort(2, np.ones(3)),), (0, 1), (2, 3))
    ax = at.figures.calendar(plan)
    assert ax.get_label() == "3 clusters start in 3; all are trained by the end"
    with pytest.raises(MethodError, match="not a Plan"):
        at.figures.calendar(None)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("1975", "1978"), "by 1978"),
        (("1977", "1978"), "in 1978"),
        (("2025-12", "2026-01"), "in 2026-01"),
        (("2025-10", "2026-01"), "by 2026-01"),
        (("2025Q4", "2026Q1"), "in 2026Q1"),
        (("2025-12-29", "2026-01-05"), "in 2026-01-05"),
        (("first", "second"), "in second"),
    ],
)
def test_a_start_after_a_gap_of_the_data_is_one_by_then(labels: tuple[str, str], said: str) -> None:
    plan = Plan("did", {}, (PlannedCohort(1, np.ones(3)), PlannedCohort(None, np.ones(4))), (0,), (1,), labels)
    ax = at.figures.calendar(plan, cluster="team")
    assert ax.get_label() == f"3 teams start {said}; 4 are not trained by the end"
    assert any(text.startswith(said.removeprefix("in ")) for text in texts(ax))


def test_a_name_like_a_formula_stays_text() -> None:
    ax = at.figures.power_curve(power_of(), label="$x$ <b>")
    assert not any(text.get_parse_math() for text in ax.findobj(Text) if isinstance(text, Text))
