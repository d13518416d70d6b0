"""An estimate with parts, small enough to check by hand: cohorts of clusters against clusters never trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import Estimate
from attribution.numerics.variance import stratified

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CohortMap:
    """Mean change of each cohort less that of the never trained; overall, cohorts count by their clusters."""

    change: Floats
    cohort: NDArray[np.int32]
    n_cohorts: int

    def __call__(self, weights: Floats) -> Floats:
        member = np.eye(self.n_cohorts + 1)[self.cohort]
        size = weights @ member
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (weights * self.change) @ member / size
            trained = size[:, :-1] > 0
            share = size[:, :-1] / size[:, :-1].sum(axis=1, keepdims=True)
        effects, changes = means[:, :-1] - means[:, -1:], means[:, :-1]
        overall = [np.where(trained, share * part, 0).sum(axis=1) for part in (effects, changes)]
        overall = [np.where(size[:, -1] > 0, part, np.nan) for part in overall]
        return np.column_stack([*overall, overall[1] - overall[0], effects, changes])


@pytest.fixture
def by_cohort() -> Callable[..., Estimate]:
    """Return a maker: `by_cohort([[6.1, 5.8], [9.0]], [2.0, 2.2])`, the changes of clusters by cohort and of controls.

    Terms effect, change, background, effect[group=1] …, change[group=1] …; two strata, ever and never trained.
    """

    def make(trained: Sequence[Sequence[float]], control: Sequence[float]) -> Estimate:
        change = np.concatenate([*map(np.asarray, trained), np.asarray(control)]).astype(float)
        cohort = np.repeat(np.arange(len(trained) + 1), [*map(len, trained), len(control)]).astype(np.int32)
        replay = CohortMap(change, cohort, len(trained))
        n, ones = len(change), np.ones(len(change))
        step = 1e-6 * np.eye(n)
        values = replay(ones[None])[0]
        influence = (replay(ones + step) - replay(ones - step)) / 2e-6
        labels = range(1, len(trained) + 1)
        terms = ("effect", "change", "background")
        terms += (*(f"effect[group={one}]" for one in labels), *(f"change[group={one}]" for one in labels))
        strata = (cohort == len(trained)).astype(np.int32)
        layers = stratified(replay, values, influence, strata, ones)
        frame = pd.DataFrame(
            {
                "u": np.repeat(np.arange(n), 2),
                "t": np.tile([0, 1], n),
                "y": np.stack([np.full(n, 50.0), 50.0 + change], axis=1).ravel(),
                "start": np.repeat(np.where(strata == 0, 1.0, np.nan), 2),
            }
        )
        panel = at.Panel.from_frame(frame, unit="u", period="t", outcome="y", adopted="start")
        return replace(
            at.did(panel, baseline=[0], followup=[1]),
            method="cohorts",
            terms=terms,
            values=values,
            influence=influence,
            clusters=np.arange(n, dtype=np.int32),
            strata=strata,
            stratum_names=("ever", "never"),
            covariance=layers.covariance,
            stratum_df=layers.df,
            replay=replay,
        )

    return make
