"""Weights of donors and periods, placebos and the jackknife, on tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics.synthetic import (
    CHANGE,
    CURVE,
    EFFECT,
    error_ratio,
    fit_error,
    fit_weights,
    jackknife_layers,
    placebo_covariance,
    placebo_sets,
    placebo_values,
)


def table(seed: int = 0, donors: int = 12, periods: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(50, 4, (donors, 1)) + rng.normal(0, 2, periods) + rng.normal(0, 1, (donors, periods))


def test_a_mix_that_is_there_is_found() -> None:
    donors = table()
    path = 0.3 * donors[2] + 0.7 * donors[5] + np.where(np.arange(9) >= 7, 4.0, 0.0)
    fit = fit_weights(path, donors, 7, 1, "control")
    # The ridge is a millionth of the noise, so that the weights are off by about its square.
    assert fit.unit[[2, 5]] == pytest.approx([0.3, 0.7], abs=1e-8)
    values = fit.values(path, donors)
    assert values[EFFECT] == pytest.approx(4.0, abs=1e-7)
    assert values[CURVE:] == pytest.approx([0.0] * 7 + [4.0] * 2, abs=1e-7)
    assert values[CHANGE] == pytest.approx(path[7:].mean() - path[:7].mean(), rel=1e-12)


def test_did_finds_donors_that_move_alike_at_any_level() -> None:
    donors = table(1)
    path = donors.mean(axis=0) + 100 + np.where(np.arange(9) >= 7, -2.0, 0.0)
    fit = fit_weights(path, donors, 7, 1, "did")
    # With a ridge, equal weights are the best of all that fit exactly.
    assert fit.unit == pytest.approx(np.full(12, 1 / 12), abs=1e-9)
    assert fit.values(path, donors)[EFFECT] == pytest.approx(-2.0, abs=1e-9)
    assert fit.baseline.sum() == pytest.approx(1.0, rel=1e-12)
    assert (fit.baseline >= 0).all()
    noise = np.std(np.diff(donors[:, :7], axis=1), ddof=1)
    assert (fit.noise, fit.zeta) == (noise, (1 * 2) ** 0.25 * noise)


def test_the_effect_is_the_mean_of_its_curve_after_training() -> None:
    donors, path = table(2), table(3, donors=1)[0]
    for kind in ("did", "control"):
        fit = fit_weights(path, donors, 6, 1, kind)
        values = fit.values(path, donors)
        assert values[EFFECT] == pytest.approx(values[CURVE + 6 :].mean(), rel=1e-12)
        before = values[CURVE : CURVE + 6]
        if kind == "did":
            assert fit.baseline @ before == pytest.approx(0.0, abs=1e-12)
        assert fit_error(values[CURVE:], 6, intercept=False) == pytest.approx(np.sqrt(np.mean(before**2)))
        assert fit_error(values[CURVE:], 6, intercept=True) == pytest.approx(np.std(before))


def test_donors_without_noise_still_have_weights() -> None:
    steady = np.arange(5.0)[:, None] + np.arange(8.0)
    fit = fit_weights(steady[0] + 0.5, steady, 6, 1, "did")
    assert fit.noise == 0
    assert fit.values(steady[0] + 0.5, steady)[EFFECT] == pytest.approx(0.0, abs=1e-12)
    still = np.ones((5, 8))
    assert fit_weights(still[0], still, 6, 1, "control").unit == pytest.approx(np.full(5, 0.2))


def test_all_sets_are_tried_where_there_are_few() -> None:
    rng = np.random.default_rng(0)
    sets, drawn = placebo_sets(6, 2, 15, ordered=False, rng=rng)
    assert (len(sets), drawn) == (15, False)
    assert len({tuple(one) for one in sets}) == 15
    sets, drawn = placebo_sets(6, 2, 30, ordered=True, rng=rng)
    assert (len(sets), drawn) == (30, False)
    sets, drawn = placebo_sets(6, 2, 14, ordered=False, rng=rng)
    assert (sets.shape, drawn) == ((14, 2), True)
    assert all(len(set(one)) == 2 for one in sets)


@pytest.mark.parametrize("n_trained", [1, 2, 3])
def test_placebo_variance_is_exact_for_a_difference_of_means(n_trained: int) -> None:
    # With equal weights the effect of a set is its mean less that of the rest. Over all sets its variance is
    # S²(1/k + 1/(n − k)), that of k sites against n − k; that of its change S²/k, and their covariance S²/k.
    rng = np.random.default_rng(5)
    n_donors = 9
    change = rng.normal(size=n_donors)
    sets, _ = placebo_sets(n_donors, n_trained, 10_000, ordered=False, rng=rng)
    share = np.full(n_trained, 1 / n_trained)
    mean = change[sets].mean(axis=1)
    rest = (change.sum() - n_trained * mean) / (n_donors - n_trained)
    found = placebo_covariance(np.stack([mean - rest, mean - change.mean()], axis=1), share, n_donors)
    spread = np.var(change, ddof=1)
    both = spread * (1 / n_trained + 1 / (n_donors - n_trained))
    assert found == pytest.approx(
        np.array([[both, spread / n_trained], [spread / n_trained, spread / n_trained]]), rel=1e-12
    )


def test_the_variance_of_a_change_is_exact_for_unequal_shares() -> None:
    rng = np.random.default_rng(6)
    change, share = rng.normal(size=7), np.array([0.6, 0.3, 0.1])
    sets, _ = placebo_sets(7, 3, 10_000, ordered=True, rng=rng)
    moved = change[sets] @ share
    found = placebo_covariance(np.stack([moved, moved], axis=1), share, 7)
    assert found[CHANGE, CHANGE] == pytest.approx(np.var(change, ddof=1) * (share @ share), rel=1e-12)


@pytest.mark.parametrize("kind", ["did", "control"])
def test_a_placebo_is_the_estimate_with_the_set_as_trained(kind: str) -> None:
    donors = table(7)
    sets = np.array([[3, 8], [0, 1]])
    share = np.array([0.25, 0.75])
    found = placebo_values(donors, sets, share, 6, kind)
    rest = np.delete(donors, [3, 8], axis=0)
    path = 0.25 * donors[3] + 0.75 * donors[8]
    fit = fit_weights(path, rest, 6, 2, kind)
    expected = fit.values(path, rest)
    assert found[0, EFFECT] == pytest.approx(expected[EFFECT], rel=1e-12)
    assert found[0, CURVE:] == pytest.approx(expected[CURVE:], abs=1e-12)
    everyone = donors.mean(axis=0)
    common = everyone[6:].mean() - fit.baseline @ everyone[:6]
    assert found[0, CHANGE] == pytest.approx(expected[CHANGE] - common, rel=1e-12)


def test_the_jackknife_is_that_of_the_paper() -> None:
    donors, trained = table(8), table(9, donors=3) + 2
    share = np.full(3, 1 / 3)
    fit = fit_weights(share @ trained, donors, 6, 3, "did")
    layers = jackknife_layers(trained, share, donors, fit)
    # Algorithm 3, site by site: weighted means of changes from the weighted baseline, donors' weights scaled to 1.
    moves = [rows[:, 6:].mean(axis=1) - rows[:, :6] @ fit.baseline for rows in (trained, donors)]
    effects = [np.delete(moves[0], site).mean() - fit.unit @ moves[1] for site in range(3)]
    for site in range(12):
        kept = np.delete(fit.unit, site)
        effects.append(moves[0].mean() - kept @ np.delete(moves[1], site) / kept.sum())
    whole = moves[0].mean() - fit.unit @ moves[1]
    assert layers.sum(axis=0)[EFFECT, EFFECT] == pytest.approx(
        14 / 15 * np.sum((np.array(effects) - whole) ** 2), rel=1e-10
    )
    assert layers[1, CHANGE, CHANGE] == 0.0


def test_the_only_weighted_donor_left_out_leaves_equal_weights() -> None:
    donors, trained = table(10, donors=4), table(11, donors=2)
    fit = fit_weights(donors[1], donors, 6, 2, "control")
    assert fit.unit[1] == pytest.approx(1.0, abs=1e-9)
    assert np.isfinite(jackknife_layers(trained, np.full(2, 0.5), donors, fit)).all()


def test_the_ratio_of_errors_compares_after_with_before() -> None:
    curves = np.array([[1.0, -1.0, 3.0, 3.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert error_ratio(curves, 2).tolist() == [3.0, np.inf, 0.0]
