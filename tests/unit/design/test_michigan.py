"""The real study: its file is sound, and what it says of its data is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.datasets.jobtraining import jobtraining
from attribution.design.load import load_design
from attribution.design.schema import StudyDesign
from attribution.finance.costs import CATEGORIES

DESIGNS = Path(__file__).parents[3] / "designs"


@pytest.fixture(scope="module")
def design() -> StudyDesign:
    return load_design(DESIGNS / "michigan-grants.toml")


@pytest.mark.parametrize("file", sorted(DESIGNS.glob("*.toml")), ids=lambda file: file.name)
def test_every_design_of_the_house_is_sound_and_named_after_its_study(file: Path) -> None:
    assert load_design(file).study.id == file.stem


def test_it_is_the_study_of_the_issue(design: StudyDesign) -> None:
    kpi, columns, timing = design.kpi[0], design.columns, design.timing
    assert (kpi.column, kpi.direction, kpi.scale) == ("lscrap", "lower", "log")
    assert (columns.unit, columns.period, columns.trained) == ("fcode", "year", "grant")
    assert (timing.period, timing.launch, timing.baseline, timing.followup) == ("year", 1988, (1987,), (1988,))
    assert (design.data.source, design.data.name) == ("dataset", "jobtraining")
    assert (design.assignment.mechanism, design.assignment.level) == ("first_come", "firm")
    assert [(one.id, one.method, one.role, one.options) for one in design.analysis] == [
        ("primary", "did", "primary", {}),
        ("never", "did", "sensitivity", {"controls": "never"}),
        ("classical", "did", "sensitivity", {"variance": "classical"}),
        ("hc1", "did", "sensitivity", {"variance": "HC1"}),
        ("cr1", "did", "sensitivity", {"variance": "CR1"}),
        ("observed", "prepost", "reference", {}),
    ]


def test_all_its_money_is_illustrative_and_every_category_is_declared(design: StudyDesign) -> None:
    assert [cost.category for cost in design.cost] == list(CATEGORIES)
    assert all(cost.illustrative for cost in design.cost)
    assert all(value.illustrative for value in design.valuation)
    assert sum(cost.amount for cost in design.cost) == 400_000
    assert design.finance is not None
    assert design.finance.currency == "USD"


def test_its_limits_and_comments_state_what_the_data_hold(design: StudyDesign) -> None:
    frame = jobtraining()
    scrap = frame[frame.year.isin([1987, 1988]) & frame.lscrap.notna()]
    periods = scrap.groupby("fcode").year.nunique()
    measured = periods.index[periods == 2]
    first = frame[frame.grant == 1].groupby("fcode").year.min()
    of_measured = first.reindex(measured)
    assert (len(measured), frame.fcode.nunique()) == (54, 157)
    assert ((of_measured == 1988).sum(), (first == 1988).sum()) == (19, 36)
    assert ((of_measured == 1989).sum(), len(measured) - (of_measured == 1988).sum()) == (10, 35)
    assert any("54 of 157 firms: 19 of the 36" in text for text in design.limits.text)
    granted = frame[(frame.year == 1988) & (frame.grant == 1)]
    value = design.valuation[0].value_of_untrained_level
    assert value is not None
    assert round(100 * value / granted.sales.median(), 1) == 2.4
