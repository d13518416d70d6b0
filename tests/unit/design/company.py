"""A simulated company for any design: the columns, units and periods that it names, and an effect that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from attribution.design.schema import Kpi, StudyDesign
from attribution.planning.records import Noise, Plan, PlannedCohort
from attribution.registry import ESTIMATORS, load, options

CATEGORIES = {"segment", "shift"}
"""Covariates that are names, not numbers."""

FREQUENCIES = {"month": ("M", "%Y-%m"), "quarter": ("Q", "%YQ%q")}


def periods_of(design: StudyDesign) -> list[str]:
    """Return the labels from the first baseline period to the last of the follow-up, with those between."""
    frequency, written = FREQUENCIES[design.timing.period]
    first, last = str(design.timing.baseline[0]), str(design.timing.followup[-1])
    return list(pd.period_range(first, last, freq=frequency).strftime(written))


def simulated(design: StudyDesign, *, seed: int) -> pd.DataFrame:
    """Return data as the design asks for them, with its expected effect.

    Clusters, their size and the variance are those of `[power]`; where the design makes a cohort, there are twice as
    many others to choose from.
    """
    rng = np.random.default_rng(seed)
    power, columns, timing = design.power, design.columns, design.timing
    size, trained = int(power.cluster_size or 1), int(power.trained_clusters or 0)
    others = int(power.control_clusters or 0) * (2 if design.cohort else 1)
    labels = periods_of(design)
    waves = [labels.index(str(wave)) for wave in power.waves or (timing.launch,)]
    start = np.array([waves[place * len(waves) // trained] for place in range(trained)] + [len(labels)] * others)
    cluster = np.repeat(np.arange(trained + others), size)
    start, span, units = start[cluster], len(labels), len(cluster)
    after = np.arange(span) >= start[:, None]
    written = [labels[one] if one < span else "" for one in start]
    data: dict[str, object] = {
        columns.unit or "unit": np.repeat([f"u{number:04d}" for number in range(units)], span),
        columns.period: np.tile(labels, units),
        columns.adopted or "adopted": np.repeat(written, span),
    }
    if columns.cluster is not None:
        data[columns.cluster] = np.repeat([f"c{number:03d}" for number in cluster], span)
    if columns.assigned is not None:
        data[columns.assigned] = np.repeat((start < span).astype(int), span)
    for name in columns.covariates:
        values = (
            rng.choice(["early", "late", "mixed"], units) if name in CATEGORIES else rng.gamma(9, 4, units).round(1)
        )
        data[name] = np.repeat(values, span)
    for name in columns.groups:
        data[name] = np.repeat(np.array(["north", "south", "west"])[cluster % 3], span)
    for kpi in design.kpi:
        data[kpi.column] = (
            (_paths(kpi, design, cluster, span, rng) + (kpi.expected_effect or 0.0) * after).round(6).ravel()
        )
    return pd.DataFrame(data)


def planned(design: StudyDesign) -> tuple[Plan, Noise]:
    """Return the primary analysis as `[power]` plans it, and how the KPI varies by what is assumed there."""
    power, timing, labels = design.power, design.timing, periods_of(design)
    size, trained, others = (
        float(one or 1) for one in (power.cluster_size, power.trained_clusters, power.control_clusters)
    )
    waves = [labels.index(str(wave)) for wave in power.waves or (timing.launch,)]
    cohorts = [PlannedCohort(wave, np.full(int(trained) // len(waves), size)) for wave in waves]
    primary = design.primary[0]
    known = {option.name for option in options(load(ESTIMATORS, primary.method, kind="method"))}
    stated = {name: getattr(timing, name) for name in ("washout", "anticipation") if name in known}
    plan = Plan(
        primary.method,
        stated | primary.options,
        (*cohorts, PlannedCohort(None, np.full(int(others), size))),
        tuple(labels.index(str(one)) for one in timing.baseline),
        tuple(labels.index(str(one)) for one in timing.followup),
        tuple(labels),
    )
    lags = np.abs(np.subtract.outer(np.arange(len(labels)), np.arange(len(labels))))
    variance = (power.sd or 1.0) ** 2 * (power.autocorrelation or 0.0) ** lags
    icc = power.icc or 0.0
    return plan, Noise(icc * variance, (1 - icc) * variance, power.baseline_level or 0.0, "assumed")


def _paths(kpi: Kpi, design: StudyDesign, cluster: np.ndarray, span: int, rng: np.random.Generator) -> np.ndarray:
    """Return the KPI without training: what clusters share and what is a unit's own, both serially correlated."""
    power, primary = design.power, kpi.role == "primary"
    level, sd = (power.baseline_level or 0.0, power.sd or 1.0) if primary else (5.0, 0.5)
    icc, rho = power.icc or 0.0, power.autocorrelation or 0.0
    shared = _ar1(len(np.unique(cluster)), span, rho, rng)[cluster]
    own = _ar1(len(cluster), span, rho, rng)
    common = np.cumsum(rng.normal(0, sd / 20, span))
    return np.asarray(level + common + sd * (np.sqrt(icc) * shared + np.sqrt(1 - icc) * own))


def _ar1(rows: int, span: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    draws = rng.normal(size=(rows, span))
    for place in range(1, span):
        draws[:, place] = rho * draws[:, place - 1] + np.sqrt(1 - rho**2) * draws[:, place]
    return draws
