"""The partner kind `pds`: the Personal Demographics Service (docs/nhs-pds.md). It is asked; it is given nothing.

A deployment has it beside its partners, because it is one more system outside that somebody answers for, which acts
here as a registered client of its own: what PDS says is written in that client's name. It neither `gets` nor `sends`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence

import msgspec

from adapters.base import Arrived, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import ContentRefused, ReportedIssue
from adapters.http import HttpClient, strict_tls
from adapters.pace import Pace
from adapters.partners import Partner
from adapters.pds import PER_SECOND, Pds
from adapters.platform_auth import PlatformAuth, application_auth, problems_of
from adapters.settings import read_settings
from adapters.sign_in import address_problems
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration

MAX_ANSWER = 1024 * 1024


class PdsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`base` is the FHIR base of the environment. `per_second` is this process's part of what PDS allows."""

    base: str
    auth: PlatformAuth
    ca_file: str = ""
    per_second: float = PER_SECOND


class PdsPartner:
    """PDS as a partner. `pds` is what it is asked by."""

    def __init__(self, pds: Pds) -> None:
        """`pds` is closed with it."""
        self.pds = pds

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Refuse: PDS is never written to."""
        for receipt in self._nothing():
            yield receipt

    async def poll(self, cursor: str) -> Polled:
        """Return nothing: PDS tells its news elsewhere, and is asked about one person at a time."""
        return Polled((), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Refuse: no message comes from PDS itself."""
        raise Untranslatable("PDS sends nothing itself")

    async def settled(self, message: Message) -> None:
        """Nothing is to be told."""

    async def close(self) -> None:
        """Let go of connections."""
        await self.pds.close()

    def _nothing(self) -> Sequence[Receipt]:
        raise ContentRefused((ReportedIssue("error", "not-supported"),))


class PdsKind:
    """The kind `pds`."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description and its files."""
        description = partner.description
        problems = [
            rule
            for rule, holds in {
                "`gets` is false: PDS is never written to": not description.gets,
                "`sends` is false: PDS is asked, and tells no news itself": not description.sends,
                "`mapping` is not for this kind": not description.mapping,
                "`person` is not for this kind": not description.person,
            }.items()
            if not holds
        ]
        try:
            settings = read_settings(partner, PdsSettings)
        except ValueError as error:
            return [*problems, str(error)]
        problems += [f"`settings`: {one}" for one in address_problems("base", settings.base)]
        problems += [f"`settings.auth`: {one}" for one in problems_of(settings.auth, partner.file)]
        if not 0 < settings.per_second <= 1000:
            problems.append("`settings.per_second` is more than 0")
        if settings.auth.user_restricted:
            problems.append("`settings.auth.user_restricted` is not for this kind: nobody is present when PDS is asked")
        if settings.ca_file and not partner.file(settings.ca_file).is_file():
            problems.append("`settings.ca_file`: there is no such file")
        return problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> PdsPartner:
        """Return the adapter; raise InvalidConfiguration for plain http outside a sandbox."""
        settings = read_settings(partner, PdsSettings)
        if not surroundings.private_addresses and not (settings.base + settings.auth.token_url).count("https://") == 2:
            raise InvalidConfiguration([f"{partner.name}: plain http is for a sandbox only"])
        return PdsPartner(pds_of(partner, settings, surroundings))


def pds_of(partner: Partner, settings: PdsSettings, surroundings: Surroundings) -> Pds:
    """Return the client that settings without problems describe. Make it inside the running loop."""
    tls = strict_tls(str(partner.file(settings.ca_file)) if settings.ca_file else None)
    auth = application_auth(settings.auth, partner.file, surroundings.clock)
    http = HttpClient(auth=auth, tls=tls, max_answer=MAX_ANSWER)
    pace = Pace(settings.per_second, time.monotonic, asyncio.sleep)
    return Pds(http, settings.base, pace, partner.description.limits.timeout)
