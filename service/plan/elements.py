"""Reading the elements of a FHIR resource held as JSON. Absent elements give None or nothing; nothing here raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]
"""One FHIR resource or element as decoded JSON: objects as dicts, lists as lists, numbers as int or Decimal."""


def extension(element: Resource, url: str) -> Resource | None:
    """Return the first extension of `element` with this URL."""
    found: Resource
    for found in element.get("extension", ()):
        if found.get("url") == url:
            return found
    return None


def codings(concept: Resource | None) -> Iterator[tuple[str | None, str | None]]:
    """Yield (system, code) of every coding of a CodeableConcept."""
    for coding in (concept or {}).get("coding", ()):
        yield coding.get("system"), coding.get("code")


def has_code(concept: Resource | None, system: str, code: str) -> bool:
    """Say whether a CodeableConcept holds this coding; code and system must both match."""
    for coding in (concept or {}).get("coding", ()):
        if coding.get("code") == code and coding.get("system") == system:
            return True
    return False


def any_has_code(concepts: object, system: str, code: str) -> bool:
    """Say whether any CodeableConcept of a list holds this coding."""
    return isinstance(concepts, list) and any(has_code(concept, system, code) for concept in concepts)


def concept_words(concept: Resource | None) -> str | None:
    """Return what a CodeableConcept says in words: its text, else a display, else a bare code."""
    if not concept:
        return None
    if text := concept.get("text"):
        return str(text)
    for coding in concept.get("coding", ()):
        if words := coding.get("display") or coding.get("code"):
            return str(words)
    return None


def target(reference: Resource | None) -> str | None:
    """Return where a Reference points, as `Type/id` without a version, or its absolute form."""
    literal = (reference or {}).get("reference")
    return str(literal).partition("/_history/")[0] if literal else None


def identifier_of(resource: Resource, system: str) -> str | None:
    """Return the value of the first identifier in `system` that is in use."""
    for identifier in resource.get("identifier", ()):
        if identifier.get("system") == system and identifier.get("value") and identifier.get("use") != "old":
            return str(identifier["value"])
    return None


def person_name(names: object) -> str | None:
    """Return one HumanName of a list in words: official first, then whatever is there; never old or maiden names."""
    if not isinstance(names, list):
        return None
    fit = [name for name in names if name.get("use") not in ("old", "maiden", "usual", "nickname")] or names
    official = next((name for name in fit if name.get("use") == "official"), fit[0] if fit else {})
    if text := official.get("text"):
        return str(text)
    parts = [*official.get("prefix", ()), *official.get("given", ()), official.get("family")]
    return " ".join(str(part) for part in parts if part) or None


def phones(telecom: object) -> list[str]:
    """Return the phone numbers of a ContactPoint list in rank order, old ones left out."""
    if not isinstance(telecom, list):
        return []
    usable = [point for point in telecom if point.get("system") in ("phone", "sms") and point.get("use") != "old"]
    return [str(point["value"]) for point in sorted(usable, key=_rank) if point.get("value")]


def notes(resource: Resource) -> str | None:
    """Return the Annotations of a resource joined into one text."""
    return " ".join(str(note["text"]) for note in resource.get("note", ()) if note.get("text")) or None


def _rank(point: Resource) -> int:
    rank = point.get("rank")
    return int(rank) if rank else 1_000
