"""Sync wired into a service: the subscriber of its writes, and the engine that each serving process runs."""

from __future__ import annotations

import time

from adapters.http import Guard
from adapters.surroundings import Surroundings
from security.oversight import scope_under
from security.service_seal import ServiceSeal
from service.api.routes import Services
from service.opening import Opened
from service.record.access import Access
from service.record.alerts import Alerts
from service.record.subscribers import Subscribers
from service.sync.board import Board
from service.sync.due import Dues
from service.sync.engine import Engine, Hooks, adapters_of, told
from service.sync.measures import SyncMeasures
from service.sync.operating import Operating


def dues_of(opened: Opened) -> Dues:
    """Return what seals and names deliveries."""
    return Dues(ServiceSeal(opened.keys.service, opened.settings.tenant), opened.records.index)


def partners_told(opened: Opened) -> Subscribers:
    """Return who hears of changes: partners, whoever has to ask for copies to be removed, and FHIR Subscriptions."""
    return told(opened.members, dues_of(opened), opened.policies, opened.clock, opened.subscriptions)


def engine_of(opened: Opened, services: Services) -> Engine:
    """Return the engine of this process, with the adapters of all partners open."""
    settings, write = opened.settings, services.interactions.write_record
    surroundings = Surroundings(
        opened.clock, settings.fhir_base, opened.keys.issuer_pem.encode(), private_addresses=settings.has_demo_doors
    )
    alerts = Alerts.of(write.access, scope_under(opened.policies))
    log = services.audit_events.log
    sources, dues = services.operations.sources, dues_of(opened)
    guard = Guard(settings.subscription_hosts, settings.has_demo_doors)
    hooks = Hooks(opened.subscriptions, opened.registry, settings.fhir_base, guard)
    adapters = adapters_of(opened.members, surroundings)
    return Engine.of(write.access, write, alerts, log, sources, dues, adapters, hooks=hooks)


def measures_of(opened: Opened) -> SyncMeasures:
    """Return the numbers of all partners, for whoever scrapes this process."""
    members = {member.name: member for member in opened.members}
    return SyncMeasures(members, Board.of(opened.records), opened.clock, time.monotonic)


def operating_of(opened: Opened, access: Access) -> Operating:
    """Return what people see of the traffic with partners, and do about it."""
    return Operating({member.name: member for member in opened.members}, Board.of(opened.records), access)
