"""An estimate by event time, made by hand: shared by the tests of what pre-periods can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

import attribution as at
from attribution.core.estimate import Estimate


def event_study(values: Mapping[object, float], sigma: np.ndarray, df: float = 40.0) -> Estimate:
    """Return an estimate with effects by event time, these values and this covariance."""
    panel = at.Panel.from_frame(
        at.dataset("jobtraining"), unit="fcode", period="year", outcome="lscrap", trained="grant"
    )
    base = at.did(panel, baseline=[1987], followup=[1988])
    terms = tuple(f"effect[event={event}]" for event in values)
    return replace(
        base,
        terms=terms,
        values=np.array(list(values.values()), dtype=float),
        influence=np.zeros((len(base.influence), len(terms))),
        covariance=np.asarray(sigma, dtype=float)[None],
        stratum_df=np.array([df]),
        replay=None,
        no_replay="made by hand",
    )
