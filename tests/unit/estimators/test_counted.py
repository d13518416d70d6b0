"""Estimated weights in draws: a level that leaves with its team, and one that leaves people of the other arm behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.checks.clusters import standard_error
from attribution.checks.evidence import Evidence
from attribution.cohorts.entropy import entropy
from attribution.cohorts.propensity import propensity
from attribution.core.estimate import Estimate
from attribution.errors import MethodError

WINDOWS: dict[str, Any] = {"baseline": [0], "followup": [1]}


def frame_of(n: int = 120) -> pd.DataFrame:
    """Return people in twelve teams over two months, some of each trained; team 3 alone is abroad."""
    rng = np.random.default_rng(2)
    one, trained, before = rng.normal(size=n), rng.random(n) < 0.4, rng.normal(size=n)
    wide = pd.DataFrame({"id": range(n), "team": np.arange(n) % 12, "one": one, "trained": trained})
    wide["abroad"] = (wide["team"] == 3) * 1.0
    wide["start"] = np.where(trained, 1.0, np.nan)
    after = before + one / 2 + trained + rng.normal(size=n)
    return pd.concat([wide.assign(month=0, kpi=before + one), wide.assign(month=1, kpi=after + one)])


def panel_of(frame: pd.DataFrame) -> at.Panel:
    return at.Panel.from_frame(
        frame,
        unit="id",
        period="month",
        outcome="kpi",
        adopted="start",
        covariates=["one", "abroad"],
        cluster="team",
    )


def by_propensity(panel: at.Panel, names: list[str]) -> Estimate:
    return at.did(panel.with_cohort(propensity(panel, covariates=names, **WINDOWS)), **WINDOWS)


def by_entropy(panel: at.Panel, names: list[str]) -> Estimate:
    return at.did(panel.with_cohort(entropy(panel, covariates=names, **WINDOWS)), **WINDOWS)


def of_all(panel: at.Panel, names: list[str]) -> Estimate:
    cohort = propensity(panel, covariates=names, estimand="ATE", **WINDOWS)
    return at.adjusted(panel.with_cohort(cohort), **WINDOWS)


def doubly(panel: at.Panel, names: list[str]) -> Estimate:
    return at.did(panel, covariates=names, adjust="doubly_robust", **WINDOWS)


def shared_slope(panel: at.Panel, names: list[str]) -> Estimate:
    return at.adjusted(panel, covariates=names, adjust="ancova", **WINDOWS)


@pytest.mark.parametrize("make", [by_propensity, by_entropy, of_all, doubly, shared_slope])
def test_a_team_that_takes_a_level_with_it_leaves_the_rest_as_it_is(
    make: Callable[[at.Panel, list[str]], Estimate],
) -> None:
    frame = frame_of()
    found = make(panel_of(frame), ["one", "abroad"])
    assert np.isfinite(found.std_error("effect"))
    assert found.replay is not None
    without = np.ones((2, 12))
    without[0, 3], without[1, 4] = 0.0, 0.0
    values = found.replay(without)[:, found.terms.index("effect")]
    # Abroad is nobody who is left, or whoever was before.
    for value, team, names in ((values[0], 3, ["one"]), (values[1], 4, ["one", "abroad"])):
        again = make(panel_of(frame[frame["team"] != team]), names)
        assert value == pytest.approx(again.value("effect"), rel=1e-7)


@pytest.mark.parametrize("make", [by_propensity, by_entropy])
def test_a_team_without_which_the_weights_do_not_exist_leaves_no_variance_and_says_so(
    make: Callable[[at.Panel, list[str]], Estimate],
) -> None:
    frame = frame_of()
    # One trained of another team is abroad: without team 3, no control is.
    one = frame.loc[frame["trained"] & (frame["team"] == 5), "id"].iloc[0]
    frame.loc[frame["id"] == one, "abroad"] = 1.0
    panel = panel_of(frame)
    found = make(panel, ["one", "abroad"])
    assert np.isnan(found.std_error("effect"))
    said = "without one of the clusters the weights or the effect do not exist: its variance is undefined"
    assert found.notes[-1] == said
    finding = standard_error(Evidence(panel=panel, estimate=found))
    assert (finding.status, said in finding.message) == ("fail", True)
    assert finding.remedy.startswith("make the cohort with fewer covariates")


def test_a_cohort_of_the_trained_is_refused_where_assignment_counts() -> None:
    frame = frame_of()
    untrained = frame.loc[~frame["trained"], "id"].unique()
    for also, refused in (([], False), (untrained[:2], True)):
        frame["assigned"] = (frame["trained"] | frame["id"].isin(also)).astype(int)
        panel = at.Panel.from_frame(
            frame, unit="id", period="month", outcome="kpi", adopted="start", covariates=["one"], assigned="assigned"
        )
        weighted = panel.with_cohort(propensity(panel, covariates=["one"], **WINDOWS))
        for one in (weighted, panel.with_cohort(propensity(panel, covariates=["one"], **WINDOWS).fixed())):
            if not refused:
                by_assignment, as_trained = at.did(one, as_assigned=True, **WINDOWS), at.did(one, **WINDOWS)
                assert by_assignment.value("effect") == pytest.approx(as_trained.value("effect"), rel=1e-12)
                continue
            with pytest.raises(MethodError, match="2 of its units were assigned otherwise than trained") as caught:
                at.did(one, as_assigned=True, **WINDOWS)
            assert "leave the cohort off" in caught.value.remedy
