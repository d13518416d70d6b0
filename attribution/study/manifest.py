"""The manifest: what a run was made of, so that it can be made again. It holds no clock."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from attribution.design.schema import StudyDesign
from attribution.study.link import Linked
from attribution.study.sources import Source

PACKAGES = ("numpy", "pandas", "scipy")


@dataclass(frozen=True, slots=True)
class Manifest:
    """Digests (SHA-256), seed and versions of one run."""

    study: str
    as_of: str
    design: str
    design_digest: str
    data: str
    data_digest: str
    rows: int
    seed: int
    draws: int
    level: float
    versions: Mapping[str, str]


def build_manifest(design: StudyDesign, source: Source, linked: Linked) -> Manifest:
    """Return the manifest of a run."""
    versions = {"attribution": package_version(), "python": platform.python_version()}
    versions.update({name: version(name) for name in PACKAGES})
    return Manifest(
        study=design.study.id,
        as_of=linked.as_of.isoformat(),
        design=design.source.path.name if design.source.path is not None else "",
        design_digest=design.source.digest,
        data=source.name,
        data_digest=source.digest,
        rows=len(source.frame),
        seed=design.inference.seed,
        draws=design.inference.draws,
        level=design.inference.level,
        versions=versions,
    )


def package_version() -> str:
    """Return the installed version of this package, or say that it runs from a checkout."""
    try:
        return version("training-attribution")
    except PackageNotFoundError:
        return "uninstalled checkout"
