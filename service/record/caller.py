"""Who asks and what this one request says besides: what every use case is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from security.access_request import BreakGlass
from security.principal import Principal
from service.record.manifest import Author
from service.record.records import OpenRecord


@dataclass(frozen=True, slots=True)
class Echo:
    """The identity that a caller repeats: whom they mean, as they see it (rule 4, hazard H2)."""

    nhs_number: str = field(repr=False)
    birth_date: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller with what this one request says besides.

    `break_glass`: emergency access, asked for now for the person whom `echo` repeats, or `granted` before for the
    record with this id (hexadecimal).
    """

    principal: Principal
    request_id: str
    break_glass: BreakGlass | None = None
    echo: Echo | None = None
    granted: str = ""
    supposed: bool = False
    """Nobody asks: it is to be told what somebody would get. An identity that they repeat counts as the record's."""
    at: datetime | None = None
    """When the request came; None lets each step ask the clock."""
    device: str = ""
    """The network address that the request came from, as far as it is known."""
    said: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """What the request said of itself besides, by name, for the audit alone (`AuditEntry.said`)."""

    def glass_for(self, record: OpenRecord) -> BreakGlass | None:
        """Return emergency access as it stands for one record: a grant is for its own, and what is asked now is for the
        person whose number and birth date were repeated."""
        asked = self.break_glass
        if asked is None or self.supposed:
            return asked
        if self.granted:
            return asked if record.record_id.hex() == self.granted else None
        known, echo = record.manifest.identity, self.echo
        if echo is None:
            return msgspec.structs.replace(asked, echo_matches=False)
        same = record.manifest.is_numbered(echo.nhs_number) and echo.birth_date == known.birth_date
        return msgspec.structs.replace(asked, echo_matches=same)

    def author(self) -> Author:
        """Return the caller as the author of what it writes."""
        principal = self.principal
        user = principal.user
        return Author(
            principal.organisation,
            principal.client_id,
            principal.role,
            "" if user is None else user.id,
            "" if user is None else user.name,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, in words for the audit entry: interaction, and the references it touched."""

    interaction: str
    references: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    guessable: bool = False
    """Whether it looks for a person by what can be guessed: a number, another identifier, a name and birth date."""
