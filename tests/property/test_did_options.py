"""What must not change an adjusted effect, and what must change it in step; repeated cross-sections likewise."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.errors import MethodError
from attribution.numerics.pairs import Adjust

BASELINE, FOLLOWUP, PERIODS = [0, 1], [[2, 3], [4]], 5
RULES = st.sampled_from(get_args(Adjust))
# Sums that are not normalised depend on the zero point of what they sum: of levels in cross-sections, of changes.
NORMALISED = st.sampled_from([rule for rule in get_args(Adjust) if rule != "ipw_unnormalised"])
KINDS = st.sampled_from(["panel", "repeated_cross_sections"])
# Each example refits a propensity for every team left out.
FEWER = settings(max_examples=40)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Return rows of two arms that overlap in age and site, in teams, complete or with holes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = 8 * draw(st.integers(8, 14))
    team = np.arange(n) // 8
    trained = team % 2 == 0
    age = rng.normal(40, 6, n) + 1.5 * trained
    unit, month = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    kpi = 20 + age[unit] + rng.normal(0, 2, PERIODS)[month] + rng.normal(0, 1, len(unit))
    frame = pd.DataFrame(
        {
            "person": unit,
            "month": month,
            "kpi": kpi + 0.1 * age[unit] * (month >= 2) + 2.0 * (trained[unit] & (month >= 2)),
            "start": np.where(trained[unit], 2.0, np.nan),
            "team": team[unit],
            "weight": rng.uniform(0.5, 2.0, n)[unit],
            "age": age[unit],
            "site": rng.integers(0, 2, n)[unit],
        }
    )
    if draw(st.booleans()):
        # Each person keeps one month of each window, so that nobody leaves.
        safe = (month == rng.integers(0, 2, n)[unit]) | (month == rng.integers(2, 4, n)[unit]) | (month == 4)
        frame = frame[safe | (rng.random(len(frame)) > 0.3)]
    return frame


def did(frame: pd.DataFrame, kind: Any, adjust: Adjust, **options: Any) -> Estimate:
    panel = at.Panel.from_frame(
        frame,
        unit="person" if kind == "panel" else None,
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="team",
        weight="weight",
        covariates=["age", "site"],
        kind=kind,
    )
    covariates = options.pop("covariates", ["age", "site"])
    try:
        return at.did(panel, baseline=BASELINE, followup=FOLLOWUP, covariates=covariates, adjust=adjust, **options)
    except MethodError:
        # A small draw may hold arms that do not overlap; the tilting needs overlap most.
        reject()


def terms(estimate: Estimate) -> NDArray[np.float64]:
    """Return value and standard error of each term; NaN errors, of a team without which no fit exists, as 0."""
    found = [estimate.contrast({term: 1.0}) for term in estimate.shown_terms]
    return np.nan_to_num(np.array([[one.value, one.std_error] for one in found]))


@FEWER
@given(frames(), KINDS, RULES, st.integers(0, 2**32 - 1))
def test_row_order_changes_no_bit(frame: pd.DataFrame, kind: Any, adjust: Adjust, seed: int) -> None:
    shuffled = frame.sample(frac=1, random_state=np.random.default_rng(seed))
    np.testing.assert_array_equal(terms(did(shuffled, kind, adjust)), terms(did(frame, kind, adjust)))


@FEWER
@given(frames(), RULES, st.integers(0, 2**32 - 1))
def test_labels_of_people_and_teams_do_not_matter(frame: pd.DataFrame, adjust: Adjust, seed: int) -> None:
    rng, renamed = np.random.default_rng(seed), frame.copy()
    for column in ("person", "team"):
        renamed[column] = rng.permutation(int(frame[column].max()) + 1)[frame[column]]
    before, after = (terms(did(one, "panel", adjust)) for one in (frame, renamed))
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-8)


@FEWER
@given(frames(), KINDS, RULES, st.floats(0.01, 100) | st.floats(-100, -0.01), st.floats(-1_000, 1_000))
def test_an_affine_kpi_scales_every_term(
    frame: pd.DataFrame, kind: Any, adjust: Adjust, slope: float, intercept: float
) -> None:
    if kind != "panel" and adjust == "ipw_unnormalised":
        intercept = 0.0
    before = terms(did(frame, kind, adjust))
    after = terms(did(frame.assign(kpi=slope * frame["kpi"] + intercept), kind, adjust))
    scale = abs(slope) * 100 + abs(intercept)
    np.testing.assert_allclose(after, before * [slope, abs(slope)], rtol=1e-6, atol=1e-10 * scale)


@FEWER
@given(frames(), KINDS, RULES, st.floats(0.01, 100), st.floats(-1_000, 1_000))
def test_the_unit_of_a_covariate_does_not_matter(
    frame: pd.DataFrame, kind: Any, adjust: Adjust, slope: float, intercept: float
) -> None:
    recoded = frame.assign(age=slope * frame["age"] + intercept, site=5 - 3 * frame["site"])
    before, after = (terms(did(one, kind, adjust)) for one in (frame, recoded))
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-8)


@FEWER
@given(frames(), KINDS, NORMALISED, st.integers(0, 2**32 - 1))
def test_a_shift_of_months_leaves_the_effects_unchanged(
    frame: pd.DataFrame, kind: Any, adjust: Adjust, seed: int
) -> None:
    shift = np.random.default_rng(seed).normal(0, 50, PERIODS)
    if kind != "panel":
        # Rows of a window are one sample: one shift for each window.
        shift = shift[[0, 0, 2, 2, 2]]
    before, after = (did(one, kind, adjust) for one in (frame, frame.assign(kpi=frame["kpi"] + shift[frame["month"]])))
    for term in ("effect", "effect[window=1]", "effect[window=2]"):
        assert after.value(term) == pytest.approx(before.value(term), abs=1e-7)


@FEWER
@given(frames(), RULES, st.integers(0, 2**32 - 1))
def test_a_shift_of_people_leaves_complete_panels_unchanged(frame: pd.DataFrame, adjust: Adjust, seed: int) -> None:
    whole = frame.groupby("person").filter(lambda rows: len(rows) == PERIODS)
    shift = np.random.default_rng(seed).normal(0, 50, int(frame["person"].max()) + 1)
    before = terms(did(whole, "panel", adjust))
    after = terms(did(whole.assign(kpi=whole["kpi"] + shift[whole["person"]]), "panel", adjust))
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-7)


@FEWER
@given(frames(), RULES, st.integers(1, 4))
def test_repeating_a_person_is_a_weight(frame: pd.DataFrame, adjust: Adjust, times: int) -> None:
    frame = frame.assign(weight=1.0)
    twin = frame[frame["person"] == 2]
    copies = [twin.assign(person=1_000 + number) for number in range(times)]
    weighted = frame.assign(weight=np.where(frame["person"] == 2, 1.0 + times, 1.0))
    repeated = did(pd.concat([frame, *copies]), "panel", adjust)
    np.testing.assert_allclose(repeated.values, did(weighted, "panel", adjust).values, rtol=1e-8, atol=1e-8)
