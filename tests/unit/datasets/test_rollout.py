"""The simulated company: the same rows always, the truth it was made with, and what makes it worth studying."""

from __future__ import annotations

import hashlib
from time import process_time

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.datasets.rollout import MONTHS, WAVES, rollout, rollout_truth
from attribution.estimators.staggered import staggered

COLUMNS = ["agent", "month", "handle_time", "training_start", "team", "site", "tenure", "shift"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    found: pd.DataFrame = at.dataset("rollout")
    return found


def digest(frame: pd.DataFrame) -> str:
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def test_the_rows_are_the_same_always(frame: pd.DataFrame) -> None:
    assert digest(frame) == "fedad7190282cfcaaa2eb2a6cc4cac998975668ed67023c13e5611c9771ee6dd"
    assert digest(rollout()) == digest(frame)
    assert digest(rollout(seed=2)) != digest(frame)


def test_its_size_and_columns(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == COLUMNS
    assert 10_500 < len(frame) < 11_500
    assert (frame["team"].nunique(), frame["agent"].nunique(), frame["site"].nunique()) == (40, 480, 5)
    assert sorted(frame["month"].unique()) == list(MONTHS)
    assert not frame.duplicated(["agent", "month"]).any()
    assert frame["shift"].dtype == "category"
    assert len(frame[["agent", "team", "site", "tenure", "shift"]].drop_duplicates()) == 480
    assert len(frame[["team", "site", "training_start"]].drop_duplicates()) == 40


def test_it_is_made_in_half_a_second() -> None:
    start = process_time()
    rollout()
    assert process_time() - start < 0.5


def test_the_waves_and_the_teams_never_trained(frame: pd.DataFrame) -> None:
    teams = frame.groupby("team")["training_start"].first()
    counts = teams.value_counts(dropna=False)
    assert counts.drop(np.nan).sort_index().tolist() == [wave.teams for wave in WAVES]
    assert teams.isna().sum() == 9
    # Whoever joins does so before the training; the months before it are there for everybody.
    first = frame.groupby("agent")["month"].first()
    assert (first < frame.groupby("agent")["training_start"].first().fillna("9999")).all()


def test_some_months_are_absent_and_some_values_missing(frame: pd.DataFrame) -> None:
    months = frame.groupby("agent").size()
    assert (months < 24).mean() > 0.25
    assert 20 < frame["handle_time"].isna().sum() < 80
    last = frame.groupby("agent")["month"].last()
    assert 15 < (last < "2025-09").sum() < 80  # leavers
    assert 10 < (frame.groupby("agent")["tenure"].first() == 0).sum() < 60  # joiners


def test_early_waves_hold_the_new(frame: pd.DataFrame) -> None:
    tenure = frame.groupby("training_start", dropna=False)["tenure"].mean()
    assert tenure["2024-09"] < 0.8 * tenure["2025-07"]
    assert tenure["2024-09"] < 0.8 * tenure.iloc[-1]


def test_the_truth_grows_and_differs_by_wave() -> None:
    truth = rollout_truth()
    assert len(truth) == sum(24 - wave.start for wave in WAVES)
    by_wave = dict(list(truth.groupby("training_start")))
    assert len(by_wave) == 5
    for part in by_wave.values():
        assert (part["month"].iloc[0] == part["training_start"]).all()
        assert (np.diff(part["effect"]) < 0).all()  # minutes: a deeper fall every month
        assert (part["effect"] < 0).all()
    at_six = truth[truth["event"] == 5].set_index("training_start")["effect"]
    assert at_six.is_monotonic_increasing
    assert at_six.iloc[0] == pytest.approx(-1.40 * (1 - np.exp(-2)), rel=1e-12)


def slope_on_the_truth(frame: pd.DataFrame, drift: list[NDArray[np.float64]]) -> float:
    """Return the coefficient of the true effect in a regression on agents, months, and months times `drift`."""
    rows = frame["handle_time"].notna().to_numpy()
    month = pd.get_dummies(frame["month"]).to_numpy(dtype=float)
    merged = frame.merge(rollout_truth(), on=["training_start", "month"], how="left")
    effect = merged["effect"].fillna(0.0).to_numpy()
    parts = [effect[:, None], pd.get_dummies(frame["agent"]).to_numpy(dtype=float), month[:, 1:]]
    parts += [month[:, 1:] * column[:, None] for column in drift]
    design = np.concatenate(parts, axis=1)[rows]
    outcome = frame["handle_time"].to_numpy()[rows]
    return float(np.linalg.solve(design.T @ design, design.T @ outcome)[0])


def test_the_rows_hold_the_truth_once_tenure_and_shift_are_held() -> None:
    held, bare = [], []
    for seed in range(1, 5):
        frame = rollout(seed=seed)
        drift = [frame["tenure"].to_numpy(dtype=float), *(frame["shift"] == one for one in ("late", "night"))]
        held.append(slope_on_the_truth(frame, [np.asarray(one, dtype=float) for one in drift]))
        bare.append(slope_on_the_truth(frame, []))
    # One sample varies by about .07.
    assert held == pytest.approx([1] * 4, abs=0.25)
    assert np.mean(held) == pytest.approx(1, abs=0.12)
    assert np.mean(bare) > np.mean(held) + 0.1  # the new get faster on their own


def test_a_comparison_needs_tenure_and_shift_to_find_the_truth(frame: pd.DataFrame) -> None:
    panel = at.Panel.from_frame(
        frame,
        unit="agent",
        period="month",
        outcome="handle_time",
        adopted="training_start",
        cluster="team",
        covariates=["tenure", "shift"],
        direction="lower",
    )
    truth = frame.dropna(subset="handle_time").merge(rollout_truth(), on=["training_start", "month"])["effect"].mean()
    held = staggered(panel, covariates=["tenure", "shift"], adjust="regression", aggregate="simple")
    bare = staggered(panel, aggregate="simple")
    assert truth in held.interval()
    assert truth not in bare.interval()
    assert bare.value("effect") < held.value("effect")
    # Part of the change would have come anyway.
    assert 0.6 < held.value("effect") / held.value("change") < 0.9
