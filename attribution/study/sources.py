"""Where a study's data come from: a file beside the design, or a public data set by name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.design.schema import StudyDesign
from attribution.errors import DataError
from attribution.registry import dataset

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The columns a study needs, as read, with the digest of what they were read from."""

    frame: pd.DataFrame = field(repr=False)
    name: str
    digest: str


def needed_columns(design: StudyDesign) -> tuple[str, ...]:
    """Return the columns that the design names, each once, in the order of the design."""
    columns = design.columns
    single = (columns.unit, columns.period, columns.adopted, columns.trained, columns.assigned, columns.cluster)
    names = [*single, columns.weight, *columns.covariates, *columns.groups, *(kpi.column for kpi in design.kpi)]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def id_columns(design: StudyDesign) -> tuple[str, ...]:
    """Return the columns whose values are labels: read as numbers, "007" and "7" would become one person."""
    columns = design.columns
    return tuple(name for name in (columns.unit, columns.cluster, *columns.groups) if name is not None)


def data_path(design: StudyDesign) -> Path | None:
    """Return the data file's path, relative to the design's folder; None where the data are a named set.

    Raises `DataError` for a path of which nobody can say whether there is a file.
    """
    if design.data.source != "file" or design.data.path is None:
        return None
    base = design.source.path.parent if design.source.path is not None else Path()
    path = base / design.data.path
    try:
        path.exists()
    except OSError as error:
        raise DataError(
            f"the path cannot be looked up: {error.strerror}",
            where=str(path),
            remedy="mend [data] path, or ask for access to its folder",
        ) from None
    return path


def read(design: StudyDesign) -> Source:
    """Read the columns that a design needs; raises `DataError` for a file or column that is not there."""
    columns = needed_columns(design)
    path = data_path(design)
    if path is None:
        name = str(design.data.name)
        frame = _select(dataset(name), columns, f"dataset {name}")
        return Source(frame, name, _frame_digest(frame))
    if not path.is_file():
        raise DataError(
            "this is no file, but a folder or a device" if path.exists() else "there is no such file",
            where=str(path),
            remedy="mend [data] path; it is relative to the design's folder",
        )
    read_file = _read_parquet if path.suffix.lower() == ".parquet" else _read_csv  # a design names no others
    return Source(read_file(path, design, columns), path.name, _file_digest(path))


def read_if_there(design: StudyDesign) -> Source | None:
    """Return the data of a design as `read` does; None where its file is not there yet."""
    path = data_path(design)
    return None if path is not None and not path.exists() else read(design)


def _select(frame: pd.DataFrame, columns: Sequence[str], where: str) -> pd.DataFrame:
    _require_columns(columns, list(frame.columns), where)
    return frame[list(columns)]


def _require_columns(columns: Sequence[str], present: Sequence[str], where: str) -> None:
    from difflib import get_close_matches

    twice = [name for name in columns if list(present).count(name) > 1]
    if twice:
        raise DataError(
            f"column{'s' if len(twice) > 1 else ''} {', '.join(map(repr, twice))} stand{'' if len(twice) > 1 else 's'} "
            "more than once",
            where=where,
            remedy="rename the columns so that each name stands once",
        )
    missing = [name for name in columns if name not in present]
    if not missing:
        return
    hints = []
    for name in missing:
        near = get_close_matches(name, [str(one) for one in present], n=1)
        hints.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    shown = ", ".join(map(str, present[:30])) + (" …" if len(present) > 30 else "")
    raise DataError(
        f"missing column{'s' if len(missing) > 1 else ''} {', '.join(hints)}",
        where=where,
        remedy=f"mend [columns] and [[kpi]] in the design; the data have {shown}",
    )


def _read_csv(path: Path, design: StudyDesign, columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    ids = dict.fromkeys(id_columns(design), "str")
    try:
        # Read as a row of cells: as a header, pandas would rename a column that stands twice.
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = pd.read_csv(file, header=None, nrows=1, dtype="str", keep_default_na=False).iloc[0].tolist()
        _require_columns(columns, header, str(path))
        with path.open(encoding="utf-8-sig", newline="") as file:
            # All columns are read: with `usecols` pandas would drop surplus cells, such as those of an unquoted 1,5.
            frame = pd.read_csv(file, dtype=ids, low_memory=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise DataError(
            f"not a readable CSV file: {error}", where=str(path), remedy="save it as UTF-8 text with one header line"
        ) from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            "not a readable CSV file: its rows hold more cells than the header",
            where=str(path),
            remedy="end no row with a comma; quote numbers and texts that hold one",
        )
    return frame[list(columns)]


def _read_parquet(path: Path, design: StudyDesign, columns: Sequence[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        _require_columns(columns, pq.read_schema(path).names, str(path))
        # What pandas wrote as an index is a column like any other here.
        frame: pd.DataFrame = pq.read_table(path, columns=list(columns)).to_pandas(ignore_metadata=True)
        return frame[list(columns)]
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"not a readable Parquet file: {error}", where=str(path), remedy="write the file anew"
        ) from error


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _frame_digest(frame: pd.DataFrame) -> str:
    import pandas as pd

    digest = hashlib.sha256(repr([(name, str(kind)) for name, kind in frame.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()
