"""Turns published StructureDefinitions into one JSON Schema (draft 2020-12), and a sentence for each named rule.

Every type and backbone element is a definition `$defs/Observation.component`. Rules that a developer should read about
in words are definitions of their own (`$defs/required.status`), so that the path of a failure names the sentence.
"""

from __future__ import annotations

from typing import Any

from fhir_profiles.build_definitions.bindings import PATTERNS, ValueSets
from fhir_profiles.build_definitions.extension_rules import extension_rules, only_ours, place_rule
from fhir_profiles.build_definitions.invariants import INVARIANTS, ORGANIZATION_CONTACTS
from fhir_profiles.build_definitions.primitives import PRIMITIVES
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM

Json = dict[str, Any]

_SYSTEM_TYPES = {"Extension.url": "uri"}
_ID = r"[A-Za-z0-9\-.]{1,64}"
_REFERENCE = rf"^(?:#[A-Za-z0-9\-.]*|[a-z][a-z0-9+.\-]*:\S+|[A-Z][A-Za-z]+(?:/{_ID}(?:/_history/{_ID})?|\?\S+))$"
_IDENTIFIER_FORMATS = ((NHS_NUMBER_SYSTEM, "nhs-number"), (ODS_SYSTEM, "ods-code"))
_LISTED_CODES = 15


def ref(name: str) -> Json:
    """Return a reference to the definition `name`."""
    return {"$ref": f"#/$defs/{name}"}


def by_type(types: tuple[str, ...]) -> Json:
    """Return the schema of a resource that is judged by the definition its `resourceType` names."""
    return {
        "allOf": [
            {"if": {"properties": {"resourceType": {"const": name}}, "required": ["resourceType"]}, "then": ref(name)}
            for name in types
        ]
    }


