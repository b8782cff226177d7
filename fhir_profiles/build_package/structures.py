"""StructureDefinitions of our extensions and profiles."""

from __future__ import annotations

from typing import Any

from fhir_profiles.build_package.extensions import ExtensionDefinition, Part
from fhir_profiles.build_package.head import HEAD, pascal
from fhir_profiles.build_package.profiles import Profile
from fhir_profiles.canonical import code_system, structure_definition

Json = dict[str, Any]


def extension_definition(extension: ExtensionDefinition) -> Json:
    """Return the StructureDefinition of one of our extensions."""
    url = structure_definition(extension.name)
    elements: list[Json] = [{"id": "Extension", "path": "Extension", "definition": extension.description}]
    if extension.parts:
        needed = sum(part.required for part in extension.parts)
        elements.append({"id": "Extension.extension", "path": "Extension.extension", "min": max(needed, 1)})
        elements += [element for part in extension.parts for element in _part(part)]
    else:
        elements.append({"id": "Extension.extension", "path": "Extension.extension", "max": "0"})
    elements.append({"id": "Extension.url", "path": "Extension.url", "fixedUri": url})
    if extension.parts:
        elements.append({"id": "Extension.value[x]", "path": "Extension.value[x]", "max": "0"})
    else:
        elements.append(
            _value("Extension", "Extension", extension.types, extension.codes) | _concepts(extension.concepts)
        )
    return {
        "resourceType": "StructureDefinition",
        "id": extension.name,
        "url": url,
        "name": pascal(extension.name),
        **HEAD,
        "description": extension.description,
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": context} for context in extension.contexts],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {"element": elements},
    }


def _part(part: Part) -> list[Json]:
    """Return the slice of one part: an extension without extensions, with its URL and its value."""
    slice_id, path = f"Extension.extension:{part.name}", "Extension.extension"
    head = {
        "id": slice_id,
        "path": path,
        "sliceName": part.name,
        "min": int(part.required),
        "max": "*" if part.repeats else "1",
    }
    return [
        head,
        {"id": f"{slice_id}.extension", "path": f"{path}.extension", "max": "0"},
        {"id": f"{slice_id}.url", "path": f"{path}.url", "fixedUri": part.name},
        _value(slice_id, path, part.types, part.codes),
    ]


def _value(owner: str, path: str, types: tuple[str, ...], codes: tuple[str, ...]) -> Json:
    value: Json = {
        "id": f"{owner}.value[x]",
        "path": f"{path}.value[x]",
        "min": 1,
        "type": [{"code": code} for code in types],
    }
    if codes:
        listed = f"$this in ({' | '.join(map(repr, codes))})"
        value["constraint"] = [
            {
                "key": "codes",
                "severity": "error",
                "human": f"A code is one of: {', '.join(codes)}.",
                "expression": listed if types == ("code",) else f"$this is string or {listed}",
            }
        ]
    return value


def _concepts(codes: tuple[str, ...]) -> Json:
    if not codes:
        return {}
    return {
        "patternCodeableConcept": {"coding": [{"system": code_system("epaccs")}]},
        "constraint": [
            {
                "key": "concepts",
                "severity": "error",
                "human": f"The code is one of: {', '.join(codes)}.",
                "expression": f"coding.code in ({' | '.join(map(repr, codes))})",
            }
        ],
    }


def profile_definition(profile: Profile) -> Json:
    """Return the StructureDefinition of one of our profiles."""
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
        "name": pascal(profile.name),
        **HEAD,
        "description": profile.description,
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": profile.type,
        "baseDefinition": profile.base,
        "derivation": "constraint",
        "differential": {"element": elements},
    }
