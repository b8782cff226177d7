"""When the systems that send what they know were last heard from: said in every emergency answer (hazard H5).

Known to each process in memory, and brought up to date beside the answers: it is of systems, not of persons, and costs
an answer nothing but the bytes. Told of are the systems of those who
wrote what is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fhir_profiles import json
from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import ODS_SYSTEM

SOURCE_SYNC = structure_definition("source-sync")


@dataclass(frozen=True, slots=True)
class Source:
    """A system that sends. `last_sync` is a FHIR instant, '' for never; `away`: it has been silent for too long."""

    organisation: str
    name: str
    last_sync: str
    away: bool

    def extension(self) -> bytes:
        """Return what the answer says of it: an extension of the Composition."""
        parts = [
            {"url": "organization", "valueIdentifier": {"system": ODS_SYSTEM, "value": self.organisation}},
            {"url": "name", "valueString": self.name},
            *([{"url": "last-sync", "valueInstant": self.last_sync}] if self.last_sync else []),
            {"url": "away", "valueBoolean": self.away},
        ]
        return json.encode({"url": SOURCE_SYNC, "extension": parts})


@dataclass(slots=True)
class Sources:
    """The systems that send, as known now."""

    _extensions: dict[str, bytes] = field(default_factory=dict)

    def know(self, sources: Iterable[Source]) -> None:
        """Take up how it stands now."""
        found: dict[str, bytes] = {}
        for one in sources:
            before = found.get(one.organisation)
            found[one.organisation] = one.extension() if before is None else before + b"," + one.extension()
        self._extensions = found

    def of(self, organisations: Sequence[str]) -> bytes:
        """Return the extensions for the systems of some organisations, each with a comma before it."""
        if not self._extensions:
            return b""
        return b"".join(b"," + self._extensions[one] for one in organisations if one in self._extensions)
