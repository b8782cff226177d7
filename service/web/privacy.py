"""The pages for privacy officers, at `/privacy`: what they stand on.

They show what `Alerts`, `AccessLog` and `ExplainAccess` give a signed-in officer, and nothing else: no plan and no name
of a patient. Who is no officer is refused there, by the rules, and each look leaves its audit entry there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from security.principal import Principal
from service.record.access_log import AccessLog
from service.record.alerts import Alerts
from service.record.explain import ExplainAccess
from service.web.site import Area, Site

AREA = Area(
    "/privacy",
    "Alerts",
    re.compile(r"/privacy(/log(\?page=[A-Za-z0-9_=-]{1,2000})?|/explain|/alerts/[A-Za-z0-9.-]{1,120})?"),
    ("elowen",),
    "privacy/",
)
NOT_FOR_YOU = "privacy/not_for_you.html"


@dataclass(frozen=True, slots=True)
class Privacy(Site):
    """What the pages for privacy officers stand on, once the service is open."""

    alerts: Alerts
    log: AccessLog
    explain_access: ExplainAccess

    def is_officer(self, person: Principal) -> bool:
        """Say whether somebody watches over anything; whatever is shown is asked of the use cases, which decide."""
        return bool(self.log.scope(person))
