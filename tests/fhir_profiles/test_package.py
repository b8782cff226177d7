"""The FHIR package against the codes that were verified, and the public profiles we build on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import terminology
from fhir_profiles.build_package.__main__ import main
from fhir_profiles.build_package.code_systems import local_concepts
from fhir_profiles.build_package.local_codes import LEFT_OUT, UNVERIFIED
from fhir_profiles.build_package.write import UnverifiedConceptUnknown, check_unverified, write_package
from fhir_profiles.canonical import BASE
from fhir_profiles.sections import Section
from tests.fhir_profiles.places import REFERENCE, needs_reference


def package_files() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in terminology.PACKAGE.glob("*.json")}


@needs_reference
def test_the_package_is_made_from_the_verified_codes(tmp_path: Path) -> None:
    write_package(REFERENCE / "codes.json", tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in terminology.PACKAGE.glob("*.json")}


@needs_reference
def test_every_verified_code_is_in_its_value_set() -> None:
    codes = json.loads((REFERENCE / "codes.json").read_text())
    sets = {name: entry for name, entry in codes.items() if isinstance(entry, dict) and "codes" in entry}
    assert {name.lstrip("_") for name in sets} == set(terminology.value_set_names())
    for name, entry in sets.items():
        expected = {(entry["system"], code["code"]) for code in entry["codes"]}
        assert terminology.value_set(name.lstrip("_")) == expected


@needs_reference
def test_our_code_system_holds_no_concept_with_a_verified_code() -> None:
    codes = json.loads((REFERENCE / "codes.json").read_text())
    displays = {
        code["display"].lower()
        for entry in codes.values()
        if isinstance(entry, dict) and "codes" in entry
        for code in entry["codes"]
    }
    assert not {concept.display.lower() for concept in local_concepts()} & displays


@needs_reference
def test_extensions_of_uk_core_that_we_read_exist() -> None:
    published = {
        json.loads(path.read_text())["url"] for path in (REFERENCE / "uk-core" / "structuredefinitions").glob("*.json")
    }
    from fhir_profiles import sections

    read = {url for url in sections._PATIENT_EXTENSIONS if url.startswith("https://fhir.hl7.org.uk/")}
    assert read <= published
    bases = {
        file["baseDefinition"] for name, file in package_files().items() if name.startswith("StructureDefinition-")
    }
    assert {base for base in bases if "UKCore" in base} <= published


def test_a_new_unverified_concept_needs_a_decision() -> None:
    with pytest.raises(UnverifiedConceptUnknown):
        check_unverified([*UNVERIFIED, *LEFT_OUT, "A concept nobody has looked at"])
    with pytest.raises(UnverifiedConceptUnknown):
        check_unverified([])


def test_local_codes_are_unique_and_have_reasons() -> None:
    concepts = local_concepts()
    assert len({concept.code for concept in concepts}) == len(concepts)
    assert all(concept.reason and concept.display for concept in concepts)


def test_every_resource_is_in_its_place() -> None:
    for name, content in package_files().items():
        if name != "package.json":
            assert name == f"{content['resourceType']}-{content['id']}.json"
            assert content["url"].startswith(f"{BASE}/{content['resourceType']}/")


def test_the_section_code_system_has_every_section() -> None:
    codes = {concept["code"] for concept in package_files()["CodeSystem-section.json"]["concept"]}
    assert codes == {section.value for section in Section} - {"unknown"}


def test_the_maker_asks_for_its_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "codes.json" in capsys.readouterr().err
