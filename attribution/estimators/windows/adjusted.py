"""The effect with covariates: the comparison of changes given what was known before, every fit redone in each draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attribution.core.covariates import Adjustment
from attribution.core.panel import Panel
from attribution.errors import MethodError
from attribution.estimators.windows.cross_sections import CrossMap, CrossReduction
from attribution.estimators.windows.reduce import Reduction, WindowMap
from attribution.numerics.cross_pairs import CrossPair, cross_pair
from attribution.numerics.logit import FitError, FitReason
from attribution.numerics.pairs import Adjust, PanelPair, panel_pair

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


class Effects(Protocol):
    """A map of weights to effects `[n_draws, n_effects]`, given the deviations of missing periods."""

    def __call__(self, weights: Floats, deviations: Sequence[Floats]) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedMap:
    """Levels from per-cluster sums, effects from the rows of the design; `matrix` takes both to terms.

    Unlike a map of means it holds covariates and changes by unit: a propensity cannot be refitted from sums.
    """

    levels: WindowMap | CrossMap
    effects: Effects
    matrix: Floats
    center: Floats

    def __call__(self, weights: Floats) -> Floats:
        """Return the terms for each row of weights; NaN where an arm is empty or a fit does not exist."""
        weights = np.asarray(weights, dtype=float)
        levels, deviations = self.levels.levels(weights)
        pieces = np.concatenate([levels, self.effects(weights, deviations)], axis=1)
        values = pieces @ self.matrix + self.center
        values[np.isnan(values).any(axis=1)] = np.nan
        return values


@dataclass(frozen=True, slots=True, eq=False)
class PanelEffects:
    """One comparison of changes, made of columns and combined with each draw's own deviations of missing periods.

    A unit's change is raw less Σ_p share_p·deviation_p, and the comparison is linear in it. `columns[n, m]` are the raw
    change to each of `n_windows` windows, the `n_extra` values that are no change, and then the shares of the
    baseline's and of each window's periods, which stand at `shares`.
    """

    pair: PanelPair
    columns: Floats
    clusters: Codes
    n_windows: int
    n_extra: int
    shares: tuple[slice, ...]

    def __call__(self, weights: Floats, deviations: Sequence[Floats]) -> Floats:
        return self.combine(self.pair.att(self.columns, weights, self.clusters), deviations)

    def combine(self, made: Floats, deviations: Sequence[Floats]) -> Floats:
        """Return effects `[n, n_windows + n_extra]` from what was made of the columns `made[n, m]`."""
        freed = [(made[:, columns] * deviations[window]).sum(axis=1) for window, columns in enumerate(self.shares)]
        found = made[:, : self.n_windows + self.n_extra].copy()
        for window in range(self.n_windows):
            found[:, window] += freed[0] - freed[1 + window]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class CrossEffects:
    """One comparison of rows for each follow-up window: its rows and those of the baseline."""

    pairs: tuple[CrossPair, ...]
    outcomes: tuple[Floats, ...]
    clusters: tuple[Codes, ...]

    def __call__(self, weights: Floats, deviations: Sequence[Floats]) -> Floats:
        made = zip(self.pairs, self.outcomes, self.clusters, strict=True)
        return np.concatenate([pair.att(outcome, weights, clusters) for pair, outcome, clusters in made], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Effects with covariates: their map, influence `[n_units, n_effects]`, composition, and what to say of them."""

    effects: Effects
    influence: Floats
    composition: Floats
    notes: tuple[str, ...]


def adjust_panel(panel: Panel, reduced: Reduction, given: Adjustment, adjust: Adjust, *, n_extra: int) -> Adjusted:
    """Compare the units' changes given covariates: an effect per window after the baseline, then the extra columns.

    Raises `MethodError` where the rule does not exist on these units.
    """
    design, labels = given.design, given.labels
    inside = np.flatnonzero(reduced.entering)
    trained, design, n_windows = reduced.arm[inside] == 0, design[inside], len(reduced.missing) - n_extra - 1
    raw = reduced.value[inside]
    absent, at, shares = [], n_windows + n_extra, []
    for window in range(1 + n_windows):
        one = reduced.missing[window]
        width = 0
        if one is not None:
            raw[:, window] += one.shift[inside]
            absent.append(one.shares()[inside])
            width = one.n_periods
        shares.append(slice(at, at + width))
        at += width
    changes = raw[:, 1:].copy()
    changes[:, :n_windows] -= raw[:, :1]
    try:
        pair = panel_pair(trained, design, reduced.weight[inside], adjust)
    except FitError as error:
        raise refused_fit(error.reason, adjust, trained, design, labels) from error
    columns = np.concatenate([changes, *absent], axis=1)
    made = PanelEffects(pair, columns, reduced.clusters[inside], n_windows, n_extra, tuple(shares))
    att, moved = pair.influence(columns)
    deviations = [np.zeros(0) if one is None else one.deviation for one in reduced.missing]
    influence = np.zeros((len(reduced.weight), n_windows + n_extra))
    influence[inside] = made.combine(moved, deviations)
    composition = np.zeros(n_windows + n_extra)
    for window in range(1 + n_windows):
        one = reduced.missing[window]
        if one is None:
            continue
        lean, sign = att[shares[window]], 1.0 if window == 0 else -1.0
        of = slice(0, n_windows) if window == 0 else slice(window - 1, window)
        influence[:, of] += sign * one.moved(lean)[:, None]
        composition[of] += sign * ((lean - lean.mean()) @ one.level)
    return Adjusted(made, influence, composition, _notes(labels, adjust, int(pair.trimmed.sum()), panel.columns.unit))


