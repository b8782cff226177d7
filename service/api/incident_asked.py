"""What `$open-incident` and `$close-incident` are asked, also where it comes as a signed event: read strictly."""

from __future__ import annotations

from dataclasses import dataclass

from service.api.matching import particulars
from service.api.parameters import Parameters, crew, nhs_number, organisation, text
from service.plan.particulars import Particulars

CREW = "crew"
"""The parameter that may come several times."""


@dataclass(frozen=True, slots=True)
class IncidentAsked:
    """Whom an incident is about (NHS number, or what is known of them), who attends, its number, who is sent."""

    whom: str | Particulars
    organisation: str
    reference: str
    crew: tuple[str, ...]


def incident_asked(parameters: Parameters) -> IncidentAsked:
    """Read what opens an incident; raise InvalidContent with the place of what is wrong."""
    whom: str | Particulars
    if "patient" in parameters and "nhsNumber" not in parameters:
        known = particulars(parameters, "patient")
        whom = known.nhs_number or known
    else:
        whom = nhs_number(parameters, "nhsNumber")
    return IncidentAsked(whom, organisation(parameters, "organization"), text(parameters, "incident"), crew(parameters))
