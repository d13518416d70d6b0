"""The command that begins a study: it lists the templates, or writes one to be filled in."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from attribution.cli.shared import say, shown
from attribution.errors import OutputError


def new(
    template: Annotated[
        str | None, typer.Argument(help="The template; without one, all are listed.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; TEMPLATE.toml unless given.")] = None,
) -> None:
    """Write a template of a design to be filled in; without a name, list the templates."""
    from attribution.design.templates import template_summary, template_text, templates

    if template is None:
        if out is not None:
            raise OutputError("no template is named", where=str(out), remedy="attribution new TEMPLATE --out FILE")
        known = templates()
        width = max(map(len, known))
        for name in known:
            say(f"{name:{width}}  {template_summary(name)}")
        say("\nWrite one with: attribution new TEMPLATE --out FILE.toml")
        return
    path = Path(f"{template}.toml") if out is None else out
    text = template_text(template, study=path.stem)
    _write(path, text)
    say(f"{template_summary(template)}\n\nwritten: {shown(path)}")
    say(f"Fill it in from top to bottom, then review it: attribution check {shlex.quote(str(shown(path)))}")


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet: a design that somebody has filled in is never lost."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise OutputError(
            "there is a file or folder of this name already, and it is left as it is",
            where=str(path),
            remedy="name another file with --out, or move that one away",
        ) from None
    except FileNotFoundError:
        raise OutputError(
            "its folder is not there", where=str(path), remedy="make the folder, or name another file with --out"
        ) from None
    except OSError as error:
        raise OutputError(
            f"the file cannot be written: {error.strerror}", where=str(path), remedy="name another file with --out"
        ) from None
