"""The invented people who may sign in to the pages of a demo or a sandbox. None of this exists in production."""

from __future__ import annotations

from dataclasses import dataclass

from security.assertions import Asserted
from security.demo_clients import DEFAULT_PURPOSE, DEMO_CLIENTS, STOCK_PEOPLE
from security.principal import NamedPerson, Principal, Role
from security.registry import ClientRegistry

ISSUER = "pages"
"""Who vouches for a session, in audit entries."""

FACTORS = 2
"""The invented people count as signed in with two factors, so that emergency access can be tried."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody to sign in as: through which demo client, in which role."""

    key: str
    client: str
    role: Role
    person: NamedPerson

    @property
    def organisation(self) -> str:
        """The ODS code of the organisation that they work for."""
        return DEMO_CLIENTS[self.client].organisation


def _stock(key: str, client: str, role: Role) -> Persona:
    return Persona(key, client, role, STOCK_PEOPLE[role])


PERSONAS = {
    one.key: one
    for one in (
        _stock("bryn", "demo-ambulance", Role.AMBULANCE),
        Persona("ada", "demo-ambulance", Role.AMBULANCE, NamedPerson("zz-ambulance-2", "Paramedic Ada Trainer")),
        _stock("odile", "demo-111", Role.NHS111),
        _stock("elowen", "demo-privacy-officer", Role.PRIVACY_OFFICER),
        Persona("wenna", "demo-engineer", Role.ADMIN, NamedPerson("zz-engineer-1", "Engineer Wenna Contrived")),
    )
}
"""By key. Each part of the pages says who signs in there (`site.Area.people`)."""


def persona(key: str, registry: ClientRegistry, session_id: str) -> Principal | None:
    """Return a persona as a caller; None for an unknown key, or when their client is not registered for that role."""
    chosen = PERSONAS.get(key)
    client = None if chosen is None else registry.get(chosen.client)
    if chosen is None or client is None or chosen.role not in client.roles:
        return None
    purpose = DEFAULT_PURPOSE[chosen.role]
    asserted = Asserted(chosen.organisation, chosen.role, purpose, chosen.person, assurance=FACTORS)
    return asserted.principal(client, client.scopes, session_id, ISSUER)
