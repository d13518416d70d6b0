"""What a reader reads of a page, its elements, and what every page has to keep to."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any


def text_of(page: str) -> str:
    """Return a page without its style and its tags."""
    without = re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))


VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """The elements of a page: tags with their attributes, what carries a path, the text; balanced or not."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str]] = []
        self.sourced: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag in VOID:
            return
        self.open.append((tag, attributes.get("data-source") or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(tag == "style" for tag, _ in self.open):
            return
        self.words.append(data)
        for _, source in self.open:
            if source:
                self.sourced.append((source, data))

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words)).replace("\u2060", "")


def look_up(document: Any, path: str) -> Any:
    """Follow a path; a list is entered by position, or by the name of one of its records."""
    here = document
    for part in path.split("."):
        if isinstance(here, dict):
            here = here[part]
        elif part.isdigit():
            here = here[int(part)]
        else:
            here = next(one for one in here if part in {one.get(key) for key in ("term", "method", "name", "id")})
    return here


def require_alone(source: str, page: Page) -> None:
    """Require one file without scripts and without anything to fetch."""
    assert source.startswith("<!DOCTYPE html>")
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form"})
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import|https?://", source)
    policies = [one["content"] for tag, one in page.tags if one.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def require_named(page: Page) -> None:
    """Require a language, ids that stand once, links and labels that lead somewhere, one title, headed tables."""
    assert ("html", {"lang": "en"}) in page.tags
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "href"):
            for wanted in (attributes.get(name) or "").replace("#", "").split():
                assert wanted in ids
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
