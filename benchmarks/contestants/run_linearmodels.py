"""linearmodels: two-way fixed effects with cohort × event dummies, and the pooled regression of a 2×2."""

from __future__ import annotations

from typing import Any

import measure
import numpy as np
import pandas as pd
from linearmodels.panel import PanelOLS, PooledOLS
from synthetic import LAUNCHES, MONTHS


def event_study(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    """The dummies are made outside the clock; the cells are averaged by cohort size inside it."""
    size = frame.groupby("start")["person"].nunique()
    cells = [(start, month) for start in LAUNCHES for month in range(1, MONTHS + 1) if month != start - 1]
    dummies = {
        f"{start}:{month}": ((frame["start"] == start) & (frame["month"] == month)).astype(float)
        for start, month in cells
    }
    keys = [frame["person"].to_numpy(), frame["month"].to_numpy()]
    X = pd.DataFrame(dummies).set_index(keys)
    y, clusters = frame[["kpi"]].set_index(keys), frame[[cluster]].set_index(keys)

    def estimate(_: Any) -> Any:
        model = PanelOLS(y, X, entity_effects=True, time_effects=True)
        fitted = model.fit(cov_type="clustered", clusters=clusters, auto_df=False, count_effects=False)
        value, covariance = fitted.params.to_numpy(), fitted.cov.to_numpy()
        found = {}
        for event in sorted({month - start for start, month in cells}):
            weight = np.array([size[start] if month - start == event else 0 for start, month in cells], dtype=float)
            weight /= weight.sum()
            found[f"event={event}"] = weight @ value, np.sqrt(weight @ covariance @ weight)
        return found

    return {"estimate": estimate}, lambda found: found


def two_by_two(frame: pd.DataFrame, cluster: str) -> tuple[measure.Steps, Any]:
    indexed = frame.set_index(["person", "month"])
    ever, after = (frame["start"] > 0).to_numpy(float), (frame["month"] >= 13).to_numpy(float)
    X = pd.DataFrame({"one": 1.0, "ever": ever, "after": after, "both": ever * after}, index=indexed.index)

    def estimate(_: Any) -> Any:
        # Faster than PanelOLS with two-way effects, and the same estimate on a balanced panel.
        return PooledOLS(indexed[["kpi"]], X).fit(cov_type="clustered", clusters=indexed[[cluster]])

    return {"estimate": estimate}, lambda fitted: {"overall": (fitted.params["both"], fitted.std_errors["both"])}


if __name__ == "__main__":
    measure.main(["linearmodels"], {"event_study": event_study, "two_by_two": two_by_two})
