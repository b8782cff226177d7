"""Address flags for a control room: where a person with a plan stays, now and as far as it is known already. Pure.

A flag says "a plan exists: ask", and nothing else: no name, no number, no word of the plan. It stands at the address
(FHIR R4 Address, `use` and `period`) that holds. A stay with an end, or that begins later, is a flag with a period of
its own, so that it moves on time also while nothing is sent.

- `old`, `billing` and `work` addresses, and those for post alone, are never where somebody stays.
- A `temp` address that holds goes before any other.
- Among those of one rank the one that began last holds; where that cannot be told, each of them has a flag: at a door
  the question costs nothing, and a guess might.
- A period that cannot be understood holds never. A day is a day in London, its end included.
- Somebody who died, or of whom no address is released (a PDS flag for protected location takes them out), has none. A
  death that is reported and not confirmed (PDS status 1) is no death yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.base import Resource
from security.clock import instant
from security.consent_elements import period_of

DEATH_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
ADDRESS_KEY = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AddressKey"
NO_PLAN = frozenset(
    """Patient RelatedPerson Practitioner PractitionerRole Organization Location Device CareTeam Consent
    Provenance""".split()
)
"""Resources that say who somebody is, who cares for them and what may be shared: there is no plan in them."""
_NEVER = frozenset({"old", "billing", "work"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class _Stay:
    """An address and when it holds: microseconds, `until` exclusive. `rank`: 0 for `temp`, which goes before 1."""

    address: Resource
    rank: int
    since: int
    until: int


def flags_of(patient: Resource | None, plan: Iterable[Resource], now: datetime) -> list[dict[str, Any]]:
    """Return the flags of a person as of `now`, as JSON: `address`, with `from` and `until` where they are known.

    `patient` and `plan` are as released for the control room. The same state gives the same flags in the same order.
    """
    if patient is None or _died(patient) or all(one["resourceType"] in NO_PLAN for one in plan):
        return []
    stays, moment = list(_stays(patient)), _microseconds(now)
    edges = sorted({moment, *(edge for one in stays for edge in (one.since, one.until) if moment < edge < _FOR_EVER)})
    flags: list[dict[str, Any]] = []
    for stay in stays:
        spans: list[tuple[int, int]] = []
        for start, end in zip(edges, [*edges[1:], _FOR_EVER], strict=True):
            if stay not in _holding(stays, start):
                continue
            if spans and spans[-1][1] == start:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        flags += [_flag(stay, start if start > moment else None, end) for start, end in spans]
    return flags


def _stays(patient: Resource) -> Iterator[_Stay]:
    seen: set[str] = set()
    for address in patient.get("address", ()):
        start, end, understood = period_of(address.get("period"))
        since, until = -1 if start is None else start, _FOR_EVER if end is None else end
        where = place_of(address)
        kept = address.get("use") not in _NEVER and address.get("type") != "postal"
        if not (understood and kept and where and since < until) or repr((where, since, until)) in seen:
            continue
        seen.add(repr((where, since, until)))
        yield _Stay(where, 0 if address.get("use") == "temp" else 1, since, until)


def _holding(stays: Sequence[_Stay], moment: int) -> list[_Stay]:
    """Return the stays that hold at a moment: of the best rank there is, whichever began last."""
    there = [one for one in stays if one.since <= moment < one.until]
    best = min(((one.rank, -one.since) for one in there), default=None)
    return [one for one in there if (one.rank, -one.since) == best]


def place_of(address: Resource) -> dict[str, Any]:
    """Return what finds an address: lines, town, postcode, UPRN; empty where it says none of them."""
    found: dict[str, Any] = {name: address[name] for name in ("line", "city", "postalCode") if address.get(name)}
    if not found.keys() & {"line", "postalCode"} and address.get("text"):
        found["text"] = address["text"]
    for extension in address.get("extension", ()):
        if extension.get("url") == ADDRESS_KEY:
            parts = {part.get("url"): part for part in extension.get("extension", ())}
            kind = parts.get("type", {})
            codings = [kind.get("valueCoding", {}), *kind.get("valueCodeableConcept", {}).get("coding", ())]
            value = parts.get("value", {}).get("valueString")
            if value and any(coding.get("code") == "UPRN" for coding in codings):
                found["uprn"] = value
    return found if found.keys() - {"city"} else {}


def _flag(stay: _Stay, since: int | None, until: int) -> dict[str, Any]:
    flag: dict[str, Any] = {"address": stay.address}
    if since is not None:
        flag["from"] = _instant(since)
    if until < _FOR_EVER:
        flag["until"] = _instant(until)
    return flag


def _died(patient: Resource) -> bool:
    """Say whether the person died, but for a death that is only reported."""
    statuses = [
        coding.get("code")
        for extension in patient.get("extension", ())
        if extension.get("url") == DEATH_STATUS
        for part in (extension, *extension.get("extension", ()))
        for coding in part.get("valueCodeableConcept", {}).get("coding", ())
    ]
    if statuses and statuses[-1] in ("1", "2"):
        return bool(statuses[-1] == "2")
    return patient.get("deceasedBoolean") is True or bool(patient.get("deceasedDateTime"))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _instant(microseconds: int) -> str:
    return instant(_EPOCH + timedelta(microseconds=microseconds))
