"""What the product leans on at the National Record Locator, beyond what every partner keeps.

It is run at an environment that is for tests (integration), never in production: a pointer there would be a crew's.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from adapters.base import Resource
from adapters.conformance_rules import Broken, Checks, NotApplicable, rule
from adapters.conformance_trial import Trial
from adapters.nrl_client import NrlClient
from adapters.nrl_pointer import Found, is_as, pointer_of
from adapters.nrl_settings import connection_of, settings_of
from security.clock import instant

NRL: Checks = []
_SEARCH = "NRL producer API (FHIR R4), searchPostDocumentReference"


class NrlSight:
    """One pointer stands for the whole plan, so that there is nothing to look at resource by resource."""

    keeps = False

    async def look(self, trial: Trial) -> Mapping[str, str]:
        """Parts cannot be seen."""
        raise NotApplicable("one pointer stands for all of the plan")

    async def changes(self, trial: Trial, reference: str, resource: Resource) -> None:
        """Nothing comes from NRL."""
        raise NotApplicable("NRL tells a producer nothing")

    def cursor(self, trial: Trial) -> str:
        """Nothing comes from NRL."""
        return ""

    async def clean(self, trial: Trial) -> list[str]:
        """Take the pointer away; say so if it is there still."""
        if trial.held:
            await trial.give(trial.parcel(gone=list(trial.held)))
        return [f"The pointer {one.id}." for one in await _pointers(trial)]

    async def close(self) -> None:
        """Nothing is open."""


@rule(NRL, "nrl-found", "The pointer that was made is found by a search, once, and says what was sent", _SEARCH)
async def found(trial: Trial) -> None:
    """Search for the pointer."""
    trial.carried()
    there = await _pointers(trial)
    if len(there) != 1:
        raise Broken(f"{len(there)} pointers are found there, and not 1.")
    settings = settings_of(trial.partner)
    if not is_as(there[0], pointer_of(settings, trial.whom.nhs_number, trial.address, instant(trial.began))):
        raise Broken("It says something else than was sent.")


async def _pointers(trial: Trial) -> list[Found]:
    settings = settings_of(trial.partner)
    pointer = pointer_of(settings, trial.whom.nhs_number, trial.address, instant(trial.began))
    async with connection_of(trial.partner, settings, trial.surroundings.clock) as http:
        client = NrlClient(http, settings.base, trial.partner.description.limits.timeout, str(uuid4()))
        return await client.ours(pointer.place, frozenset({pointer.url}))
