"""The committed values are those of the reference, to the last digit."""

from __future__ import annotations

from typing import Any


def test_the_committed_values_are_those_of_the_reference(
    values: dict[str, dict[str, Any]], reference: dict[str, dict[str, Any]]
) -> None:
    for name, entry in values.items():
        assert entry == {key: reference[name][key] for key in entry}, name


def test_every_value_names_its_source(values: dict[str, dict[str, Any]]) -> None:
    assert all(entry["source"].startswith("R 4.2.2") for entry in values.values())
