"""Who acts for the person, and on what grounds, as a record states it (sharing rules 5.8).

A proxy is a RelatedPerson in use who carries the user id of their sign-in (identifier system `proxy-user`).

    attorney          relationship HPOWATT; `registered` when a power of attorney for health and welfare (Observation)
                      names them as `focus`, and the document of it is there: a DocumentReference, current and final,
                      which names them or that Observation in `context.related`, or from which it is derived
    deputy            relationship `court-appointed-deputy`, or such an Observation; the order is the document, its term
                      `context.period`
    parent            relationship 004 of NHS England's FlagProxyRole: parental responsibility
    consented carer   everybody else, and attorneys and deputies besides; a parent's authority ends at 18 for good
    suspended         an active Flag says so of them (extension `suspends-proxy`)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import PROXY_USER_SYSTEM
from fhir_profiles.sections import Section, section_of
from fhir_profiles.terminology import EPACCS
from security.consent_elements import period_of
from security.consent_times import Period
from security.proxies import Proxy, ProxyGround, ProxyKind
from service.plan.elements import Resource, any_has_code, has_code, identifier_of, target
from service.plan.phrases import is_attorney
from service.plan.times import Span, span_of

SUSPENDS = structure_definition("suspends-proxy")
PROXY_ROLE = "https://fhir.nhs.uk/England/CodeSystem/FlagProxyRole"
PARENTAL_RESPONSIBILITY = "004"
DEPUTY = "court-appointed-deputy"
CAPACITY = "decision-capacity"

_MADE = frozenset({"final", "amended", "corrected"})


def proxies_of(resources: Mapping[str, Resource]) -> tuple[Proxy, ...]:
    """Return the proxies of a record from its current resources, by reference; in an order of their own."""
    people = {
        name: one
        for name, one in resources.items()
        if one.get("resourceType") == "RelatedPerson"
        and one.get("active") is not False
        and identifier_of(one, PROXY_USER_SYSTEM)
    }
    if not people:
        return ()
    record = _Record(resources)
    found = [proxy for name, one in people.items() if (proxy := record.proxy(name, one)) is not None]
    return tuple(sorted(found, key=msgspec.json.encode))


def suspends_proxy(flag: Resource) -> bool:
    """Say whether a Flag suspends somebody who acts for the person."""
    return any(extension.get("url") == SUSPENDS for extension in flag.get("extension", ()))


class _Record:
    """What a record has that proxies rest on, found once for all of them."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        legal = {
            name: one
            for name, one in resources.items()
            if one.get("resourceType") in ("Observation", "DocumentReference")
            and section_of(dict(one)) is Section.LPA_HEALTH_WELFARE
        }
        self._statements = {name: one for name, one in legal.items() if _is_statement(one)}
        self._documents = {name: one for name, one in legal.items() if _is_document(one)}
        self._lacks, self._competent = _capacity(resources.values())
        self._suspended = {
            target(extension.get("valueReference"))
            for one in resources.values()
            if one.get("resourceType") == "Flag" and one.get("status") == "active"
            for extension in one.get("extension", ())
            if extension.get("url") == SUSPENDS
        }

    def proxy(self, reference: str, person: Resource) -> Proxy | None:
        """Return somebody as a proxy; None where since when they are one is not understood."""
        start, end, understood = period_of(person.get("period"))
        if not understood:
            return None
        user = identifier_of(person, PROXY_USER_SYSTEM) or ""
        return Proxy(user, tuple(self._grounds(reference, person)), start, end, reference in self._suspended)

    def _grounds(self, reference: str, person: Resource) -> Iterator[ProxyGround]:
        roles = person.get("relationship")
        named = {name: one for name, one in self._statements.items() if reference in _focus(one)}
        orders = {name: one for name, one in named.items() if _is_deputyship(one)}
        powers = {name: one for name, one in named.items() if name not in orders}
        if is_attorney(person):
            registered = bool(powers) and any(self._documents_of(reference, powers))
            yield ProxyGround(ProxyKind.ATTORNEY, registered=registered, lacks_capacity=self._lacks)
        if any_has_code(roles, EPACCS, DEPUTY) or orders:
            terms = [_term(document) for document in self._documents_of(reference, orders)]
            yield ProxyGround(ProxyKind.DEPUTY, orders=tuple(term for term in terms if term is not None))
        if any_has_code(roles, PROXY_ROLE, PARENTAL_RESPONSIBILITY):
            yield ProxyGround(ProxyKind.PARENT, competent=self._competent)
        else:
            yield ProxyGround(ProxyKind.CONSENTED_CARER)

    def _documents_of(self, reference: str, statements: Mapping[str, Resource]) -> Iterator[Resource]:
        """Yield the documents of what a record states of somebody: those that name it, them, or are named by it."""
        derived = {target(one) for statement in statements.values() for one in statement.get("derivedFrom", ())}
        for name, document in self._documents.items():
            related = {target(one) for one in document.get("context", {}).get("related", ())}
            if name in derived or related & {reference, *statements}:
                yield document


def _is_statement(resource: Resource) -> bool:
    made = resource.get("resourceType") == "Observation" and resource.get("status") in _MADE
    return made and resource.get("valueBoolean") is not False and "dataAbsentReason" not in resource


def _is_document(resource: Resource) -> bool:
    kept = resource.get("resourceType") == "DocumentReference" and resource.get("status") == "current"
    return kept and resource.get("docStatus") == "final"


def _is_deputyship(statement: Resource) -> bool:
    return any(has_code(statement.get(element), EPACCS, DEPUTY) for element in ("code", "valueCodeableConcept"))


def _focus(statement: Resource) -> set[str | None]:
    return {target(one) for one in statement.get("focus", ())}


def _term(document: Resource) -> Period | None:
    start, end, understood = period_of(document.get("context", {}).get("period"))
    return (start, end) if understood else None


def _capacity(resources: Iterable[Resource]) -> tuple[bool, bool | None]:
    """Return whether the person was last found to lack capacity, and whether to be competent (None: nobody looked).

    To lack it counts when every finding of capacity is surely earlier; of what cannot be put in order, capacity holds.
    """
    lacking: list[Span] = []
    having: list[Span | None] = []
    for one in resources:
        if one.get("resourceType") != "Observation" or one.get("status") not in _MADE:
            continue
        if not has_code(one.get("code"), EPACCS, CAPACITY):
            continue
        when = span_of(one.get("effectiveDateTime") or one.get("effectiveInstant"))
        value = one.get("valueCodeableConcept")
        if has_code(value, EPACCS, "has-capacity"):
            having.append(when)
        elif has_code(value, EPACCS, "lacks-capacity") and when is not None:
            lacking.append(when)
    lacks = any(all(had is not None and had.before(when) for had in having) for when in lacking)
    return lacks, False if lacks else True if having else None
