"""csdid: the port of R's did."""

from __future__ import annotations

from typing import Any

import measure
import numpy as np
import pandas as pd
from csdid.att_gt import ATTgt
from synthetic import COVARIATES


def _fit(frame: pd.DataFrame, cluster: str) -> Any:
    # Cells are not bootstrapped: only the aggregate that is asked for is, and that once.
    model = ATTgt(
        yname="kpi",
        tname="month",
        idname="person",
        gname="start",
        data=frame,
        control_group="nevertreated",
        xformla="~" + "+".join(COVARIATES),
        clustervar=None if cluster == "person" else cluster,
    )
    return model.fit(est_method="dr", base_period="varying", bstrap=False)


def _read(simple: Any, events: Any) -> measure.Answers:
    by_event = zip(events["egt"], events["att_egt"], np.ravel(events["se_egt"]), strict=True)
    return {
        "overall": (simple["overall_att"], np.ravel(simple["overall_se"])[0]),
        **{f"event={int(time)}": (value, se) for time, value, se in by_event},
    }


def group_time(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(_: Any) -> Any:
        fitted = _fit(frame, cluster)
        simple = fitted.aggte("simple", bstrap=False, cband=False).atte
        return simple, fitted.aggte("dynamic", bstrap=False, cband=False).atte

    return {"estimate": estimate}, lambda result: _read(*result)


def group_time_draws(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(_: Any) -> Any:
        np.random.seed(1)  # noqa: NPY002, the package draws from the global state
        fitted = _fit(frame, cluster)
        simple = fitted.aggte("simple", bstrap=True, cband=True, biters=999).atte
        return simple, fitted.aggte("dynamic", bstrap=True, cband=True, biters=999).atte

    return {"estimate": estimate}, lambda result: _read(*result)


if __name__ == "__main__":
    measure.main(["csdid", "drdid"], {"group_time": group_time, "group_time_draws": group_time_draws})
