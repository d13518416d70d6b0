"""pyfixest: the saturated event study, and the regression of a 2×2."""

from __future__ import annotations

from typing import Any

import measure
import pandas as pd
import pyfixest


def event_study(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(_: Any) -> Any:
        fitted = pyfixest.event_study(
            data=frame,
            yname="kpi",
            idname="person",
            tname="month",
            gname="start",
            cluster=cluster,
            estimator="saturated",
        )
        return fitted.aggregate()

    def answers(result: Any) -> measure.Answers:
        return {f"event={int(time)}": tuple(row.iloc[:2]) for time, row in result.iterrows()}

    return {"estimate": estimate}, answers


def two_by_two(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    frame["ever"] = (frame["start"] > 0).astype(int)
    frame["after"] = (frame["month"] >= 13).astype(int)

    def estimate(_: Any) -> Any:
        return pyfixest.feols(
            "kpi ~ ever * after", frame, vcov={"CRV1": cluster}, lean=True, copy_data=False, store_data=False
        )

    return {"estimate": estimate}, lambda fitted: {"overall": (fitted.coef()["ever:after"], fitted.se()["ever:after"])}


if __name__ == "__main__":
    measure.main(["pyfixest"], {"event_study": event_study, "two_by_two": two_by_two})
