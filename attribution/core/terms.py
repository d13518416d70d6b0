"""The names of terms: `effect`, and its parts `effect[event=2]`, `effect[group=2004,time=2006]`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"(?P<name>[a-z_]+)\[(?P<key>[a-z_]+)=(?P<label>[^\]]*)\]")


def part(name: str, key: str, label: object) -> str:
    """Return the name of a part of a term.

    >>> part("effect", "event", -2)
    'effect[event=-2]'
    """
    return f"{name}[{key}={label}]"


def parse(term: str) -> tuple[str, str, str] | None:
    """Return name, key and label of a part; None for a plain term.

    >>> parse("effect[event=-2]"), parse("effect")
    (('effect', 'event', '-2'), None)
    """
    found = _PART.fullmatch(term)
    return None if found is None else (found["name"], found["key"], found["label"])


def labels(terms: Iterable[str], name: str, key: str) -> tuple[str, ...]:
    """Return the labels of all parts of a term under one key, in their order.

    >>> labels(("effect", "effect[event=-1]", "effect[event=0]"), "effect", "event")
    ('-1', '0')
    """
    found = (parse(term) for term in terms)
    return tuple(one[2] for one in found if one is not None and one[:2] == (name, key))
