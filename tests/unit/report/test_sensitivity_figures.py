"""The contour figure: its lines and dots are where the numbers say, in KPI units and in money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet

import attribution as at
from attribution.errors import MethodError
from attribution.finance.robustness import RoiRobustness, roi_robustness
from attribution.inference.robustness import robustness
from attribution.inference.unmeasured import Robustness
from attribution.report import drawing, figures
from attribution.report.drawing import INK, PAGE, TRAINING

matplotlib.use("agg")
N = 240


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@cache
def study(lower: bool = False, covariates: tuple[str, ...] = ("tenure", "age")) -> tuple[Robustness, RoiRobustness]:
    rng = np.random.default_rng(5)
    tenure, age = rng.normal(size=(2, N))
    trained = tenure + 0.5 * age + 2 * rng.normal(size=N) > 0
    sign = -1 if lower else 1
    before = rng.normal(20, 1, N)
    after = before + sign * (1.2 * trained + 0.5 * tenure + 0.4 * age) + rng.normal(size=N)
    frame = pd.DataFrame(
        {
            "person": np.tile(range(N), 2),
            "month": np.repeat([1, 2], N),
            "sales": np.concatenate([before, after]),
            "start": np.tile(np.where(trained, 2.0, np.nan), 2),
            "tenure": np.tile(tenure, 2),
            "age": np.tile(age, 2),
        }
    )
    panel = at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="sales",
        adopted="start",
        covariates=["tenure", "age"],
        direction="lower" if lower else "higher",
    )
    effect = at.did(panel, baseline=[1], followup=[2], covariates=covariates)
    found = robustness(effect, panel)
    ledger = at.cost_ledger([at.CostLine("license", 5_000, source="invoice")], currency="USD")
    money = at.roi(at.attribution_factor(effect, draws=99, seed=1), costs=ledger, value_per_unit=100)
    return found, roi_robustness(money, found)


def thick(ax: Axes) -> np.ndarray:
    """Return the points of the line in the colour of training."""
    lines = [
        one
        for one in ax.collections
        if isinstance(one, ContourSet)
        and not one.filled
        and matplotlib.colors.to_hex(one.get_edgecolor()[0]) == TRAINING
    ]
    assert len(lines) == 1
    return np.concatenate([path.vertices for path in lines[0].get_paths()])


def dots(ax: Axes, face: str) -> list[tuple[float, float]]:
    marks = [line for line in ax.lines if line.get_marker() == "o" and line.get_markerfacecolor() == face]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in marks]


@pytest.mark.parametrize("lower", [False, True])
def test_the_thick_line_is_where_the_effect_is_gone(lower: bool) -> None:
    found, _ = study(lower)
    ax = figures.sensitivity_contours(found, label="Sales", unit="orders")
    across, up = thick(ax).T
    # A straight line between points of the grid.
    assert np.abs(found.adjusted(across, up)[0]).max() < 0.02 * abs(found.effect)
    assert f"{found.times():.2g}"[:2] in ax.get_title(loc="left")
    assert "would undo the effect" in ax.get_label()


def test_in_money_the_thick_line_is_an_roi_of_zero() -> None:
    found, money = study()
    ax = figures.sensitivity_contours(found, money=money)
    nets = [money.net_benefit_with(across, up) for across, up in thick(ax)]
    assert np.abs(nets).max() < 0.02 * money.net_benefit
    assert "take the ROI to zero" in ax.get_label()
    assert "$" in "".join(text.get_text() for text in ax.texts)


def test_dots_are_the_bounds_of_the_strongest() -> None:
    found, _ = study()
    ax = figures.sensitivity_contours(found)
    rows = found.bounds()
    strongest = rows[rows["covariate"] == found.benchmarks[0].covariate]
    assert sorted(dots(ax, INK)) == strongest[["strength_trained", "strength_outcome"]].apply(tuple, axis=1).tolist()
    assert len(dots(ax, PAGE)) <= 1
    right, top = ax.get_xlim()[1], ax.get_ylim()[1]
    assert all(across <= right and up <= top for across, up in dots(ax, INK))


def test_dots_too_close_for_a_name_each_share_one() -> None:
    found, _ = study()
    weak = replace(found.benchmarks[0], strength_trained=1e-3, strength_outcome=1e-3)
    ax = figures.sensitivity_contours(replace(found, benchmarks=(weak,)))
    assert len(dots(ax, INK)) == 3
    names = [text.get_text() for text in ax.texts if f"× {weak.covariate}" in text.get_text()]
    assert names == [f"1, 2, 3 × {weak.covariate}"]


def test_without_a_yardstick_it_says_the_share() -> None:
    found, _ = study(covariates=())
    ax = figures.sensitivity_contours(found)
    assert not dots(ax, INK)
    assert "of what is left of training and KPI" in ax.get_label()


def test_on_a_narrow_page_the_upright_axis_is_in_the_note() -> None:
    found, money = study()

    def draw() -> Axes:
        return drawing.picture(
            lambda ax: figures.sensitivity_contours(found, ax=ax, money=money), width=340, height=380
        )

    ax = draw()
    assert not ax.get_ylabel()
    assert any(text.get_text().startswith("Upright:") for text in ax.texts)
    page, again = (drawing.svg(one, title="t", desc="d", name="contours") for one in (ax, draw()))
    assert page == again
    assert "var(--training)" in page


def test_what_cannot_be_drawn_is_refused() -> None:
    found, money = study()
    with pytest.raises(MethodError, match="the effect is 0"):
        figures.sensitivity_contours(replace(found, effect=0.0))
    with pytest.raises(MethodError, match="another robustness"):
        figures.sensitivity_contours(replace(found), money=money)


def test_what_does_not_pay_says_so() -> None:
    found, money = study()
    ax = figures.sensitivity_contours(found, money=replace(money, reason="the ROI is not above zero as it stands"))
    assert "not above zero" in ax.get_label()
