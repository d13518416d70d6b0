"""Logit, tilting and least squares: against statsmodels, against their own equations, and where they do not exist."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from attribution.numerics.logit import (
    CELLS,
    FitError,
    fit_index,
    fit_index_draws,
    inverses,
    lean_on,
    orthonormal,
    products,
    solve_each,
)

Floats = NDArray[np.float64]


def make(n: int = 400, *, lean: float = 0.8, seed: int = 3) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return covariates of very different sizes with the intercept first, arms that lean on them, unit weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    trained = rng.random(n) < 1 / (1 + np.exp(0.5 - lean * x[:, 0] + 0.4 * x[:, 1]))
    covariates = np.column_stack([np.ones(n), 1e5 * x[:, 0] + 3e5, x[:, 1], (x[:, 2] > 0.7) * 1e-3])
    return covariates, trained, rng.uniform(0.5, 2.0, n)


def glm(covariates: Floats, trained: NDArray[np.bool_], weight: Floats) -> Floats:
    fitted = sm.GLM(trained.astype(float), covariates, family=sm.families.Binomial(), freq_weights=weight)
    return np.asarray(fitted.fit(tol=1e-14, maxiter=100).fittedvalues)


def test_orthonormal_columns_span_the_covariates() -> None:
    covariates, _, weight = make()
    design = orthonormal(covariates, weight)
    gram = design.T @ (design * weight[:, None]) / weight.sum()
    assert gram == pytest.approx(np.eye(4), abs=1e-12)
    back = np.linalg.lstsq(design, covariates, rcond=None)[0]
    assert np.abs(design @ back - covariates).max() <= 1e-8
    assert design[:, 0] == pytest.approx(np.full(len(design), design[0, 0]), rel=1e-12)


def test_dependent_columns_are_refused() -> None:
    covariates, _, weight = make()
    twice = np.column_stack([covariates, 1e-4 * covariates[:, 1] - 7 * covariates[:, 2]])
    nothing = np.column_stack([covariates, np.zeros(len(covariates))])
    for one in (twice, nothing):
        with pytest.raises(FitError) as error:
            orthonormal(one, weight)
        assert error.value.reason == "singular"


def test_the_logit_is_that_of_statsmodels() -> None:
    covariates, trained, weight = make()
    fit = fit_index(orthonormal(covariates, weight), trained, weight, "logit")
    # Both iterate to the end; what differs is the rounding of statsmodels' columns of very different size.
    assert 1 / (1 + np.exp(-fit.index)) == pytest.approx(glm(covariates, trained, weight), rel=1e-8)


def test_draws_are_fits_of_their_own() -> None:
    covariates, trained, weight = make()
    design = orthonormal(covariates, weight)
    rng = np.random.default_rng(8)
    draws = weight * rng.multinomial(len(weight), np.full(len(weight), 1 / len(weight)), size=5)
    for link in ("logit", "tilting"):
        fit = fit_index(design, trained, weight, link)
        found = fit_index_draws(design, trained, draws, link, fit)
        for row, coefficients in zip(draws, found, strict=True):
            assert coefficients == pytest.approx(fit_index(design, trained, row, link).coefficients, abs=1e-10)
    again = fit_index_draws(design, trained, draws, "logit", fit_index(design, trained, weight, "logit")) @ design.T
    for row, index in zip(draws, again, strict=True):
        assert 1 / (1 + np.exp(-index)) == pytest.approx(glm(covariates, trained, row), rel=1e-7)


def test_tilted_controls_have_the_covariate_totals_of_the_trained() -> None:
    covariates, trained, weight = make()
    fit = fit_index(orthonormal(covariates, weight), trained, weight, "tilting")
    odds = np.where(trained, 0.0, weight * np.exp(fit.index))
    assert covariates.T @ odds == pytest.approx(covariates[trained].T @ weight[trained], rel=1e-11)


@pytest.mark.parametrize("link", ["logit", "tilting"])
def test_coefficients_move_with_multipliers_by_the_score(link: str) -> None:
    covariates, trained, weight = make(150)
    design = orthonormal(covariates, weight)
    fit = fit_index(design, trained, weight, link)
    step = 1e-4
    moved = step * np.diag(weight)
    up, down = (fit_index_draws(design, trained, weight + sign * moved, link, fit) for sign in (1, -1))
    assert (up - down) / (2 * step) == pytest.approx(fit.score @ fit.inverse_hessian, abs=1e-8)


def test_separated_arms_are_refused_and_separated_draws_are_nan() -> None:
    covariates, trained, weight = make(80)
    design = orthonormal(covariates, weight)
    fit = fit_index(design, trained, weight, "logit")
    told_apart = np.where(trained == (covariates[:, 2] > 0), weight, 0.0)
    with pytest.raises(FitError) as error:
        fit_index(design, trained, told_apart, "logit")
    assert error.value.reason == "separated"
    # A category that only controls have is enough: its coefficient runs away.
    partly = np.where(trained & (covariates[:, 3] > 0), 0.0, weight)
    with pytest.raises(FitError) as error:
        fit_index(design, trained, partly, "logit")
    assert error.value.reason == "separated"
    draws = np.stack([weight, told_apart, partly, np.where(trained, 0.0, weight), np.zeros_like(weight)])
    found = fit_index_draws(design, trained, draws, "logit", fit)
    assert found[0] == pytest.approx(fit.coefficients, abs=1e-12)
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("seed", range(20))
def test_propensities_of_0_and_1_are_never_taken_for_a_fit(seed: int) -> None:
    """A column that tells the arms apart leaves no step to take once every propensity has rounded to 0 or 1."""
    rng = np.random.default_rng(seed)
    trained = rng.random(150) < 0.5
    column = np.where(trained, 1.0, 0.0) + (seed % 2) * rng.uniform(0, 0.2, 150)
    design = orthonormal(np.column_stack([np.ones(150), column, rng.normal(size=150)]), np.ones(150))
    with pytest.raises(FitError) as error:
        fit_index(design, trained, np.ones(150), "logit")
    assert error.value.reason == "separated"


def test_trained_beyond_the_controls_have_a_logit_but_no_tilting() -> None:
    x = np.concatenate([np.linspace(2, 4, 20), np.linspace(-3, 2.2, 40)])
    trained = np.arange(60) < 20
    design = orthonormal(np.column_stack([np.ones(60), x]), np.ones(60))
    fit_index(design, trained, np.ones(60), "logit")
    with pytest.raises(FitError) as error:
        fit_index(design, trained, np.ones(60), "tilting")
    assert error.value.reason == "no overlap"


def test_an_empty_arm_is_refused() -> None:
    covariates, trained, weight = make(40)
    for gone in (trained, ~trained):
        with pytest.raises(FitError) as error:
            fit_index(covariates, trained, np.where(gone, 0.0, weight), "logit")
        assert error.value.reason == "empty arm"


def test_products_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    covariates, _, weight = make()
    draws = np.stack([weight, weight**2, np.ones_like(weight)])
    whole = products(covariates, draws)
    assert whole[1] == pytest.approx(covariates.T @ (covariates * (weight**2)[:, None]), rel=1e-12)
    assert products(covariates, draws[:1])[0] == pytest.approx(whole[0], rel=1e-12)
    monkeypatch.setattr("attribution.numerics.logit.CELLS", 10 * 37)
    assert CELLS > 10 * 37
    assert products(covariates, draws) == pytest.approx(whole, rel=1e-12)


def test_a_singular_matrix_is_nan_and_spoils_no_other() -> None:
    good = np.array([[2.0, 1.0], [1.0, 3.0]])
    matrices = np.stack([good, np.ones((2, 2)), np.full((2, 2), np.nan), np.zeros((2, 2))])
    found = solve_each(matrices, np.ones((4, 2, 1)))
    assert good @ found[0] == pytest.approx(np.ones((2, 1)))
    assert np.isnan(found[1:]).all()


def test_a_column_that_a_draw_and_its_target_lack_is_no_loss() -> None:
    covariates, _, weight = make(80)
    rare = np.zeros(80)
    rare[:2] = 1.0
    design = orthonormal(np.column_stack([covariates, rare]), weight)
    draws = np.stack([weight, np.where(rare > 0, 0.0, weight)])
    squares = products(design, draws)
    # What is read: somebody without the rare level, then the mean of all, which holds some of it.
    for row, side in enumerate((design[5], weight @ design / weight.sum())):
        found = lean_on(squares, inverses(squares), np.stack([side, side]))
        assert squares[0] @ found[0] == pytest.approx(side, abs=1e-9)
        if row:
            assert np.isnan(found[1]).all()
            continue
        without = orthonormal(covariates[2:], weight[2:])
        own = products(without, weight[None, 2:])[0]
        expected = without @ np.linalg.solve(own, without[3])
        assert design[2:] @ found[1] == pytest.approx(expected, rel=1e-8)


def test_nothing_is_read_from_nothing() -> None:
    squares = np.stack([np.zeros((2, 2)), np.full((2, 2), np.nan)])
    assert np.isnan(lean_on(squares, inverses(squares), np.ones((2, 2)))).all()
