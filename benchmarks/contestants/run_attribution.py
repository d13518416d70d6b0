"""attribution: reading the frame and estimating are timed apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import measure
import pandas as pd
from synthetic import AFTER, BEFORE, COVARIATES

import attribution as at


def _panel(frame: pd.DataFrame, cluster: str, covariates: list[str]) -> Callable[[Any], at.Panel]:
    return lambda _: at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster=cluster,
        covariates=covariates,
    )


def _events(estimate: at.Estimate) -> measure.Answers:
    found = {term: (estimate.value(term), estimate.std_error(term)) for term in estimate.terms}
    return {term[len("effect[") : -1]: pair for term, pair in found.items() if term.startswith("effect[event=")}


def _staggered(panel: at.Panel) -> at.Estimate:
    return at.staggered(
        panel, covariates=COVARIATES, adjust="doubly_robust", controls="never", aggregate="event", variance="CR1"
    )


def group_time(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def answers(estimate: at.Estimate) -> measure.Answers:
        simple = estimate.aggregate("simple")
        return {"overall": (simple.value("effect"), simple.std_error("effect")), **_events(estimate)}

    return {"panel": _panel(frame, cluster, COVARIATES), "estimate": _staggered}, answers


def group_time_draws(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(panel: at.Panel) -> tuple[at.Estimate, pd.DataFrame]:
        events = _staggered(panel)
        return events, at.simultaneous(events, method="multiplier", draws=999, seed=1)

    def answers(result: tuple[at.Estimate, pd.DataFrame]) -> measure.Answers:
        events, band = result
        simple = events.aggregate("simple")
        drawn = at.simultaneous(simple, ["effect"], method="multiplier", draws=999, seed=1)
        found = {
            row.term[len("effect[") : -1]: (row.estimate, row.std_error)
            for row in band.itertuples()
            if row.term.startswith("effect[event=")
        }
        return {"overall": (simple.value("effect"), drawn["std_error"].iloc[0]), **found}

    return {"panel": _panel(frame, cluster, COVARIATES), "estimate": estimate}, answers


def event_study(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(panel: at.Panel) -> at.Estimate:
        return at.event_study(panel, variance="CR1")

    return {"panel": _panel(frame, cluster, []), "estimate": estimate}, _events


def two_by_two(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(panel: at.Panel) -> at.Estimate:
        return at.did(panel, baseline=BEFORE, followup=AFTER, variance="CR1")

    def answers(found: at.Estimate) -> measure.Answers:
        return {"overall": (found.value("effect"), found.std_error("effect"))}

    return {"panel": _panel(frame, cluster, []), "estimate": estimate}, answers


if __name__ == "__main__":
    measure.main(
        ["training-attribution"],
        {
            "group_time": group_time,
            "group_time_draws": group_time_draws,
            "event_study": event_study,
            "two_by_two": two_by_two,
        },
    )
