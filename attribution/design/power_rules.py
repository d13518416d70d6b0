"""The rules of [power]: what is planned and assumed must fit the rest of the design."""

from __future__ import annotations

from collections.abc import Iterator

from attribution.core.periods import earlier, parse_label
from attribution.design.draft import Draft
from attribution.design.messages import echo
from attribution.design.review_tables import PowerTable
from attribution.design.schema import Kpi, Study, Timing
from attribution.errors import Problem

COSTS = ("cost_per_trained_cluster", "cost_per_control_cluster", "cost_per_period")


def power_problems(draft: Draft) -> Iterator[Problem]:
    """Yield the faults of [power] and of the effects that it is judged by."""
    for key, kpi in draft.rows(Kpi, "expected_effect", "minimum_worthwhile_effect"):
        for name in ("expected_effect", "minimum_worthwhile_effect"):
            if getattr(kpi, name) == 0:
                what = f"{name} is 0, expected an effect"
                yield Problem(f"{key}.{name}", what, "state the effect in KPI units, or take the key out")
    yield from _clusters(draft)
    yield from _waves(draft)
    yield from _money(draft)


def _clusters(draft: Draft) -> Iterator[Problem]:
    for key, power in draft.rows(PowerTable, "trained_clusters", "control_clusters"):
        if power.control_clusters is not None and power.trained_clusters is None:
            what = "found control_clusters without trained_clusters, expected both"
            yield Problem(f"{key}.trained_clusters", what, "add the number of clusters that will be trained")
    for key, power in draft.rows(PowerTable, "trained_clusters", "waves"):
        count = power.trained_clusters
        if power.waves is not None and count is not None and len(power.waves) > count:
            what = f"found {len(power.waves)} waves and trained_clusters = {count}, expected a cluster in each at least"
            yield Problem(f"{key}.waves", what, "plan fewer waves, or more clusters")


def _waves(draft: Draft) -> Iterator[Problem]:
    for key, power in draft.rows(PowerTable, "waves"):
        if power.waves is None:
            continue
        labels = [parse_label(wave) for wave in power.waves]
        seen = [place for place, label in enumerate(labels) if label in labels[:place]]
        if seen:
            what = f"found the wave {echo(power.waves[seen[0]])} twice, expected each once"
            yield Problem(f"{key}.waves", what, "name each period in which training starts once")
        for _, timing in draft.rows(Timing, "launch"):
            early = [
                wave
                for wave, label in zip(power.waves, labels, strict=True)
                if earlier(label, parse_label(timing.launch))
            ]
            if early:
                what = (
                    f"found the wave {echo(early[0])}, before the launch {echo(timing.launch)}; expected from then on"
                )
                yield Problem(f"{key}.waves", what, "let the launch be the period of the first wave")
        for _, timing in draft.rows(Timing, "followup"):
            late = [
                wave
                for wave, label in zip(power.waves, labels, strict=True)
                if all(earlier(parse_label(period), label) for period in timing.followup)
            ]
            if late:
                what = (
                    f"found the wave {echo(late[0])}, after the last follow-up period {echo(timing.followup[-1])}; "
                    "expected it by then"
                )
                remedy = "count clusters that start after the follow-up among control_clusters"
                yield Problem(f"{key}.waves", what, remedy)


def _money(draft: Draft) -> Iterator[Problem]:
    for key, power in draft.rows(PowerTable, *COSTS):
        given = [name for name in COSTS if getattr(power, name) is not None]
        if not given or draft.has("finance"):
            continue
        if any(study.frame == "outcomes" for _, study in draft.rows(Study, "frame")):
            what = f"found {given[0]} in a study of frame 'outcomes', expected no money"
            yield Problem(f"{key}.{given[0]}", what, "take it out, or set study.frame = 'roi'")
        else:
            what = f"found {given[0]} without a currency, expected [finance] with currency"
            yield Problem("finance.currency", what, "add [finance] with currency = 'USD' or another")
