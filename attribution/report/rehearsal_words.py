"""A rehearsal in words: what would be said where nothing happened, and what where something did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attribution.core.display import text
from attribution.report.format import capital, level_text, number, percent, plural, signed, signed_percent, span
from attribution.study.rehearsal import Rehearsal
from attribution.study.rehearsal_summary import Measure

MARGIN = 58
"""Columns before the numbers."""

RATES = {
    "false_claims": "an effect is found where there is none",
    "power": "the effect is found (power)",
    "success_claims": "success could be claimed by the interval",
    "claimed": "the report would say that it works, after the gates",
    "coverage": "the interval holds the true effect",
    "type_s": "of those found, with the wrong sign",
}
SHARES = {
    "share_not_estimable": "the share is not estimable",
    "share_coverage": "the set of the share holds the true share",
    "share_type_s": "of quoted shares told from 0, with the wrong sign",
}
ALONE = {
    "false_claims": "the observed change is told from 0",
    "power": "the observed change is told from 0",
    "coverage": "the interval of the change holds the injected effect",
    "type_s": "of those told from 0, with the wrong sign",
}
"""The same where nobody is compared, and the observed change is all there is."""


def rehearsal_lines(rehearsal: Rehearsal) -> Iterator[str]:
    """Yield a rehearsal line by line for a terminal; the numbers in brackets are Monte Carlo standard errors."""
    trained, control = rehearsal.arms
    yield f"{plural(rehearsal.rehearsals, 'placebo launch')} of {rehearsal.analysis} ({rehearsal.method})"
    against = f", {control:,} for their comparison" if control else ""
    yield (
        f"  {plural(len(rehearsal.launches), 'date')}, {span(_ends(rehearsal.launches))}; "
        f"{plural(trained, 'cluster')} taken for trained{against}"
    )
    for note in rehearsal.notes:
        yield f"  {capital(note)}."
    for effect, source in zip(rehearsal.effects, rehearsal.injected_as, strict=True):
        yield ""
        yield from _with_effect(rehearsal, effect, source)
    if rehearsal.compared:
        yield from _benchmark(rehearsal)
    for problem, times in rehearsal.problems.items():
        yield f"  {plural(times, 'placebo launch')} without an estimate: {problem}"


def verdict(rehearsal: Rehearsal) -> str:
    """Return in one sentence whether the design stands the rehearsal."""
    if rehearsal.unsound:
        return f"The design does not stand the rehearsal: {rehearsal.unsound}"
    return "False claims are no more than chance: the design stands the rehearsal"


def _with_effect(rehearsal: Rehearsal, effect: float, source: str) -> Iterator[str]:
    found = {one.name: one for one in rehearsal.measures(effect)}
    if effect:
        way = "An improvement" if effect > 0 else "A deterioration"
        yield f"{way} of {text(abs(effect))} {rehearsal.unit} injected ({source})"
    else:
        yield "No effect injected"
    names = RATES if rehearsal.compared else RATES | ALONE
    for name, words in names.items():
        if name in found:
            aside = (
                f"; {level_text(1 - rehearsal.level)} by design"
                if name == "false_claims" and rehearsal.compared
                else ""
            )
            yield _line(words, f"{_rate(found[name])}{aside}")
    what = "bias, as improvement" if rehearsal.compared else "the change less the injected effect, as improvement"
    bias, rmse = found["bias"], found["rmse"]
    yield _line(what, f"{signed(bias.value)} ({number(bias.mc_error, 2)}), RMSE {number(rmse.value)}")
    if "type_m" in found and found["type_m"].n:
        yield _line("of those found, how many times too large", _times(found["type_m"]))
    for name, words in SHARES.items():
        if name in found and found[name].n:
            yield _line(words, _rate(found[name]))
    if "share_type_m" in found and found["share_type_m"].n:
        yield _line("of these, how many times too large, the median", _times(found["share_type_m"]))
    if "roi_q50" in found:
        yield from _money(found)
    gates = rehearsal.gates()
    for gate, failed, n in gates.loc[gates["injected"] == effect, ["gate", "failed", "n"]].itertuples(index=False):
        yield _line(f"the gate {gate} fails", percent(failed / n))


def _money(found: Mapping[str, Measure]) -> Iterator[str]:
    low, middle, high = (signed_percent(found[f"roi_q{q}"].value) for q in ("05", "50", "95"))
    yield _line("reported ROI, median (from 5 to 95 of 100)", f"{middle} ({low} to {high})")
    yield _line("the reported ROI is above 0", _rate(found["roi_positive"]))
    yield _line("the whole interval of the ROI is above 0", _rate(found["roi_told_positive"]))


def _benchmark(rehearsal: Rehearsal) -> Iterator[str]:
    frame = rehearsal.by_launch()
    if not len(frame):
        return
    permuted, nominal = frame["critical_permuted"], frame["critical_nominal"]
    yield ""
    yield f"Re-drawn assignments without an effect, about {frame['rehearsals'].mean():.0f} at each date"
    yield _line(f"{level_text(rehearsal.level)} of |t| are below", _range(permuted.min(), permuted.max()))
    yield _line("the analysis finds an effect above", _range(nominal.min(), nominal.max()))
    yield _line(
        "false claims of a p value by rank, by construction",
        _range(frame["false_claims_permuted"].min(), frame["false_claims_permuted"].max(), percentage=True),
    )


def _range(low: float, high: float, *, percentage: bool = False) -> str:
    write = percent if percentage else number
    return write(low) if write(low) == write(high) else f"{write(low)} to {write(high)}"


def _line(words: str, shown: str) -> str:
    return f"  {words:<{MARGIN}} {shown}"


def _rate(one: Measure) -> str:
    return f"{percent(one.value)} ({100 * one.mc_error:.1f})" if one.n else "none to say it of"


def _times(one: Measure) -> str:
    return f"{number(one.value)} ({number(one.mc_error, 2)})" if one.n > 9 else number(one.value)


def _ends(launches: tuple[str, ...]) -> tuple[str, ...]:
    ordered = sorted(launches)
    return (ordered[0], ordered[-1]) if len(ordered) > 1 else tuple(ordered)
