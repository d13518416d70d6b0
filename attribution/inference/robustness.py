"""The robustness of an effect to what was not measured, by the regression of what is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from attribution.core.estimate import Estimate
from attribution.core.panel import Panel
from attribution.errors import MethodError, require_type
from attribution.inference.compared_rows import ComparedRows, Compares, compared_rows, rows_before
from attribution.inference.unmeasured import WHERE, Benchmark, Robustness
from attribution.numerics.partial_r2 import Regression, benchmarked, bias_of, regression

FEW_COLUMNS = 10
"""A category of more columns than this stands for places or teams; many columns explain much by chance alone."""


NOTHING = 1e-12
"""What is left of the KPI, relative to its size, below which it is rounding."""


def robustness(
    estimate: Estimate,
    panel: Panel,
    *,
    covariates: Sequence[str] | None = None,
    benchmarks: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    compares: Compares | None = None,
    multiples: Sequence[float] = (1.0, 2.0, 3.0),
    share: float = 1.0,
    level: float = 0.95,
) -> Robustness:
    """Return how strong an unmeasured influence would have to be to undo an effect.

    The bias that a left-out influence makes is exact for the regression of what is compared (the KPI in a
    cross-section, its change between two windows of a panel) on training and the covariates, by the panel's weights:
    the estimate's effect and standard error are its own, the scale of the bias is the regression's. With the
    coefficient itself (`adjusted(…, adjust="ancova", variance="classical")`) all numbers are Cinelli & Hazlett's. With
    a cohort, how strong the covariates are is measured before it: it has made the arms alike in them, and in nothing
    else.

    Parameters
    ----------
    estimate, panel
        An estimate of two windows or of a cross-section, and the panel, with its cohort, that it was made from.
    covariates
        What the regression holds; unless given, what the estimate adjusts for, or what its cohort was made with.
    benchmarks
        Which covariates are yardsticks, or groups of them by name: `{"earnings": ["re74", "re75"]}`. Unless given,
        every covariate but categories of more than 10 columns.
    compares
        `"change"` or `"level"`, where the estimate does not say.
    multiples
        How many times as strong as a benchmark.
    share
        The part of the effect that is to be undone: 1 is all of it.
    level
        The level of the interval.

    Raises
    ------
    MethodError
        An estimate that compares no two arms of units, or not those of the panel; covariates that determine who is
        trained; benchmarks that are none of the covariates; multiples, share or level out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import attribution as at
    >>> from attribution.estimators.adjusted import adjusted
    >>> rng = np.random.default_rng(1)
    >>> tenure = rng.normal(size=400)
    >>> trained = (tenure + rng.normal(size=400) > 0).astype(int)
    >>> frame = pd.DataFrame({"person": range(400), "trained": trained, "tenure": tenure})
    >>> frame["sales"] = 10 + trained + tenure + rng.normal(size=400)
    >>> panel = at.Panel.from_frame(frame, unit="person", outcome="sales", trained="trained", covariates=["tenure"],
    ...     kind="cross_section")
    >>> found = robustness(adjusted(panel, covariates=["tenure"], adjust="ancova"), panel)
    >>> round(found.value, 2), round(found.times(), 2)
    (0.36, 0.61)

    Source: Cinelli & Hazlett (2020), Making sense of sensitivity: extending omitted variable bias, J. R. Stat. Soc. B
    82; VanderWeele & Ding (2017) for the E-value.
    """
    require_type(estimate, Estimate, name="estimate", remedy="pass what an estimator returns, such as at.did(…)")
    require_type(panel, Panel, name="panel", remedy="pass the panel that the estimate was made from")
    _require_numbers(multiples, share, level)
    rows = compared_rows(panel, estimate, covariates=covariates, compares=compares, where=WHERE)
    before = rows_before(panel, estimate, covariates=covariates, compares=compares, where=WHERE)
    seen = rows if before is None else before
    groups = _groups(seen, benchmarks)
    size = max(abs(end) for end in estimate.outcome_range)
    fitted = _fit(rows, tuple(groups.values()) if before is None else (), size)
    strengths = fitted if before is None else _fit(before, tuple(groups.values()), size)
    found = estimate.contrast({"effect": 1.0})
    made = [
        Benchmark(name, float(trained), float(outcome), len(columns))
        for (name, columns), trained, outcome in zip(
            groups.items(), strengths.strength_trained, strengths.strength_outcome, strict=True
        )
    ]
    return Robustness(
        outcome=estimate.outcome,
        method=estimate.method,
        compares=rows.compares,
        effect=found.value,
        std_error=found.std_error,
        df=found.df,
        level=level,
        share=float(share),
        fitted=fitted,
        spread=rows.spread,
        benchmarks=tuple(sorted(made, key=lambda one: -_moves(fitted, one))),
        multiples=tuple(float(one) for one in multiples),
        notes=_notes(estimate, fitted, seen, benchmarks is None, before is not None),
    )


def _fit(rows: ComparedRows, groups: tuple[tuple[int, ...], ...], size: float) -> Regression:
    fitted = regression(rows.outcome, rows.trained, rows.design, rows.weight, groups)
    n, k = rows.design.shape
    # Rounding of a KPI of this size is nothing that is left.
    if fitted is None or not min(fitted.residual_ratio, rows.spread) > NOTHING * size:
        raise MethodError(
            "the covariates determine who is trained, or leave nothing of the KPI"
            if n > k + 1
            else f"{n} units for {k} columns",
            where=WHERE,
            remedy="leave out covariates that only one arm has, or compare with more units",
        )
    return fitted


def _moves(fitted: Regression, one: Benchmark) -> float:
    """Return the bias of something as strong as a benchmark; infinite where training has no room for it."""
    bias = float(bias_of(fitted.residual_ratio, *benchmarked(one.strength_trained, one.strength_outcome, 1.0, 1.0)))
    return float("inf") if np.isnan(bias) else bias


def _groups(
    rows: ComparedRows, benchmarks: Sequence[str] | Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[int, ...]]:
    if benchmarks is None:
        return {name: columns for name, columns in rows.columns.items() if len(columns) <= FEW_COLUMNS}
    if isinstance(benchmarks, str):
        raise MethodError(
            f"benchmarks is the text {benchmarks!r}", where=WHERE, remedy=f"pass benchmarks=[{benchmarks!r}]"
        )
    wanted = benchmarks if isinstance(benchmarks, Mapping) else {name: [name] for name in benchmarks}
    found = {}
    for name, parts in wanted.items():
        for part in parts:
            if part not in rows.columns:
                raise MethodError(
                    f"there is no covariate {part!r} in the regression",
                    where=WHERE,
                    remedy=f"choose from {', '.join(rows.columns)}" if rows.columns else "name covariates=[…] too",
                )
        found[name] = tuple(place for part in dict.fromkeys(parts) for place in rows.columns[part])
    return found


def _require_numbers(multiples: Sequence[float], share: float, level: float) -> None:
    if not 0 < level < 1:
        raise MethodError(f"level is {level!r}", where=WHERE, remedy="give a level between 0 and 1")
    if not share > 0:
        raise MethodError(f"share is {share!r}", where=WHERE, remedy="give the part of the effect to undo, above 0")
    if not len(multiples) or not all(0 < one < np.inf for one in multiples):
        raise MethodError(
            f"multiples are {list(multiples)!r}", where=WHERE, remedy="give at least one number, each above 0"
        )


def _notes(
    estimate: Estimate, fitted: Regression, rows: ComparedRows, by_default: bool, before: bool
) -> tuple[str, ...]:
    notes = []
    if before and rows.columns:
        notes.append(
            "how strong a covariate is was measured before the cohort, among all whom it could choose from, since the "
            "cohort has made the arms alike in it"
        )
    apart = abs(fitted.coefficient - estimate.value("effect"))
    if apart > 1e-9 * (abs(fitted.coefficient) + abs(estimate.value("effect"))):
        notes.append(
            f"the regression that gives the scale of the bias has an effect of {fitted.coefficient:.5g}, the estimate "
            f"one of {estimate.value('effect'):.5g}"
        )
    many = [name for name, columns in rows.columns.items() if len(columns) > FEW_COLUMNS]
    if many and by_default:
        notes.append(
            f"{', '.join(many)}: no yardstick, since a category of more than {FEW_COLUMNS} columns explains much by "
            "chance"
        )
    return tuple(notes)
