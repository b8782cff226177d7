"""Sync wired into a service: the subscriber of its writes, and the engine that each serving process runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from adapters.registry import Surroundings
from security.oversight import scope_under
from security.service_seal import ServiceSeal
from service.api.routes import Services
from service.opening import Opened
from service.record.alerts import Alerts
from service.record.subscribers import Subscribers
from service.sync.due import Dues
from service.sync.engine import Engine, adapters_of, never, told

BUSY_FROM = 200.0
"""Emergency answers a second of one process from which on deliveries give way: a tenth of what it can give."""
_LOOKED_EVERY = 0.25


def dues_of(opened: Opened) -> Dues:
    """Return what seals and names deliveries."""
    return Dues(ServiceSeal(opened.keys.service, opened.settings.tenant), opened.records.index)


def partners_told(opened: Opened) -> Subscribers:
    """Return who hears of changes: the partners, if there are any."""
    return told(opened.members, dues_of(opened), opened.policies, opened.clock)


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
        opened.clock, settings.fhir_base, opened.keys.issuer_pem, private_addresses=settings.has_demo_doors
    )
    alerts = Alerts.of(write.access, scope_under(opened.policies))
    adapters = adapters_of(opened.members, surroundings)
    return Engine.of(write.access, write, alerts, dues_of(opened), adapters, gives_way=gives_way)
