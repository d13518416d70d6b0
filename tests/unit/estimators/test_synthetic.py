"""Synthetic sites: terms that add up, what moves them, when there is an interval, and what is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution as at
from attribution.core.cohort import Cohort
from attribution.core.estimate import UNTRAINED_LEVEL, Estimate
from attribution.errors import MethodError
from attribution.estimators.sites.fit import FEWEST_PLACEBOS
from attribution.estimators.synthetic import synthetic
from attribution.numerics.synthetic import Kind

BEFORE, AFTER = 8, 4
BASELINE, FOLLOWUP = list(range(BEFORE)), list(range(BEFORE, BEFORE + AFTER))
KINDS: tuple[Kind, ...] = ("did", "control")


def sites(
    *, donors: int = 12, trained: int = 1, effect: float = 3.0, per_site: int = 1, seed: int = 0, weights: bool = False
) -> pd.DataFrame:
    """Return sites by months with a common path, a factor and noise; people in them, if more than one a site."""
    rng = np.random.default_rng(seed)
    n, periods = donors + trained, BEFORE + AFTER
    path = rng.normal(0, 1, periods) + 0.3 * np.arange(periods)
    factor = np.cumsum(rng.normal(0, 0.5, periods))
    kpi = rng.normal(50, 3, n)[:, None] + path + rng.normal(0, 1, n)[:, None] * factor
    kpi = kpi + rng.normal(0, 0.5, (n, periods))
    kpi[:trained, BEFORE:] += effect
    person = np.repeat(np.arange(n * per_site), periods)
    site, month = person // per_site, np.tile(np.arange(periods), n * per_site)
    own = rng.normal(0, 2, n * per_site) if per_site > 1 else np.zeros(n)
    return pd.DataFrame(
        {
            "person": person,
            "site": [f"site {one:02d}" for one in site],
            "month": month,
            "kpi": kpi[site, month] + own[person],
            "start": np.where(site < trained, float(BEFORE), np.nan),
            "weight": rng.uniform(0.5, 3, n * per_site)[person] if weights else 1.0,
        }
    )


def panel_of(frame: pd.DataFrame, **options: Any) -> at.Panel:
    return at.Panel.from_frame(
        frame,
        unit="person",
        period="month",
        outcome="kpi",
        adopted="start",
        cluster="site",
        weight="weight",
        **options,
    )


def run(frame: pd.DataFrame, **options: Any) -> Estimate:
    options = {"baseline": BASELINE, "followup": FOLLOWUP} | options
    return synthetic(panel_of(frame), **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", [1, 3])
def test_terms_add_up(kind: Kind, trained: int) -> None:
    frame = sites(trained=trained)
    estimate = run(frame, kind=kind)
    events = [f"effect[event={event}]" for event in range(-BEFORE, AFTER)]
    assert estimate.terms == ("effect", "change", "background", UNTRAINED_LEVEL, *events)
    after = [estimate.value(term) for term in events[BEFORE:]]
    assert estimate.value("effect") == pytest.approx(np.mean(after), rel=1e-12)
    assert estimate.value("background") == pytest.approx(estimate.value("change") - estimate.value("effect"))
    mine = frame[frame["start"] == BEFORE].groupby("month")["kpi"].mean()
    level = mine[FOLLOWUP].mean()
    assert estimate.value(UNTRAINED_LEVEL) == pytest.approx(level - estimate.value("effect"), rel=1e-12)
    if kind == "control":
        assert estimate.value("change") == pytest.approx(level - mine[BASELINE].mean(), rel=1e-10)
    assert (estimate.replay, estimate.variance, estimate.main) == (None, "placebo", "effect")
    assert "resampled" in estimate.no_replay


@pytest.mark.parametrize("kind", KINDS)
def test_the_effect_is_found(kind: Kind) -> None:
    estimate = run(sites(donors=20, trained=3, effect=5.0, seed=2), kind=kind)
    assert 5.0 in estimate.interval(0.99)
    assert 0.0 not in estimate.interval(0.99)


@pytest.mark.parametrize("kind", KINDS)
def test_an_effect_that_is_added_is_added(kind: Kind) -> None:
    before, after = run(sites(effect=0.0), kind=kind), run(sites(effect=7.0), kind=kind)
    for term in ("effect", "change"):
        assert after.value(term) - before.value(term) == pytest.approx(7.0, rel=1e-9)
    assert after.value("background") == pytest.approx(before.value("background"), abs=1e-9)
    # Placebos never look at the trained after training: noise is what it was.
    assert after.std_error("effect") == pytest.approx(before.std_error("effect"), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_unit_order_and_names_change_nothing(kind: Kind) -> None:
    frame = sites(trained=2, per_site=3, weights=True)
    shuffled = frame.sample(frac=1, random_state=3)
    one, other = run(frame, kind=kind), run(shuffled, kind=kind)
    assert (one.values == other.values).all()
    assert (one.covariance == other.covariance).all()


@pytest.mark.parametrize("kind", KINDS)
def test_scale_and_shift_move_in_step(kind: Kind) -> None:
    frame = sites(trained=2)
    estimate = run(frame, kind=kind)
    moved = run(frame.assign(kpi=10 - 4 * frame["kpi"]), kind=kind)
    shown = [estimate.terms.index(term) for term in estimate.shown_terms]
    assert moved.values[shown] == pytest.approx(-4 * estimate.values[shown], rel=1e-7, abs=1e-7)
    assert moved.value(UNTRAINED_LEVEL) == pytest.approx(10 - 4 * estimate.value(UNTRAINED_LEVEL), rel=1e-9)
    assert moved.covariance == pytest.approx(16 * estimate.covariance, rel=1e-6, abs=1e-9)


def test_did_is_free_of_levels_and_of_a_common_trend() -> None:
    frame = sites(trained=2)
    estimate = run(frame)
    level = frame["site"].map({name: 100.0 * place for place, name in enumerate(sorted(set(frame["site"])))})
    assert run(frame.assign(kpi=frame["kpi"] + level)).values[0] == pytest.approx(estimate.values[0], abs=1e-6)
    trended = run(frame.assign(kpi=frame["kpi"] + 5 * frame["month"]))
    assert trended.value("effect") == pytest.approx(estimate.value("effect"), abs=1e-6)


def test_control_is_free_of_common_shocks() -> None:
    frame = sites(trained=2)
    shock = frame["month"].map(dict(enumerate(np.random.default_rng(4).normal(0, 30, BEFORE + AFTER))))
    estimate, shaken = (run(frame.assign(kpi=frame["kpi"] + one), kind="control") for one in (0.0, shock))
    assert shaken.value("effect") == pytest.approx(estimate.value("effect"), abs=1e-6)


def test_common_shocks_draw_the_weights_of_did_together() -> None:
    # As published, the ridge goes with the first differences, in which shocks that all sites share are too.
    frame = sites(trained=2)
    shock = frame["month"].map(dict(enumerate(np.random.default_rng(4).normal(0, 30, BEFORE + AFTER))))
    calm, shaken = (at_weights(panel_of(frame.assign(kpi=frame["kpi"] + one)), "did") for one in (0.0, shock))
    assert shaken.zeta > 10 * calm.zeta
    assert shaken.effective_donors > calm.effective_donors


@pytest.mark.parametrize("kind", KINDS)
def test_the_influence_is_the_derivative_with_the_weights_held(kind: Kind) -> None:
    # By hand: move one person's weight, and compute the terms with the same weights of donors and periods, scaled by
    # what became of their sites.
    frame = sites(trained=2, donors=7, per_site=3, weights=True)
    frame = frame[(frame["person"] != 5) | (frame["month"] != 3)]
    panel = panel_of(frame)
    estimate = synthetic(panel, baseline=BASELINE, followup=FOLLOWUP, kind=kind)
    weights = at_weights(panel, kind)
    names = [f"site {place:02d}" for place in range(9)]
    mix = dict(zip(weights.donors, weights.donor_weights, strict=True))
    time = np.append(weights.baseline_weights, np.zeros(AFTER))
    after = np.append(np.zeros(BEFORE), np.full(AFTER, 1 / AFTER))
    shift = time if kind == "did" else np.zeros(BEFORE + AFTER)

    def terms(factor: np.ndarray) -> np.ndarray:
        moved = frame.assign(weight=frame["weight"] * factor[frame["person"]])
        moved["product"] = moved["weight"] * moved["kpi"]
        sums = moved.groupby(["site", "month"])[["product", "weight"]].sum()
        table = (sums["product"] / sums["weight"]).loc[names].to_numpy().reshape(9, -1)
        size = moved.drop_duplicates("person").groupby("site")["weight"].sum()[names].to_numpy()
        start = frame.drop_duplicates("person").groupby("site")["weight"].sum()[names].to_numpy()
        path = size[:2] @ table[:2] / size[:2].sum()
        donors = np.array([mix[name] for name in names[2:]]) * size[2:] / start[2:]
        gap = path - donors @ table[2:] / donors.sum()
        curve = gap - shift @ gap
        effect, change = after @ curve, (after - time) @ path
        return np.concatenate([[effect, change, change - effect, after @ path - effect], curve])

    step = 1e-5
    for person in (0, 4, 5, 11, 20):
        up, down = np.ones(27), np.ones(27)
        up[person], down[person] = 1 + step, 1 - step
        derivative = (terms(up) - terms(down)) / (2 * step)
        assert estimate.influence[person] == pytest.approx(derivative, abs=1e-7), person
    assert np.abs(estimate.influence.sum(axis=0)).max() <= 1e-10


def at_weights(panel: at.Panel, kind: Kind) -> Any:
    from attribution.estimators.sites.weights import synthetic_weights

    return synthetic_weights(panel, baseline=BASELINE, followup=FOLLOWUP, kind=kind)


def test_a_share_and_its_set_come_from_the_joint_covariance() -> None:
    factor = at.attribution_factor(run(sites(donors=20, trained=2, effect=4.0)), draws=199)
    assert factor.interval.kind == "bounded"
    assert factor.share == pytest.approx(factor.estimate.value("effect") / factor.estimate.value("change"))
    assert factor.draws is not None
    assert factor.raw_draws is None
    # Effect and change of a set move together: the share is surer than its parts.
    total = factor.estimate.covariance.sum(axis=0)
    assert total[0, 1] > 0


def test_percents_take_the_level_before_training_as_given() -> None:
    estimate = run(sites(donors=20, trained=2))
    assert estimate.std_error(UNTRAINED_LEVEL) == pytest.approx(estimate.std_error("background"), rel=1e-12)
    change = estimate.percent(term="change")
    level = estimate.value(UNTRAINED_LEVEL) - estimate.value("background")
    assert change.estimate == pytest.approx(estimate.value("change") / level, rel=1e-12)
    interval = estimate.interval(term="change")
    assert (change.interval.low, change.interval.high) == pytest.approx((interval.low / level, interval.high / level))
    assert estimate.percent().interval.kind == "bounded"


def test_sets_are_drawn_with_the_seed_where_there_are_many() -> None:
    frame = sites(donors=12, trained=3)
    every = run(frame)
    assert any("all 220 sets of 3 donors" in note for note in every.notes)
    first, again, other = (run(frame, placebos=100, seed=seed) for seed in (1, 1, 2))
    assert (first.covariance == again.covariance).all()
    assert not (first.covariance == other.covariance).all()
    assert any("100 sets of 3 donors drawn with seed 1" in note for note in first.notes)
    # A hundred draws of 220 sets: within a third of the standard error of all.
    assert first.std_error("effect") == pytest.approx(every.std_error("effect"), rel=1 / 3)
    assert every.contrast({"effect": 1.0}).df == pytest.approx(11.0)


def test_sites_of_unequal_weight_are_told_apart() -> None:
    frame = sites(donors=8, trained=2, per_site=2, weights=True)
    estimate = run(frame)
    assert any("all 56 sets of 2 donors" in note for note in estimate.notes)  # 8 · 7, in order
    assert estimate.n.trained.units == 4
    assert estimate.n.trained.weight == pytest.approx(
        frame[frame["start"] == BEFORE].drop_duplicates("person")["weight"].sum()
    )


def test_few_donors_give_an_effect_without_an_interval() -> None:
    estimate = run(sites(donors=4))
    assert np.isfinite(estimate.values).all()
    assert np.isnan(estimate.std_error("effect"))
    assert estimate.interval().kind == "undefined"
    assert estimate.variance == "none"
    assert any("no interval: the donors are 4; an interval needs at least 5" in note for note in estimate.notes)
    assert "variance of the effect is undefined" in at.attribution_factor(estimate, draws=99).reason
    with pytest.raises(MethodError, match="too few donors for placebos: the donors are 4"):
        run(sites(donors=4), variance="placebo")
    assert run(sites(donors=1)).value("effect") == pytest.approx(3.0, abs=5)


def test_as_many_trained_as_donors_have_no_placebos() -> None:
    estimate = run(sites(donors=6, trained=6))
    assert any("6 donors cannot stand in for 6 trained sites" in note for note in estimate.notes)
    named = run(sites(donors=6, trained=6), variance="jackknife")
    assert (named.variance, named.stratum_names) == ("jackknife", ("trained", "control"))
    assert named.std_error("effect") > 0
    assert run(sites(donors=6, trained=5)).variance == "placebo"


def test_the_jackknife_has_a_layer_for_each_arm() -> None:
    estimate = run(sites(donors=12, trained=4), variance="jackknife")
    assert estimate.covariance.shape == (2, len(estimate.terms), len(estimate.terms))
    assert estimate.stratum_df[0] == 3.0
    # Only trained sites move the observed change.
    assert estimate.contrast({"change": 1.0}).df == pytest.approx(3.0)
    assert any("too small for the background" in note for note in estimate.notes)


@pytest.mark.parametrize(
    ("options", "trained", "message"),
    [
        ({"variance": "jackknife"}, 1, "there are 1 trained, 12 donors"),
        ({"variance": "jackknife", "kind": "control"}, 3, "not valid for a synthetic control"),
        ({"variance": "CR1"}, 1, "variance is 'CR1'"),
        ({"kind": "sc"}, 1, "kind is 'sc'"),
        ({"controls": "all"}, 1, "controls is 'all'"),
        ({"placebos": FEWEST_PLACEBOS - 1}, 1, f"placebos is {FEWEST_PLACEBOS - 1}"),
        ({"seed": -1}, 1, "seed is -1"),
        ({"baseline": [6, 7]}, 1, "the baseline is of 2"),
        ({"baseline": [7]}, 1, "the baseline is of 1"),
    ],
)
def test_what_does_not_apply_is_refused_with_a_remedy(options: dict[str, Any], trained: int, message: str) -> None:
    with pytest.raises(MethodError, match=message) as error:
        run(sites(trained=trained), **options)
    assert error.value.remedy


def test_a_series_or_another_estimand_is_refused() -> None:
    frame = pd.DataFrame({"month": range(12), "kpi": np.arange(12.0), "start": 8.0})
    series = at.Panel.from_frame(frame, period="month", outcome="kpi", adopted="start", kind="series")
    with pytest.raises(MethodError, match="one series") as error:
        synthetic(series, baseline=BASELINE, followup=FOLLOWUP)
    assert "'trend'" in error.value.remedy
    panel = panel_of(sites())
    given = panel.with_cohort(Cohort("given", "ATE", np.ones(13)))
    with pytest.raises(MethodError, match="speaks for the ATE"):
        synthetic(given, baseline=BASELINE, followup=FOLLOWUP)


def test_a_cohort_of_weight_zero_is_no_donor() -> None:
    panel = panel_of(sites())
    weights = np.ones(13)
    weights[5] = 0.0
    estimate = synthetic(panel.with_cohort(Cohort("given", "ATT", weights)), baseline=BASELINE, followup=FOLLOWUP)
    assert estimate.n.control.clusters == 11
    left = estimate.n.tidy()
    assert left.loc[left["reason"] == "weight 0", "units"].tolist() == [1]


def test_people_who_come_and_go_are_weighed() -> None:
    frame = sites(trained=2, per_site=4, effect=0.0)
    assert run(frame).n.composition == 0.0
    # The two of the highest own level in a trained site leave with the launch: its mean falls by itself.
    mine = frame[frame["site"] == "site 00"].groupby("person")["kpi"].mean().nlargest(2).index
    left = frame[~(frame["person"].isin(mine) & (frame["month"] >= BEFORE))]
    estimate = run(left)
    assert any("2 of 56 persons lack a value in some period" in note for note in estimate.notes)
    fell = estimate.value("effect") - run(frame).value("effect")
    assert fell < -0.3
    assert estimate.n.composition == pytest.approx(fell, rel=0.5)


def test_notes_name_the_mix_and_the_baseline() -> None:
    notes = run(sites(trained=2, per_site=2)).notes
    assert any(note.startswith("a site is a site: the values of its persons are averaged") for note in notes)
    assert any("donors, the largest site " in note for note in notes)
    assert any(note.startswith("effect and change are measured from the weighted baseline: ") for note in notes)
    control = run(sites(), kind="control").notes
    assert any(note.startswith("permutation: the error after training over that before ranks ") for note in control)
    later = sites()
    later.loc[later["site"] == "site 12", "start"] = 99.0
    assert any("donors include 1 units that adopt later" in note for note in run(later).notes)


def test_the_record_is_small_and_picklable() -> None:
    estimate = run(sites(trained=2))
    copy: Estimate = pickle.loads(pickle.dumps(estimate))
    assert copy.tidy(hidden=True).equals(estimate.tidy(hidden=True))
    assert replace(copy, notes=()).no_replay == estimate.no_replay
