"""The decomposition of two-way fixed effects: identities on random panels, each comparison against a regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution as at
from attribution.errors import MethodError
from attribution.estimators.bacon import ALREADY, ALWAYS, NEVER_TRAINED, NOT_YET, bacon
from attribution.estimators.twfe import twfe


def build(starts: list[float], months: int, seed: int, *, weights: bool = False) -> tuple[pd.DataFrame, at.Panel]:
    """Return a complete panel, one person for each start, with random KPI."""
    rng = np.random.default_rng(seed)
    person, month = np.repeat(np.arange(len(starts)), months), np.tile(np.arange(months), len(starts))
    rows = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "start": np.array(starts)[person],
            "kpi": rng.normal(10, 3, len(person)),
            "weight": rng.uniform(0.5, 2.0, len(starts))[person] if weights else 1.0,
        }
    )
    columns = {"unit": "person", "period": "month", "outcome": "kpi", "adopted": "start", "weight": "weight"}
    return rows, at.Panel.from_frame(rows, **columns)


@given(
    starts=st.lists(st.sampled_from([0.0, 1.0, 2.0, 4.0, 9.0, np.nan]), min_size=3, max_size=12),
    weights=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_weights_add_up_to_one_and_comparisons_to_the_coefficient(
    starts: list[float], weights: bool, seed: int
) -> None:
    _, panel = build([1.0, 3.0, *starts], 6, seed, weights=weights)
    found = bacon(panel)
    assert (found.weights > 0).all()
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.weights @ found.estimates == pytest.approx(found.estimate, abs=1e-10)
    assert found.estimate == pytest.approx(twfe(panel).value("effect"), abs=1e-12)
    by_type = found.by_type()
    assert by_type["weight"] @ by_type["estimate"] == pytest.approx(found.estimate, abs=1e-10)


def regression(rows: pd.DataFrame) -> float:
    """Return the coefficient of training on unit and period dummies by weighted least squares."""
    trained = (rows["month"] >= rows["start"]).to_numpy(dtype=float)[:, None]
    dummies = [pd.get_dummies(rows[name]).to_numpy(dtype=float) for name in ("person", "month")]
    root = np.sqrt(rows["weight"].to_numpy())[:, None]
    design = root * np.hstack([trained, *dummies])
    return float(np.linalg.lstsq(design, root[:, 0] * rows["kpi"].to_numpy(), rcond=None)[0][0])


def test_each_comparison_is_the_regression_of_its_two_cohorts_in_its_window() -> None:
    rows, panel = build([0.0, 0.0, 2.0, 2.0, 5.0, 5.0, 5.0, np.nan, np.nan], 7, 11, weights=True)
    for row in bacon(panel).tidy().itertuples():
        trained = float(row.trained)
        control = np.nan if row.control == "never trained" else float(row.control)
        pair = rows[(rows["start"] == trained) | rows["start"].eq(control) | (rows["start"].isna() & np.isnan(control))]
        if row.type == NOT_YET:
            pair = pair[pair["month"] < control]
        if row.type in (ALREADY, ALWAYS):
            pair = pair[pair["month"] >= control]
        assert row.estimate == pytest.approx(regression(pair), abs=1e-10)


def test_types_are_named_by_what_the_control_is() -> None:
    _, panel = build([0.0, 2.0, 5.0, np.nan], 7, 0)
    tidy = bacon(panel).tidy().set_index(["trained", "control"])["type"].to_dict()
    assert tidy == {
        ("2", "0"): ALWAYS,
        ("2", "5"): NOT_YET,
        ("2", "never trained"): NEVER_TRAINED,
        ("5", "0"): ALWAYS,
        ("5", "2"): ALREADY,
        ("5", "never trained"): NEVER_TRAINED,
    }


def test_one_date_is_one_comparison() -> None:
    _, panel = build([2.0, 2.0, np.nan, np.nan], 5, 0)
    found = bacon(panel)
    assert found.tidy()["type"].tolist() == [NEVER_TRAINED]
    assert found.already_trained == 0.0
    assert found.weights.tolist() == [1.0]


def test_the_share_of_already_trained_controls_is_said() -> None:
    _, panel = build([1.0, 4.0, 4.0, np.nan], 6, 0)
    found = bacon(panel)
    mine = found.tidy().query("type == @ALREADY")["weight"].sum()
    assert found.already_trained == pytest.approx(mine, rel=1e-12)
    assert found.sentence.startswith(f"{100 * mine:.3g}% of the weight")
    assert found._repr_html_().count("<tr>") == 1 + len(found.by_type())


def test_a_panel_with_a_hole_is_refused() -> None:
    rows, _ = build([1.0, 3.0, np.nan, np.nan], 6, 0)
    columns: dict[str, Any] = {"unit": "person", "period": "month", "outcome": "kpi", "adopted": "start"}
    panel = at.Panel.from_frame(rows.drop(index=3), **columns)
    with pytest.raises(MethodError, match="1 of 4 person lack a KPI value") as error:
        bacon(panel)
    assert "twfe_weights" in error.value.remedy
