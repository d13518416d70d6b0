"""Whose effect is told: the trained that a cohort left out, beside those it kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.cohorts.subjects import cohort_of, subjects
from attribution.diagnostics.lost import lost
from attribution.errors import MethodError

FRAME = pd.DataFrame(
    {
        "id": list("abcdefgh"),
        "kpi": [1.0, 2, 3, np.nan, 5, 6, 7, 8],
        "treat": [1] * 4 + [0] * 4,
        "age": [30.0, 40, 65, 60, 20, 30, 40, 52],
        "site": ["x", "x", "y", "y", "x", "y", "x", "y"],
    }
)


def panel_of(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="id", outcome="kpi", trained="treat", covariates=["age", "site"], kind="cross_section"
    )


def made(panel: at.Panel, weights: list[float], reasons: list[str]) -> at.Cohort:
    found = subjects(panel, covariates=["age"], missing="complete")
    why = np.array(reasons, dtype=object)
    return cohort_of(panel, found, method="made", estimand="ATT", weights=np.array(weights), reasons=why)


def test_the_lost_are_described_beside_the_kept() -> None:
    panel = panel_of(FRAME)
    cohort = made(panel, [1, 1, 0, 1, 1, 1, 0], ["", "", "no control within the caliper", "", "", "", "not matched"])
    found = lost(panel, cohort)
    assert (found.kept, found.lost) == (2, 2)
    # Who has no KPI value is lost too, and has an age.
    assert [(one.reason, one.units) for one in found.reasons] == [
        ("no KPI value", 1),
        ("no control within the caliper", 1),
    ]
    (row,) = found
    assert (row.kept, row.lost, row.missing) == (35, 62.5, 0)
    assert row.smd == pytest.approx(27.5 / np.std([30, 40, 65, 60], ddof=1))
    assert found.most is row
    # Other covariates of the panel can be asked for.
    table = lost(panel, cohort, covariates=["site"]).tidy().set_index("variable")
    assert table.loc["site[y]", ["kept", "lost"]].tolist() == [0, 1]
    assert "no control within the caliper: 1" in found._repr_html_()
    assert repr(found) == "Lost('made': 2 of 4 trained)"


def test_where_a_value_is_what_they_lack_it_is_counted() -> None:
    panel = panel_of(FRAME.assign(kpi=1.0, age=[30.0, 40, 65, np.nan, 20, 30, 40, 52]))
    cohort = made(panel, [1] * 7, [""] * 7)
    found = lost(panel, cohort)
    assert (found.kept, found.lost) == (3, 1)
    assert [one.reason for one in found.reasons] == ["no value of age"]
    assert next(iter(found)).missing == 1
    assert found.most is None


def test_nobody_lost_has_no_profile() -> None:
    panel = panel_of(FRAME.assign(kpi=1.0))
    found = lost(panel.with_cohort(made(panel, [1] * 8, [""] * 8)))
    assert (found.lost, len(found), found.most) == (0, 0, None)
    assert list(found.tidy().columns) == ["variable", "kept", "lost", "smd", "missing"]


def test_without_a_cohort_nobody_was_left_out() -> None:
    with pytest.raises(MethodError, match="there is no cohort"):
        lost(panel_of(FRAME))
