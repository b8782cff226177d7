"""The composition root: everything is opened, wired and closed here, and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from security.audit import AuditSealer
from security.audit_batch import signing_key
from security.oversight import scope_under
from security.service_seal import ServiceSeal
from service import VERSION, logs, tracing
from service.api import outcomes
from service.api.audit_events import AuditEvents
from service.api.directory import DirectoryInteractions
from service.api.explaining import Explaining
from service.api.incident_events import PATH as INCIDENT_EVENTS
from service.api.incident_events import IncidentDoor, IncidentEvents
from service.api.interactions import Interactions
from service.api.itk_reports import PATH as ITK_REPORTS
from service.api.itk_reports import ItkDoor, ItkReports
from service.api.limits import EMERGENCY, RateLimit
from service.api.matching import Matching
from service.api.middleware import Metrics, Surround
from service.api.oauth import OAuthEndpoints
from service.api.operations import Operations
from service.api.public import Public, public_routes
from service.api.routes import Services, operations
from service.api.routing import Application, FhirRoute
from service.api.subscriptions import SubscriptionInteractions
from service.opening import Opened, open_service, style_of
from service.record.access import Access
from service.record.access_log import AccessLog
from service.record.alerts import Alerts
from service.record.as_given import AnswerAsGiven
from service.record.break_glass import EmergencyAccess
from service.record.copies import CopiesHeld
from service.record.crew_links import CrewLinks
from service.record.directory import Directory
from service.record.explain import ExplainAccess
from service.record.find import FindPeople
from service.record.guessing import GuessLimit
from service.record.incidents import IncidentRegister
from service.record.kept import Kept
from service.record.limits import Limits
from service.record.notices import Notices
from service.record.owed import Owed
from service.record.read import ReadRecord
from service.record.register import Register
from service.record.search import SearchRecords
from service.record.sources import Sources
from service.record.subscribers import Subscribers
from service.record.write import WriteRecord
from service.settings import Settings
from service.sync.measures import SyncMeasures
from service.sync.outbox import Outboxes
from service.sync.removal_requests import RemovalRequests
from service.sync.reports import Reports
from service.sync.subscriptions import Subscriptions
from service.syncing import Busy, engine_of, measures_of, notes_of, operating_of, partners_told, rooms_told
from service.verify.export import HeadsExporter
from service.verify.outside import Outside
from service.web.assets import StyleSheet
from service.web.crew import AREA, Crew
from service.web.pages import Pages
from service.web.privacy import AREA as PRIVACY
from service.web.privacy import Privacy
from service.web.privacy_routes import privacy_routes
from service.web.routes import crew_routes
from service.web.session import Sessions
from service.web.sync import AREA as SYNC
from service.web.sync import SyncPages
from service.web.sync_routes import sync_routes

Subscribing = Callable[[Opened], Subscribers]
"""Makes those who are to hear of changes, from what a process holds open. Importable: each process makes its own."""


def services_of(opened: Opened, subscribers: Subscribers = ()) -> Services:
    """Wire the use cases of an open service."""
    settings = opened.settings
    sealer = AuditSealer(opened.keys.audit_seal, settings.tenant)
    register = Register(opened.records)
    guesses = GuessLimit(opened.store, opened.records.index, settings.guess_limit)
    access = Access(opened.records, opened.policies, sealer, opened.clock, register, opened.decoy, guesses)
    kept = Kept(opened.store, ServiceSeal(opened.keys.service, settings.tenant), opened.records.index, opened.clock)
    limits = Limits(settings.record_limit, settings.attachment_limit, settings.resource_limit)
    read_record = ReadRecord(access)
    style = style_of(settings)
    interactions = Interactions(
        read_record,
        WriteRecord(access, kept, limits, settings.fhir_base, style, subscribers, opened.registry.acting_as),
        SearchRecords(read_record),
        kept,
        settings.fhir_base,
        settings.body_limit,
    )
    incidents = IncidentRegister(access, begun=rooms_told(opened))
    links = CrewLinks(access, incidents, kept)
    matching = Matching(FindPeople(access), settings.fhir_base)
    emergency = EmergencyAccess(read_record, kept)
    named = Operations(read_record, incidents, links, emergency, kept, style, matching, settings.base_url, Sources())
    server = urlsplit(settings.base_url).netloc
    scope = scope_under(opened.policies)
    log = AccessLog(access, ServiceSeal(opened.keys.service, settings.tenant), server, scope)
    directory = DirectoryInteractions(Directory(access), interactions)
    copies = CopiesHeld(access, log, scope, RemovalRequests.at(opened.records).of)
    explaining = Explaining(ExplainAccess(access, scope), copies, AnswerAsGiven(access, log, scope, style))
    outboxes, private = Outboxes.of(opened.records), settings.has_demo_doors
    hosts, page = settings.subscription_hosts, opened.subscriptions.page
    subscriptions = Subscriptions(access, page, outboxes, opened.registry, hosts, private, settings.fhir_base)
    own = SubscriptionInteractions(subscriptions, interactions)
    return Services(interactions, directory, named, AuditEvents(log, settings.fhir_base), explaining, own)


def crew_of(opened: Opened, services: Services, pages: Pages) -> Crew:
    """Wire the pages for crews: over the same operations and the same write as the API."""
    settings = opened.settings
    sessions = Sessions(ServiceSeal(opened.keys.service, settings.tenant), opened.records.index, settings.base_url)
    write = services.interactions.write_record
    doors = settings.has_demo_doors
    return Crew(
        area=AREA,
        registry=opened.registry,
        sessions=sessions,
        pages=pages,
        clock=opened.clock,
        base_url=settings.base_url,
        demo=doors,
        operations=services.operations,
        write_record=write,
    )


def privacy_of(opened: Opened, services: Services, pages: Pages) -> Privacy:
    """Wire the pages for privacy officers: over the same log and alerts, within the same scope, as the API."""
    settings, log = opened.settings, services.audit_events.log
    return Privacy(
        area=PRIVACY,
        registry=opened.registry,
        sessions=Sessions(ServiceSeal(opened.keys.service, settings.tenant), opened.records.index, settings.base_url),
        pages=pages,
        clock=opened.clock,
        base_url=settings.base_url,
        demo=settings.has_demo_doors,
        alerts=Alerts.of(log.access, log.scope),
        log=log,
        explain_access=services.explaining.explain_access,
    )


def sync_of(opened: Opened, services: Services, pages: Pages) -> SyncPages:
    """Wire the pages for those who look after partners."""
    settings = opened.settings
    return SyncPages(
        area=SYNC,
        registry=opened.registry,
        sessions=Sessions(ServiceSeal(opened.keys.service, settings.tenant), opened.records.index, settings.base_url),
        pages=pages,
        clock=opened.clock,
        base_url=settings.base_url,
        demo=settings.has_demo_doors,
        operating=operating_of(opened, services.interactions.write_record.access),
    )


def incident_events_of(opened: Opened, services: Services) -> IncidentEvents:
    """Return what takes signed events of control rooms: over the same register as the operations."""
    settings, named = opened.settings, services.operations
    failures = RateLimit(settings.token_failures)
    address = f"{settings.base_url}{INCIDENT_EVENTS}"
    return IncidentEvents(opened.registry, named.incidents, named.kept, opened.clock, address, failures)


def itk_reports_of(opened: Opened) -> ItkReports:
    """Return what takes the reports of 111 services."""
    limit = RateLimit(opened.settings.requests_per_minute)
    return ItkReports(Reports.of(opened.members, notes_of(opened)), opened.verifier, opened.clock, limit)


def owed_of(opened: Opened, services: Services) -> Owed:
    """Return what raises alerts and makes notices that audit entries call for."""
    access = services.interactions.read_record.access
    seal = ServiceSeal(opened.keys.service, opened.settings.tenant)
    return Owed(access, Alerts.of(access, scope_under(opened.policies)), Notices.of(opened.records, seal))


def exporter_of(opened: Opened) -> HeadsExporter:
    """Return what sends signed heads of the audit out of the database."""
    settings = opened.settings
    return HeadsExporter(
        opened.store,
        signing_key(opened.keys.audit_signing_pem),
        settings.tenant,
        opened.clock,
        Outside(settings.heads_file, settings.syslog),
        timedelta(minutes=settings.heads_minutes),
    )


def create_app(settings: Settings, *, worker: bool = False, subscribing: Subscribing = partners_told) -> FastAPI:
    """Return the application; stores and keys are opened when it starts and closed when it stops.

    `worker`: it is one of several processes that serve. `subscribing` makes those who hear of changes.
    """
    metrics = Metrics()
    failures = RateLimit(settings.token_failures)
    fhir_routes = [FhirRoute(operation) for operation in operations()]
    running: list[Opened] = []
    crews: list[Crew] = []
    officers: list[Privacy] = []
    engineers: list[SyncPages] = []
    measures: list[SyncMeasures] = []
    incident_events: list[IncidentEvents] = []
    itk_reports: list[ItkReports] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tracing.start(settings.otlp)
        opened = await open_service(settings, worker=worker)
        running.append(opened)
        services = services_of(opened, subscribing(opened))
        usual, urgent = (RateLimit(settings.requests_per_minute * times) for times in (1, EMERGENCY))
        for route in fhir_routes:
            limit = urgent if route is fhir_routes[0] else usual
            route.bind(services, opened.verifier, opened.clock, limit)
        crews.append(crew_of(opened, services, pages))
        officers.append(privacy_of(opened, services, pages))
        engineers.append(sync_of(opened, services, pages))
        measures.append(measures_of(opened))
        incident_events.append(incident_events_of(opened, services))
        itk_reports.append(itk_reports_of(opened))
        exporter = exporter_of(opened)
        owed = owed_of(opened, services)
        engine = engine_of(opened, services, Busy(lambda: metrics.emergencies))
        work = (opened.watch_registry(), opened.tidy_store(), exporter.run(), owed.run(), engine.run())
        beside = [asyncio.create_task(one) for one in work]
        logs.event("started", environment=settings.environment, address=settings.base_url)
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            running.clear()
            crews.clear()
            officers.clear()
            engineers.clear()
            measures.clear()
            incident_events.clear()
            itk_reports.clear()
            await engine.finish()
            await exporter.finish()
            await opened.store.close()
            await asyncio.to_thread(tracing.finish)

    app = Application(title="Shared palliative care record", version=VERSION, lifespan=lifespan, openapi_url=None)
    app.router.routes[:] = fhir_routes
    public = Public(
        app.router.routes,
        settings.fhir_base,
        VERSION,
        metrics,
        lambda: OAuthEndpoints(running[0].issuer, _count_failure, failures, running[0].clock),
        lambda: (running[0].store.ready, running[0].keys.health),
        lambda: measures[0] if measures else None,
    )
    app.router.routes += public_routes(public)
    incidents = IncidentDoor(lambda: incident_events[0] if incident_events else None)
    reports = ItkDoor(lambda: itk_reports[0] if itk_reports else None)
    app.router.routes.append(Route(INCIDENT_EVENTS, incidents.answer, methods=["POST"]))
    app.router.routes.append(Route(ITK_REPORTS, reports.answer, methods=["POST"]))
    pages = Pages(StyleSheet.read(), demo=settings.has_demo_doors)
    app.router.routes += crew_routes(lambda: crews[0] if crews else None, pages)
    app.router.routes += privacy_routes(lambda: officers[0] if officers else None, pages)
    app.router.routes += sync_routes(lambda: engineers[0] if engineers else None, pages)
    app.add_middleware(Surround, metrics=metrics)
    app.add_exception_handler(404, _not_routed)
    app.add_exception_handler(405, _not_routed)
    emergency = fhir_routes[0]
    app.express = {
        (emergency.operation.method, emergency.operation.path): Surround(emergency.app, metrics, emergency=True)
    }
    return app


async def _not_routed(request: Request, problem: Exception) -> Response:
    """Answer an address or method that is not served, in FHIR's form and without echoing it."""
    return outcomes.not_served(405 if getattr(problem, "status_code", 404) == 405 else 404)


def _count_failure(request: Request, code: str) -> None:
    logs.event("token-refused", logging.WARNING, reason=code)
