"""A panel reduced to whole sites: means of people, who is left out and counted, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.arms import Controls, windows
from attribution.errors import DataError, MethodError
from attribution.estimators.sites.sites import Sites, site_table

PERIODS, LAUNCH = 6, 4


def people(per_site: int = 3, sites: int = 8, trained: Sequence[int] = (0, 1)) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(sites * per_site), PERIODS)
    site = person // per_site
    return pd.DataFrame(
        {
            "person": person,
            "month": np.tile(np.arange(PERIODS), sites * per_site),
            "kpi": rng.normal(20, 2, len(person)),
            "start": np.where(np.isin(site, trained), float(LAUNCH), np.nan),
            "site": site,
            "weight": rng.uniform(0.5, 2, sites * per_site)[person],
        }
    )


def panel_of(frame: pd.DataFrame, *, cluster: str | None = "site", weight: str | None = "weight") -> at.Panel:
    return at.Panel.from_frame(
        frame, unit="person", period="month", outcome="kpi", adopted="start", cluster=cluster, weight=weight
    )


def sites_of(panel: at.Panel, controls: Controls = "not_yet", baseline: Sequence[int] = (0, 1, 2, 3)) -> Sites:
    before, after = windows(panel, list(baseline), [4, 5])
    return site_table(panel, before, after, controls)


def test_a_site_is_the_weighted_mean_of_its_people_in_each_period() -> None:
    frame = people()
    sites = sites_of(panel_of(frame))
    frame["product"] = frame["kpi"] * frame["weight"]
    sums = frame.groupby(["site", "month"])[["product", "weight"]].sum()
    expected = (sums["product"] / sums["weight"]).to_numpy().reshape(8, PERIODS)
    assert sites.table + sites.center == pytest.approx(expected, rel=1e-12)
    assert (sites.n_trained, sites.n_pre, sites.adoption) == (2, 4, LAUNCH)
    assert sites.weight == pytest.approx(frame[frame["month"] == 0].groupby("site")["weight"].sum().to_numpy())
    assert sites.share == pytest.approx(sites.weight[:2] / sites.weight[:2].sum())
    assert sites.several
    assert sites.complete


def test_without_a_cluster_the_units_are_the_sites() -> None:
    frame = people(per_site=1)
    sites = sites_of(panel_of(frame, cluster=None))
    assert (sites.table + sites.center).ravel() == pytest.approx(frame["kpi"].to_numpy(), rel=1e-12)
    assert not sites.several


def test_a_person_absent_for_a_month_leaves_the_mean_of_the_others() -> None:
    frame = people()
    gone = (frame["person"] == 4) & (frame["month"] == 2)
    sites = sites_of(panel_of(frame[~gone], weight=None))
    others = frame[(frame["site"] == 1) & (frame["month"] == 2) & (frame["person"] != 4)]
    assert sites.table[1, 2] + sites.center == pytest.approx(others["kpi"].mean(), rel=1e-12)
    assert not sites.complete
    # What moves with who is there: the mean of the own levels, constant wherever everybody is.
    level = frame[~gone].groupby("person")["kpi"].mean()
    assert sites.own[1, 2] + sites.center == pytest.approx(level[[3, 5]].mean(), rel=1e-12)
    assert sites.own[1, [0, 1, 3, 4, 5]] + sites.center == pytest.approx(np.full(5, level[[3, 4, 5]].mean()))


def test_a_donor_with_a_gap_is_left_out_and_counted() -> None:
    frame = people()
    frame.loc[(frame["site"] == 6) & (frame["month"] == 1), "kpi"] = np.nan
    panel = panel_of(frame)
    sites = sites_of(panel)
    assert len(sites.table) == 7
    tidy = sites.flow.tidy()
    row = tidy[tidy["reason"] == "the site has no KPI value in some period of the windows"].iloc[0]
    assert (row["arm"], row["units"], row["rows"]) == ("never trained", 3, 18)
    assert tidy["units"].sum() == panel.counts.units
    assert tidy["rows"].sum() == panel.counts.rows
    assert sites.flow.coverage.largest_gap()[1] == "1"


def test_every_row_is_counted_once_whatever_happens_to_it() -> None:
    frame = people(sites=10)
    frame.loc[frame["site"] == 9, "start"] = 0.0
    frame.loc[frame["site"] == 8, "start"] = 77.0
    frame.loc[frame["person"] == 13, "weight"] = 0.0
    frame.loc[frame["person"] == 16, "kpi"] = np.nan
    frame.loc[(frame["person"] == 18) & (frame["month"] < 3), "kpi"] = np.nan
    panel = panel_of(frame)
    for controls, entered in (("not_yet", 7), ("never", 6)):
        flow = sites_of(panel, controls, baseline=[1, 2, 3]).flow
        tidy = flow.tidy()
        assert tidy["units"].sum() == panel.counts.units
        assert tidy["rows"].sum() == panel.counts.rows
        assert flow.control.clusters + flow.trained.clusters == entered + 2
        reasons = set(tidy["reason"])
        expected = {"adopted in or before the baseline", "weight 0", "no KPI value in either window"}
        assert expected | {"rows outside the windows", "rows without a KPI value"} <= reasons
        assert ("adopted after the follow-up, not a control here" in reasons) == (controls == "never")
        assert flow.later == ((("after the last period", 3),) if controls == "not_yet" else ())


def test_a_trained_site_with_a_gap_is_an_error_that_names_it() -> None:
    frame = people()
    gone = (frame["site"] == 1) & frame["month"].isin([2, 5])
    with pytest.raises(DataError, match=r"1 of 2 trained sites lack.*example, 1 in 2, 5") as error:
        sites_of(panel_of(frame[~gone]))
    assert "shorten the windows" in error.value.remedy


def test_half_a_site_cannot_be_trained() -> None:
    frame = people()
    frame.loc[frame["person"] == 4, "start"] = np.nan
    with pytest.raises(MethodError, match=r"1 of the site clusters.*1 holds 1 never trained, 2 trained") as error:
        sites_of(panel_of(frame))
    assert "'did'" in error.value.remedy
    # A person of weight 0 is nobody.
    frame.loc[frame["person"] == 4, "weight"] = 0.0
    assert sites_of(panel_of(frame)).n_trained == 2


def test_sites_that_begin_at_several_dates_are_sent_to_staggered() -> None:
    frame = people()
    frame.loc[frame["site"] == 1, "start"] = 5.0
    with pytest.raises(MethodError, match=r"2 dates \(4, 5\)") as error:
        sites_of(panel_of(frame))
    assert "'staggered'" in error.value.remedy


def test_a_followup_before_the_launch_is_refused() -> None:
    frame = people()
    frame.loc[frame["site"] < 2, "start"] = 5.0
    with pytest.raises(MethodError, match="the follow-up starts in 4, before training began in 5"):
        sites_of(panel_of(frame))
    panel = panel_of(frame)
    before, after = windows(panel, [0, 1, 2], [5])
    assert site_table(panel, before, after, "not_yet").adoption == 5


@pytest.mark.parametrize(("trained", "missing"), [((), "trained"), (range(8), "untrained")])
def test_an_empty_arm_is_an_error(trained: Sequence[int], missing: str) -> None:
    with pytest.raises(MethodError, match=f"no {missing} site has a KPI value in every period"):
        sites_of(panel_of(people(trained=trained)))


def test_repeated_cross_sections_have_sites_too() -> None:
    frame = people()
    panel = at.Panel.from_frame(
        frame, period="month", outcome="kpi", adopted="start", cluster="site", kind="repeated_cross_sections"
    )
    sites = sites_of(panel, baseline=[1, 2, 3])
    expected = frame[frame["month"] > 0].groupby(["site", "month"])["kpi"].mean().to_numpy().reshape(8, -1)
    assert sites.table + sites.center == pytest.approx(expected, rel=1e-12)
    tidy = sites.flow.tidy()
    assert tidy["units"].sum() == panel.counts.units
    assert tidy["rows"].sum() == panel.counts.rows
    assert np.isnan(sites.flow.coverage.trained).all()