class SchemaBuilder:
    """Collects definitions, sentences and the FHIRPath of each choice element while types are added."""

    def __init__(self, value_sets: ValueSets) -> None:
        self._value_sets = value_sets
        self.definitions: dict[str, Json] = dict(PRIMITIVES)
        self.sentences: dict[str, str] = {}
        self.choices: dict[str, str] = {}
        self.definitions["element-extensions"] = {"if": {"type": "null"}, "else": ref("Element")}
        self.sentences["ele-1"] = "An element needs a value or extensions, not an id alone."
        self.definitions["ele-1"] = {"not": {"maxProperties": 1, "required": ["id"]}}
        self.definitions["enclosed"] = {"type": "object", "required": ["resourceType"]}

    def add_contained(self, types: tuple[str, ...]) -> None:
        """Add the rules of a resource inside another (dom-2, dom-4, dom-5), which is of one of `types`."""
        self.sentences["contained-type"] = "A contained resource of this type is not supported."
        self.definitions["contained-type"] = {"properties": {"resourceType": {"enum": list(types)}}}
        nested = {"not": {"type": "object", "required": ["contained"]}}
        stamped = {"properties": {"meta": {"properties": {"versionId": False, "lastUpdated": False}}}}
        labelled = {"properties": {"meta": {"properties": {"security": False}}}}
        self.definitions["contained"] = {
            "allOf": [
                {"type": "object", "required": ["resourceType", "id"]},
                ref("contained-type"),
                self._rule("dom-2", "", nested, "A contained resource cannot contain resources."),
                self._rule("dom-4", "", stamped, "A contained resource has no `meta.versionId` or `meta.lastUpdated`."),
                self._rule("dom-5", "", labelled, "A contained resource has no `meta.security`."),
                by_type(types),
            ]
        }

    def add(self, structure: Json) -> None:
        """Add a resource or data type from its StructureDefinition (snapshot)."""
        elements: list[Json] = structure["snapshot"]["element"]
        children: dict[str, list[Json]] = {structure["id"]: []}
        for element in elements[1:]:
            children.setdefault(element["path"].rpartition(".")[0], []).append(element)
        for path, parts in children.items():
            self._definition(path, parts, structure, children)

    def _definition(self, path: str, parts: list[Json], structure: Json, children: dict[str, list[Json]]) -> None:
        properties: dict[str, Json] = {}
        names: dict[str, list[Json]] = {}
        required: list[str] = []
        rules: list[Json] = []
        is_resource = structure["kind"] == "resource" and path == structure["id"]
        if is_resource:
            properties["resourceType"] = {"const": path}
            required.append("resourceType")
        for element in parts:
            name = element["path"].rpartition(".")[2]
            if element["max"] == "0":
                continue
            added = self._properties(element, children, is_resource)
            properties.update(added)
            names[name] = [{"required": [key]} for key in added]
            values = [key for key in added if not key.startswith("_")]
            if element["min"] > 0 and values == [name] and f"_{name}" not in added:
                required.append(name)
            elif element["min"] > 0:
                rules.append(
                    self._rule(
                        f"required.{name.removesuffix('[x]')}", path, {"anyOf": names[name]}, f"`{name}` is required."
                    )
                )
            if name.endswith("[x]") and len(values) > 1 and path != "Extension":
                alternatives = [{"anyOf": [{"required": [k]} for k in (v, f"_{v}") if k in added]} for v in values]
                rules.append(
                    self._rule(
                        f"choice.{name.removesuffix('[x]')}",
                        path,
                        {"oneOf": [*alternatives, {"not": {"anyOf": names[name]}}]},
                        f"`{name}` may have one type only.",
                    )
                )

        def has(name: str) -> Json:
            return names[name][0] if len(names[name]) == 1 else {"anyOf": names[name]}

        rules += [
            self._rule(rule.key, path, rule.rule(has), rule.sentence) for rule in INVARIANTS if rule.definition == path
        ]
        if path == "Extension":
            values = [key for key in properties if key.startswith("value")]
            one = [{"anyOf": [{"required": [k]} for k in (v, f"_{v}") if k in properties]} for v in values]
            rules.append(
                self._rule(
                    "ext-1",
                    path,
                    {"oneOf": [*one, {"required": ["extension"]}]},
                    "An extension has either one value or nested extensions.",
                )
            )
            ours = [self._rule(name, path, schema, sentence) for name, schema, sentence in extension_rules()]
            rules.append(only_ours(ours))
        if path == "Organization":
            for name, key, rule, sentence in ORGANIZATION_CONTACTS:
                rules.append({"properties": {name: {"items": self._rule(key, path, rule(has), sentence)}}})
        if path == "Reference":
            rules.append(
                self._rule(
                    "reference-form",
                    path,
                    {"properties": {"reference": {"pattern": _REFERENCE}}},
                    "Must be `Type/id`, a conditional reference, `#id` or an absolute URL.",
                )
            )
        if path == "Identifier":
            rules += [_identifier_format(system, form) for system, form in _IDENTIFIER_FORMATS]
        if not is_resource and path != "Element":
            rules.append(ref("ele-1"))
        definition: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        if not is_resource:
            definition["minProperties"] = 1
        if required:
            definition["required"] = required
        if rules:
            definition |= {"if": {"type": "object"}, "then": {"allOf": rules}}
        self.definitions[path] = definition

    def _rule(self, key: str, path: str, schema: Json, sentence: str) -> Json:
        """Register a named rule, shared where two types have the very same one, and return a reference to it."""
        name = key if self.definitions.get(key, schema) == schema else f"{key}.{path}"
        self.definitions[name] = schema
        self.sentences[name] = sentence
        return ref(name)

    def _properties(self, element: Json, children: dict[str, list[Json]], of_resource: bool) -> dict[str, Json]:
        name = element["path"].rpartition(".")[2]
        if "contentReference" in element:
            return {name: _repeat(ref(element["contentReference"].lstrip("#")), element)}
        if element["path"] in children:
            return {name: _repeat(ref(element["path"]), element)}
        types = {kind["code"]: kind for kind in element["type"]}
        added: dict[str, Json] = {}
        for code, kind in types.items():
            key = name
            if name.endswith("[x]"):
                key = name[:-3] + code[0].upper() + code[1:]
                self.choices[key] = f"{name[:-3]}.ofType({code})"
            added.update(self._typed(key, code, kind, element, of_resource))
        return added

    def _typed(self, key: str, code: str, kind: Json, element: Json, of_resource: bool) -> dict[str, Json]:
        if code.startswith("http://hl7.org/fhirpath/"):
            fallback = "id" if of_resource and key == "id" else "string"
            return {key: ref(_SYSTEM_TYPES.get(element["path"], fallback))}
        if code in ("Resource", "OperationOutcome"):
            return {key: _repeat(ref("contained" if key == "contained" else "enclosed"), element)}
        schema = ref(code)
        if code in PRIMITIVES:
            if code == "xhtml":
                return {key: schema}
            schema = self._coded(element) if code == "code" else schema
            if element["max"] == "1":
                return {key: schema, f"_{key}": ref("Element")}
            nullable = {"if": {"type": "null"}, "else": schema}
            return {key: _repeat(nullable, element), f"_{key}": _repeat(ref("element-extensions"), element)}
        if code == "Extension":
            owner = element["path"].rpartition(".")[0]
            name, place, sentence = place_rule(owner, of_resource=of_resource, modifier=key == "modifierExtension")
            schema = {"allOf": [schema, self._rule(name, owner, place, sentence)]}
        if code == "Reference" and (targets := _targets(kind)):
            schema = self._reference(targets)
        if code == "CodeableConcept" and _is_required_binding(element):
            schema = {"allOf": [schema, self._concept(element)]}
        return {key: _repeat(schema, element)}

    def _coded(self, element: Json) -> Json:
        if not _is_required_binding(element):
            return ref("code")
        canonical = element["binding"]["valueSet"].partition("|")[0]
        name = f"code.{canonical.rpartition('/')[2]}"
        if canonical in PATTERNS:
            self.definitions[name] = {"type": "string", "pattern": PATTERNS[canonical]}
            self.sentences[name] = f"Must be a code of {canonical}."
        else:
            codes = list(dict.fromkeys(code for _, code in self._value_sets.codes(canonical)))
            self.definitions[name] = {"enum": codes}
            self.sentences[name] = _one_of(codes, canonical)
        return ref(name)

    def _concept(self, element: Json) -> Json:
        canonical = element["binding"]["valueSet"].partition("|")[0]
        pairs = self._value_sets.codes(canonical)
        (system,) = {system for system, _ in pairs}
        codes = [code for _, code in pairs]
        coding = {"properties": {"system": {"const": system}, "code": {"enum": codes}}, "required": ["system", "code"]}
        return self._rule(
            f"concept.{canonical.rpartition('/')[2]}",
            element["path"],
            {"properties": {"coding": {"contains": coding}}, "required": ["coding"]},
            f"Needs a coding of {system}: {_one_of(codes, canonical)}",
        )

    def _reference(self, targets: list[str]) -> Json:
        kinds = "|".join(targets)
        rule = {
            "properties": {
                "reference": {"pattern": rf"^(?:#|[a-z][a-z0-9+.\-]*:|(?:{kinds})[/?])"},
                "type": {"enum": [*targets, *(f"http://hl7.org/fhir/StructureDefinition/{kind}" for kind in targets)]},
            }
        }
        return {
            "allOf": [
                ref("Reference"),
                self._rule(f"target.{'.'.join(targets)}", "", rule, f"Must refer to {' or '.join(targets)}."),
            ]
        }


def _identifier_format(system: str, form: str) -> Json:
    return {
        "if": {"properties": {"system": {"const": system}}, "required": ["system"]},
        "then": {"properties": {"value": {"format": form}}},
    }


def _repeat(schema: Json, element: Json) -> Json:
    if element["base"]["max"] == "1" if "base" in element else element["max"] == "1":
        return schema
    return {"type": "array", "items": schema, "minItems": 1}


def _targets(kind: Json) -> list[str]:
    names = sorted(profile.rpartition("/")[2] for profile in kind.get("targetProfile", []))
    return [] if "Resource" in names else names


def _is_required_binding(element: Json) -> bool:
    return element.get("binding", {}).get("strength") == "required" and "valueSet" in element["binding"]


def _one_of(codes: list[str], canonical: str) -> str:
    if len(codes) > _LISTED_CODES:
        return f"Must be one of the {len(codes)} codes of {canonical}."
    return f"Must be one of: {', '.join(codes)}."
