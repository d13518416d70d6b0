"""The one way to write a run folder: whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from attribution.errors import OutputError
from attribution.report.claims import compile_claim
from attribution.report.html import render
from attribution.report.results import results
from attribution.study.files import store
from attribution.study.result import StudyResult

RESULTS = "results.json"


def write(result: StudyResult, folder: str | Path) -> Path:
    """Write `report.html`, `results.json` and tidy CSV tables into a folder; return the report's path.

    A folder that holds a run of the same study and date is replaced whole, and its digests are kept under `previous`.
    Everything is written beside it first and moved in place at the end, so that no half-written run is ever seen.
    Raises `OutputError` for a folder that holds another study or anything that is not a run, and where the
    disk refuses; the folder is then as it was. A process killed between the two moves leaves the old run, whole, in a
    hidden folder beside it (`.<name>-old-…/run`).

    Examples
    --------
    >>> import tempfile
    >>> import attribution as at
    >>> result = at.run(at.load_design("designs/michigan-grants.toml"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     at.write(result, f"{folder}/michigan").name
    'report.html'
    """
    target = Path(folder).resolve()
    previous = _previous(target, result)
    claim = compile_claim(result)
    numbers = results(result, claim, previous)
    files = {
        "report.html": render(result, claim, previous),
        RESULTS: numbers.model_dump_json(by_alias=True, indent=1) + "\n",
        "estimates.csv": _csv(result),
        "findings.csv": _findings_csv(result),
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _refused(target, error) from error
    try:
        for name, text in files.items():
            store(staging / name, text)
        staging.chmod(0o755)
        _swap(staging, target)
    except OSError as error:
        raise _refused(target, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target / "report.html"


def _swap(staging: Path, target: Path) -> None:
    """Move the new folder in place; whatever stops that, an interrupt included, puts the old one back."""
    if not target.exists():
        staging.rename(target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    old = aside / "run"
    try:
        target.rename(old)
        staging.rename(target)
    finally:
        if old.exists() and not target.exists():
            _put_back(old, target)
        shutil.rmtree(aside, ignore_errors=True)


def _put_back(old: Path, target: Path) -> None:
    try:
        old.rename(target)
    except OSError as error:
        # Raised before the folder aside is removed: the old run stays, and the message says where.
        raise OutputError(
            f"the new run could not be moved in place, nor the old one back: {error.strerror or error}",
            where=str(target),
            remedy=f"the old run is whole in {old}: move it back, then run again",
        ) from error


def _previous(target: Path, result: StudyResult) -> dict[str, str] | None:
    """Return the digests of the run that would be replaced; raise `OutputError` if it is not one of this study."""
    found = target / RESULTS
    remedy = "choose another folder, or move this one away"
    try:
        if not target.exists() or (target.is_dir() and not any(target.iterdir())):
            return None
        if not found.is_file():
            raise OutputError("the folder holds something that is not a run", where=str(target), remedy=remedy)
        manifest = json.loads(found.read_text(encoding="utf-8"))["manifest"]
        old = {name: str(manifest[name]) for name in ("study", "as_of", "design_digest", "data_digest")}
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise OutputError(f"{RESULTS} there is not readable", where=str(target), remedy=remedy) from error
    if (old["study"], old["as_of"]) != (result.manifest.study, result.manifest.as_of):
        raise OutputError(
            f"the folder holds a run of study {old['study']!r} as of {old['as_of']}", where=str(target), remedy=remedy
        )
    return {name: old[name] for name in ("design_digest", "data_digest")}


def _refused(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write the run: {error.strerror or error}",
        where=str(target),
        remedy="choose a folder that can be written to, with room on the disk; nothing was changed",
    )


def _csv(result: StudyResult) -> str:
    return str(result.tidy().to_csv(index=False, lineterminator="\n"))


def _findings_csv(result: StudyResult) -> str:
    import pandas as pd

    names = ["id", "status", "observed", "threshold", "message", "remedy", "source", "waived"]
    rows = [[safe_cell(getattr(finding, name)) for name in names] for finding in result.findings]
    return str(pd.DataFrame(rows, columns=names).to_csv(index=False, lineterminator="\n"))


def safe_cell(text: str) -> str:
    """Return text that a spreadsheet does not run as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
