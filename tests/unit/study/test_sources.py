"""Where the data come from: what a file may be, and what is refused."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attribution.design.load import load_design
from attribution.errors import DataError
from attribution.study.sources import Source, data_path, needed_columns, read

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def read_study(make_study: Callable[..., Path]) -> Callable[..., Source]:
    """Return a reader of a study's data: text or bytes as the data file, changes of the design."""

    def _read(content: str | bytes | None, changes: dict[str, Any] | None = None) -> Source:
        path = make_study(None, changes)
        design = load_design(path)
        target = data_path(design)
        if content is not None and target is not None:
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(design)

    return _read


HEADER = "person,month,start,sales,notes\n"


def test_only_the_columns_of_the_design_are_read_in_its_order(read_study: Callable[..., Source]) -> None:
    source = read_study("notes,sales,month,start,person\nx,1.5,2025-11,,007\n")
    assert list(source.frame.columns) == ["person", "month", "start", "sales"]
    assert source.name == "data.csv"


def test_ids_keep_their_leading_zeros(read_study: Callable[..., Source]) -> None:
    text = "person,month,start,sales,team,site\n007,2025-11,,1,01,1\n7,2025-11,,2,1,01\n"
    source = read_study(text, {"columns.cluster": "team", "columns.groups": ["site"]})
    assert list(source.frame["person"]) == ["007", "7"]
    assert list(source.frame["team"]) == ["01", "1"]
    assert list(source.frame["site"]) == ["1", "01"]
    assert list(source.frame["sales"]) == [1, 2]


def test_a_byte_order_mark_is_no_part_of_the_first_name(read_study: Callable[..., Source]) -> None:
    source = read_study(codecs.BOM_UTF8 + (HEADER + "a,2025-11,,1,\n").encode())
    assert source.frame["person"].tolist() == ["a"]


def test_names_and_values_in_any_script(read_study: Callable[..., Source]) -> None:
    source = read_study("社員,month,start,sales\n山田,2025-11,,1\n", {"columns.unit": "社員"})
    assert source.frame["社員"].tolist() == ["山田"]


def test_the_digest_is_that_of_the_file(read_study: Callable[..., Source]) -> None:
    text = HEADER + "a,2025-11,,1,\n"
    assert read_study(text).digest == hashlib.sha256(text.encode()).hexdigest()
    # A column that nobody reads changes the file, hence the digest, and not the frame.
    other = text.replace(",1,", ",1,new")
    assert read_study(other).digest != read_study(text).digest
    assert read_study(other).frame.equals(read_study(text).frame)


def test_parquet_is_read_like_csv_and_an_index_like_a_column(
    read_study: Callable[..., Source], make_study: Callable[..., Path]
) -> None:
    text = HEADER + "a,2025-11,,1.5,\nb,2025-11,2026-02,2.5,\n"
    expected = read_study(text).frame
    design = make_study(None, {"data.path": "data.parquet"})
    for written in (expected, expected.set_index("person"), expected.set_index(["person", "month"])):
        written.to_parquet(design.parent / "data.parquet")
        found = read(load_design(design)).frame
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_what_is_no_file_is_refused_as_such(make_study: Callable[..., Path]) -> None:
    design = make_study(None)
    (design.parent / "data.csv").mkdir()
    with pytest.raises(DataError, match="this is no file, but a folder or a device"):
        read(load_design(design))


def test_a_path_that_cannot_be_looked_up_is_refused(make_study: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="the path cannot be looked up: ") as caught:
        data_path(load_design(make_study(None, {"data.path": "x" * 300 + ".csv"})))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "changes", "what"),
    [
        (None, {"data.path": "absent.csv"}, "there is no such file"),
        ("", {}, "not a readable CSV file"),
        ("\n\n", {}, "not a readable CSV file"),
        (HEADER + "a,2025-11,,1,x,y,z,too,many\n", {}, "not a readable CSV file"),
        (HEADER + "a,2025-11,,1,x\nb,2025-11,,1,5,x\n", {}, "not a readable CSV file"),
        (HEADER.encode() + b"M\xfcller,2025-11,,1,\n", {}, "not a readable CSV file"),
        (b"PAR1 but not really", {"data.path": "data.parquet"}, "not a readable Parquet file"),
        (b"", {"data.path": "data.parquet"}, "not a readable Parquet file"),
        ("person,month,start,sales,sales\na,2025-11,,1,2\n", {}, "column 'sales' stands more than once"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(
    content: str | bytes | None, changes: dict[str, Any], what: str, read_study: Callable[..., Source]
) -> None:
    with pytest.raises(DataError) as caught:
        read_study(content, changes)
    assert caught.value.what.startswith(what)
    assert caught.value.remedy


def test_missing_columns_are_named_with_the_nearest(read_study: Callable[..., Source]) -> None:
    with pytest.raises(DataError) as caught:
        read_study("persn,month,start,Sales\na,2025-11,,1\n", {"columns.cluster": "zzz"})
    assert caught.value.what == (
        "missing columns 'person' (did you mean 'persn'?), 'zzz', 'sales' (did you mean 'Sales'?)"
    )
    assert "the data have persn, month, start, Sales" in caught.value.remedy
    assert caught.value.where.endswith("data.csv")


def test_a_named_data_set_has_a_digest_of_what_is_read() -> None:
    design = load_design(ROOT / "designs" / "michigan-grants.toml")
    assert needed_columns(design) == ("fcode", "year", "grant", "lscrap")
    assert data_path(design) is None
    source = read(design)
    assert (source.name, len(source.frame)) == ("jobtraining", 471)
    assert source.digest == read(design).digest
    assert len(source.digest) == 64
