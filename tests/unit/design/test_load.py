"""Reading the file: all of it or nothing, whatever it holds."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from attribution.design.load import MAX_BYTES, MAX_PROBLEMS, load_design
from attribution.design.schema import ARRAYS, TABLES, DesignFile, StudyDesign
from attribution.errors import DesignError, Problem

Load = Callable[..., StudyDesign]
Problems = Callable[..., list[Problem]]


def refused(path: str | Path) -> Problem:
    with pytest.raises(DesignError) as caught:
        load_design(path)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def written(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    return file


def test_a_sound_design_is_loaded_with_defaults(load: Load, tmp_path: Path) -> None:
    design = load()
    assert design.schema_version == 1
    assert design.kpi[0].scale == "linear"
    assert design.kpi[0].role == "primary"
    assert design.timing.baseline == (1, 2, 3)
    assert (design.timing.washout, design.timing.anticipation) == (0, 0)
    inference = design.inference
    assert (inference.level, inference.draws, inference.seed, inference.variance) == (0.95, 1999, 0, "default")
    assert design.finance is not None
    assert (design.finance.currency, design.finance.hurdle, design.finance.horizon) == ("EUR", 0.0, None)
    assert design.limits.text == ()
    assert design.other_intervention == ()
    assert design.source.path == tmp_path / "design.toml"
    assert design.source.digest == hashlib.sha256((tmp_path / "design.toml").read_bytes()).hexdigest()


def test_a_design_is_frozen_and_pickles(load: Load) -> None:
    design = load()
    with pytest.raises(ValidationError, match="frozen"):
        design.study = design.study
    with pytest.raises(ValidationError, match="frozen"):
        design.timing.washout = 3
    assert pickle.loads(pickle.dumps(design)) == design


def test_the_one_kpi_is_filled_in(load: Load) -> None:
    design = load()
    assert design.analysis[0].kpi == "sales"
    assert design.valuation[0].kpi == "sales"


def test_where_there_are_two_kpis_each_reference_names_its_own(problems: Problems) -> None:
    second = '[[kpi]]\nid = "b"\ncolumn = "b"\nlabel = "B"\nunit = "u"\ndirection = "lower"\nrole = "secondary"'
    found = problems(("", second))
    assert [problem.key for problem in found] == ["analysis[0].kpi", "valuation[0].kpi"]
    assert "may be left out where there is one" in found[0].what


def test_a_faulty_id_of_the_one_kpi_is_one_problem(problems: Problems) -> None:
    assert [problem.key for problem in problems(('id = "sales"', 'id = "Sales!"'))] == ["kpi[0].id"]


def test_limits_are_a_text_or_an_array_of_texts(load: Load) -> None:
    assert load(("", '[limits]\ntext = "one"')).limits.text == ("one",)
    assert load(("", '[limits]\ntext = ["one", "two"]')).limits.text == ("one", "two")


def test_a_byte_order_mark_is_no_fault(load: Load, tmp_path: Path) -> None:
    load()
    content = (tmp_path / "design.toml").read_bytes()
    assert load_design(written(tmp_path, b"\xef\xbb\xbf" + content)).study.id == "sales-2026"


def test_a_missing_file(tmp_path: Path) -> None:
    problem = refused(tmp_path / "none.toml")
    assert (problem.key, problem.what) == ("file", "there is no such file")


def test_a_folder_and_a_path_that_is_none(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path).what
    assert "not a path" in refused("a\0b").what


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    problem = refused(written(tmp_path, b'schema = 1\ntitle = "caf\xe9"\n'))
    assert "not UTF-8 (line 2, byte 23)" in problem.what
    assert "UTF-8" in problem.remedy


def test_a_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    problem = refused(written(tmp_path, b"schema = 1\n[study]\nid = \n"))
    assert "line 3, column 6" in problem.what


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    assert "line 2" in refused(written(tmp_path, b"schema = 1\nschema = 1\n")).what


def test_a_file_of_more_than_a_megabyte_is_refused(tmp_path: Path) -> None:
    assert "1,000,000 bytes" in refused(written(tmp_path, b"#" * (MAX_BYTES + 1))).what


def test_a_file_of_exactly_a_megabyte_is_read(load: Load, tmp_path: Path) -> None:
    load()
    content = (tmp_path / "design.toml").read_bytes()
    file = written(tmp_path, content + b"#" * (MAX_BYTES - len(content)))
    assert load_design(file).study.id == "sales-2026"


@pytest.mark.parametrize(
    "content",
    [
        "a = " + "9" * 5_000,
        "a = " + "[" * 100_000,
        "a" + ".a" * 30_000 + " = 1",
        "a = " + "[" * 20 + "]" * 20,
        "a" + ".a" * 200 + " = 1",
    ],
    ids=["digits", "open arrays", "dotted keys", "nested arrays", "nested tables"],
)
def test_values_without_end_are_refused(tmp_path: Path, content: str) -> None:
    problem = refused(written(tmp_path, content.encode()))
    assert "too large" in problem.what or "nested" in problem.what


def test_a_huge_integer_is_not_printed(problems: Problems) -> None:
    found = problems(("launch = 5", "launch = 0x" + "f" * 20_000))
    assert [problem.key for problem in found] == ["timing.launch"]
    assert "a huge integer" in found[0].what


def test_ten_thousand_kpis_are_one_problem(problems: Problems) -> None:
    kpi = '[[kpi]]\nid = "k{0}"\ncolumn = "c"\nlabel = "l"\nunit = "u"\ndirection = "lower"'
    found = problems(("", "\n".join(kpi.format(number) for number in range(9_999))))
    by_key = {problem.key: problem.what for problem in found}
    assert by_key["kpi"] == "found 10,000 tables written [[kpi]], expected at most 20"
    # With so many, nobody knows which one an analysis without `kpi` means.
    assert set(by_key) == {"kpi", "analysis[0].kpi", "valuation[0].kpi"}


def test_more_than_a_hundred_analyses_are_refused(problems: Problems) -> None:
    analysis = '[[analysis]]\nid = "a{0}"\nmethod = "did"\nrole = "sensitivity"'
    found = problems(("", "\n".join(analysis.format(number) for number in range(100))))
    assert [(problem.key, problem.what) for problem in found] == [
        ("analysis", "found 101 tables written [[analysis]], expected at most 100")
    ]


def test_thousands_of_problems_are_listed_up_to_a_hundred(problems: Problems) -> None:
    found = problems(("", "\n".join(f"key{number} = 1" for number in range(5_000))))
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1].what == "4,900 more problems are not listed"


def test_all_faults_of_a_file_come_in_one_go_in_the_order_of_its_tables(problems: Problems) -> None:
    found = problems(
        ('id = "sales-2026"', 'id = "../../etc/passwd"'),
        ('direction = "higher"', 'directon = "higher"'),
        ('adopted = "start"', ""),
        ("launch = 5", "launch = 2"),
        ('method = "did"', 'method = "did"\ncontrol = "never"'),
        ('source = "price list"\n', ""),
        ("amount = 1000", "amount = true"),
    )
    assert [problem.key for problem in found] == [
        "study.id",
        "kpi[0].direction",
        "kpi[0].directon",
        "columns.adopted",
        "timing.launch",
        "analysis[0].control",
        "valuation[0].source",
        "cost[0].amount",
    ]


def test_an_empty_file_names_every_table_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DesignError) as caught:
        load_design(written(tmp_path, b""))
    required = {"schema", "study", "program", "kpi", "data", "columns", "assignment", "timing", "analysis"}
    assert {problem.key for problem in caught.value.problems} == required
    kpi = next(problem for problem in caught.value.problems if problem.key == "kpi")
    assert kpi.remedy == "add [[kpi]] with id, column, label, unit, direction"


def test_the_error_names_the_file_and_survives_pickling(tmp_path: Path) -> None:
    with pytest.raises(DesignError) as caught:
        load_design(written(tmp_path, b""))
    assert str(tmp_path / "x.toml") in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_template_strings_stay_text(load: Load) -> None:
    text = "{{ 7 * 7 }} {0.__class__} ${HOME} <script>alert(1)</script> %s"
    design = load(('title = "Sales training"', f"title = '{text}'"))
    assert design.study.title == text


def test_template_strings_in_a_fault_are_printed_as_they_are(problems: Problems) -> None:
    found = problems(('frame = "roi"', "frame = '{expected} {0.__class__}'"))
    assert "'{expected} {0.__class__}'" in found[0].what


def test_every_table_of_the_file_is_known_to_the_messages() -> None:
    assert [*TABLES] == [name for name in DesignFile.model_fields if name != "schema_version"]


@given(
    table=st.sampled_from([name for name in TABLES if name not in ("analysis", "cohort")]),
    key=st.text("abcdefghijklmnopqrstuvwxyz_-", min_size=1, max_size=30),
)
def test_any_unknown_key_is_refused_where_it_stands(
    tmp_path_factory: pytest.TempPathFactory, table: str, key: str
) -> None:
    known = {field.alias or name for name, field in TABLES[table].model_fields.items()}
    if key in known:
        return
    text = (Path(__file__).parents[3] / "designs" / "michigan-grants.toml").read_text(encoding="utf-8")
    text += "\n[[other_intervention]]\nname = 'x'\narm = 'both'\nshare = 0.1\n"
    text += "\n[graph]\nedges = ['training -> scrap']\n"
    text += "\n[power]\npower = 0.9\n"
    text += "\n[[waiver]]\nrule = 'attrition'\nreason = 'x'\nname = 'x'\nexpires = 2026-01-01\n"
    head = f"[[{table}]]" if table in ARRAYS else f"[{table}]"
    assert f"\n{head}\n" in text
    file = tmp_path_factory.mktemp("designs") / "x.toml"
    file.write_text(text.replace(f"\n{head}\n", f"\n{head}\n{key} = 1\n", 1), encoding="utf-8")
    with pytest.raises(DesignError) as caught:
        load_design(file)
    row = f"{table}[0]" if head.startswith("[[") else table
    assert [problem.key for problem in caught.value.problems] == [f"{row}.{key}"]
    assert "unknown key" in caught.value.problems[0].what


@given(st.binary(max_size=200))
def test_any_bytes_are_a_design_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = written(tmp_path_factory.mktemp("designs"), content)
    with pytest.raises(DesignError) as caught:
        load_design(file)
    assert caught.value.problems
