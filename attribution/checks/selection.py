"""Who was trained and why: what the mechanism allows to say, and whether anybody was compared."""

from __future__ import annotations

from collections.abc import Mapping

from attribution.checks.effects import ends_said, is_compared, level_of, method_of, options_of
from attribution.checks.evidence import Evidence, Rule
from attribution.core.arms import Controls
from attribution.core.display import signed
from attribution.core.finding import Finding
from attribution.core.interval import Interval
from attribution.design.schema import Mechanism
from attribution.errors import MethodError
from attribution.estimators.bracket import Bracket, bracket

MECHANISM = Rule(
    "selection_mechanism",
    "training is given at random, or by a waiting list, and a source says so",
    "Shadish, Cook & Campbell (2002), Experimental and Quasi-Experimental Designs, chapters 5 to 8",
)

UNCONTROLLED = Rule(
    "uncontrolled",
    "the primary analysis compares with untrained units; without them nobody was picked by the KPI",
    "Campbell & Stanley (1963), Experimental and Quasi-Experimental Designs for Research: one group, pretest–posttest",
)

BRACKET = Rule(
    "lagged_bracket",
    "difference-in-differences and the lagged outcome say the same of the effect, where people were picked by the KPI",
    "Ding & Li (2019), A bracketing relationship, Political Analysis 27",
)

BY_LOT: Mapping[Mechanism, str] = {"random": "training was given at random", "waitlist": "the order was a waiting list"}

PICKED: tuple[Mechanism, ...] = ("performance", "threshold")
"""Mechanisms that pick by a score: usually the KPI itself, or what goes with it."""

BY_KPI: tuple[Mechanism, ...] = (*PICKED, "manager")
"""Mechanisms that go, or may go, by the KPI."""

SAID: Mapping[Mechanism, tuple[str, str]] = {
    "threshold": (
        "who is on one side of a cutoff is trained, so that nobody untrained has the same score: arms compared as they "
        "are differ in it by design",
        "keep the scores and the cutoff, and compare units just on either side of it (regression discontinuity: the "
        "effect at the cutoff), or draw lots among those near it",
    ),
    "performance": (
        "people were picked by their performance, which moves back towards the mean by itself",
        "draw lots among those who qualify; else compare at equal baselines (lagged) beside did, and measure a new "
        "baseline after the pick",
    ),
    "manager": (
        "managers picked whom to train, and may have known what no column holds",
        "write down what they went by and adjust for it, or let them nominate twice as many and draw lots",
    ),
    "voluntary": (
        "people came by themselves: the effect is on those who come, not what it would be on everybody, and they may "
        "have been on another path before",
        "say in the limits whom the effect speaks for; compare with people who asked for training and still wait",
    ),
    "first_come": (
        "those who came first were trained, and may be keener or better informed than those who came late",
        "compare with those who asked as well and came too late, and show that both were alike before",
    ),
}


def selection_mechanism(evidence: Evidence) -> Finding:
    """Say what the mechanism of assignment allows, and what it threatens; the rest of the rules measure it."""
    design = evidence.design
    if design is None:
        return MECHANISM.skipped("no design says how training was assigned")
    assignment = design.assignment
    mechanism = assignment.mechanism
    observed = mechanism.replace("_", " ") + ("" if assignment.source else ", without a source")
    if mechanism in BY_LOT:
        if assignment.source:
            return MECHANISM.finding(
                "pass", observed, f"{BY_LOT[mechanism]}, and the design says where that is written"
            )
        return MECHANISM.finding(
            "warn",
            observed,
            f"{BY_LOT[mechanism]}, but no source says so: it cannot be checked",
            "give source in [assignment]: where the draw is recorded, with its seed or its list",
        )
    message, remedy = SAID[mechanism]
    return MECHANISM.finding("warn", observed, message, remedy)


def uncontrolled(evidence: Evidence) -> Finding:
    """Refuse to read a change as an effect where those picked by the KPI are compared with nobody."""
    design, method = evidence.design, method_of(evidence)
    if not method:
        return UNCONTROLLED.skipped("no design names the primary analysis")
    if is_compared(evidence):
        return UNCONTROLLED.finding("pass", f"primary: {method}", "the trained are compared with units that were not")
    if design is not None and design.assignment.mechanism in PICKED:
        how = design.assignment.mechanism
        return UNCONTROLLED.finding(
            "fail",
            f"primary: {method}, without a comparison; picked by {how}",
            f"people were picked by {'a threshold' if how == 'threshold' else 'performance'} and are compared with "
            "nobody: the worst get better and the best get worse by themselves, which alone would look like an effect",
            "compare with units that were not trained (did, lagged), or draw lots among those who qualify",
        )
    own = "its own past" if method == "trend" else "themselves before"
    return UNCONTROLLED.finding(
        "warn",
        f"primary: {method}, without a comparison",
        f"the trained are compared with {own} alone: whatever else changed in that time counts as training",
        "compare with units that were not trained; until then the page says what changed, not why",
    )


def lagged_bracket(evidence: Evidence) -> Finding:
    """Put the lagged outcome beside difference-in-differences: if either is right, the effect lies between them."""
    design, estimate, panel = evidence.design, evidence.estimate, evidence.panel
    if design is None:
        return BRACKET.skipped("no design says how training was assigned")
    if design.assignment.mechanism not in BY_KPI:
        return BRACKET.skipped("people were not picked by the KPI or by managers")
    if method_of(evidence) != "did":
        return BRACKET.skipped("the primary analysis is not did")
    if estimate is None or panel is None:
        return BRACKET.waits(evidence, "no data to compare did and lagged in")
    if "effect" not in estimate.terms or estimate.estimand != "ATT":
        return BRACKET.skipped("there is no effect on the trained to bracket")
    controls: Controls = "never" if options_of(evidence).get("controls") == "never" else "not_yet"
    try:
        found = bracket(panel, baseline=estimate.n.baseline, followup=estimate.n.followup, controls=controls)
    except MethodError as error:
        return BRACKET.skipped(error.what)
    return _bracketed(found, level_of(evidence), estimate.adjusted)


def _bracketed(found: Bracket, level: float, adjusted: tuple[str, ...]) -> Finding:
    ends = {"did": found.did.interval(level), "lagged": found.lagged.interval(level)}
    values = {"did": found.did.value("effect"), "lagged": found.lagged.value("effect")}
    observed = ", ".join(f"{name} {signed(values[name])} ({ends_said(ends[name])})" for name in ends)
    observed += f"; slope {found.slope:.2f}" + (f"; both without {', '.join(adjusted)}" if adjusted else "")
    if any(one.kind == "undefined" for one in ends.values()):
        return BRACKET.skipped("the two estimates have no standard error to be judged by")
    one, other = (_verdict(ends[name]) for name in ends)
    if one == other:
        same = {0: "neither tells the effect from 0", 1: "both tell it from 0", -1: "both tell it from 0"}[one]
        between = "the effect lies between them if either is right" if found.holds else "they are no bracket"
        return BRACKET.finding("pass", observed, f"{same}, and {between}")
    which = "did" if one else "lagged"
    return BRACKET.finding(
        "warn",
        observed,
        f"only {which} tells the effect from 0: what the study says hangs on whether the trained would have kept their "
        "distance from the others (did) or moved back towards them (lagged)"
        if not (one and other)
        else "did and lagged say opposite things: one has the training help, the other harm",
        "quote both ends, add earlier periods that show which holds, and claim no more than both say",
    )


def _verdict(ends: Interval) -> int:
    """Return 1 or −1 where an interval lies on one side of 0, else 0."""
    return int(ends.low > 0) - int(ends.high < 0)
