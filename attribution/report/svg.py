"""From the SVG that matplotlib writes to a picture inside a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from markupsafe import Markup

_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font:\s*(?:(?P<weight>bold|[1-9]00)\s+)?(?P<size>[\d.]+)px[^;]*")


def inline(source: str, colours: Mapping[str, str], *, title: str, desc: str, name: str) -> Markup:
    """Return an SVG file as an element of an HTML page.

    Without metadata, style element and fixed size; with the page's fonts, `colours` exchanged, `<title>` and
    `<desc>`, and only the ids that something refers to, each beginning with `name`.
    """
    from markupsafe import Markup

    root = ElementTree.fromstring(source)
    _drop(root, "metadata", "style")
    used = _references(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        identity = element.attrib.pop("id", None)
        attributes = {_local(key): value for key, value in element.attrib.items()}
        if identity in used:
            attributes["id"] = f"{name}-{identity}"
        if attributes.get("href", "").startswith("#"):
            attributes["href"] = f"#{name}-{attributes['href'][1:]}"
        for key, value in attributes.items():
            attributes[key] = _REFERENCE.sub(rf"url(#{name}-\1)", value)
        if "style" in attributes:
            attributes["style"] = _style(attributes["style"], colours)
        element.attrib.clear()
        element.attrib.update(attributes)
    titles = {"title": title, "desc": desc}
    for place, (tag, text) in enumerate(titles.items()):
        child = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        child.text = text
        root.insert(place, child)
    root.attrib.clear()
    root.attrib.update(
        {
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
            "viewBox": _view_box(source),
            "class": "picture",
        }
    )
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _drop(element: ElementTree.Element, *tags: str) -> None:
    for child in list(element):
        if _local(child.tag) in tags:
            element.remove(child)
        else:
            _drop(child, *tags)


def _references(root: ElementTree.Element) -> set[str]:
    found = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            found.update(_REFERENCE.findall(value))
            if _local(key) == "href" and value.startswith("#"):
                found.add(value[1:])
    return found


def _style(style: str, colours: Mapping[str, str]) -> str:
    for colour, variable in colours.items():
        style = style.replace(colour, variable)
    return _FONT.sub(
        lambda found: (
            f"font-size: {found['size']}px" + (f"; font-weight: {found['weight']}" if found["weight"] else "")
        ),
        style,
    )


def _view_box(source: str) -> str:
    found = re.search(r'viewBox="([^"]+)"', source)
    return found[1] if found is not None else ""
