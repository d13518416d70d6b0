"""Panels whose rows are not the same units over time: repeated cross-sections and series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.panel import NEVER
from attribution.errors import DataError, MethodError


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site": ["n", "n", "s", "s", "n", "s"],
            "year": [2, 1, 1, 2, 1, 2],
            "kpi": [5.0, 3.0, 2.0, 2.5, 4.0, None],
            "start": [2, 2, None, None, 2, None],
            "age": [30, 40, 50, 60, 35, 45],
        }
    )


def crossed(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, period="year", outcome="kpi", adopted="start", kind="repeated_cross_sections", **options
    )


def test_every_row_of_a_cross_section_is_a_unit_with_its_own_covariates() -> None:
    panel = crossed(people(), covariates=["age"])
    assert len(panel.units) == len(panel.observations) == 6
    assert panel.counts.rows_absent == 0
    assert panel.columns.unit == "row"
    # By period and KPI; the labels are places in the frame.
    assert list(panel.units.label) == [2, 1, 4, 3, 0, 5]
    assert list(panel.units.covariates["age"]) == [50, 40, 35, 60, 30, 45]
    assert list(panel.units.adopted) == [NEVER, 1, 1, NEVER, 1, NEVER]
    assert list(panel.units.cluster) == list(range(6))


def test_a_unit_of_a_cross_section_is_its_cluster_unless_one_is_named() -> None:
    by_unit = crossed(people(), unit="site")
    assert list(by_unit.units.cluster_labels) == ["n", "s"]
    assert list(by_unit.units.cluster) == [1, 0, 0, 1, 0, 1]
    by_cluster = crossed(people().assign(person=range(6)), unit="person", cluster="site")
    assert (by_cluster.units.cluster == by_unit.units.cluster).all()


def test_the_order_of_the_rows_of_a_cross_section_changes_nothing_but_their_labels() -> None:
    first, again = crossed(people()), crossed(people().iloc[::-1].reset_index(drop=True))
    assert np.array_equal(first.observations.outcome, again.observations.outcome, equal_nan=True)
    assert (first.units.adopted == again.units.adopted).all()


def test_adoption_of_a_cross_section_may_differ_within_a_cluster() -> None:
    frame = people()
    frame.loc[0, "start"] = None
    assert (crossed(frame, unit="site").units.adopted == NEVER).sum() == 4


def test_a_series_is_one_unit() -> None:
    frame = pd.DataFrame({"month": [3, 1, 2], "kpi": [3.0, 1.0, 2.0], "on": [1, 0, 0]})
    panel = at.Panel.from_frame(frame, period="month", outcome="kpi", trained="on", kind="series")
    assert list(panel.observations.outcome) == [1.0, 2.0, 3.0]
    assert list(panel.units.adopted) == [2]
    assert panel.columns.unit == "series"


def test_a_series_has_one_row_per_period() -> None:
    frame = pd.DataFrame({"month": [1, 1, 2], "kpi": [3.0, 1.0, 2.0], "on": [0, 0, 1]})
    with pytest.raises(DataError, match="more than once"):
        at.Panel.from_frame(frame, period="month", outcome="kpi", trained="on", kind="series")


def test_a_panel_needs_its_unit() -> None:
    with pytest.raises(MethodError, match="no unit= is given") as error:
        at.Panel.from_frame(people(), period="year", outcome="kpi", adopted="start")
    assert "repeated_cross_sections" in error.value.remedy


def test_a_cross_section_is_not_told_by_who_is_trained_now() -> None:
    with pytest.raises(MethodError, match="trained="):
        at.Panel.from_frame(
            people().assign(on=0), period="year", outcome="kpi", trained="on", kind="repeated_cross_sections"
        )
