"""Are there enough independent clusters in each arm to know how sure we are?"""

from __future__ import annotations

from attribution.checks.evidence import Evidence, Rule
from attribution.core.finding import Finding

CLUSTERS = Rule(
    "clusters_per_arm",
    "at least 10 clusters in each arm; below 5 fail",
    "MacKinnon, Nielsen & Webb (2023), Cluster-robust inference",
)


def clusters_per_arm(evidence: Evidence) -> Finding:
    """Count the clusters of each arm: the unit of inference is the cluster of assignment."""
    estimate = evidence.estimate
    if estimate is None:
        return CLUSTERS.skipped("no data to count clusters in")
    counts = {"trained": estimate.n.trained.clusters}
    if estimate.n.control.units:
        counts["control"] = estimate.n.control.clusters
    least = min(counts.values())
    observed = ", ".join(f"{count} {arm}" for arm, count in counts.items())
    if least == 1:
        return CLUSTERS.finding(
            "fail",
            observed,
            "an arm of one cluster has no variance: the standard error is undefined, and nothing says how sure we are",
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
