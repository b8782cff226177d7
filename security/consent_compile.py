"""FHIR sharing Consents, compiled into the form that a decision matches against (sharing rules 5.2).

Compiled once, when a Consent is written, and kept with the record. What depends on who asks and when (periods, actors,
purposes) is kept to be matched; what does not (shape, codes, inheritance, which Consent supersedes which) is settled
here.

What cannot be understood is never ignored: a deny then matches everybody and everything it could have meant, a permit
matches nobody. Only active Consents of scope `patient-privacy` are rules; every other is content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from security.consent_base import Base, base_of, supersession
from security.consent_elements import (
    Reference,
    codings,
    identifier_value,
    moment_of,
    period_of,
)
from security.consent_times import Arrival, PastConsent, Period, overtaken
from security.consent_tree import Effect, Provision, ProvisionTree
from security.errors import ConsentForAnotherPatient
from security.principal import BUILT_IN_ROLES, RoleWord

__all__ = ["CompiledConsent", "CompiledConsents", "Effect", "Provision", "compile_consents", "is_sharing_consent"]

SCOPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/consentscope"


class CompiledConsent(msgspec.Struct, frozen=True, array_like=True):
    """One active sharing Consent. `supersedes` are positions in the set it was compiled with."""

    id: str
    version: str
    base: Base
    start: int | None
    end: int | None
    provisions: tuple[Provision, ...]
    supersedes: frozenset[int] = frozenset()
    arrival: Arrival = Arrival()
    overtaken: tuple[Period, ...] = ()
    """When its permissions open nothing, because they arrived late (`consent_times`)."""

    @property
    def permits(self) -> bool:
        """Whether anything in it permits."""
        return any(provision.effect is Effect.PERMIT for provision in self.provisions)

    @property
    def limits(self) -> bool:
        """Whether what this Consent does not permit is not permitted. A refusal alone only refuses what it names."""
        return self.base is not Base.DISSENT


class CompiledConsents(msgspec.Struct, frozen=True, array_like=True):
    """Every active sharing Consent of one person; `past` are those that were, kept for their times alone."""

    consents: tuple[CompiledConsent, ...] = ()
    past: tuple[PastConsent, ...] = ()

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions in it, for the audit entry."""
        return tuple(f"Consent/{consent.id}/_history/{consent.version}" for consent in self.consents)


def is_sharing_consent(resource: Mapping[str, Any]) -> bool:
    """Tell whether a resource is a Consent about sharing (scope `patient-privacy`), whatever its status."""
    return resource.get("resourceType") == "Consent" and (SCOPE_SYSTEM, "patient-privacy") in codings(
        resource.get("scope")
    )


def compile_consents(
    consents: Sequence[Mapping[str, Any]],
    patient: str,
    organisation_of: Callable[[Reference], str | None],
    person_of: Callable[[Reference], str | None] = identifier_value,
    before: CompiledConsents | None = None,
    known_roles: frozenset[RoleWord] = BUILT_IN_ROLES,
) -> CompiledConsents:
    """Return the compiled form of one person's Consents; of those that are not active sharing Consents only the times.

    Args:
        consents: Consent resources of the record, in any order.
        patient: the reference of the person whose record it is (`Patient/<id>`).
        organisation_of: returns the ODS code of an organisation that a reference names, None where it cannot be told.
        person_of: returns the user id of a human that a reference names, None where it cannot be told.
        before: what the record held until now. It tells when a Consent was first received, and since when it says what
            it says; `meta.lastUpdated`, which is ours, tells both of what is not in it.
        known_roles: the roles of this deployment; a word that is none of them is not understood.

    Raises:
        ConsentForAnotherPatient: one of them names somebody else.

    """
    for consent in consents:
        reference = consent.get("patient")
        named = reference.get("reference") if isinstance(reference, Mapping) else None
        if named is not None and str(named).split("/_history/")[0] != patient:
            raise ConsentForAnotherPatient
    rules = [consent for consent in consents if is_sharing_consent(consent) and consent.get("status") == "active"]
    rules.sort(key=lambda consent: (str(consent.get("id", "")), msgspec.json.encode(consent, order="sorted")))
    replaced = supersession(rules)
    before = before or CompiledConsents()
    known = {consent.id: consent for consent in before.consents}
    first = {past.id: past.arrival.received for past in before.past}
    first |= {consent.id: consent.arrival.received for consent in before.consents}
    compiled = [
        _compile(consent, replaced[position], organisation_of, person_of, known_roles)
        for position, consent in enumerate(rules)
    ]
    compiled = [
        msgspec.structs.replace(one, arrival=_arrival(rules[position], first.get(one.id), known.get(one.id), one))
        for position, one in enumerate(compiled)
    ]
    past = _past([consent for consent in consents if is_sharing_consent(consent)], before, first)
    gone = [(one.arrival, (one.start, one.end)) for one in past]
    there: list[tuple[Arrival, Period]] = [(one.arrival, (one.start, one.end)) for one in compiled]
    return CompiledConsents(
        tuple(
            msgspec.structs.replace(
                one, overtaken=overtaken(one.arrival, [*there[:position], *there[position + 1 :], *gone])
            )
            for position, one in enumerate(compiled)
        ),
        past,
    )


