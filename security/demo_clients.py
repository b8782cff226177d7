"""The registered clients of the demo, each with its private key and a person who signs in through it. All invented.

Made once per home folder: `clients.json` and `demo-keys/NAME.jwk` (mode 0600). None of this exists in production.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import ECKey

from security.assertions import Asserted
from security.errors import InvalidConfiguration
from security.key_file import create_private, read_private
from security.principal import BUILT_IN_ROLES, NamedPerson, Purpose, Role, RoleWord
from security.registry import ClientRegistry, RegisteredClient, registration
from security.scopes import DIRECTORY_WRITE, INCIDENT_WRITE, OPERATIONS_READ, OPERATIONS_WRITE

KEY_FOLDER = "demo-keys"
_READ, _ALL = "system/*.rs", "system/*.cruds"

STOCK_PEOPLE: Mapping[Role, NamedPerson] = {
    Role.GP: NamedPerson("zz-gp-1", "Dr Morwenna Example"),
    Role.HOSPICE: NamedPerson("zz-hospice-1", "Sister Tamsin Sample"),
    Role.COMMUNITY: NamedPerson("zz-community-1", "Nurse Idris Specimen"),
    Role.HOSPITAL: NamedPerson("zz-hospital-1", "Dr Yusra Placeholder"),
    Role.AMBULANCE: NamedPerson("zz-ambulance-1", "Paramedic Bryn Testcase"),
    Role.NHS111: NamedPerson("zz-nhs111-1", "Clinician Odile Mockford"),
    Role.CARE_HOME: NamedPerson("zz-care-home-1", "Carer Zenia Fictional"),
    Role.SOCIAL_CARE: NamedPerson("zz-social-care-1", "Social worker Piran Invented"),
    Role.PATIENT: NamedPerson("9990000018", "Person Demonstration"),
    Role.PROXY: NamedPerson("zz-proxy-1", "Attorney Demonstration"),
    Role.ADMIN: NamedPerson("zz-admin-1", "Clerk Nesta Pretend"),
    Role.PRIVACY_OFFICER: NamedPerson("zz-privacy-officer-1", "Privacy officer Elowen Madeup"),
    Role.RESEARCHER: NamedPerson("zz-researcher-1", "Researcher Ceri Imaginary"),
}
"""Who acts in a role when nobody is named: every role but `system`."""

DEFAULT_PURPOSE: Mapping[Role, Purpose] = {
    **dict.fromkeys(Role, Purpose.TREAT),
    Role.PATIENT: Purpose.PATRQT,
    Role.PROXY: Purpose.FAMRQT,
    Role.ADMIN: Purpose.PATADMIN,
    Role.PRIVACY_OFFICER: Purpose.HCOMPL,
}


def stock_person(role: RoleWord) -> NamedPerson | None:
    """Return who acts in a role when nobody is named; one of that role's own for a role that the policy adds."""
    if role in BUILT_IN_ROLES:
        return STOCK_PEOPLE.get(Role(role))
    word = role.replace("_", "-")
    return NamedPerson(f"zz-{word}-1", f"Demo {role.replace('_', ' ')} user")


