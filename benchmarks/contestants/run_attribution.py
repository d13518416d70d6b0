"""attribution: reading the frame and estimating are timed apart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import measure
import pandas as pd
from synthetic import AFTER, BEFORE, COVARIATES, LAUNCHES, MONTHS

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


def _named(term: str) -> str | None:
    """Return `event=2` for `effect[event=2]`, None for other terms and for the mean over events."""
    key = term.removeprefix("effect[").removesuffix("]")
    return key if key.startswith("event=") and key != "event=mean" else None


def _events(estimate: at.Estimate) -> measure.Answers:
    named = {term: _named(term) for term in estimate.terms}
    return {key: (estimate.value(term), estimate.std_error(term)) for term, key in named.items() if key}


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
        named = {_named(row.term): (row.estimate, row.std_error) for row in band.itertuples()}
        found = {key: pair for key, pair in named.items() if key}
        return {"overall": (simple.value("effect"), drawn["std_error"].iloc[0]), **found}

    return {"panel": _panel(frame, cluster, COVARIATES), "estimate": estimate}, answers


def event_study(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(panel: at.Panel) -> at.Estimate:
        return at.event_study(panel, variance="CR1")

    size = frame.groupby("start")["person"].nunique()

    def answers(found: at.Estimate) -> measure.Answers:
        # The others take the cohorts' weights as known; ours count in the standard error, and are fixed for comparison.
        cells = found.aggregate("cells")
        weights: dict[str, dict[str, float]] = {}
        for start, month in product(LAUNCHES, range(1, MONTHS + 1)):
            term = f"effect[group={start},time={month}]"
            if term in cells.terms:
                weights.setdefault(f"event={month - start}", {})[term] = float(size[start])
        fixed = cells.combine(
            {key: {term: w / sum(parts.values()) for term, w in parts.items()} for key, parts in weights.items()}
        )
        return {key: (found.value(f"effect[{key}]"), fixed.std_error(key)) for key in weights}

    return {"panel": _panel(frame, cluster, []), "estimate": estimate}, answers


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
