"""Writes the FHIR package: manifest, code systems, value sets, extensions and profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fhir_profiles.build_package.extensions import EXTENSIONS, ExtensionDefinition
from fhir_profiles.build_package.local_codes import LEFT_OUT, REVIEWED, UNVERIFIED, Concept
from fhir_profiles.build_package.profiles import PROFILES, Profile
from fhir_profiles.canonical import BASE, code_system, structure_definition, value_set
from fhir_profiles.tiers import TIER, Section

Json = dict[str, Any]

_VERSION = "0.1.0"
_HEAD: Json = {"version": _VERSION, "status": "draft", "experimental": True, "publisher": "epaccs"}


class UnverifiedConceptUnknown(Exception):
    """The list of unverified concepts and our local codes do not cover each other."""


def write_package(codes_file: Path, target: Path) -> int:
    """Write the package below `target` from the code list; return how many files. Examples are left alone."""
    codes: Json = json.loads(codes_file.read_text())
    check_unverified([entry["concept"] for entry in codes["unverified"]])
    files: dict[str, Json] = {
        "package.json": _manifest(),
        "CodeSystem-epaccs.json": _local_code_system(),
        "CodeSystem-section.json": _section_code_system(),
    }
    for name, entry in codes.items():
        if isinstance(entry, dict) and "codes" in entry:
            identifier = name.lstrip("_")
            files[f"ValueSet-{identifier}.json"] = _value_set(identifier, entry)
    for extension in EXTENSIONS:
        files[f"StructureDefinition-{extension.name}.json"] = _extension(extension)
    for profile in PROFILES:
        files[f"StructureDefinition-{profile.name}.json"] = _profile(profile)
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


def local_concepts() -> tuple[Concept, ...]:
    """Return every concept of the code system `epaccs`."""
    return (*(concept for group in UNVERIFIED.values() for concept in group), *REVIEWED)


def _manifest() -> Json:
    return {
        "name": "org.example.epaccs",
        "version": _VERSION,
        "canonical": BASE,
        "fhirVersions": ["4.0.1"],
        "type": "IG",
        "description": "Terminology, extensions and profiles of a shared palliative care record.",
        "dependencies": {"hl7.fhir.r4.core": "4.0.1"},
        "author": "epaccs",
        "license": "not-open-source",
    }


def _local_code_system() -> Json:
    concepts = [{"code": c.code, "display": c.display, "definition": c.reason} for c in local_concepts()]
    return {
        "resourceType": "CodeSystem",
        "id": "epaccs",
        "url": code_system("epaccs"),
        "name": "Epaccs",
        **_HEAD,
        "description": "Concepts for which no public code could be verified, and a reviewed list. The definition of"
        " each says why it is here.",
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def _section_code_system() -> Json:
    concepts = [
        {"code": section.value, "display": section.value.replace("_", " "), "definition": f"Tier {TIER[section].name}."}
        for section in Section
        if section is not Section.UNKNOWN
    ]
    return {
        "resourceType": "CodeSystem",
        "id": "section",
        "url": code_system("section"),
        "name": "Section",
        **_HEAD,
        "description": "Sections of the record. As a category or tag it says where its author puts an entry; it can"
        " raise the tier of an entry whose codes say otherwise, never lower it.",
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
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
        **_HEAD,
        **described,
        "purpose": f"Codes as seen in: {'; '.join(sources)}",
        "compose": {"include": [{"system": entry["system"], "concept": concepts}]},
    }


def _extension(extension: ExtensionDefinition) -> Json:
    value: Json = {
        "id": "Extension.value[x]",
        "path": "Extension.value[x]",
        "min": 1,
        "type": [{"code": code} for code in extension.types],
    }
    if extension.codes:
        value["constraint"] = [
            {
                "key": "codes",
                "severity": "error",
                "human": f"A code is one of: {', '.join(extension.codes)}.",
                "expression": f"$this is string or $this in ({' | '.join(map(repr, extension.codes))})",
            }
        ]
    if extension.concepts:
        value["patternCodeableConcept"] = {"coding": [{"system": code_system("epaccs")}]}
        value["constraint"] = [
            {
                "key": "concepts",
                "severity": "error",
                "human": f"The code is one of: {', '.join(extension.concepts)}.",
                "expression": f"coding.code in ({' | '.join(map(repr, extension.concepts))})",
            }
        ]
    url = structure_definition(extension.name)
    return {
        "resourceType": "StructureDefinition",
        "id": extension.name,
        "url": url,
        "name": _pascal(extension.name),
        **_HEAD,
        "description": extension.description,
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": context} for context in extension.contexts],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {
            "element": [
                {"id": "Extension", "path": "Extension", "definition": extension.description},
                {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
                {"id": "Extension.url", "path": "Extension.url", "fixedUri": url},
                value,
            ]
        },
    }


def _profile(profile: Profile) -> Json:
    element, system, code = profile.code
    coding = {"coding": [{"system": code_system("epaccs") if system == "local" else system, "code": code}]}
    elements: list[Json] = [{"id": profile.type, "path": profile.type, "definition": profile.description}]
    for name in profile.extensions:
        slice_id = f"{profile.type}.extension:{name}"
        elements.append(
            {
                "id": slice_id,
                "path": f"{profile.type}.extension",
                "sliceName": name,
                "min": 0,
                "type": [{"code": "Extension", "profile": [structure_definition(name)]}],
            }
        )
    place = f"{profile.type}.{element}"
    elements.append({"id": place, "path": place, "min": 1, "patternCodeableConcept": coding})
    for path, minimum, note in profile.elements:
        name = f"{profile.type}.{path.replace('effectiveDateTime', 'effective[x]')}"
        kind: Json = {"type": [{"code": "dateTime"}]} if path == "effectiveDateTime" else {}
        elements.append({"id": name, "path": name, "min": minimum, "definition": note, **kind})
    return {
        "resourceType": "StructureDefinition",
        "id": profile.name,
        "url": structure_definition(profile.name),
        "name": _pascal(profile.name),
        **_HEAD,
        "description": profile.description,
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": profile.type,
        "baseDefinition": profile.base,
        "derivation": "constraint",
        "differential": {"element": elements},
    }


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
