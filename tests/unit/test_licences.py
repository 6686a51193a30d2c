"""Every installed dependency is listed with its licence, and none is under the GPL."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "licences.md"
ROW = re.compile(r"^\| (?P<name>[a-z0-9-]+) \| (?P<licence>[^|]+) \|", re.MULTILINE)
OPTIONAL_LGPL = {"psycopg", "psycopg-binary", "pyside6-essentials", "shiboken6"}
EXTRAS = frozenset({"app", "monai", "networks", "postgres", "torch"})
OF_THE_CARD = ("cuda-", "nvidia-")
"""What torch brings along for a graphics card; the page tells of it in words."""


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(extras: frozenset[str]) -> dict[str, Distribution]:
    """Return what annotator needs to run, and what those need, as far as it is installed."""
    found: dict[str, Distribution] = {}
    waiting = [("annotator", extras)]
    seen = set()
    while waiting:
        entry = waiting.pop()
        name, wanted = entry
        if (key(name), wanted) in seen:
            continue
        seen.add((key(name), wanted))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[key(name)] = package
        for line in package.requires or []:
            needed = Requirement(line)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in wanted | {""}):
                waiting.append((needed.name, frozenset(needed.extras)))
    del found["annotator"]
    return found


def words(package: Distribution) -> str:
    """Return what a package says of its licence."""
    facts = package.metadata
    classes = [entry for entry in facts.get_all("Classifier") or [] if "License ::" in entry]
    # Some packages hold the whole text in this field; the name is in its first line.
    text = [entry.split("\n")[0] for entry in facts.get_all("License") or []]
    return " ".join([*(facts.get_all("License-Expression") or []), *text, *classes])


def test_every_dependency_is_listed() -> None:
    listed = set(ROW.findall(PAGE.read_text(encoding="utf-8")))
    names = {name for name, _ in listed}
    needed = {name for name in installed(EXTRAS) if not name.startswith(OF_THE_CARD)}
    missing = sorted(needed - names)
    assert not missing, f"add to {PAGE.name}, with their licences: {missing}"


def test_no_dependency_is_under_the_gpl() -> None:
    found = installed(EXTRAS)
    copyleft = {
        name: words(package)
        for name, package in found.items()
        if re.search(r"\b[AL]?GPL|General Public", words(package))
    }
    assert set(copyleft) <= OPTIONAL_LGPL, copyleft
    assert all("LGPL" in text for text in copyleft.values())


def test_base_install_is_free_of_the_lgpl() -> None:
    assert not OPTIONAL_LGPL & set(installed(frozenset()))
