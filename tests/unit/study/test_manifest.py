"""The manifest: what a run was made of, without a clock."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import attribution as at
from attribution.study.manifest import Manifest, package_version


def _manifest(design: Path) -> Manifest:
    return at.run(at.load_design(design)).manifest


def test_the_same_inputs_make_the_same_manifest(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    design = make_study(sales())
    first = _manifest(design)
    assert dataclasses.asdict(_manifest(design)) == dataclasses.asdict(first)
    assert first.design_digest == hashlib.sha256(design.read_bytes()).hexdigest()
    assert first.data_digest == hashlib.sha256((design.parent / "data.csv").read_bytes()).hexdigest()
    assert (first.study, first.as_of, first.rows, first.seed, first.draws) == ("sales-2026", "2026-05-31", 420, 3, 199)
    assert first.versions["attribution"] == package_version()
    assert set(first.versions) == {"attribution", "python", "numpy", "pandas", "scipy"}


def test_digests_follow_design_and_data(make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]) -> None:
    first = _manifest(make_study(sales()))
    other_data = _manifest(make_study(sales(seed=6)))
    assert other_data.data_digest != first.data_digest
    assert other_data.design_digest == first.design_digest
    other_design = _manifest(make_study(sales(), {"study.question": "Why?"}))
    assert other_design.design_digest != first.design_digest
    assert other_design.data_digest == first.data_digest


def test_it_names_files_and_never_folders(
    make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    manifest = _manifest(make_study(sales(), name="q2.toml"))
    assert (manifest.design, manifest.data) == ("q2.toml", "data.csv")
    assert str(tmp_path) not in repr(dataclasses.asdict(manifest))
