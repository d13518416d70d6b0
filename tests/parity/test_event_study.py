"""Parity of the event study with `fixest` 0.12.1 where there is one cohort: Medicaid expansion in 2014 (ehec)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at

Values = dict[str, dict[str, Any]]
Reader = Callable[[str], pd.DataFrame]

RTOL = 1e-6


def test_one_cohort_is_the_event_study_of_fixest(reference: Values, reference_data: Reader) -> None:
    entry, frame = reference["twfe_event_medicaid"], reference_data("medicaid_ehec_nonstaggered.csv")
    frame = frame.assign(start=np.where(frame["yexp2"] == 2014, 2014.0, np.nan))
    panel = at.Panel.from_frame(frame, unit="stfips", period="year", outcome="dins", adopted="start")
    estimate = at.event_study(panel, variance="CR0")
    events = [int(name.split(":")[2]) - 2014 for name in entry["estimate"]]
    terms = [f"effect[event={event}]" for event in events]
    expected = np.array(list(entry["estimate"].values()))
    assert [estimate.value(term) for term in terms] == pytest.approx(expected, rel=RTOL)
    # fixest multiplies CR0 by G/(G−1)·(N−1)/(N−K), K the 7 coefficients and 8 period effects (states are nested).
    units, rows, coefficients = 43, 344, 15
    factor = units / (units - 1) * (rows - 1) / (rows - coefficients)
    covariance = estimate.vcov().loc[terms, terms].to_numpy() * factor
    assert covariance == pytest.approx(np.array(entry["extra"]["sigma"]), rel=RTOL)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(np.array(list(entry["std_error"].values())), rel=RTOL)
