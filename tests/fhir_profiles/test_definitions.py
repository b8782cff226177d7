"""The schema we generate against the schema that is published."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fhir_profiles import definitions
from fhir_profiles.build_definitions.__main__ import main
from fhir_profiles.build_definitions.write import PublishedDefinitionsMissing, write_definitions
from fhir_profiles.errors import DefinitionsNotBuilt
from fhir_profiles.r4 import SUPPORTED_TYPES
from tests.fhir_profiles.places import DEFINITIONS, ROOT, needs_packages

ADDED = {
    "Meta": {"project", "author", "account", "compartment"},
    "Reference": {"resource"},
    "HealthcareService": {"offeredIn"},
}
"""What the second package adds to R4 for its own use."""
EXTENSIBLE = {("Expression", "language")}
"""What the second package closes and R4 leaves open."""


@needs_packages
def test_elements_cardinality_and_codes_agree_with_a_second_publication() -> None:
    theirs = msgspec.json.decode((DEFINITIONS / "fhir.schema.json").read_bytes())["definitions"]
    ours = msgspec.json.decode((definitions.DIRECTORY / definitions.SCHEMA).read_bytes())["$defs"]
    paths = {path.replace(".", "").lower(): path for path in ours}
    compared = 0
    for name, their in theirs.items():
        path = paths.get(name.replace("_", "").lower())
        if path is None or "properties" not in their or "properties" not in ours[path]:
            continue
        compared += 1
        differing = set(their["properties"]) ^ set(ours[path]["properties"])
        assert {element for element in differing if not element.startswith("_")} <= ADDED.get(path, set()) | {
            "modifierExtension"
        }, path
        assert set(their.get("required", [])) <= set(ours[path].get("required", [])) | {"resourceType"}, path
        for element, schema in their["properties"].items():
            if "enum" in schema and (path, element) not in EXTENSIBLE:
                reference = ours[path]["properties"][element]["$ref"].removeprefix("#/$defs/")
                assert set(ours[reference]["enum"]) == set(schema["enum"]), f"{path}.{element}"
    assert compared > 100


@needs_packages
def test_the_build_writes_the_same_each_time(tmp_path: Path) -> None:
    write_definitions(ROOT / "node_modules", tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (definitions.DIRECTORY / path.name).read_bytes(), (
            "built definitions are stale: `make setup`"
        )


def test_missing_packages_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PublishedDefinitionsMissing):
        write_definitions(tmp_path, tmp_path)
    assert main([str(tmp_path)], tmp_path, tmp_path) == 1
    assert "make setup" in capsys.readouterr().err


def test_missing_definitions_name_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "DIRECTORY", tmp_path)
    for read in (definitions.schema, definitions.tables):
        with pytest.raises(DefinitionsNotBuilt, match="make setup"):
            read.__wrapped__()


def test_validation_does_not_import_the_typed_models() -> None:
    check = "import sys, fhir_profiles.validation, fhir_profiles.r4; sys.exit('fhir.resources' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_every_supported_type_is_judged() -> None:
    for name in SUPPORTED_TYPES:
        assert not definitions.schema().is_valid({"resourceType": name, "notAnElement": 1})
