"""The pages for those who look after the traffic with partners, at `/sync`: what they stand on.

They show what `Operating` gives whoever signed in, made from the board in the store, so any process can answer. No
person's plan, name or number is behind it: lanes and keyed ids are all that an engineer sees of anybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from security.principal import Principal
from security.scopes import OPERATIONS_WRITE
from service.sync.operating import Operating
from service.web.site import Area, Site

AREA = Area(
    "/sync",
    "Partners",
    re.compile(r"/sync(/partners/[a-z][a-z0-9-]{1,31}(/pause|/resume)?)?"),
    ("wenna",),
    "sync/",
)
NOT_FOR_YOU = "sync/not_for_you.html"


@dataclass(frozen=True, slots=True)
class SyncPages(Site):
    """What the pages stand on, once the service is open."""

    operating: Operating


def may_act(person: Principal | None) -> bool:
    """Say whether somebody may do more than look; what they then do is decided by the use case."""
    return person is not None and OPERATIONS_WRITE in person.scopes
