"""Writes the FHIR package: manifest, code systems, value sets, extensions and profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fhir_profiles.build_package.code_systems import code_systems
from fhir_profiles.build_package.extensions import EXTENSIONS
from fhir_profiles.build_package.head import HEAD, VERSION
from fhir_profiles.build_package.local_codes import LEFT_OUT, UNVERIFIED
from fhir_profiles.build_package.profiles import PROFILES
from fhir_profiles.build_package.structures import extension_definition, profile_definition
from fhir_profiles.canonical import BASE, value_set

Json = dict[str, Any]


class UnverifiedConceptUnknown(Exception):
    """The list of unverified concepts and our local codes do not cover each other."""


def write_package(codes_file: Path, target: Path) -> int:
    """Write the package below `target` from the code list; return how many files. Examples are left alone."""
    codes: Json = json.loads(codes_file.read_text())
    check_unverified([entry["concept"] for entry in codes["unverified"]])
    files: dict[str, Json] = {"package.json": _manifest()}
    for system in code_systems():
        files[f"CodeSystem-{system['id']}.json"] = system
    for name, entry in codes.items():
        if isinstance(entry, dict) and "codes" in entry:
            identifier = name.lstrip("_")
            files[f"ValueSet-{identifier}.json"] = _value_set(identifier, entry)
    for extension in EXTENSIONS:
        files[f"StructureDefinition-{extension.name}.json"] = extension_definition(extension)
    for profile in PROFILES:
        files[f"StructureDefinition-{profile.name}.json"] = profile_definition(profile)
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob("*.json"):
        stale.unlink()
    for name, content in files.items():
        (target / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return len(files)


def check_unverified(concepts: list[str]) -> None:
    """Raise `UnverifiedConceptUnknown` unless each concept has local codes or a reason for none, and none is idle."""
    prefixes = [*UNVERIFIED, *LEFT_OUT]
    uncovered = [concept for concept in concepts if not any(concept.startswith(prefix) for prefix in prefixes)]
    idle = [prefix for prefix in prefixes if not any(concept.startswith(prefix) for concept in concepts)]
    if uncovered or idle:
        raise UnverifiedConceptUnknown(f"without local code: {uncovered}; no longer unverified: {idle}")


def _manifest() -> Json:
    return {
        "name": "org.example.epaccs",
        "version": VERSION,
        "canonical": BASE,
        "fhirVersions": ["4.0.1"],
        "type": "IG",
        "description": "Terminology, extensions and profiles of a shared palliative care record.",
        "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
        "author": "epaccs",
        "license": "not-open-source",
    }


def _value_set(name: str, entry: Json) -> Json:
    concepts = [{"code": code["code"], "display": code["display"]} for code in entry["codes"]]
    sources = list(dict.fromkeys(code["source"] for code in entry["codes"]))
    described = {"description": entry["note"]} if "note" in entry else {}
    return {
        "resourceType": "ValueSet",
        "id": name,
        "url": value_set(name),
        "name": name,
        **HEAD,
        **described,
        "purpose": f"Codes as seen in: {'; '.join(sources)}",
        "compose": {"include": [{"system": entry["system"], "concept": concepts}]},
    }
