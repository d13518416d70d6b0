"""The records beside a synthetic estimate: who the mix is made of, and what placebos find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.errors import MethodError
from attribution.estimators.sites.weights import synthetic_placebos, synthetic_weights
from attribution.estimators.synthetic import synthetic
from attribution.numerics.synthetic import Kind

WINDOWS: dict[str, Any] = {"baseline": list(range(6)), "followup": [6, 7]}
KINDS: tuple[Kind, ...] = ("did", "control")


@pytest.fixture(scope="module")
def panel() -> at.Panel:
    rng = np.random.default_rng(11)
    kpi = rng.normal(30, 2, (10, 1)) + rng.normal(0, 1, 8) + rng.normal(0, 0.7, (10, 8))
    kpi[0, 6:] += 6
    site, month = np.repeat(np.arange(10), 8), np.tile(np.arange(8), 10)
    frame = pd.DataFrame(
        {
            "site": [f"s{one}" for one in site],
            "month": month,
            "kpi": kpi.ravel(),
            "start": np.where(site == 0, 6.0, np.nan),
        }
    )
    return at.Panel.from_frame(frame, unit="site", period="month", outcome="kpi", adopted="start")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_the_estimate(panel: at.Panel, kind: Kind) -> None:
    estimate, found = synthetic(panel, **WINDOWS, kind=kind), synthetic_weights(panel, **WINDOWS, kind=kind)
    tidy = found.tidy()
    assert tidy.groupby("role")["weight"].sum().to_numpy() == pytest.approx([1.0, 1.0], rel=1e-12)
    assert tidy["role"].tolist() == ["donor"] * 9 + ["baseline"] * 6
    donors = tidy[tidy["role"] == "donor"]
    assert donors["weight"].is_monotonic_decreasing
    assert (donors["label"].iloc[0], donors["weight"].iloc[0]) == found.largest
    assert found.sites == ("s0",)
    assert 1 <= found.effective_donors <= 9
    paths = found.paths()
    assert paths["period"].tolist() == [str(month) for month in range(8)]
    parts = [estimate.value(f"effect[event={event}]") for event in range(-6, 2)]
    assert paths["effect"].to_numpy() == pytest.approx(parts, abs=1e-10)
    before = paths["effect"][:6].to_numpy()
    assert found.error == pytest.approx(np.std(before) if kind == "did" else np.sqrt(np.mean(before**2)))
    assert page_rows(found._repr_html_()) == 1 + int((tidy["weight"] > 0).sum())


def page_rows(page: str) -> int:
    return page.count("<tr>")


def test_the_mix_of_a_control_is_the_weighted_donors(panel: at.Panel) -> None:
    found = synthetic_weights(panel, **WINDOWS, kind="control")
    table = panel.observations.outcome.reshape(10, 8)
    assert found.mix == pytest.approx(found.donor_weights @ table[1:], rel=1e-12)
    assert found.trained == pytest.approx(table[0], rel=1e-12)
    assert found.spread == pytest.approx(np.sqrt(np.mean(np.var(table[1:, :6], axis=0, ddof=1))), rel=1e-12)
    assert (found.baseline_weights == 1 / 6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_placebos_rank_the_trained_among_the_donors(panel: at.Panel, kind: Kind) -> None:
    found = synthetic_placebos(panel, **WINDOWS, kind=kind)
    assert found.sets == tuple((f"s{one}",) for one in range(1, 10))
    assert found.effect == synthetic(panel, **WINDOWS, kind=kind).value("effect")
    assert (found.rank, found.drawn) == (1, False)
    assert found.p_value == pytest.approx(0.1)
    tidy = found.tidy()
    assert tidy["who"].tolist() == ["trained", *(f"s{one}" for one in range(1, 10))]
    assert found.rank == 1 + int((tidy["statistic"][1:] >= tidy["statistic"][0]).sum())
    # By hand: s3 against the others.
    table = panel.observations.outcome.reshape(10, 8)
    rest = [one for one in range(1, 10) if one != 3]
    order = [3, *rest]
    frame = pd.DataFrame(
        {
            "site": np.repeat(order, 8),
            "month": np.tile(np.arange(8), 9),
            "kpi": table[order].ravel(),
            "start": np.where(np.repeat(order, 8) == 3, 6.0, np.nan),
        }
    )
    other = at.Panel.from_frame(frame, unit="site", period="month", outcome="kpi", adopted="start")
    assert found.effects[2] == pytest.approx(synthetic(other, **WINDOWS, kind=kind).value("effect"), abs=1e-9)
    assert page_rows(found._repr_html_()) == 11


def test_placebos_need_donors_to_spare(panel: at.Panel) -> None:
    few = panel.observations.unit < 2
    cut = panel.units
    keep = np.array([0, 1])
    frame = pd.DataFrame(
        {
            "site": panel.observations.unit[few],
            "month": panel.observations.period[few],
            "kpi": panel.observations.outcome[few],
            "start": np.where(cut.adopted[keep][panel.observations.unit[few]] == 6, 6.0, np.nan),
        }
    )
    small = at.Panel.from_frame(frame, unit="site", period="month", outcome="kpi", adopted="start")
    assert synthetic_weights(small, **WINDOWS).largest == ("1", 1.0)
    with pytest.raises(MethodError, match="1 donors cannot stand in for 1 trained sites"):
        synthetic_placebos(small, **WINDOWS)
