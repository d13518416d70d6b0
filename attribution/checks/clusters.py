"""Are there enough independent clusters in each arm to know how sure we are, and is there a standard error at all?"""

from __future__ import annotations

import numpy as np

from attribution.checks.evidence import Evidence, Rule
from attribution.core.display import number
from attribution.core.estimate import Estimate
from attribution.core.finding import Finding
from attribution.diagnostics.baseline import ROLLOUTS

CLUSTERS = Rule(
    "clusters_per_arm",
    "at least 10 clusters in each arm; below 5 fail",
    "MacKinnon, Nielsen & Webb (2023), Cluster-robust inference, on few clusters; 10 and 5: house rule",
)

STANDARD_ERROR = Rule(
    "standard_error",
    "the effect and the observed change have a standard error above 0",
    "docs/methods/did.md: variance",
)


def clusters_per_arm(evidence: Evidence) -> Finding:
    """Count the clusters of each arm: the unit of inference is the cluster of assignment."""
    estimate = evidence.estimate
    if estimate is None:
        return CLUSTERS.waits(evidence, "no data to count clusters in")
    if estimate.rows == "periods":
        return CLUSTERS.skipped("one series is watched over time: its length says how sure we are, not clusters")
    if estimate.method == "synthetic":
        return _donors(estimate)
    counts = {"offered" if estimate.estimand == "ITT" else "trained": estimate.n.trained.clusters}
    if estimate.n.control.units:
        counts["control"] = estimate.n.control.clusters
    least = min(counts.values())
    observed = ", ".join(f"{count} {arm}" for arm, count in counts.items())
    if estimate.method in ROLLOUTS and estimate.variance == "default":
        observed += f"; strata: {', '.join(estimate.stratum_names)}"
    if least == 1:
        return CLUSTERS.finding(
            "fail",
            observed,
            f"{_single_arms(estimate)} one cluster alone: its variance is undefined, and what is particular to it "
            "cannot be told from what its arm has in common",
            "train (or compare with) more than one site, team or person, or report the observed change alone",
        )
    if least < 5:
        return CLUSTERS.finding(
            "fail",
            observed,
            "fewer than 5 clusters in an arm: the interval rests on a handful of comparisons",
            "add clusters to the smaller arm before claiming an effect",
        )
    if least < 10:
        return CLUSTERS.finding(
            "warn",
            observed,
            "fewer than 10 clusters in an arm: the interval leans on its t distribution",
            "add clusters to the smaller arm, or read the interval with care",
        )
    return CLUSTERS.finding("pass", observed, "there are enough clusters in each arm")


def _donors(estimate: Estimate) -> Finding:
    """Judge the donors: placebos among them are the variance, however few sites were trained."""
    count = estimate.n.control.clusters
    observed = f"{estimate.n.trained.clusters} trained, {count} donors"
    if count < 5:
        return CLUSTERS.finding(
            "fail",
            observed,
            "fewer than 5 donors: how far they part from their own mixes says nothing about chance",
            "add sites that were not trained",
        )
    if count < 10:
        return CLUSTERS.finding(
            "warn",
            observed,
            "fewer than 10 donors: the interval rests on a handful of placebos",
            "add sites that were not trained, or read the interval with care",
        )
    return CLUSTERS.finding("pass", observed, "there are enough donors for placebos")


def standard_error(evidence: Evidence) -> Finding:
    """Require a standard error of the effect and of the observed change: a variance of 0 is none, whatever it seems."""
    estimate = evidence.estimate
    if estimate is None:
        return STANDARD_ERROR.waits(evidence, "no data to estimate from")
    found = {term: estimate.std_error(term) for term in ("effect", "change") if term in estimate.terms}
    undefined = [term for term, error in found.items() if np.isnan(error)]
    observed = ", ".join(f"{term} {'undefined' if np.isnan(error) else number(error)}" for term, error in found.items())
    if not undefined:
        return STANDARD_ERROR.finding("pass", observed, "the standard errors are defined")
    which = f"the standard error of the {' and the '.join(undefined)} is undefined"
    if estimate.rows == "periods" or estimate.method == "synthetic":
        return STANDARD_ERROR.finding(
            "fail",
            observed,
            f"{which}: {_said(estimate)}",
            "give a longer baseline" if estimate.rows == "periods" else "add sites that were not trained",
        )
    if _single_arms(estimate):
        return STANDARD_ERROR.finding(
            "fail",
            observed,
            f"{which}, as {_single_arms(estimate)} one cluster alone: nothing says how sure we are",
            "train (or compare with) more than one site, team or person, or report the observed change alone",
        )
    fewer = [note for note in estimate.notes if note.endswith("its variance is undefined")]
    if fewer:
        less = f"adjust for less than {', '.join(estimate.adjusted)}"
        if not estimate.adjusted:
            less = "make the cohort with fewer covariates, or merge rare levels"
        return STANDARD_ERROR.finding(
            "fail",
            observed,
            f"{which}: {fewer[0]}",
            f"{less}: something that hardly anybody of an arm is, or has, cannot be told without them",
        )
    whose = "trained unit" if undefined == ["change"] or not estimate.n.control.units else "unit of either arm"
    return STANDARD_ERROR.finding(
        "fail",
        observed,
        f"{which}: every {whose} changed alike, so that the KPI column may be constant or mis-joined",
        "look at the KPI of these units in both windows, and join the column anew",
    )


def _said(estimate: Estimate) -> str:
    """Return why an estimate without clusters has no standard error, in its own words where it says so."""
    noted = [note for note in estimate.notes if "no interval" in note]
    return noted[0] if noted else "nothing says how sure we are"


def _single_arms(estimate: Estimate) -> str:
    """Return which arms are of one cluster, as the beginning of a sentence; empty where none is."""
    arms = {"the trained arm": estimate.n.trained, "the comparison": estimate.n.control}
    single = [name for name, arm in arms.items() if arm.clusters == 1]
    return f"{' and '.join(single)} {'are each' if len(single) > 1 else 'is'}" if single else ""
