"""ATT weighting with a refit of the propensity for each draw, by a loop over scikit-learn's logistic regression.

Given its fastest way here: Newton with a Cholesky factor, warm-started from the full sample's fit.
"""

from __future__ import annotations

import json
import sys
import warnings
from time import perf_counter

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")


def effects(x: np.ndarray, trained: np.ndarray, kpi: np.ndarray, draws: np.ndarray) -> list[float]:
    """Return the ATT at weights of 1 and at each of `draws[n_draws, n]`."""
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8, warm_start=True)
    model.fit(x, trained)
    start = model.coef_.copy(), model.intercept_.copy()
    controls = trained == 0
    found = []
    for weights in np.concatenate([np.ones((1, len(x)), dtype=draws.dtype), draws]):
        model.coef_, model.intercept_ = start[0].copy(), start[1].copy()
        own = weights.astype(float)
        model.fit(x, trained, sample_weight=own)
        chance = model.predict_proba(x[controls])[:, 1]
        level = np.average(kpi[~controls], weights=own[~controls])
        found.append(float(level - np.average(kpi[controls], weights=own[controls] * chance / (1 - chance))))
    return found


if __name__ == "__main__":
    with np.load(sys.argv[1]) as data:
        given = {name: data[name] for name in data.files}
    effects(given["x"], given["trained"], given["kpi"], given["draws"][:10])
    begin = perf_counter()
    values = effects(given["x"], given["trained"], given["kpi"], given["draws"])
    print(json.dumps({"version": sklearn.__version__, "seconds": perf_counter() - begin, "effects": values}))
