"""Audit entries as FHIR AuditEvent, after IHE Basic Audit Log Patterns (BALP).

Served events follow BALP's PatientRead, PatientQuery, PatientCreate, PatientUpdate and PatientDelete; decisions and
refusals its AuthZconsent. Two of its elements are left out where we have nothing to put there: the client's network
address, when unknown, and the raw search, of which only parameter names are kept (sharing rules, section 8). What
BALP has no place for (rule, policy, relationship, reasons) stands as `detail` on the patient's entity, or on that of
the request or token where no person is known.

https://profiles.ihe.net/ITI/BALP/
"""

from __future__ import annotations

import base64
from typing import Any

from fhir_profiles.identifiers import ODS_SYSTEM
from security.audit import AuditEntry, EventKind, Outcome

Json = dict[str, Any]

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_BALP = "https://profiles.ihe.net/ITI/BALP/CodeSystem/"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"


def _coding(system: str, code: str, display: str | None = None) -> Json:
    return {"system": system, "code": code} | ({"display": display} if display else {})


_REST = _coding(_TERMINOLOGY + "audit-event-type", "rest", "Restful Operation")
_SECURITY_ALERT = _coding(_DCM, "110113", "Security Alert")
_USER_AUTHENTICATION = _coding(_DCM, "110114", "User Authentication")
_APPLICATION = _coding(_DCM, "110150", "Application")
_DESTINATION = _coding(_DCM, "110152", "Destination Role ID")
_SOURCE = _coding(_DCM, "110153", "Source Role ID")
_CUSTODIAN = _coding(_TERMINOLOGY + "provenance-participant-type", "custodian", "Custodian")
_RECIPIENT = _coding(_TERMINOLOGY + "v3-ParticipationType", "IRCP", "information recipient")
_PROVIDER = _coding(_TERMINOLOGY + "v3-RoleClass", "PROV", "healthcare provider")
_AUTHORISER = _coding(_TERMINOLOGY + "extra-security-role-type", "authserver", "authorization server")
_PERSON = _coding(_TERMINOLOGY + "audit-entity-type", "1", "Person")
_SYSTEM_OBJECT = _coding(_TERMINOLOGY + "audit-entity-type", "2", "System Object")
_PATIENT = _coding(_TERMINOLOGY + "object-role", "1", "Patient")
_DOMAIN_RESOURCE = _coding(_TERMINOLOGY + "object-role", "4", "Domain Resource")
_QUERY = _coding(_TERMINOLOGY + "object-role", "24", "Query")

_PATTERNS: dict[EventKind, tuple[str, Json, Json]] = {
    # action, what the client is, what we are: sender and receiver of the data, but of the parameters in a query
    EventKind.READ: ("R", _DESTINATION, _SOURCE),
    EventKind.QUERY: ("E", _SOURCE, _DESTINATION),
    EventKind.CREATE: ("C", _SOURCE, _DESTINATION),
    EventKind.UPDATE: ("U", _SOURCE, _DESTINATION),
    EventKind.DELETE: ("D", _APPLICATION, _CUSTODIAN),
}


def to_audit_event(entry: AuditEntry, server: str) -> Json:
    """Return `entry` as an AuditEvent observed by `server`, the name of this service (its domain name)."""
    if entry.kind is EventKind.REFUSED_SIGN_INS:
        return _refused_sign_ins(entry, server)
    if entry.kind is EventKind.DECISION or entry.outcome is Outcome.REFUSED:
        return to_authorisation_event(entry, server)
    action, client, ourselves = _PATTERNS[entry.kind]
    subtype = "operation" if entry.interaction.startswith("$") else entry.interaction
    event = _event(entry, server, _REST, _coding(_INTERACTION, subtype, entry.interaction), action)
    us = {"type": {"coding": [ourselves]}, "who": _named(server), "requestor": False, "network": _machine(server)}
    event["agent"] = [_client(entry, client), us, *_user(entry), *_organisation(entry)]
    request = _request(entry)
    subject = _query(entry) if entry.kind is EventKind.QUERY else _data(entry)
    event["entity"] = [*_patient(entry), subject, *_consents(entry), request]
    _annotate(event["entity"][0] if entry.patient else request, entry)
    return event


def to_authorisation_event(entry: AuditEntry, server: str) -> Json:
    """Return the decision in `entry` as an AuditEvent of its own, whatever the entry is about."""
    by_consent = _coding(_BALP + "AuthZsubType", "AuthZ-Consent", "Authorization Decision using Roles and Consent")
    by_role = _coding(_BALP + "AuthZsubType", "AuthZ-Role", "Authorization Decision using only Roles")
    event = _event(entry, server, _SECURITY_ALERT, by_consent if entry.consents else by_role, "E")
    if entry.reason:
        event["outcomeDesc"] = entry.reason
    us = {"type": {"coding": [_AUTHORISER]}, "who": _named(server), "requestor": False}
    event["agent"] = [_client(entry, _APPLICATION), *_user(entry), *_organisation(entry), us]
    token: Json = {
        "what": {"identifier": {"value": _token(entry)}},
        "type": _coding(_BALP + "UserAgentTypes", "UserOauthAgent"),
    }
    event["entity"] = [*_patient(entry), *_consents(entry), token, _request(entry)]
    _annotate(event["entity"][0] if entry.patient else token, entry)
    return event


