"""Nearest matching, whatever the units: nobody twice, nobody beyond the caliper, nobody free who was nearer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from attribution.numerics.distance import Points, mahalanobis
from attribution.numerics.nearest import Links, greedy, reused, row_of_controls
from attribution.numerics.nearest_points import nearest_points


@dataclass(frozen=True)
class Case:
    """Units with a score, arms and strata, who chooses first, how many for each, and a caliper."""

    score: NDArray[np.float64]
    trained: NDArray[np.bool_]
    strata: NDArray[np.int64]
    order: NDArray[np.int64]
    ratio: int
    caliper: float


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 90))
    score = rng.normal(size=n) * 10.0 ** draw(st.integers(-4, 4))
    if draw(st.booleans()):
        score = np.round(score, 1)
    trained = rng.random(n) < draw(st.floats(0.05, 0.95))
    trained[:2] = [True, False]
    caliper = draw(st.sampled_from([np.inf, 0.05, 0.5, 2.0])) * (score.std() or 1.0)
    strata = rng.integers(0, draw(st.integers(1, 5)), n)
    return Case(score, trained, strata, rng.permutation(int(trained.sum())), draw(st.integers(1, 4)), caliper)


def require_sound(case: Case, links: Links, *, replacement: bool) -> None:
    assert case.trained[links.trained].all()
    assert not case.trained[links.control].any()
    assert (case.strata[links.trained] == case.strata[links.control]).all()
    assert (np.abs(case.score[links.trained] - case.score[links.control]) <= case.caliper).all()
    assert (np.diff(links.trained) >= 0).all()
    assert np.bincount(links.trained).max(initial=0) <= case.ratio
    pairs = set(zip(links.trained.tolist(), links.control.tolist(), strict=True))
    assert len(pairs) == len(links.trained)
    if not replacement:
        assert len(np.unique(links.control)) == len(links.control)


@given(cases())
def test_without_replacement_nobody_is_left_who_could_have_had_a_free_control(case: Case) -> None:
    row = row_of_controls(case.score, case.trained, case.strata)
    links = greedy(row, case.trained, case.order, ratio=case.ratio, caliper=case.caliper)
    require_sound(case, links, replacement=False)
    free = np.setdiff1d(np.flatnonzero(~case.trained), links.control)
    held = np.bincount(links.trained, minlength=len(case.score))
    own = np.flatnonzero(case.trained)
    gap = np.abs(case.score[own][:, None] - case.score[free][None, :])
    near = (gap <= case.caliper) & (case.strata[own][:, None] == case.strata[free][None, :])
    assert (held[own[near.any(axis=1)]] == case.ratio).all()
    # A control that is still free was free all along: nobody has one that is farther away.
    for place, one in enumerate(own):
        if near[place].any():
            mine = links.control[links.trained == one]
            nearest_free = gap[place][near[place]].min()
            assert np.abs(case.score[mine] - case.score[one]).max() <= nearest_free + row.slack
    # Scores as points in one dimension: another algorithm, the same distances.
    points = nearest_points(
        Points(case.score[:, None], None),
        case.trained,
        case.order,
        ratio=case.ratio,
        strata=case.strata,
        score=case.score,
        caliper=case.caliper,
    )
    require_sound(case, points, replacement=False)
    if len(np.unique(np.abs(np.subtract.outer(case.score, case.score)))) > len(case.score) * (len(case.score) - 1) // 2:
        assert (points.control == links.control).all()


@given(cases())
def test_with_replacement_nobody_nearer_is_passed_over(case: Case) -> None:
    row = row_of_controls(case.score, case.trained, case.strata)
    links = reused(row, case.trained, ratio=case.ratio, caliper=case.caliper)
    require_sound(case, links, replacement=True)
    controls = np.flatnonzero(~case.trained)
    for one in np.flatnonzero(case.trained):
        gap = np.abs(case.score[controls] - case.score[one])
        allowed = np.sort(gap[(case.strata[controls] == case.strata[one]) & (gap <= case.caliper)])
        mine = np.sort(np.abs(case.score[links.control[links.trained == one]] - case.score[one]))
        assert len(mine) == min(len(allowed), case.ratio)
        assert (np.abs(mine - allowed[: case.ratio]) <= row.slack).all()
    # All ties are at least these.
    every = reused(row, case.trained, ratio=case.ratio, caliper=case.caliper, tied=0.0)
    first = set(zip(links.trained.tolist(), links.control.tolist(), strict=True))
    assert first <= set(zip(every.trained.tolist(), every.control.tolist(), strict=True))


@given(cases())
def test_by_mahalanobis_the_units_of_measurement_move_nobody(case: Case) -> None:
    rng = np.random.default_rng(len(case.score))
    columns = np.column_stack([case.score, rng.normal(size=(len(case.score), 2))])
    if len(case.score) < 8:
        return
    found = [
        nearest_points(
            mahalanobis(some, case.trained, np.ones(len(some))),
            case.trained,
            case.order,
            ratio=case.ratio,
            strata=case.strata,
        )
        for some in (columns, columns * [100.0, 0.01, 1.0] + 5.0)
    ]
    assert (found[0].control == found[1].control).all()
    assert (found[0].trained == found[1].trained).all()
