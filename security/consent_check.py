"""What a sharing Consent must not say when it is written (sharing rules 1, 5.2, 5.3).

The evaluator copes with everything, by denying. A person at a keyboard is told instead, so that nothing is hidden or
opened that nobody meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from security.consent_base import OPT_IN, OPT_OUT, WITHDRAWAL, Base, base_of, statement_codings
from security.consent_compile import compile_consents, is_sharing_consent
from security.consent_contradictions import tree_problems
from security.consent_elements import (
    Reference,
    action_applies,
    all_codes_understood,
    data_cells,
    identifier_value,
    narrower_than_cells,
    objects,
    participations_understood,
    period_of,
    purposes_of,
    read_actors,
)
from security.errors import ConsentForAnotherPatient
from security.principal import BUILT_IN_ROLES, RoleWord


def check_sharing_consent(
    consent: Mapping[str, Any],
    patient: str,
    organisation_of: Callable[[Reference], str | None],
    person_of: Callable[[Reference], str | None] = identifier_value,
    *,
    has_active_successor: bool = False,
    known_roles: frozenset[RoleWord] = BUILT_IN_ROLES,
) -> list[str]:
    """Return, in plain sentences, why a sharing Consent cannot be accepted; empty when it can.

    Args:
        consent: a Consent as it would be written. One that is not about sharing has no problems here.
        patient: the reference of the person whose record it is for (`Patient/<id>`).
        organisation_of: as in `compile_consents`.
        person_of, known_roles: as in `compile_consents`.
        has_active_successor: another active sharing Consent of the record replaces this one, or comes with it and does.

    """
    if not is_sharing_consent(consent):
        return []
    reference = consent.get("patient")
    if not isinstance(reference, Mapping) or not reference.get("reference"):
        return ["Consent.patient must name the person whose record this is"]
    status = consent.get("status")
    if status == "inactive" and not has_active_successor:
        return [
            "A sharing Consent cannot just become inactive: to withdraw, write a new active Consent whose "
            "provision.type is deny and which replaces this one; to permit, one whose provision.type is permit"
        ]
    try:
        compiled = compile_consents(
            [{**consent, "status": "active"}], patient, organisation_of, person_of, known_roles=known_roles
        )
    except ConsentForAnotherPatient:
        return ["Consent.patient names another person than the one whose record this is"]
    if status != "active":
        return []
    problems = _base_problems(consent)
    walked = _walk(consent)
    for path, provision, deny in walked:
        problems += _provision_problems(path, provision, organisation_of, person_of, known_roles, deny=deny)
    paths = [path for path, _, _ in walked] or ["Consent.provision"]
    return problems + [problem for one in compiled.consents for problem in tree_problems(one, paths)]


def _base_problems(consent: Mapping[str, Any]) -> list[str]:
    statement = statement_codings(consent)
    root = consent.get("provision")
    kind = root.get("type") if isinstance(root, Mapping) else None
    problems = []
    if consent.get("modifierExtension") or consent.get("implicitRules"):
        problems.append("Consent has a modifier that this service does not know, and so cannot honour")
    if kind == "permit" and WITHDRAWAL in statement:
        problems.append("Consent is coded as a withdrawal, but its provision.type is permit")
    if kind == "deny" and OPT_IN in statement:
        problems.append("Consent.policyRule is OPTIN, but provision.type is deny: they contradict each other")
    if kind == "permit" and OPT_OUT in statement:
        problems.append("Consent.policyRule is OPTOUT, but provision.type is permit: they contradict each other")
    if base_of(consent) is Base.UNSTATED:
        problems.append("Consent.provision.type must say permit or deny: without it nothing is permitted")
    return problems


def _walk(consent: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], bool]]:
    """Return every provision with its path, and whether it is read as a deny."""
    root = consent.get("provision")
    if not isinstance(root, Mapping):
        return []
    found = [("Consent.provision", root, base_of(consent) is Base.DISSENT)]
    for path, provision, _ in found:
        found += [
            (f"{path}.provision[{position}]", child, child.get("type") != "permit")
            for position, child in enumerate(objects(provision.get("provision")))
        ]
    return found


def _provision_problems(
    path: str,
    provision: Mapping[str, Any],
    organisation_of: Callable[[Reference], str | None],
    person_of: Callable[[Reference], str | None],
    known_roles: frozenset[RoleWord],
    *,
    deny: bool,
) -> list[str]:
    problems = []
    start, end, in_time = period_of(provision.get("period"))
    if not in_time:
        problems.append(f"{path}.period is not understood")
    elif start is not None and end is not None and start >= end:
        problems.append(f"{path}.period ends before it starts")
    if "." in path.removeprefix("Consent.") and provision.get("type") not in ("permit", "deny"):
        problems.append(f"{path}.type must say permit or deny")
    if provision.get("modifierExtension"):
        problems.append(f"{path} has a modifier that this service does not know, and so cannot honour")
    if not purposes_of(provision.get("purpose"))[1]:
        problems.append(f"{path}.purpose is not a purpose of use of v3-ActReason")
    if not action_applies(provision.get("action"))[1]:
        problems.append(f"{path}.action is not understood")
    named = read_actors(provision.get("actor"), organisation_of, person_of, widen=False, known_roles=known_roles)
    if not participations_understood(provision.get("actor")):
        problems.append(f"{path}.actor.role must be a v3-ParticipationType; IRCP for whom the provision is about")
    elif not named.known:
        problems.append(f"{path}.actor names somebody whom this service cannot tell")
    elif named.named and not (named.organisations or named.roles or named.persons):
        problems.append(f"{path}.actor names no recipient: actor.role IRCP says whom the provision is about")
    bare = {element: value for element, value in provision.items() if element not in ("data", "dataPeriod", "actor")}
    if data_cells(bare, widen=False) is None or not all_codes_understood(provision):
        problems.append(f"{path} speaks of content by a code or label that this service cannot apply")
    elif not deny and narrower_than_cells(provision):
        problems.append(
            f"{path} permits single resources, dates or what one author recorded, which this service cannot apply to "
            "a permission"
        )
    return problems