def _refused_sign_ins(entry: AuditEntry, server: str) -> Json:
    event = _event(entry, server, _USER_AUTHENTICATION, _coding(_DCM, "110122", "Login"), "E")
    event["agent"] = [{"type": {"coding": [_AUTHORISER]}, "who": _named(server), "requestor": False}]
    event["entity"] = [{"type": _SYSTEM_OBJECT, "detail": [{"type": "count", "valueString": str(entry.count)}]}]
    return event


def numbered(event: Json, id: str, sequence: int) -> Json:
    """Return an event with its id and its place in its chain (GP Connect's sequence number)."""
    detail = {"type": "sequence", "valueString": str(sequence)}
    first, *others = event["entity"]
    entities = [{**first, "detail": [*first.get("detail", ()), detail]}, *others]
    return {"resourceType": "AuditEvent", "id": id, **event, "entity": entities}


def _event(entry: AuditEntry, server: str, type_: Json, subtype: Json, action: str) -> Json:
    event: Json = {
        "resourceType": "AuditEvent",
        "type": type_,
        "subtype": [subtype],
        "action": action,
        "recorded": entry.time,
        "outcome": entry.outcome.value,
        "source": {
            "observer": _named(server),
            "type": [_coding(_TERMINOLOGY + "security-source-type", "4", "Application Server")],
        },
    }
    if entry.purpose:
        event["purposeOfEvent"] = [_purpose(entry.purpose)]
    return event


def _client(entry: AuditEntry, type_: Json) -> Json:
    client: Json = {
        "type": {"coding": [type_]},
        "who": {"identifier": {"value": entry.client_id or "unknown"}},
        "requestor": not entry.user_id,
    }
    if entry.device:
        client["network"] = {"address": entry.device, "type": "2"}
    return client


def _user(entry: AuditEntry) -> list[Json]:
    if not entry.user_id:
        return []
    user: Json = {
        "type": {"coding": [_RECIPIENT]},
        "who": {"identifier": {"system": entry.issuer, "value": entry.user_id}},
        "requestor": True,
    }
    if not entry.issuer:
        del user["who"]["identifier"]["system"]
    if entry.user_name:
        user["name"] = entry.user_name
    if entry.role:
        user["role"] = [{"text": entry.role}]
    if entry.token_id:
        user["policy"] = [_token(entry)]
    if entry.purpose:
        user["purposeOfUse"] = [_purpose(entry.purpose)]
    return [user]


def _organisation(entry: AuditEntry) -> list[Json]:
    if not entry.organisation:
        return []
    who = {"identifier": {"system": ODS_SYSTEM, "value": entry.organisation}}
    return [{"type": {"coding": [_PROVIDER]}, "who": who, "requestor": False}]


def _patient(entry: AuditEntry) -> list[Json]:
    if not entry.patient:
        return []
    return [{"what": {"reference": entry.patient}, "type": _PERSON, "role": _PATIENT}]


def _data(entry: AuditEntry) -> Json:
    """One data entity, as the patterns require: the resource, or the record with its resources as details."""
    data: Json = {"type": _SYSTEM_OBJECT, "role": _DOMAIN_RESOURCE}
    if len(entry.references) == 1:
        return {"what": {"reference": entry.references[0]}} | data
    what = {"identifier": {"value": f"{entry.record}:{entry.sequence}" if entry.record else entry.request_id}}
    if entry.references:
        data["detail"] = [{"type": "resource", "valueString": reference} for reference in entry.references]
    return {"what": what} | data


def _consents(entry: AuditEntry) -> list[Json]:
    kind = _coding("http://hl7.org/fhir/resource-types", "Consent", "Consent")
    return [{"what": {"reference": reference}, "type": kind} for reference in entry.consents]


def _request(entry: AuditEntry) -> Json:
    kind = _coding(_BALP + "BasicAuditEntityType", "XrequestId")
    return {"what": {"identifier": {"value": entry.request_id}}, "type": kind}


def _query(entry: AuditEntry) -> Json:
    names = base64.b64encode("&".join(entry.search_parameters).encode()).decode()
    return {"type": _SYSTEM_OBJECT, "role": _QUERY, "query": names or base64.b64encode(b"-").decode()}


_DETAILS = {
    "decision": "decision_id",
    "rule": "rule",
    "policy": "policy_id",
    "policy-version": "policy_version",
    "policy-hash": "policy_hash",
    "consent-state": "consent_state",
    "relationship": "relationship",
    "incident": "incident",
    "self-claim-reason": "self_claim_reason",
    "break-glass-basis": "break_glass_basis",
    "break-glass-reason": "break_glass_reason",
    "legal-basis": "legal_basis",
}


def _annotate(entity: Json, entry: AuditEntry) -> None:
    values = [(name, getattr(entry, field)) for name, field in _DETAILS.items()]
    values += [("obligation", obligation) for obligation in entry.obligations]
    values += [("assurance", str(entry.assurance))] if entry.user_id else []
    values += entry.said
    details = [{"type": name, "valueString": value} for name, value in values if value]
    if details:
        entity["detail"] = details


def _token(entry: AuditEntry) -> str:
    return f"urn:ietf:params:oauth:jti:{entry.token_id}"


def _purpose(code: str) -> Json:
    return {"coding": [_coding(_TERMINOLOGY + "v3-ActReason", code)]}


def _named(server: str) -> Json:
    return {"identifier": {"value": server}}


def _machine(server: str) -> Json:
    return {"address": server, "type": "1"}
