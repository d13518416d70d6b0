"""The templates: complete designs for one kind of program each, to be copied and filled in."""

from __future__ import annotations

import re
from pathlib import Path

from attribution.design.fields import SLUG_PATTERN
from attribution.registry import require_name

_PACKAGE = Path(__file__).resolve().parents[1]

# A wheel carries designs/ inside the package; a checkout has it beside the package.
_FOLDERS = (_PACKAGE / "_designs" / "templates", _PACKAGE.parent / "designs" / "templates")

_STUDY_ID = re.compile(r'^(\[study\]\nid = ")[^"\n]*(")', re.MULTILINE)
_LONGEST_ID = 64


def templates() -> dict[str, Path]:
    """Return the files of the templates by name, in the order of the alphabet.

    Examples
    --------
    >>> list(templates())[:3]
    ['compliance', 'error-rate', 'leadership']
    """
    found = sorted(path for folder in _FOLDERS for path in folder.glob("*.toml"))
    return {path.stem: path for path in found}


def template_path(name: str) -> Path:
    """Return the file of a template; raises `MethodError` with the nearest known name.

    Examples
    --------
    >>> template_path("sales-quota").name
    'sales-quota.toml'
    """
    known = templates()
    require_name(known, name, kind="template")
    return known[name]


def template_summary(name: str) -> str:
    """Return the first line of a template, which says its question.

    Examples
    --------
    >>> template_summary("onboarding-ramp")
    'Onboarding: do new hires reach full output sooner?'
    """
    with template_path(name).open(encoding="utf-8") as file:
        return file.readline().removeprefix("# ").strip()


def template_text(name: str, *, study: str) -> str:
    """Return a template word by word, but with a study id of its own.

    `study` is made an id first (`study_id`); a name that leaves nothing of one keeps the template's id.

    Examples
    --------
    >>> text = template_text("safety", study="Plant safety 2027")
    >>> [line for line in text.splitlines() if line.startswith("id = ")][0]
    'id = "plant-safety-2027"'
    """
    text = template_path(name).read_text(encoding="utf-8")
    own = study_id(study)
    return _STUDY_ID.sub(rf"\g<1>{own}\g<2>", text, count=1) if own else text


def study_id(name: str) -> str:
    """Return a name as a study id: lower case, hyphens for what an id may not hold; "" where nothing is left.

    Examples
    --------
    >>> study_id("Sales Academy (Q2).v1")
    'sales-academy-q2-v1'
    """
    own = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_ID].strip("-")
    return own if re.fullmatch(SLUG_PATTERN, own) else ""
