"""did on repeated cross-sections: means of rows by hand, who is counted, clusters, variances, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import attribution as at
from attribution.core.estimate import UNTRAINED_LEVEL
from attribution.errors import MethodError

Floats = NDArray[np.float64]


def build(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame, period="month", outcome="sales", adopted="start", kind="repeated_cross_sections", **options
    )


def rows(*given: tuple[int, float, float | None]) -> pd.DataFrame:
    return pd.DataFrame(given, columns=["month", "sales", "start"])


BY_HAND = rows(
    (0, 10.0, 1), (0, 14.0, 1), (1, 20.0, 1), (1, 22.0, 1), (1, 24.0, 1),
    (0, 5.0, None), (0, 7.0, None), (0, 9.0, None), (1, 10.0, None), (1, 12.0, None),
)  # fmt: skip


def test_values_by_hand() -> None:
    estimate = at.did(build(BY_HAND), baseline=[0], followup=[1], variance="HC0")
    assert estimate.value("change") == pytest.approx(22 - 12)
    assert estimate.value("background") == pytest.approx(11 - 7)
    assert estimate.value("effect") == pytest.approx(6)
    assert estimate.value(UNTRAINED_LEVEL) == pytest.approx(16)
    # Sums of squares over squared sizes: 8/4 + 8/9 of the trained, 8/9 + 2/4 of the controls.
    assert estimate.std_error("effect") == pytest.approx(np.sqrt(2 + 8 / 9 + 8 / 9 + 0.5))
    assert estimate.std_error("change") == pytest.approx(np.sqrt(2 + 8 / 9))
    assert (estimate.estimand, estimate.rows, estimate.stratum_names) == ("ATT", "units", ("trained", "control"))


def test_a_row_is_a_unit_and_exposure_is_the_trained_rows_of_the_follow_up() -> None:
    frame = pd.concat([BY_HAND, rows((2, 25.0, 1), (2, 13.0, None), (1, np.nan, 1), (3, 1.0, 1), (1, 8.0, 0))])
    estimate = at.did(build(frame), baseline=[0], followup=[1, 2])
    assert (estimate.n.trained.units, estimate.n.control.units) == (6, 6)
    assert estimate.n.exposure == (3, 1)
    assert estimate.n.unit_periods == 4
    left_out = {(part.arm, part.reason): (part.units, part.rows) for part in estimate.n.left_out}
    assert left_out == {
        ("trained", "outside the windows"): (1, 1),
        ("trained", "no KPI value"): (1, 1),
        ("trained before follow-up", "adopted in or before the baseline"): (1, 1),
    }
    assert estimate.n.coverage.trained.tolist() == [1.0, 0.75, 1.0]
    # A window's level is the mean of its rows, whichever period they are of.
    assert estimate.value("change") == pytest.approx((20 + 22 + 24 + 25) / 4 - 12)


def test_weights_weigh_rows() -> None:
    frame = BY_HAND.assign(w=[1.0, 3, 1, 1, 1, 1, 1, 1, 1, 1])
    estimate = at.did(build(frame, weight="w"), baseline=[0], followup=[1])
    assert estimate.value("change") == pytest.approx(22 - (10 + 3 * 14) / 4)


def sites(seed: int = 4, *, mixed: bool = False) -> pd.DataFrame:
    """Return rows of thirty sites, of which ten are trained, a changing number of rows in each month."""
    rng = np.random.default_rng(seed)
    site = rng.integers(0, 30, 900)
    month = rng.integers(0, 4, 900)
    trained = rng.random(900) < 0.4 if mixed else site < 10
    kpi = rng.normal(0, 1, 30)[site] + 0.5 * month + 1.5 * (trained & (month >= 2)) + rng.normal(0, 1, 900)
    return pd.DataFrame({"site": site, "month": month, "sales": kpi, "start": np.where(trained, 2.0, np.nan)})


@pytest.mark.parametrize("mixed", [False, True])
def test_the_default_variance_leaves_out_each_site_in_turn(mixed: bool) -> None:
    frame = sites(mixed=mixed)
    estimate = at.did(build(frame, cluster="site"), baseline=[0, 1], followup=[2, 3])
    assert estimate.stratum_names == (("mixed",) if mixed else ("trained", "control"))
    variance = 0.0
    for members in [range(30)] if mixed else [range(10), range(10, 30)]:
        left_out = [
            at.did(build(frame[frame["site"] != one], cluster="site"), baseline=[0, 1], followup=[2, 3]).value("effect")
            for one in members
        ]
        size = len(left_out)
        variance += (size - 1) / size * np.sum((np.array(left_out) - estimate.value("effect")) ** 2)
    assert estimate.std_error("effect") == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert abs(estimate.value("effect") - 1.5) < 4 * estimate.std_error("effect")


def test_a_cell_of_one_site_has_no_variance_however_many_rows_it_holds() -> None:
    frame = sites()
    lone = frame[(frame["site"] > 0) | (frame["month"] < 2)]
    lone = lone[(lone["site"] >= 10) | (lone["month"] >= 2) | (lone["site"] == 0)]
    estimate = at.did(build(lone, cluster="site"), baseline=[0, 1], followup=[2, 3])
    assert np.isfinite(estimate.value("effect"))
    assert np.isnan(estimate.std_error("effect"))
    many = pd.concat([BY_HAND] * 30, ignore_index=True)
    many = many[(many["month"] == 1) | many["start"].isna() | (many.index == 0)]
    assert np.isnan(at.did(build(many), baseline=[0], followup=[1]).std_error("effect"))


@pytest.mark.parametrize("mixed", [False, True])
def test_variances_by_cluster_are_those_of_the_saturated_regression(mixed: bool) -> None:
    import statsmodels.api as sm

    frame = sites(mixed=mixed)
    trained, post = frame["start"].notna().to_numpy(dtype=float), (frame["month"] >= 2).to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(frame)), trained, post, trained * post])
    model = sm.OLS(frame["sales"].to_numpy(), X)
    oracle = model.fit(cov_type="cluster", cov_kwds={"groups": frame["site"].to_numpy()}, use_t=True)
    estimate = at.did(build(frame, cluster="site"), baseline=[0, 1], followup=[2, 3], variance="CR1S")
    assert estimate.value("effect") == pytest.approx(oracle.params[3], rel=1e-10)
    assert estimate.std_error("effect") == pytest.approx(oracle.bse[3], rel=1e-10)
    assert estimate.contrast({"effect": 1.0}).df == pytest.approx(29)


@pytest.mark.parametrize("mixed", [False, True])
def test_cr2_and_its_df_are_those_of_the_definition(mixed: bool) -> None:
    # Bell & McCaffrey (2002) by dense matrices: A_g = (I − H_gg)^(−1/2), df = tr(P)² / tr(P²).
    frame = sites(mixed=mixed).head(300)
    trained, post = frame["start"].notna().to_numpy(dtype=float), (frame["month"] >= 2).to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(frame)), trained, post, trained * post])
    bread = np.linalg.inv(X.T @ X)
    annihilator = np.eye(len(frame)) - X @ bread @ X.T
    residual = annihilator @ frame["sales"].to_numpy()
    variance, columns = 0.0, []
    for site in frame["site"].unique():
        inside = np.flatnonzero(frame["site"] == site)
        values, vectors = np.linalg.eigh(annihilator[np.ix_(inside, inside)])
        weights = bread[3] @ X[inside].T @ (vectors / np.sqrt(values)) @ vectors.T
        variance += float(weights @ residual[inside]) ** 2
        columns.append(weights @ annihilator[inside])
    P = np.array(columns) @ np.array(columns).T
    found = at.did(build(frame, cluster="site"), baseline=[0, 1], followup=[2, 3], variance="CR2")
    contrast = found.contrast({"effect": 1.0})
    assert contrast.std_error == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert contrast.df == pytest.approx(np.trace(P) ** 2 / np.trace(P @ P), rel=1e-8)


def test_several_windows_and_assignment_have_no_variance_by_leverage() -> None:
    panel = build(sites())
    with pytest.raises(MethodError, match="more means of rows here") as error:
        at.did(panel, baseline=[0, 1], followup=[[2], [3]], variance="HC3")
    assert "'HC1' or 'CR1'" in error.value.remedy
    estimate = at.did(panel, baseline=[0, 1], followup=[[2], [3]], variance="HC1")
    alone = at.did(panel, baseline=[0, 1], followup=[3])
    assert estimate.value("effect[window=2]") == pytest.approx(alone.value("effect"), rel=1e-12)


def test_as_assigned_compares_groups_and_counts_who_was_trained() -> None:
    frame = sites()
    # Two of the sites that were assigned are not trained, one that was not is.
    frame["start"] = np.where(frame["site"].isin([0, 1]), np.nan, frame["start"])
    frame["start"] = np.where(frame["site"] == 20, 2.0, frame["start"])
    frame["invited"] = (frame["site"] < 10).astype(int)
    panel = build(frame, cluster="site", assigned="invited")
    estimate = at.did(panel, baseline=[0, 1], followup=[2, 3], as_assigned=True)
    after = frame[frame["month"] >= 2]
    expected = after["start"].notna().groupby(after["invited"]).mean()
    assert estimate.estimand == "ITT"
    assert estimate.value("take_up") == pytest.approx(expected[1] - expected[0])
    assert estimate.n.trained.clusters == 10
    takers = at.did(panel, baseline=[0, 1], followup=[2, 3], as_assigned=True, variance="CR1")
    assert np.isfinite(takers.std_error("take_up"))


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ({"month": 0, "trained": True}, "no trained row has a KPI value in the baseline"),
        ({"month": 1, "trained": False}, "no control row has a KPI value in the follow-up"),
    ],
)
def test_an_empty_cell_is_refused(gone: dict[str, Any], what: str) -> None:
    kept = BY_HAND[(BY_HAND["month"] != gone["month"]) | (BY_HAND["start"].notna() != gone["trained"])]
    with pytest.raises(MethodError, match=what) as error:
        at.did(build(kept), baseline=[0], followup=[1])
    assert error.value.where == "baseline 0, follow-up 1"
    assert f"rows in {gone['month']}" in error.value.remedy


def test_controls_that_adopt_later_are_named() -> None:
    frame = pd.concat([BY_HAND, rows((0, 6.0, 2), (1, 9.0, 2), (2, 11.0, 2))])
    estimate = at.did(build(frame), baseline=[0], followup=[1])
    assert estimate.notes == ("controls include 2 rows of groups that adopt later (2 in 2)",)
    assert at.did(build(frame), baseline=[0], followup=[1], controls="never").n.control.units == 5


def test_prepost_is_the_difference_of_two_means() -> None:
    estimate = at.prepost(build(BY_HAND), baseline=[0], followup=[1])
    assert estimate.terms == ("change",)
    assert estimate.value("change") == pytest.approx(10)
    # Two samples in one stratum: five rows, each left out in turn.
    before, after = np.array([10.0, 14.0]), np.array([20.0, 22.0, 24.0])
    left_out = [after.mean() - np.delete(before, one).mean() for one in range(2)]
    left_out += [np.delete(after, one).mean() - before.mean() for one in range(3)]
    assert estimate.std_error("change") == pytest.approx(np.sqrt(4 / 5 * np.sum((np.array(left_out) - 10) ** 2)))


def test_a_series_has_no_units_to_compare() -> None:
    frame = pd.DataFrame({"month": range(6), "sales": np.arange(6.0), "start": 3})
    panel = at.Panel.from_frame(frame, period="month", outcome="sales", adopted="start", kind="series")
    with pytest.raises(MethodError, match="the panel is a series") as error:
        at.did(panel, baseline=[0], followup=[4])
    assert "trend" in error.value.remedy
