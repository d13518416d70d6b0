"""The rules that look at several keys of a design file; each yields a problem for each violation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from attribution.design.cohorts import cohort_problems
from attribution.design.draft import Draft
from attribution.design.graph import graph_problems
from attribution.design.messages import echo, not_known
from attribution.design.money_tables import Cost, Valuation
from attribution.design.options import option_problems, variance_problems
from attribution.design.power_rules import power_problems
from attribution.design.schema import (
    Analysis,
    CohortTable,
    Columns,
    Data,
    Kpi,
    Study,
    Timing,
)
from attribution.design.waivers import waiver_problems
from attribution.design.windows import baseline_problems, followup_problems, order_problems
from attribution.errors import Problem
from attribution.registry import DATASETS

Rule = Callable[[Draft], Iterator[Problem]]

FILE_TYPES = (".csv", ".parquet")
"""How the name of a data file ends."""

COVARIATE_OPTIONS = ("covariates", "exact")
"""Options that name covariates: of any method, and of cohort methods."""


def _data(draft: Draft) -> Iterator[Problem]:
    for key, data in draft.rows(Data, "source", "path", "name"):
        needed, other = ("path", "name") if data.source == "file" else ("name", "path")
        if getattr(data, needed) is None:
            what = f"source is {data.source!r}, expected {needed}"
            yield Problem(f"{key}.{needed}", what, f"add {needed} = '…' to [data]")
        if getattr(data, other) is not None:
            what = f"found {other} beside source = {data.source!r}, expected only {needed}"
            yield Problem(f"{key}.{other}", what, f"take {other} out, or change the source")
        if data.source == "dataset" and data.name is not None and data.name not in DATASETS:
            yield not_known(f"{key}.name", data.name, DATASETS)
        if data.source == "file" and data.path is not None:
            yield from _file(f"{key}.path", data.path)


def _file(key: str, path: str) -> Iterator[Problem]:
    # Said before the data are there: weeks later it would be too late to write them otherwise.
    if "://" in path:
        what = f"found the address {echo(path)}, expected a file; nothing is loaded from elsewhere"
        yield Problem(key, what, "save the data beside the design, and name that file")
    elif PurePath(path).suffix.lower() not in FILE_TYPES:
        what = f"found {echo(path)}, expected a file that ends in {' or '.join(FILE_TYPES)}"
        yield Problem(key, what, "save the data as CSV (UTF-8, one header line) or Parquet, and name that file")
    elif path.startswith("~"):
        what = f"found {echo(path)}, and ~ does not stand for a folder here; expected a path from the design's folder"
        yield Problem(key, what, "write the path in full, or relative to the design file")


def _unit(draft: Draft) -> Iterator[Problem]:
    kinds = [data.kind for _, data in draft.rows(Data, "kind")]
    for key, columns in draft.rows(Columns, "unit", "trained"):
        if columns.unit is None and kinds == ["panel"]:
            what = "the key is missing, expected the column of the unit: person, team, site or firm"
            remedy = "add unit = …, or say in [data] that the kind is 'repeated_cross_sections' or 'series'"
            yield Problem(f"{key}.unit", what, remedy)
        if columns.trained is not None and kinds == ["repeated_cross_sections"]:
            what = "found trained in repeated cross-sections, expected adopted: who is trained in a period is not when"
            yield Problem(f"{key}.trained", what, "name the column of the first trained period of the row's group")


def _covariates(draft: Draft) -> Iterator[Problem]:
    for _, columns in draft.rows(Columns, "covariates"):
        rows: list[tuple[str, Analysis | CohortTable]] = list(draft.rows(Analysis, "options"))
        rows += draft.rows(CohortTable, "options")
        for key, row in rows:
            for option in COVARIATE_OPTIONS if isinstance(row, CohortTable) else COVARIATE_OPTIONS[:1]:
                yield from _unknown_covariates(f"{key}.{option}", row.options.get(option, ()), columns.covariates)


def _unknown_covariates(key: str, named: object, known: Sequence[str]) -> Iterator[Problem]:
    if not (isinstance(named, tuple) and all(isinstance(one, str) for one in named)):
        return  # another problem says so
    for place, one in enumerate(named):
        for part in one.split(":"):
            if part not in known:
                what = f"found {echo(part)}, which is not among columns.covariates"
                remedy = f"add it to covariates in [columns]; known: {', '.join(known) or 'none'}"
                yield Problem(f"{key}[{place}]", what, remedy)


def _columns(draft: Draft) -> Iterator[Problem]:
    for key, columns in draft.rows(Columns, "adopted", "trained"):
        if (columns.adopted is None) == (columns.trained is None):
            found = "neither" if columns.adopted is None else "both"
            what = f"found {found} of adopted and trained, expected exactly one"
            remedy = "name the column of the first trained period (adopted), or the 0/1 column per period (trained)"
            yield Problem(f"{key}.adopted", what, remedy)


def _unique_ids(draft: Draft) -> Iterator[Problem]:
    kpis = [(key, kpi.id) for key, kpi in draft.rows(Kpi, "id")]
    analyses = [(key, analysis.id) for key, analysis in draft.rows(Analysis, "id")]
    cohorts = [(key, cohort.id) for key, cohort in draft.rows(CohortTable, "id")]
    for ids in (kpis, analyses, cohorts):
        seen: dict[str, str] = {}
        for key, own in ids:
            if own in seen:
                what = f"found {own!r}, which {seen[own]} has already; expected an id of its own"
                yield Problem(f"{key}.id", what, "give each its own id")
            seen.setdefault(own, key)


def _references(draft: Draft) -> Iterator[Problem]:
    kpis = draft.all_rows(Kpi, "id")
    if kpis is None:
        return
    known = list(dict.fromkeys(kpi.id for _, kpi in kpis))
    analyses = [(key, analysis.kpi) for key, analysis in draft.rows(Analysis, "kpi")]
    valuations = [(key, valuation.kpi) for key, valuation in draft.rows(Valuation, "kpi")]
    for key, named in analyses + valuations:
        if named not in known:
            yield not_known(f"{key}.kpi", named, known)


def _kpis(draft: Draft) -> Iterator[Problem]:
    for key, kpi in draft.rows(Kpi, "expected_effect", "effect_source"):
        if kpi.expected_effect is not None and kpi.effect_source is None:
            what = f"expected_effect is {echo(kpi.expected_effect)} without effect_source, expected its source"
            yield Problem(f"{key}.effect_source", what, "say where the expected effect comes from")
    roles = draft.all_rows(Kpi, "role")
    if roles and all(kpi.role != "primary" for _, kpi in roles):
        yield Problem("kpi", "found no KPI of role 'primary', expected at least one", "set role = 'primary'")


def _primary_analyses(draft: Draft) -> Iterator[Problem]:
    kpis = draft.all_rows(Kpi, "id", "role")
    analyses = draft.all_rows(Analysis, "kpi", "role")
    if kpis is None or analyses is None:
        return
    count = Counter(analysis.kpi for _, analysis in analyses if analysis.role == "primary")
    for key, kpi in {kpi.id: (key, kpi) for key, kpi in kpis}.values():
        needed = kpi.role == "primary"
        if count[kpi.id] > 1 or (needed and count[kpi.id] == 0):
            what = f"{key} {kpi.id!r} has {count[kpi.id]} analyses of role 'primary', expected one"
            remedy = "make one analysis of this KPI 'primary', the others 'sensitivity' or 'reference'"
            yield Problem("analysis", what, remedy)


def _timing(draft: Draft) -> Iterator[Problem]:
    # Each rule asks for its own keys, so that a faulty one does not silence the others. A washout or an anticipation
    # that cannot be read counts as 0, its default.
    lengths = {key: timing.period for key, timing in draft.rows(Timing, "period")}
    for key, timing in draft.rows(Timing, "baseline", "followup"):
        yield from order_problems(key, timing.baseline, timing.followup)
    for key, timing in draft.rows(Timing, "launch", "baseline"):
        yield from baseline_problems(key, timing.launch, timing.baseline, timing.anticipation, lengths.get(key))
    for key, timing in draft.rows(Timing, "launch", "followup"):
        yield from followup_problems(key, timing.launch, timing.followup, timing.washout, lengths.get(key))


def _outcomes_without_money(draft: Draft) -> Iterator[Problem]:
    for _, study in draft.rows(Study, "frame"):
        if study.frame == "outcomes":
            for name in ("valuation", "cost", "finance"):
                if draft.has(name):
                    what = f"found [{name}] in a study of frame 'outcomes', expected no money"
                    yield Problem(name, what, f"take [{name}] out, or set study.frame = 'roi'")


def _money_is_whole(draft: Draft) -> Iterator[Problem]:
    values, costs = draft.has("valuation"), draft.has("cost")
    if values and not costs:
        yield Problem("cost", "found a valuation without a cost, expected both", "add [[cost]] tables")
    if costs and not values:
        yield Problem("valuation", "found a cost without a valuation, expected both", "add a [[valuation]]")
    if (values or costs) and not draft.has("finance"):
        what = "found money without a currency, expected [finance] with currency"
        yield Problem("finance.currency", what, "add [finance] with currency = 'USD' or another")


def _valuations(draft: Draft) -> Iterator[Problem]:
    kpis = {kpi.id: kpi for _, kpi in draft.rows(Kpi, "id", "scale", "role")}
    seen: dict[str, str] = {}
    for key, row in draft.rows(Valuation, "kpi"):
        if row.kpi in seen:
            what = f"found a second value of the KPI {row.kpi!r}, which {seen[row.kpi]} prices already; expected one"
            yield Problem(f"{key}.kpi", what, "price each KPI once")
        seen.setdefault(row.kpi, key)
        if row.kpi in kpis and kpis[row.kpi].role == "intangible":
            what = f"found a value of the intangible KPI {row.kpi!r}, expected none"
            yield Problem(f"{key}.kpi", what, "take the valuation out; an intangible is reported and never priced")
    for key, row in draft.rows(Valuation, "value_per_unit", "value_of_untrained_level"):
        given = [name for name in ("value_per_unit", "value_of_untrained_level") if getattr(row, name) is not None]
        if len(given) != 1:
            what = (
                f"found {'both' if given else 'neither'} of value_per_unit and value_of_untrained_level, expected one"
            )
            remedy = "state value_per_unit for a KPI on the linear scale, value_of_untrained_level on the log scale"
            yield Problem(f"{key}.value_per_unit", what, remedy)
    for key, row in draft.rows(Valuation, "kpi", "value_per_unit", "value_of_untrained_level"):
        if row.kpi in kpis and (row.value_per_unit is None) != (row.value_of_untrained_level is None):
            yield from _value_of_scale(key, row, kpis[row.kpi])
    for key, row in draft.rows(Valuation, "source", "approver", "illustrative"):
        for name in ("source", "approver"):
            if not row.illustrative and getattr(row, name) is None:
                what = f"found a value without {name}, expected one unless illustrative = true"
                yield Problem(f"{key}.{name}", what, f"add {name}, or say illustrative = true")


def _one_value(draft: Draft) -> Iterator[Problem]:
    priced = list(dict.fromkeys(row.kpi for _, row in draft.rows(Valuation, "kpi")))
    if len(priced) > 1:
        what = f"found values of {len(priced)} KPIs ({', '.join(map(echo, priced))}), expected the value of one"
        yield Problem("valuation", what, "price one KPI; report the others beside it, without money")


def _value_of_scale(key: str, row: Valuation, kpi: Kpi) -> Iterator[Problem]:
    log = kpi.scale == "log"
    if log and row.value_per_unit is not None:
        what = f"found value_per_unit for {kpi.id!r}, a KPI on the log scale, expected value_of_untrained_level"
        remedy = "a log point has no fixed price: state the money of the whole untrained level per unit and period"
        yield Problem(f"{key}.value_per_unit", what, remedy)
    if not log and row.value_of_untrained_level is not None:
        what = f"found value_of_untrained_level for {kpi.id!r}, a KPI on the linear scale, expected value_per_unit"
        remedy = "state the money of one KPI unit, or set the KPI's scale = 'log' if its column holds a logarithm"
        yield Problem(f"{key}.value_of_untrained_level", what, remedy)


def _costs(draft: Draft) -> Iterator[Problem]:
    for key, cost in draft.rows(Cost, "low", "high"):
        if (cost.low is None) != (cost.high is None):
            given, other = ("low", "high") if cost.high is None else ("high", "low")
            what = f"found {given} without {other}, expected both or neither"
            yield Problem(f"{key}.{other}", what, f"add {other}, or take {given} out")
    for key, cost in draft.rows(Cost, "amount", "low", "high"):
        low = cost.amount if cost.low is None else cost.low
        high = cost.amount if cost.high is None else cost.high
        if not low <= cost.amount <= high:
            what = f"found amount {echo(cost.amount)} outside {echo(low)} to {echo(high)}, expected low ≤ amount ≤ high"
            yield Problem(f"{key}.amount", what, "mend the amount or the range")
    for key, cost in draft.rows(Cost, "amount", "source", "reason", "illustrative"):
        if cost.amount == 0 and cost.reason is None:
            what = "found an amount of 0 without a reason, expected why there is no such cost"
            yield Problem(f"{key}.reason", what, "add reason, or the amount")
        if cost.amount > 0 and cost.source is None and not cost.illustrative:
            what = "found an amount without source, expected one unless illustrative = true"
            yield Problem(f"{key}.source", what, "add source, or say illustrative = true")


RULES: tuple[Rule, ...] = (
    _data,
    _unique_ids,
    _kpis,
    _unit,
    _columns,
    _covariates,
    _timing,
    _references,
    cohort_problems,
    graph_problems,
    _primary_analyses,
    option_problems,
    variance_problems,
    _outcomes_without_money,
    _money_is_whole,
    _valuations,
    _one_value,
    _costs,
    power_problems,
    waiver_problems,
)


def broken_rules(draft: Draft) -> list[Problem]:
    """Return a problem for each violation of a rule, in the order of the file's tables."""
    return [problem for rule in RULES for problem in rule(draft)]
