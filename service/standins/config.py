"""How one stand-in is set up: a JSON document given at its start, with public keys only."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RECORD_TYPES = (
    "Patient",
    "AllergyIntolerance",
    "CarePlan",
    "CareTeam",
    "Communication",
    "Condition",
    "Consent",
    "Device",
    "DocumentReference",
    "Flag",
    "Goal",
    "Location",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
    "QuestionnaireResponse",
    "RelatedPerson",
    "Task",
)
"""Resource types that a FHIR stand-in keeps, unless it is told otherwise."""


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one client that may sign in: its id and its public JWK Set (SMART Backend Services)."""

    client_id: str
    jwks: dict[str, Any]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stand-in.

    `kind`: `record` is a FHIR server, `events` a webhook receiver. Port 0 takes a free one. `sender`: who may sign in;
    None: nobody needs to. `people` are Patients that it knows from the start. `state` is an NDJSON file that it
    keeps what it holds in, '' for memory alone. `nurse` is who edits on its page, '' for nobody. `jwks` are the keys
    that events are signed with, or `jwks_file` a file of them, read again when an unknown key is named. `payload`:
    `ids` promises that no event holds a resource.
    """

    name: str
    title: str
    kind: Literal["record", "events"]
    organisation: str
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    types: tuple[str, ...] = RECORD_TYPES
    sender: Sender | None = None
    people: tuple[dict[str, Any], ...] = ()
    state: str = ""
    nurse: str = ""
    jwks: dict[str, Any] | None = None
    jwks_file: str = ""
    payload: Literal["ids", "full"] = "ids"


def read_config(document: bytes) -> Config:
    """Read a configuration; raise msgspec.MsgspecError, which says which member is wrong."""
    return msgspec.json.decode(document, type=Config)
