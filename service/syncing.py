"""Sync wired into a service: the subscriber of its writes, and the engine that each serving process runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.base import Adapter
from adapters.http import Guard
from adapters.notes import Notes
from adapters.pds_partner import PdsKind, PdsPartner
from adapters.surroundings import Surroundings
from security.oversight import scope_under
from security.service_seal import ServiceSeal
from service.api.routes import Services
from service.document.paper import Paper
from service.document.plan import PlanDocument
from service.document.press import NoFonts, Press
from service.opening import Opened, style_of
from service.record.access import Access
from service.record.alerts import Alerts
from service.record.subscribers import Subscribers
from service.record.write import WriteRecord
from service.sync.board import Board
from service.sync.due import Dues
from service.sync.engine import Engine, Hooks, adapters_of, never, told
from service.sync.incidents_told import RoomsTold
from service.sync.measures import SyncMeasures
from service.sync.members import Member
from service.sync.notes import NotePages
from service.sync.operating import Operating
from service.sync.pds_apply import ApplyPds
from service.sync.pds_looks import LooksAtPds
from service.sync.subscribed import SubscriptionPage

BUSY_FROM = 200.0
"""Emergency answers a second of one process from which on deliveries give way: a tenth of what it can give."""
_LOOKED_EVERY = 0.25
PDS = PdsKind()


def dues_of(opened: Opened) -> Dues:
    """Return what seals and names deliveries."""
    return Dues(ServiceSeal(opened.keys.service, opened.settings.tenant), opened.records.index)


def partners_told(opened: Opened) -> Subscribers:
    """Return who hears of changes: partners, whoever has to ask for copies to be removed, and FHIR Subscriptions."""
    return told(opened.members, dues_of(opened), opened.policies, opened.clock, opened.subscriptions)


def notes_of(opened: Opened) -> Callable[[str], Notes]:
    """Return the notes of partners, by their names."""
    return lambda partner: NotePages.of(opened.records, partner)


def rooms_told(opened: Opened) -> RoomsTold:
    """Return who is told the answer of an incident: the control room of whoever attends."""
    return RoomsTold(tuple(opened.members), dues_of(opened))


@dataclass(slots=True)
class Busy:
    """Says whether this process gives so many emergency answers that what is routine has to wait. `given` counts them.

    At full speed deliveries take as much of a process as answers do; a crew must not notice that a partner catches up.
    """

    given: Callable[[], int]
    seconds: Callable[[], float] = time.monotonic
    _since: float = float("-inf")
    _counted: int = 0
    _busy: bool = False

    def __call__(self) -> bool:
        """Say so, by the last quarter of a second or a little more."""
        now = self.seconds()
        if now - self._since >= _LOOKED_EVERY:
            counted = self.given()
            self._busy = counted - self._counted >= BUSY_FROM * (now - self._since)
            self._since, self._counted = now, counted
        return self._busy


def engine_of(opened: Opened, services: Services, gives_way: Callable[[], bool] = never) -> Engine:
    """Return the engine of this process, with the adapters of all partners open.

    `gives_way` says whether the process has something more urgent to do than what is routine.
    """
    settings, write = opened.settings, services.interactions.write_record
    surroundings = Surroundings(
        opened.clock,
        settings.fhir_base,
        opened.keys.issuer_pem.encode(),
        private_addresses=settings.has_demo_doors,
        notes=notes_of(opened),
        document=plan_document_of(opened),
    )
    alerts = Alerts.of(write.access, scope_under(opened.policies))
    log = services.audit_events.log
    sources, dues = services.operations.sources, dues_of(opened)
    guard = Guard(settings.subscription_hosts, settings.has_demo_doors)
    hooks = Hooks(opened.subscriptions, opened.registry, settings.fhir_base, guard)
    adapters = adapters_of(opened.members, surroundings)
    pds = _looks(adapters, write)
    return Engine.of(
        write.access, write, alerts, log, sources, dues, adapters, hooks=hooks, pds=pds, gives_way=gives_way
    )


def _looks(adapters: Mapping[str, tuple[Member, Adapter]], write: WriteRecord) -> LooksAtPds | None:
    """Return what looks people up when an event tells of them; None where PDS is not described."""
    for _, (member, adapter) in sorted(adapters.items()):
        if isinstance(adapter, PdsPartner):
            return LooksAtPds(ApplyPds.of(write, adapter.pds, member.caller))
    return None


@dataclass(frozen=True, slots=True)
class AtPds:
    """PDS as a service asks it. Close `adapter` when done."""

    member: Member
    adapter: PdsPartner
    apply: ApplyPds


def pds_of(opened: Opened, services: Services) -> AtPds | None:
    """Return what brings records in line with PDS; None where no partner of kind `pds` is described.

    Make it inside the running loop. Where several are described, it is the first by name.
    """
    member = next((one for one in opened.members if one.description.kind == "pds"), None)
    if member is None:
        return None
    settings = opened.settings
    around = Surroundings(opened.clock, settings.fhir_base, b"", private_addresses=settings.has_demo_doors)
    adapter = PDS.adapter(member.partner, around)
    write = services.interactions.write_record
    return AtPds(member, adapter, ApplyPds.of(write, adapter.pds, member.caller))


def paper_of(opened: Opened) -> Paper:
    """Return what makes documents in this deployment. Raise NoFonts."""
    return Paper(Press(), demo=opened.settings.has_demo_doors)


def plan_document_of(opened: Opened) -> PlanDocument | None:
    """Return what makes a plan a document for partners; None where the fonts of documents are missing."""
    try:
        return PlanDocument(paper_of(opened), style_of(opened.settings).wording, opened.clock)
    except NoFonts:
        return None


def measures_of(opened: Opened) -> SyncMeasures:
    """Return the numbers of all partners, for whoever scrapes this process."""
    members = {member.name: member for member in opened.members}
    board, subscriptions = Board.of(opened.records), SubscriptionPage.of(opened.records)
    return SyncMeasures(members, board, subscriptions, opened.clock, time.monotonic)


def operating_of(opened: Opened, access: Access) -> Operating:
    """Return what people see of the traffic with partners, and do about it."""
    return Operating({member.name: member for member in opened.members}, Board.of(opened.records), access)
