"""What every estimator asks of its options, in the same words over the registry."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort
from attribution.errors import MethodError
from attribution.estimators.options import require_known, require_steps
from attribution.registry import ESTIMATORS, load, options

PERIODS = 14


def panel() -> at.Panel:
    rng = np.random.default_rng(3)
    person, month = np.repeat(np.arange(24), PERIODS), np.tile(np.arange(PERIODS), 24)
    frame = pd.DataFrame(
        {
            "person": person,
            "month": month,
            "kpi": rng.normal(10, 1, len(person)),
            "start": np.where(person < 9, 11.0, np.nan),
        }
    )
    return at.Panel.from_frame(frame, unit="person", period="month", outcome="kpi", adopted="start")


def run(name: str, given: at.Panel, **keywords: Any) -> at.Estimate:
    method = load(ESTIMATORS, name, kind="estimator")
    windows = {"baseline": list(range(11)), "followup": [11, 12, 13]}
    known = {one.name for one in options(method)}
    estimate: at.Estimate = method(given, **{key: value for key, value in windows.items() if key in known}, **keywords)
    return estimate


ON_THE_TRAINED = tuple(name for name in ESTIMATORS if name != "adjusted")


@pytest.mark.parametrize("name", ON_THE_TRAINED)
def test_a_cross_section_is_refused_by_what_follows_units(name: str) -> None:
    frame = pd.DataFrame({"person": range(9), "kpi": range(9), "trained": [1, 0, 0] * 3})
    once = at.Panel.from_frame(frame, unit="person", outcome="kpi", trained="trained", kind="cross_section")
    method = load(ESTIMATORS, name, kind="estimator")
    known = {one.name for one in options(method)} & {"baseline", "followup"}
    with pytest.raises(MethodError, match="a cross-section has it once") as error:
        method(once, **{key: [1] for key in known})
    assert "use adjusted" in error.value.remedy


@pytest.mark.parametrize("name", ON_THE_TRAINED)
def test_a_cohort_that_speaks_for_others_is_refused(name: str) -> None:
    cohort = Cohort("given", "ATE", np.ones(24))
    with pytest.raises(MethodError, match=f"the cohort speaks for the ATE, {name} for the effect on the trained"):
        run(name, panel().with_cohort(cohort))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_variance_that_is_not_known_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(MethodError, match="variance is 'HC9'") as error:
        run(name, panel(), variance="HC9")
    assert "default" in error.value.remedy


def test_steps_and_literals() -> None:
    require_steps(washout=0, anticipation=np.int64(2))
    for bad in (-1, 1.5, True, "2"):
        with pytest.raises(MethodError, match="washout is"):
            require_steps(washout=bad)
    require_known(controls=("never", Literal["never", "not_yet"]))
    with pytest.raises(MethodError, match="controls is 'all'") as error:
        require_known(controls=("all", Literal["never", "not_yet"]))
    assert error.value.remedy == "choose one of never, not_yet"
