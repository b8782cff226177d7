"""What a partner's adapter may use of the deployment that it runs in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from adapters.base import Resource
from adapters.notes import Notes, NotesInMemory
from security.clock import Clock


def _for_a_trial(partner: str) -> Notes:
    return NotesInMemory()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a partner's adapter may use of this deployment.

    `fhir_base` is our own FHIR base URL. `signing_pem` is the private key whose public half is published at
    `/.well-known/jwks.json`. `private_addresses`: partners may be on this machine or in a private network; a sandbox
    allows it, production only for hosts that the description names. `notes` are those of a partner, by its name, or of
    something that several share, by a name that no partner can have.
    `document` makes a plan, as released for a partner (`Parcel.plan`), a PDF/A; None where this deployment makes none.
    """

    clock: Clock
    fhir_base: str
    signing_pem: bytes = field(repr=False)
    private_addresses: bool = False
    notes: Callable[[str], Notes] = field(default=_for_a_trial)
    document: Callable[[Sequence[Resource]], Awaitable[bytes]] | None = None
