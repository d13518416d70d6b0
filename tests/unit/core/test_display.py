"""How a record shows itself: escaped, with a true minus and a dash for what is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from attribution.core.display import number, signed, table_html, text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (np.False_, "no"),
        (float("inf"), "∞"),
        (-np.inf, "−∞"),
        (-0.317058, "−0.3171"),
        (1234.5, "1,234"),
        (12_345.6, "12,346"),
        (1_438_201.4, "1,438,201"),
        (-2_500_000.0, "−2,500,000"),
        (12, "12"),
        ("a < b", "a < b"),
    ],
)
def test_a_cell_as_text(value: Any, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown", "with_sign"),
    [
        (0.5, "0.5", "+0.5"),
        (-0.31706, "−0.317", "−0.317"),
        (-0.0, "0", "0"),
        (0.0000123456, "0.0000123", "+0.0000123"),
        (1.0712e-14, "1.07e−14", "+1.07e−14"),
        (999.6, "1,000", "+1,000"),
        (1771.3, "1,771", "+1,771"),
        (-12345.6, "−12,346", "−12,346"),
        (np.inf, "∞", "+∞"),
        (np.nan, "–", "–"),
    ],
)
def test_a_number_in_a_sentence_has_no_exponent(value: float, shown: str, with_sign: str) -> None:
    assert number(value) == shown
    assert signed(value) == with_sign


def test_a_table_escapes_every_label_value_and_caption() -> None:
    page = table_html(pd.DataFrame({"<b>": ["<script>alert(1)</script>", "a & b"], "n": [1.0, None]}), "x < y")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page
    assert "<th scope='col'>&lt;b&gt;</th>" in page
    assert "<caption>x &lt; y</caption>" in page
    assert page.count("<tr>") == 3


def test_a_table_without_caption_has_none() -> None:
    assert "<caption>" not in table_html(pd.DataFrame({"a": [1]}))
