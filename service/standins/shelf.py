"""What a FHIR stand-in holds: every version of every resource, in memory, and in a file where one is named."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from fhir_profiles.json import decode, encode
from service.standins.moments import Moments, instant

Json = dict[str, Any]
Key = tuple[str, str]


class Version(msgspec.Struct, frozen=True):
    """One version. `resource` is None where it was deleted; `method` is how it came about."""

    kind: str
    id: str
    number: int
    at: str
    method: str
    resource: Json | None = None

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.kind}/{self.id}"


class Shelf:
    """Versions are only added. Indexes answer by identifier and by what points at what."""

    def __init__(self, moments: Moments, file: Path | None = None, prefix: str = "s") -> None:
        """Ids begin with `prefix`. `file` is read now, and every later version is appended to it (mode 0600)."""
        self._moments = moments
        self._prefix = prefix
        self._held: dict[Key, list[Version]] = {}
        self._all: list[Version] = []
        self._named: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._pointing: defaultdict[str, set[str]] = defaultdict(set)
        self._file: int | None = None
        if file is not None:
            if file.exists():
                for line in file.read_bytes().splitlines():
                    self._take(msgspec.convert(decode(line), Version))
            self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def create(self, resource: Json) -> Version:
        """Keep a new resource under an id of ours."""
        return self._add(resource["resourceType"], f"{self._prefix}{len(self._held) + 1}", "POST", resource)

    def update(self, kind: str, name: str, resource: Json) -> Version:
        """Keep a new version of a resource that is here."""
        return self._add(kind, name, "PUT", resource)

    def delete(self, kind: str, name: str) -> Version:
        """Keep that a resource was deleted."""
        return self._add(kind, name, "DELETE", None)

    def current(self, kind: str, name: str) -> Version | None:
        """Return the newest version, a deletion too; None for what was never here."""
        versions = self._held.get((kind, name))
        return versions[-1] if versions else None

    def at(self, reference: str) -> Version | None:
        """Return the newest version of what `Type/id` names."""
        kind, _, name = reference.partition("/")
        return self.current(kind, name)

    def resource(self, reference: str) -> Json | None:
        """Return the resource that `Type/id` names now."""
        version = self.at(reference)
        return version.resource if version else None

    def versions(self, kind: str, name: str) -> list[Version]:
        """Return all versions of a resource, oldest first."""
        return list(self._held.get((kind, name), ()))

    def history(self, kind: str | None = None) -> Iterator[Version]:
        """Yield versions of a type or of all, newest first."""
        return (version for version in reversed(self._all) if kind is None or version.kind == kind)

    def all(self, kind: str) -> Iterator[Version]:
        """Yield the current version of all resources of a type that are not deleted, oldest change first."""
        newest = [versions[-1] for (one, _), versions in self._held.items() if one == kind]
        yield from sorted((one for one in newest if one.resource is not None), key=lambda one: one.at)

    def named(self, kind: str, system: str, value: str) -> list[Version]:
        """Return the current versions that bear an identifier."""
        found = (self.current(kind, name) for name in self._named.get((kind, system, value), ()))
        return sorted((one for one in found if one is not None), key=lambda one: one.at)

    def pointing_at(self, reference: str) -> set[str]:
        """Return the references of current resources that point at one."""
        return set(self._pointing.get(reference, ()))

    def _add(self, kind: str, name: str, method: str, resource: Json | None) -> Version:
        held = self._held.get((kind, name), [])
        at = instant(self._moments.stamp())
        number = len(held) + 1
        if resource is not None:
            meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": at}
            resource = {"resourceType": kind, "id": name, "meta": meta, **_rest(resource)}
        version = Version(kind, name, number, at, method, resource)
        self._take(version)
        if self._file is not None:
            os.write(self._file, encode(msgspec.to_builtins(version)) + b"\n")
        return version

    def _take(self, version: Version) -> None:
        versions = self._held.setdefault((version.kind, version.id), [])
        before = versions[-1].resource if versions else None
        for key in _identifiers(before):
            self._named[key].discard(version.id)
        for target in references(before):
            self._pointing[target].discard(version.reference)
        for key in _identifiers(version.resource):
            self._named[key].add(version.id)
        for target in references(version.resource):
            self._pointing[target].add(version.reference)
        versions.append(version)
        self._all.append(version)


def references(value: object) -> Iterator[str]:
    """Yield every literal reference inside a resource."""
    if isinstance(value, dict):
        target = value.get("reference")
        if isinstance(target, str):
            yield target
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def _rest(resource: Json) -> Json:
    return {name: part for name, part in resource.items() if name not in ("resourceType", "id", "meta")}


def _identifiers(resource: Json | None) -> Iterator[tuple[str, str, str]]:
    for one in (resource or {}).get("identifier") or ():
        if isinstance(one, dict) and resource is not None:
            yield resource["resourceType"], str(one.get("system", "")), str(one.get("value", ""))
