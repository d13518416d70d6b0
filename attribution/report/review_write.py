"""The one way to write a review: as a page, in Markdown or as JSON, whole or not at all, over nothing of others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path

from attribution.design.schema import StudyDesign
from attribution.errors import OutputError, require_type
from attribution.report.review_sheet import MARK, MARKDOWN_MARK, render_review, review_markdown, review_record
from attribution.study.files import write_whole
from attribution.study.review import StudyReview

KINDS = {".html": "html", ".htm": "html", ".md": "md", ".json": "json"}

_LARGEST = 20_000_000
"""Bytes beyond which a file is no review, and is not read to find out."""


def write_review(review: StudyReview, path: str | Path) -> Path:
    """Write a review as one page (`.html`), in Markdown (`.md`) or as JSON (`.json`), by the name's ending.

    Return the path. A review of the same study is replaced; the file is written beside it first and moved in place at
    the end. Raises `OutputError` for another ending, for a file that is not a review of this study, and where the disk
    refuses.

    Examples
    --------
    >>> import tempfile
    >>> import attribution as at
    >>> review = at.review(at.load_design("designs/michigan-grants.toml"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_review(review, f"{folder}/review.html").name
    'review.html'
    """
    return write_reviews(review, [path])[0]


def write_reviews(review: StudyReview, paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Write a review to several files: all of them are refused before the first is written; see `write_review`."""
    require_type(review, StudyReview, name="review", remedy="make one: at.review(at.load_design(path))")
    targets = [Path(path).resolve() for path in paths]
    for target in targets:
        _require_writable(target, review.design)
    texts = [_text(review, KINDS[target.suffix.lower()]) for target in targets]
    for target, text in zip(targets, texts, strict=True):
        write_whole(
            target, text, what="the review", remedy="choose a place that can be written to, with room on the disk"
        )
    return tuple(targets)


def require_files(design: StudyDesign, files: Mapping[str, Path]) -> None:
    """Raise `OutputError` unless each file ends as its key and holds nothing, or a review of this study."""
    for ending, file in files.items():
        if file.suffix.lower() != ending:
            option = f"--{ending[1:]}"
            raise OutputError(
                f"{option} writes a file whose name ends in {ending}",
                where=str(file),
                remedy=f"{option} {file.with_suffix(ending).name or ending}",
            )
        _require_writable(file.resolve(), design)


def _text(review: StudyReview, kind: str) -> str:
    if kind == "html":
        return render_review(review)
    if kind == "md":
        return review_markdown(review)
    return review_record(review).model_dump_json(by_alias=True, indent=1) + "\n"


def _require_writable(target: Path, design: StudyDesign) -> None:
    """Raise `OutputError` unless the path has a known ending and holds nothing, or a review of this study."""
    if target.suffix.lower() not in KINDS:
        raise OutputError(
            f"a review is written as {' or '.join(KINDS)}, not as {target.suffix or 'a name without an ending'}",
            where=str(target),
            remedy="give the file a name that ends in .html, .md or .json",
        )
    remedy = "choose another file name, or move this one away"
    try:
        if not target.exists():
            return
        if not target.is_file():
            raise OutputError("there is a folder of this name", where=str(target), remedy=remedy)
        if target.stat().st_size > _LARGEST:
            raise OutputError("the file there is not a review", where=str(target), remedy=remedy)
        found = _study_of(target)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise OutputError("the file there is not a review", where=str(target), remedy=remedy) from error
    if found is None:
        raise OutputError("the file there is not a review", where=str(target), remedy=remedy)
    if found != design.study.id:
        raise OutputError(f"the file there is a review of study {found!r}", where=str(target), remedy=remedy)


def _study_of(target: Path) -> str | None:
    """Return the study that a written review is of; None where the file is something else."""
    text = target.read_text(encoding="utf-8")
    kind = KINDS[target.suffix.lower()]
    if kind == "md":
        commented = re.match(f"<!-- {MARKDOWN_MARK}([a-z0-9-]+) -->\n", text)
        return None if commented is None else commented[1]
    if kind == "html":
        marked = re.search(re.escape(MARK) + '([^"]*)"', text[:2000])
        return None if marked is None else unescape(marked[1])
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("kind") != "review":
        return None
    return str(document.get("study"))
