"""statsmodels: least squares on the design matrix of a 2×2."""

from __future__ import annotations

from typing import Any

import measure
import numpy as np
import pandas as pd
import statsmodels.api as sm


def two_by_two(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    def estimate(_: Any) -> Any:
        ever, after = (frame["start"] > 0).to_numpy(float), (frame["month"] >= 13).to_numpy(float)
        X = np.column_stack([np.ones(len(frame)), ever, after, ever * after])
        model = sm.OLS(frame["kpi"].to_numpy(), X)
        return model.fit(cov_type="cluster", cov_kwds={"groups": frame[cluster].to_numpy()})

    return {"estimate": estimate}, lambda fitted: {"overall": (fitted.params[3], fitted.bse[3])}


if __name__ == "__main__":
    measure.main(["statsmodels"], {"two_by_two": two_by_two})