def usual_purpose(role: RoleWord) -> Purpose:
    """Return what a role asks for when nothing is said."""
    return DEFAULT_PURPOSE[Role(role)] if role in BUILT_IN_ROLES else Purpose.TREAT


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client of the demo. `person` is the role of the stock person who signs in through it; None: a machine alone."""

    name: str
    title: str
    organisation: str
    roles: tuple[Role, ...]
    scopes: tuple[str, ...]
    person: Role | None
    curve: str = "P-384"

    def asserted(self) -> Asserted:
        """Return what the client asserts when asked for an ordinary token."""
        role = self.person or Role.SYSTEM
        return Asserted(self.organisation, role, DEFAULT_PURPOSE[role], STOCK_PEOPLE.get(role))


DEMO_CLIENTS: Mapping[str, DemoClient] = {
    client.name: client
    for client in (
        DemoClient("demo-gp", "Example GP system", "ZZGP01", (Role.GP, Role.ADMIN, Role.SYSTEM), (_ALL,), Role.GP),
        DemoClient(
            "demo-ambulance",
            "Example ambulance system",
            "ZZAMB1",
            (Role.AMBULANCE, Role.SYSTEM),
            (_ALL,),
            Role.AMBULANCE,
        ),
        DemoClient(
            "demo-hospice", "Example hospice system", "ZZHSP1", (Role.HOSPICE, Role.SYSTEM), (_ALL,), Role.HOSPICE
        ),
        DemoClient(
            "demo-hospital", "Example hospital system", "ZZHOS1", (Role.HOSPITAL, Role.SYSTEM), (_ALL,), Role.HOSPITAL
        ),
        DemoClient(
            "demo-community",
            "Example community nursing system",
            "ZZCOM1",
            (Role.COMMUNITY, Role.SYSTEM),
            (_ALL,),
            Role.COMMUNITY,
        ),
        DemoClient("demo-111", "Example 111 system", "ZZ1110", (Role.NHS111, Role.SYSTEM), (_ALL,), Role.NHS111),
        DemoClient(
            "demo-care-home",
            "Example care home system",
            "ZZCH01",
            (Role.CARE_HOME, Role.SYSTEM),
            (_ALL,),
            Role.CARE_HOME,
        ),
        DemoClient(
            "demo-control-room", "Example control room", "ZZCAD1", (Role.SYSTEM,), (INCIDENT_WRITE,), None, "P-256"
        ),
        DemoClient(
            "demo-directory", "Example directory", "ZZDIR1", (Role.SYSTEM,), (_ALL, DIRECTORY_WRITE), None, "P-256"
        ),
        # The stand-in partners act here with nobody named, apart from the systems that clinicians sign in through:
        # what a clinician writes is a change for their own partner system too.
        DemoClient("demo-gp-partner", "Example GP partner", "ZZGP01", (Role.GP, Role.SYSTEM), (_ALL,), None),
        DemoClient(
            "demo-hospice-partner", "Example hospice partner", "ZZHSP1", (Role.HOSPICE, Role.SYSTEM), (_ALL,), None
        ),
        DemoClient(
            "demo-ambulance-partner",
            "Example ambulance partner",
            "ZZAMB1",
            (Role.AMBULANCE, Role.SYSTEM),
            (_READ,),
            None,
        ),
        DemoClient(
            "demo-control-room-partner",
            "Example control room partner",
            "ZZAMB1",
            (Role.AMBULANCE, Role.SYSTEM),
            (_READ,),
            None,
        ),
        DemoClient(
            "demo-privacy-officer",
            "Example privacy office",
            "ZZAMB1",
            (Role.PRIVACY_OFFICER,),
            (_READ,),
            Role.PRIVACY_OFFICER,
            "P-256",
        ),
        DemoClient(
            "demo-engineer",
            "Example engineer's tools",
            "ZZENG1",
            (Role.ADMIN,),
            (OPERATIONS_READ, OPERATIONS_WRITE),
            Role.ADMIN,
            "P-256",
        ),
    )
}


def make_demo_clients(home: Path) -> ClientRegistry:
    """Make fresh keys and registrations for every demo client, write them under `home`, and return the registry.

    Raises KeysRefused when keys are there already; nothing is ever overwritten.
    """
    registry = ClientRegistry(path=home / "clients.json")
    _make(home, registry, DEMO_CLIENTS.values())
    registry.save()
    return registry


def add_missing_demo_clients(home: Path, registry: ClientRegistry) -> None:
    """Make and save the demo clients that a home of an older release does not have; those that it has stay."""
    missing = [demo for demo in DEMO_CLIENTS.values() if registry.get(demo.name) is None]
    if missing:
        _make(home, registry, missing)
        registry.save()


def _make(home: Path, registry: ClientRegistry, clients: Iterable[DemoClient]) -> None:
    folder = home / KEY_FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for demo in clients:
        algorithm = "ES384" if demo.curve == "P-384" else "ES256"
        key = ECKey.generate_key(demo.curve, {"use": "sig", "alg": algorithm, "kid": f"{demo.name}-1"})
        create_private(folder / f"{demo.name}.jwk", json.dumps(key.as_dict(private=True)).encode())
        registry.add(_registered(demo, key))


def private_key(home: Path, name: str) -> ECKey:
    """Return the private key of a demo client; raise KeysRefused when it cannot be used."""
    if name not in DEMO_CLIENTS:
        raise InvalidConfiguration([f"demo clients are {', '.join(DEMO_CLIENTS)}"])
    return ECKey.import_key(json.loads(read_private(home / KEY_FOLDER / f"{name}.jwk")))


def _registered(demo: DemoClient, key: ECKey) -> RegisteredClient:
    return registration(
        {
            "client_id": demo.name,
            "name": demo.title,
            "organisation": demo.organisation,
            "roles": list(demo.roles),
            "scopes": list(demo.scopes),
            "max_assurance": 3,
            "jwks": {"keys": [key.as_dict(private=False)]},
        }
    )
