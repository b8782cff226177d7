"""Partners as the engine knows them: a description, and the registered client that it is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.partners import Description, Partner
from adapters.registry import kind_of, problems_together
from fhir_profiles.sections import Section
from security.errors import InvalidConfiguration
from security.localities import Policies
from security.principal import Principal, Purpose, Role
from security.registry import ClientRegistry, RegisteredClient
from service.record.caller import Caller

ISSUER = "epaccs sync"
"""The issuer that audit entries of the engine name: nobody signed in."""


def system_caller(client: RegisteredClient, organisation: str, request_id: str) -> Caller:
    """Return a client as a caller of the engine's making: its system, for one of its organisations, nobody named."""
    principal = Principal(
        client_id=client.client_id,
        organisation=organisation,
        role=Role.SYSTEM,
        purpose=Purpose.TREAT,
        registered_roles=client.roles,
        scopes=client.scopes,
        token_id=request_id,
        issuer=ISSUER,
    )
    return Caller(principal, request_id)


@dataclass(frozen=True, slots=True)
class Member:
    """A partner that takes part. What it is given and what it sends is judged as its own system's, nobody named."""

    partner: Partner
    client: RegisteredClient

    @property
    def name(self) -> str:
        """The partner's name."""
        return self.partner.name

    @property
    def description(self) -> Description:
        """What its file says."""
        return self.partner.description

    @property
    def organisation(self) -> str:
        """The ODS code of its organisation."""
        return self.client.organisation

    def caller(self, request_id: str) -> Caller:
        """Return the partner as a caller: role `system`, which opens no more than any clinician there may see (I7)."""
        return system_caller(self.client, self.organisation, request_id)

    def carries(self, section: Section) -> bool:
        """Say whether the description lets anything of a section be sent."""
        sections = self.description.sections
        return not sections or section.value in sections


def members_of(partners: Iterable[Partner], registry: ClientRegistry, policies: Policies) -> list[Member]:
    """Return the partners with their clients; raise InvalidConfiguration with everything that does not fit."""
    members: list[Member] = []
    problems: list[str] = []
    localities = {policy.id for policy in policies.localities} | {""}
    for partner in partners:
        one = partner.description
        try:
            kind_of(partner)
        except InvalidConfiguration as error:
            problems += error.problems
        client = registry.get(one.client)
        if client is None or Role.SYSTEM not in client.roles:
            problems.append(f"{one.name}: `client` is no registered client that may act with no person named")
            continue
        if one.locality not in localities:
            problems.append(f"{one.name}: `locality` is the id of no locality's policy")
        members.append(Member(partner, client))
    clients = [member.client.client_id for member in members]
    problems += [
        f"{member.name}: `client` is another partner's"
        for member in members
        if clients.count(member.client.client_id) > 1
    ]
    carrying = Counter(member.description.locality for member in members if member.description.notices)
    problems += [
        f"{member.name}: `notices` are carried by another partner of the same `locality`"
        for member in members
        if member.description.notices and carrying[member.description.locality] > 1
    ]
    problems += problems_together([(member.partner, member.organisation) for member in members])
    if problems:
        raise InvalidConfiguration(sorted(set(problems)))
    return members
