"""Every FHIR route, one per resource type and interaction: the app mounts them, `/metadata` reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fhir_profiles.r4 import SUPPORTED_TYPES
from security.scopes import INCIDENT_WRITE
from service.api import audit_events, subscriptions
from service.api.audit_events import AuditEvents
from service.api.directory import DirectoryInteractions
from service.api.explaining import Explaining
from service.api.interactions import Interactions
from service.api.operations import Operations
from service.api.routing import Handler, Operation
from service.api.subscriptions import SubscriptionInteractions
from service.record import directory
from service.record.search_parameters import parameters_of

PREFIX = "/fhir/R4"
SHARED_ONLY = frozenset({"HealthcareService", "Endpoint"})
"""Types that live in the shared directory alone."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers are taken from when the service is open."""

    interactions: Interactions
    directory: DirectoryInteractions
    operations: Operations
    audit_events: AuditEvents
    explaining: Explaining
    subscriptions: SubscriptionInteractions


def operations() -> list[Operation]:
    """Return every authenticated route; the emergency answer comes first, for routes are tried in order."""
    named = [
        ("$emergency-summary", "POST", "/Patient/$emergency-summary", "emergency_summary", "r", "Patient"),
        ("$break-glass", "POST", "/Patient/$break-glass", "break_glass", "r", "Patient"),
        ("$match", "POST", "/Patient/$match", "match", "s", "Patient"),
        ("$open-incident", "POST", "/$open-incident", "open_incident", INCIDENT_WRITE, ""),
        ("$close-incident", "POST", "/$close-incident", "close_incident", INCIDENT_WRITE, ""),
        ("$crew-link", "POST", "/$crew-link", "crew_link", INCIDENT_WRITE, ""),
        ("$refused-text", "GET", "/$refused-text", "refused_text", "u", ""),
    ]
    found = [
        Operation(interaction, method, PREFIX + path, partial(_named, name), scope, _SUMMARIES[interaction], kind)
        for interaction, method, path, name, scope, kind in named
    ]
    found += [
        Operation(
            name, "POST", f"{PREFIX}/Patient/{name}", partial(_explaining, method), "r", _SUMMARIES[name], "Patient"
        )
        for name, method in (
            ("$explain-access", "explain"),
            ("$copies-held", "copies"),
            ("$answer-as-given", "as_given"),
        )
    ]
    found.append(
        Operation(
            "transaction",
            "POST",
            PREFIX,
            lambda services: services.interactions.transaction,
            "",
            _SUMMARIES["transaction"],
        )
    )
    for resource_type in SUPPORTED_TYPES:
        found += _of_type(resource_type)
    return found + _of_audit_events() + _of_subscriptions()


def _of_audit_events() -> list[Operation]:
    """Return the routes of AuditEvent, which is searched and nothing else."""
    address = f"{PREFIX}/AuditEvent"
    rows = (("GET", address, "search"), ("POST", f"{address}/_search", "search_by_post"))
    return [
        Operation(
            "search-type",
            method,
            path,
            partial(_of_log, name),
            "s",
            _SUMMARIES["search-type"].format("AuditEvent"),
            "AuditEvent",
            search_parameters=audit_events.PARAMETERS,
        )
        for method, path, name in rows
    ]


def _of_log(name: str, services: Services) -> Handler:
    handler: Handler = getattr(services.audit_events, name)
    return handler


