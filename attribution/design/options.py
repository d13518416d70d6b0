"""The options of an analysis: the keyword-only parameters of its method, checked by their annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from attribution import registry
from attribution.design.draft import Draft
from attribution.design.fields import Window, Windows
from attribution.design.messages import echo, key_path, nearest, not_known, problem
from attribution.design.schema import Analysis, CohortTable, Inference, Timing
from attribution.design.windows import order_problems
from attribution.errors import Problem

WINDOWS = ("baseline", "followup")
_WINDOW: dict[str, Any] = {"baseline": Window, "followup": Window | Windows}
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@cache
def options_of(method: Callable[..., Any]) -> dict[str, registry.Option]:
    """Return a method's options by name."""
    return {option.name: option for option in registry.options(method)}


@cache
def adapter(method: Callable[..., Any], name: str) -> TypeAdapter[Any]:
    """Return the check of an option; a window holds periods as `[timing]` does, whatever sequence the method takes.

    A follow-up may be several windows, as an array of arrays; a method that does not take these says so.
    """
    annotation = _WINDOW[name] if name in WINDOWS else options_of(method)[name].annotation
    return TypeAdapter(annotation, config=_STRICT)


def option_problems(draft: Draft) -> Iterator[Problem]:
    """Yield the faults of every analysis and cohort: an unknown method, an unknown or missing option, a wrong value."""
    for key, cohort in draft.rows(CohortTable, "method"):
        yield from _options(key, cohort, registry.COHORTS, set())
    for key, analysis in draft.rows(Analysis, "method"):
        faulty: set[str] = set()
        yield from _options(key, analysis, registry.ESTIMATORS, faulty)
        if analysis.method in registry.ESTIMATORS and not faulty.intersection(WINDOWS):
            yield from _own_windows(key, analysis, draft)


def _options(key: str, row: Analysis | CohortTable, methods: Mapping[str, str], faulty: set[str]) -> Iterator[Problem]:
    """Yield the faults of one row's method and options; names of wrong options are added to `faulty`."""
    if row.method not in methods:
        yield not_known(f"{key}.method", row.method, methods)
        return
    method = registry.load(methods, row.method, kind="method")
    for name, value in row.options.items():
        found = _fault(f"{key}.{key_path([name])}", row, method, name, value)
        if found is not None:
            faulty.add(name)
            yield found
    for name, option in options_of(method).items():
        if option.required and name not in registry.FROM_DESIGN and name not in row.options:
            what = f"the key is missing, expected an option that {row.method!r} requires"
            yield Problem(f"{key}.{name}", what, f"add {name} = …")


def _fault(key: str, row: Analysis | CohortTable, method: Callable[..., Any], name: str, value: Any) -> Problem | None:
    known = options_of(method)
    if name not in known:
        own = [name for name in type(row).model_fields if name != "options"]
        options = ", ".join(known)
        what = f"unknown key {echo(name)}, expected {', '.join(own)} or an option of {row.method!r}: {options}"
        return Problem(key, what, f"{nearest(name, [*own, *known])}; rename the key or take it out")
    try:
        adapter(method, name).validate_python(value)
    except ValidationError as error:
        return problem(error.errors(include_url=False)[0], key=key)
    return None


def _own_windows(key: str, analysis: Analysis, draft: Draft) -> Iterator[Problem]:
    if not any(name in analysis.options for name in WINDOWS):
        return
    for _, timing in draft.rows(Timing, *WINDOWS):
        baseline = analysis.options.get("baseline", timing.baseline)
        followup = flat(analysis.options.get("followup", timing.followup))
        yield from order_problems(key, baseline, followup)


def flat(window: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the periods of a window, or of several."""
    return tuple(period for one in window for period in (one if isinstance(one, tuple) else (one,)))


def variance_problems(draft: Draft) -> Iterator[Problem]:
    """Yield the fault of `[inference] variance` where a method that takes it does not know it."""
    for key, inference in draft.rows(Inference, "variance"):
        if "variance" not in inference.model_fields_set:
            return
        for _, analysis in draft.rows(Analysis, "method"):
            if analysis.method not in registry.ESTIMATORS or "variance" in analysis.options:
                continue
            method = registry.load(registry.ESTIMATORS, analysis.method, kind="method")
            if "variance" not in options_of(method):
                continue
            found = _fault(f"{key}.variance", analysis, method, "variance", inference.variance)
            if found is not None:
                yield found
                return
