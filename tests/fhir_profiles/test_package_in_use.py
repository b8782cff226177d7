"""Everything of ours that the code names is in the package, with the words that the code uses."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import canonical, terminology
from fhir_profiles.build_package.extensions import EXTENSIONS, ExtensionDefinition
from fhir_profiles.tiers import Tier
from security.consent_base import BEST_INTERESTS_WORDS
from security.principal import Role
from service.plan.decisions import Unverified
from service.plan.slots import SectionState
from service.plan.standing import OrderIssue, State
from tests.fhir_profiles.places import ROOT

PACKAGES = ("fhir_profiles", "security", "adapters", "service")
BUILDERS = ROOT / "fhir_profiles" / "build_package", ROOT / "fhir_profiles" / "build_definitions"
DEFINED = {extension.name: extension for extension in EXTENSIONS}


def calls(function: str, among: tuple[str, ...]) -> Iterator[tuple[Path, ast.Call]]:
    """Yield the calls of a function by its bare name or as an attribute, in the source of some packages."""
    for path in sorted(path for package in among for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == function:
                yield path, node


def named(function: str, among: tuple[str, ...] = PACKAGES) -> Iterator[str]:
    """Yield the names with which a function is called. The makers of the package alone may compute them."""
    for path, call in calls(function, among):
        argument = call.args[0]
        if isinstance(argument, ast.Constant):
            yield str(argument.value)
        else:
            assert path.parent in BUILDERS or "tests" in path.parts, f"{path} computes a name of ours"


def definition(kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((terminology.PACKAGE / f"{kind}-{name}.json").read_text(encoding="utf-8"))
    return found


def system_codes(name: str) -> set[str]:
    return {concept["code"] for concept in definition("CodeSystem", name)["concept"]}


def part_codes(name: str, part: str) -> set[str]:
    return next(set(one.codes) for one in DEFINED[name].parts if one.name == part)


@pytest.mark.parametrize("name", sorted({*named("structure_definition"), *named("structure_definition", ("tests",))}))
def test_every_structure_definition_that_is_named_is_in_the_package(name: str) -> None:
    assert definition("StructureDefinition", name)["url"] == canonical.structure_definition(name)


@pytest.mark.parametrize("name", sorted({*named("code_system"), *named("code_system", ("tests",))}))
def test_every_code_system_that_is_named_is_in_the_package(name: str) -> None:
    assert definition("CodeSystem", name)["url"] == canonical.code_system(name)


def test_every_extension_of_the_package_is_in_use() -> None:
    assert set(DEFINED) <= set(named("structure_definition"))


def test_words_of_tiers_roles_and_refusals_are_those_of_the_code() -> None:
    assert system_codes("tier") == {tier.name for tier in Tier}
    assert system_codes("role") == {role.value for role in Role}
    details = {
        keyword.value.value
        for _, call in calls("outcome", ("service",))
        for keyword in call.keywords
        if keyword.arg == "details" and isinstance(keyword.value, ast.Constant)
    }
    assert system_codes("outcome") == details


def test_words_of_extensions_are_those_of_the_code() -> None:
    assert set(DEFINED["basis"].codes) == BEST_INTERESTS_WORDS
    assert set(DEFINED["section-state"].codes) == set(SectionState)
    assert part_codes("standing", "state") == set(State)
    assert part_codes("standing", "basis") == set(DEFINED["decision-basis"].codes)
    assert part_codes("standing", "order-issue") == set(OrderIssue)
    assert part_codes("validity", "reason") == set(Unverified)


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda one: one.name)
def test_an_extension_has_a_value_or_parts_with_values(extension: ExtensionDefinition) -> None:
    elements = definition("StructureDefinition", extension.name)["differential"]["element"]
    slices = {one["sliceName"]: (one["min"], one["max"]) for one in elements if "sliceName" in one}
    assert bool(extension.types) is not bool(extension.parts)
    assert slices == {one.name: (int(one.required), "*" if one.repeats else "1") for one in extension.parts}
    ends = {one["id"]: one.get("max") for one in elements}
    assert ends["Extension.value[x]"] == ("0" if extension.parts else None)
    assert ends["Extension.extension"] == (None if extension.parts else "0")