def _of_subscriptions() -> list[Operation]:
    """Return the routes of Subscription; the operation comes first, for its name would be taken for an id."""
    kind = subscriptions.TYPE
    address, instance = f"{PREFIX}/{kind}", f"{PREFIX}/{kind}/{{id}}"
    rows = [
        ("read", "GET", instance, "read", "r"),
        ("update", "PUT", instance, "update", "u"),
        ("create", "POST", address, "create", "c"),
        ("delete", "DELETE", instance, "delete", "d"),
        ("search-type", "GET", address, "search", "s"),
        ("search-type", "POST", f"{address}/_search", "search_by_post", "s"),
    ]
    asked = [
        Operation(
            "$status",
            method,
            f"{whose}/$status",
            partial(_of_clients_own, name),
            "r",
            _SUMMARIES["$status"],
            kind,
            openapi={"operationId": f"{name}-{method.lower()}-subscription", **subscriptions.ASKED[method, name]},
        )
        for whose, name in ((address, "statuses"), (instance, "status"))
        for method in ("GET", "POST")
    ]
    return asked + [
        Operation(
            interaction,
            method,
            path,
            partial(_of_clients_own, name),
            scope,
            _SUMMARIES[interaction].format(kind),
            kind,
            search_parameters=subscriptions.PARAMETERS if interaction == "search-type" else (),
        )
        for interaction, method, path, name, scope in rows
    ]


def _of_clients_own(name: str, services: Services) -> Handler:
    handler: Handler = getattr(services.subscriptions, name)
    return handler


_SUMMARIES = {
    "$status": "How your Subscriptions stand",
    "$emergency-summary": "What a crew at the door needs, in one answer",
    "$break-glass": "Emergency access to one person's plan, with a reason",
    "$explain-access": "What somebody would get of a person's plan, and why; without content",
    "$answer-as-given": "An emergency answer as it was given at a past time",
    "$copies-held": "Which organisations may hold copies of a person's plan",
    "$match": "Who may be meant by what is known of a person",
    "$open-incident": "Register an open incident for a person",
    "$close-incident": "Close an incident",
    "$crew-link": "Get a short-lived address for the crew of an open incident",
    "$refused-text": "Fetch what you sent and was refused as stale",
    "transaction": "Write one person's record, all or nothing",
    "read": "Read {}",
    "vread": "Read one version of {}",
    "history-instance": "Read the history of {}",
    "create": "Create {}",
    "update": "Update {} at the version you read",
    "delete": "Delete {}, with the reason",
    "search-type": "Search {}",
}


NAMES_NOBODY = frozenset({"Practitioner"})
"""Types that cannot say whose record they belong to: they are created in a transaction, beside what names them."""


def _of_type(resource_type: str) -> list[Operation]:
    in_directory = resource_type in directory.TYPES
    address, instance = f"{PREFIX}/{resource_type}", f"{PREFIX}/{resource_type}/{{id}}"
    rows = [
        ("read", "GET", instance, "read", "r"),
        ("vread", "GET", f"{instance}/_history/{{vid}}", "vread", "r"),
        ("history-instance", "GET", f"{instance}/_history", "history", "r"),
        ("update", "PUT", instance, "update", "u"),
    ]
    if resource_type not in NAMES_NOBODY:
        rows.append(("create", "POST", address, "create", "c"))
    if resource_type not in SHARED_ONLY and resource_type != "Patient":
        rows.append(("delete", "DELETE", instance, "delete", "d"))
    if len(parameters_of(resource_type)) > 1:
        rows.append(("search-type", "GET", address, "search", "s"))
        rows.append(("search-type", "POST", f"{address}/_search", "search_by_post", "s"))
    return [
        Operation(
            interaction,
            method,
            path,
            _of_directory(name, resource_type) if in_directory else _ordinary(name, resource_type),
            scope,
            _SUMMARIES[interaction].format(resource_type),
            resource_type,
            search_parameters=tuple(parameters_of(resource_type)) if interaction == "search-type" else (),
        )
        for interaction, method, path, name, scope in rows
    ]


def _explaining(name: str, services: Services) -> Handler:
    handler: Handler = getattr(services.explaining, name)
    return handler


def _named(name: str, services: Services) -> Handler:
    handler: Handler = getattr(services.operations, name)
    return handler


def _ordinary(name: str, resource_type: str) -> Callable[[Services], Handler]:
    return lambda services: partial(getattr(services.interactions, name), resource_type)


def _of_directory(name: str, resource_type: str) -> Callable[[Services], Handler]:
    def handler(services: Services) -> Handler:
        found = getattr(services.directory, name, None) or getattr(services.interactions, name)
        return partial(found, resource_type)

    return handler