def _arrival(
    consent: Mapping[str, Any], received: int | None, before: CompiledConsent | None, now: CompiledConsent
) -> Arrival:
    recorded = _recorded(consent)
    unchanged = before is not None and (before.base, before.start, before.end, before.provisions) == (
        now.base,
        now.start,
        now.end,
        now.provisions,
    )
    effective = moment_of(consent.get("dateTime"))
    if before is not None and unchanged and before.arrival.effective == effective:
        return Arrival(effective, before.arrival.received, before.arrival.said_since)
    return Arrival(effective, recorded if received is None else received, recorded)


def _recorded(consent: Mapping[str, Any]) -> int | None:
    meta = consent.get("meta")
    return moment_of(meta.get("lastUpdated")) if isinstance(meta, Mapping) else None


def _past(
    sharing: Sequence[Mapping[str, Any]], before: CompiledConsents, first: Mapping[str, int | None]
) -> tuple[PastConsent, ...]:
    """Return the Consents that were in force once: those made inactive, and those that are no longer there."""
    found = {past.id: past for past in before.past}
    found |= {one.id: PastConsent(one.id, one.arrival, one.start, one.end) for one in before.consents}
    for consent in sharing:
        id = str(consent.get("id", ""))
        if consent.get("status") == "inactive":
            root = consent.get("provision")
            start, end, _ = period_of(root.get("period") if isinstance(root, Mapping) else None)
            received = first.get(id)
            arrival = Arrival(moment_of(consent.get("dateTime")), _recorded(consent) if received is None else received)
            found[id] = PastConsent(id, arrival, start, end)
        elif consent.get("status") in ("active", "entered-in-error"):
            # in force, or never meant
            found.pop(id, None)
    return tuple(found[id] for id in sorted(found))


def _compile(
    consent: Mapping[str, Any],
    supersedes: frozenset[int],
    organisation_of: Callable[[Reference], str | None],
    person_of: Callable[[Reference], str | None],
    known_roles: frozenset[RoleWord],
) -> CompiledConsent:
    root = consent.get("provision")
    root = root if isinstance(root, Mapping) else {}
    base = base_of(consent)
    modified = bool(consent.get("modifierExtension") or consent.get("implicitRules"))
    tree = ProvisionTree(organisation_of, person_of, known_roles)
    tree.add_root(root, base, modified=modified)
    start, end, understood = period_of(root.get("period"))
    meta = consent.get("meta")
    return CompiledConsent(
        id=str(consent.get("id", "")),
        version=str(meta.get("versionId", "")) if isinstance(meta, Mapping) else "",
        base=base,
        start=start if understood else None,
        end=end if understood else None,
        provisions=tuple(tree.provisions),
        supersedes=supersedes,
    )
