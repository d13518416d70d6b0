"""Properties of estimated weights: they do not depend on the units of measurement, nor on the order of the people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution as at
from attribution.registry import COHORTS, load

NAMES = ["age", "tenure", "site"]
EVERY: list[tuple[str, dict[str, Any]]] = [
    *(("propensity", {"estimand": estimand}) for estimand in ("ATT", "ATE", "ATO")),
    ("propensity", {"cap": 0.9}),
    ("entropy", {}),
    ("entropy", {"estimand": "ATE"}),
    ("entropy", {"moments": 2}),
]


def people(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 240
    age, tenure = rng.normal(size=n), rng.gamma(2, 1, n)
    trained = rng.random(n) < 1 / (1 + np.exp(0.4 - 0.6 * age + 0.2 * (tenure - 2)))
    return pd.DataFrame(
        {
            "person": np.arange(n),
            "age": age,
            "tenure": tenure,
            "site": rng.choice(["n", "s", "w"], n),
            "trained": trained.astype(int),
            "sales": rng.normal(size=n),
            "weight": rng.uniform(0.5, 2, n),
        }
    )


def weights(frame: pd.DataFrame, method: str, options: dict[str, Any]) -> pd.Series:
    panel = at.Panel.from_frame(
        frame,
        unit="person",
        outcome="sales",
        trained="trained",
        covariates=NAMES,
        weight="weight",
        kind="cross_section",
    )
    cohort = load(COHORTS, method, kind="cohort method")(panel, covariates=NAMES, **options)
    return pd.Series(cohort.weights, index=panel.units.label)


@pytest.mark.parametrize(("method", "options"), EVERY)
@settings(max_examples=8)
@given(
    seed=st.integers(0, 100),
    scale=st.sampled_from([1e-6, 0.3, -2.0, 1e5]),
    shift=st.sampled_from([0.0, -40.0, 1e3]),
    heavier=st.sampled_from([0.1, 7.0]),
)
def test_units_of_measurement_do_not_matter(
    method: str, options: dict[str, Any], seed: int, scale: float, shift: float, heavier: float
) -> None:
    frame = people(seed)
    other = frame.assign(age=scale * (frame["age"] + shift), weight=heavier * frame["weight"]).sample(
        frac=1, random_state=seed
    )
    one, two = weights(frame, method, options), weights(other, method, options)
    # A shift of a thousand standard deviations costs three digits, its square six.
    assert two.loc[one.index].to_numpy() == pytest.approx(one.to_numpy(), rel=1e-6)
