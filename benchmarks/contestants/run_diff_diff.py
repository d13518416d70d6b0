"""diff-diff: Callaway–Sant'Anna, Sun–Abraham, and the regression of a 2×2."""

from __future__ import annotations

from typing import Any

import diff_diff
import measure
import pandas as pd
from synthetic import COVARIATES

COLUMNS = {"outcome": "kpi", "unit": "person", "time": "month", "first_treat": "start"}


def _cluster(cluster: str) -> str | None:
    return None if cluster == "person" else cluster


def _effects(overall: float, se: float, effects: dict[int, dict[str, Any]]) -> measure.Answers:
    by_event = {f"event={time}": (one["effect"], one["se"]) for time, one in effects.items()}
    return {"overall": (overall, se), **by_event}


def group_time(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(_: Any) -> Any:
        model = diff_diff.CallawaySantAnna(
            control_group="never_treated", estimation_method="dr", base_period="varying", cluster=_cluster(cluster)
        )
        fitted = model.fit(frame, covariates=COVARIATES, **COLUMNS)
        return fitted, fitted.aggregate("event_study").to_dataframe()

    def answers(result: Any) -> measure.Answers:
        fitted, events = result
        effects = {row.event_time: {"effect": row.att, "se": row.se} for row in events.itertuples()}
        return _effects(fitted.overall_att, fitted.overall_se, effects)

    return {"estimate": estimate}, answers


def group_time_draws(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(_: Any) -> Any:
        model = diff_diff.CallawaySantAnna(
            control_group="never_treated",
            estimation_method="dr",
            base_period="varying",
            cluster=_cluster(cluster),
            n_bootstrap=999,
            seed=1,
        )
        # Aggregating in `fit` draws once; `aggregate` afterwards would draw all of them again.
        return model.fit(frame, covariates=COVARIATES, aggregate="event_study", **COLUMNS)

    def answers(result: Any) -> measure.Answers:
        return _effects(result.overall_att, result.overall_se, result.event_study_effects)

    return {"estimate": estimate}, answers


def event_study(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def answers(result: Any) -> measure.Answers:
        effects = _effects(result.overall_att, result.overall_se, result.event_study_effects)
        return {key: effects[key] for key in effects if key != "overall"}

    return {"estimate": lambda _: diff_diff.SunAbraham(cluster=cluster).fit(frame, **COLUMNS)}, answers


def two_by_two(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    frame["ever"] = (frame["start"] > 0).astype(int)
    frame["after"] = (frame["month"] >= 13).astype(int)

    def estimate(_: Any) -> Any:
        model = diff_diff.DifferenceInDifferences(cluster=cluster)
        return model.fit(frame, outcome="kpi", treatment="ever", post="after")

    return {"estimate": estimate}, lambda result: {"overall": (result.att, result.se)}


if __name__ == "__main__":
    measure.main(
        ["diff-diff"],
        {
            "group_time": group_time,
            "group_time_draws": group_time_draws,
            "event_study": event_study,
            "two_by_two": two_by_two,
        },
    )