def adjust_cross_sections(
    panel: Panel, reduced: CrossReduction, given: Adjustment, adjust: Adjust, *, n_extra: int
) -> Adjusted:
    """Compare rows given covariates: an effect per window after the baseline; see `adjust_panel`."""
    design, labels = given.design, given.labels
    # The rule that is not normalised depends on the KPI's zero point.
    outcome = reduced.value + (reduced.center if adjust == "ipw_unnormalised" else 0.0)
    pairs, outcomes, clusters, trimmed = [], [], [], 0
    n_windows = reduced.window.shape[1] - n_extra - 1
    influence = np.zeros((len(reduced.weight), n_windows))
    for window in range(1, 1 + n_windows):
        rows = np.flatnonzero(reduced.window[:, 0] | reduced.window[:, window])
        trained, post = reduced.arm[rows] == 0, reduced.window[rows, window]
        try:
            pair = cross_pair(trained, post, design[rows], reduced.weight[rows], adjust)
        except FitError as error:
            raise refused_fit(error.reason, adjust, trained, design[rows], labels) from error
        pairs.append(pair)
        outcomes.append(outcome[rows, None])
        clusters.append(reduced.clusters[rows])
        influence[rows, window - 1] = pair.influence(outcomes[-1])[1][:, 0]
        trimmed += int(pair.trimmed.sum())
    made = CrossEffects(tuple(pairs), tuple(outcomes), tuple(clusters))
    return Adjusted(made, influence, np.zeros(n_windows), _notes(labels, adjust, trimmed, panel.columns.unit))


def _notes(labels: tuple[str, ...], adjust: str, trimmed: int, unit: str) -> tuple[str, ...]:
    said = f"adjusted by {adjust} for {', '.join(labels[1:])}"
    if not trimmed:
        return (said,)
    return said, f"{trimmed} of the controls ({unit}) have a propensity of at least .995 and no weight"


def refused_fit(
    reason: FitReason, adjust: str, trained: NDArray[np.bool_], design: Floats, labels: tuple[str, ...]
) -> MethodError:
    """Return the error of a rule that does not exist on these units, with the columns that it may be for."""
    own = [_one_sided(design[trained, place], design[~trained, place]) for place in range(1, len(labels))]
    suspects = [repr(label) for label, one in zip(labels[1:], own, strict=True) if one]
    named = f"; look at {', '.join(suspects[:3])}" if suspects else ""
    what, remedy = {
        "empty arm": ("an arm has no unit in some window", "choose other windows"),
        "separated": (
            f"covariates tell the trained from the controls, so that no propensity exists{named}",
            "leave out or merge what only one arm has, or use adjust='regression'",
        ),
        "no overlap": (
            f"no weights of the controls reproduce the trained units' means of the covariates{named}",
            "use adjust='doubly_robust', or leave out the covariate in which the trained lie beyond the controls",
        ),
        "singular": (
            f"the covariates depend on each other among the units of one arm{named}",
            "leave out or merge what only one arm has, or compare with more units",
        ),
        "not converged": ("the propensity has not converged", "leave out covariates, or use adjust='regression'"),
    }[reason]
    return MethodError(what, where=f"adjust {adjust!r}", remedy=remedy)


def _one_sided(trained: Floats, control: Floats) -> bool:
    """Say whether a column does not vary in one arm though it does in the other, or the arms do not meet in it."""
    return bool(
        (np.ptp(trained) == 0) != (np.ptp(control) == 0)
        or trained.min() > control.max()
        or control.min() > trained.max()
    )
