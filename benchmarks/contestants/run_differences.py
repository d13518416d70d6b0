"""differences: group-time effects."""

from __future__ import annotations

from typing import Any

import measure
import pandas as pd
from differences import ATTgt
from synthetic import COVARIATES


def _fit(indexed: pd.DataFrame, cluster: str | None) -> Any:
    # One process: with two, it took longer.
    model = ATTgt(data=indexed, cohort_column="start", base_period="varying")
    model.fit(
        "kpi ~ " + " + ".join(COVARIATES),
        est_method="dr",
        control_group="never_treated",
        cluster_var=cluster,
        progress_bar=False,
    )
    return model


def _task(draws: int) -> measure.Task:
    def task(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
        never = frame["start"] == 0
        frame["start"] = frame["start"].astype(float).mask(never)
        indexed = frame.set_index(["person", "month"])
        by = None if cluster == "person" else cluster

        def estimate(_: Any) -> Any:
            model = _fit(indexed, by)
            options = {"cluster_var": by, "boot_iterations": draws, "random_state": 1}
            return model.aggregate("simple", **options), model.aggregate("event", **options)

        def answers(result: Any) -> measure.Answers:
            simple, events = result
            found = {"overall": tuple(simple.iloc[0, :2])}
            return found | {f"event={int(time)}": tuple(row.iloc[:2]) for time, row in events.iterrows()}

        return {"estimate": estimate}, answers

    return task


if __name__ == "__main__":
    measure.main(["differences"], {"group_time": _task(0), "group_time_draws": _task(999)})
