"""An event of MNS (Multicast Notification Service), read for one thing: whom to look at again. Pure.

An event is a CloudEvent in JSON. In version 2 `subject` is the NHS number and nothing says what changed; in version 1
`subject` is an object that has it, and `data` has PDS's version of the record and, of a death, its status. Both are
taken, because what an event says is compared with PDS and never believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Untranslatable
from adapters.look_again import Said, Told
from fhir_profiles.errors import InvalidJson
from fhir_profiles.identifiers import is_nhs_number
from fhir_profiles.json import decode
from security.clock import instant, parse_instant

EVENTS = tuple(
    f"{name}-{version}"
    for version in (2, 1)
    for name in ("pds-death-notification", "pds-change-of-gp", "pds-record-change", "nhs-number-change")
)
"""The types that MNS can be asked for. Any other that comes is a reason to look again all the same."""
_DEATH = "pds-death-notification-"
MOST_BYTES = 256 * 1024
"""What SQS carries at most in one message."""
_OF_STATUS = {"1": Said.DEATH, "2": Said.DEATH, "U": Said.DEATH_REMOVED}
_VERSION = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')
_NO_TIME = "9999"


@dataclass(frozen=True, slots=True)
class MnsEvent:
    """One event. `id` and `source` together are the same whenever the same event comes again (CloudEvents 1.0, 3.1)."""

    id: str
    source: str
    type: str
    told: Told = field(repr=False)


def read_event(body: bytes) -> MnsEvent:
    """Read an event; raise Untranslatable with a sentence that repeats nothing of it."""
    if len(body) > MOST_BYTES:
        raise Untranslatable("The event is larger than a queue carries.")
    try:
        said = decode(body)
    except InvalidJson:
        raise Untranslatable("The event is no JSON object.") from None
    kind = said.get("type")
    if not isinstance(kind, str) or not kind:
        raise Untranslatable("The event does not say of which type it is.")
    subject, data = said.get("subject"), said.get("data")
    about: Mapping[str, Any] = subject if isinstance(subject, dict) else {"nhsNumber": subject}
    number = about.get("nhsNumber")
    if not isinstance(number, str) or not is_nhs_number(number):
        raise Untranslatable("The event names the person by no NHS number, or by one that cannot be right.")
    details: Mapping[str, Any] = data if isinstance(data, dict) else {}
    told = Told(number, _said(kind, details), _version(details.get("versionId")), _sent(said), _text(about, "dob"))
    return MnsEvent(_text(said, "id"), _source(said.get("source")), kind, told)


def place_of(body: bytes) -> tuple[str, int]:
    """Return where an event stands among others: by time in UTC, then by version; what cannot be read stands last."""
    try:
        told = read_event(body).told
    except Untranslatable:
        return (_NO_TIME, 0)
    return (instant(parse_instant(told.sent)) if told.sent else _NO_TIME, told.version or 0)


def _said(kind: str, details: Mapping[str, Any]) -> Said:
    if not kind.startswith(_DEATH):
        return Said.OTHER
    status = details.get("deathNotificationStatus")
    return _OF_STATUS.get(status, Said.DEATH_STATUS) if isinstance(status, str) else Said.DEATH_STATUS


def _version(said: object) -> int | None:
    """Read a version as PDS writes it: an entity tag (`W/"16"`), or the number alone."""
    found = _VERSION.fullmatch(said) if isinstance(said, str) else None
    return None if found is None else int(found[1])


def _sent(said: Mapping[str, Any]) -> str:
    time = _text(said, "time")
    try:
        parse_instant(time)
    except (ValueError, OverflowError):
        return ""
    return time


def _source(said: object) -> str:
    """Return the source: a name, or in version 1 an object that has one."""
    found = said.get("name") if isinstance(said, dict) else said
    return found if isinstance(found, str) else ""


def _text(said: Mapping[str, Any], name: str) -> str:
    found = said.get(name)
    return found if isinstance(found, str) else ""
