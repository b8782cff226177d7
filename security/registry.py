"""Registered clients: the systems that may ask for tokens, and the most that each of them may claim.

A registration is the ceiling of everything a token can say: organisations, roles, scopes, assurance. A client that is
registered with the role `system` may act with no person named. One that belongs to an outside issuer (`issuer`) signs
nothing here and needs no keys; ours never accepts it, and that issuer's tokens speak for no other client.

The file is JSON, `{"clients": [...]}`, judged whole: all problems are listed, and a file with one is not used.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fhir_profiles.identifiers import is_ods_code
from security.errors import InvalidConfiguration
from security.jwks import NO_KEYS, PublicKeys, read_public_keys
from security.principal import BUILT_IN_ROLES, RoleWord
from security.scopes import is_scope

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")
_MEMBERS = frozenset(
    {
        "client_id",
        "name",
        "organisation",
        "other_organisations",
        "roles",
        "scopes",
        "max_assurance",
        "issuer",
        "jwks",
    }
)


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """One system. `max_assurance` (1 to 3) is the highest sign-in it may vouch for; `jwks` is its public JWK Set."""

    client_id: str
    name: str
    organisation: str
    roles: frozenset[RoleWord]
    scopes: frozenset[str]
    other_organisations: frozenset[str] = frozenset()
    max_assurance: int = 1
    issuer: str | None = None
    jwks: Mapping[str, Any] | None = None
    keys: PublicKeys = field(default=NO_KEYS, compare=False, repr=False)

    def acts_for(self, organisation: str) -> bool:
        """Say whether the client may act for an organisation (ODS code)."""
        return organisation == self.organisation or organisation in self.other_organisations

    def document(self) -> dict[str, Any]:
        """Return the registration as it stands in the file."""
        full = {
            "client_id": self.client_id,
            "name": self.name,
            "organisation": self.organisation,
            "other_organisations": sorted(self.other_organisations),
            "roles": sorted(self.roles),
            "scopes": sorted(self.scopes),
            "max_assurance": self.max_assurance,
            "issuer": self.issuer,
            "jwks": self.jwks,
        }
        return {member: value for member, value in full.items() if value not in (None, [])}


def registration(document: Mapping[str, Any], roles: frozenset[RoleWord] = BUILT_IN_ROLES) -> RegisteredClient:
    """Make a client from its document; raise InvalidConfiguration with every problem. `roles` are those known."""
    problems = _problems(document, roles)
    keys, key_problems = NO_KEYS, list[str]()
    if document.get("issuer") is None:
        keys, key_problems = read_public_keys(document.get("jwks"))
    elif "jwks" in document:
        problems.append("a client of an outside issuer has no `jwks` here")
    if problems or key_problems:
        raise InvalidConfiguration([*problems, *(f"jwks: {problem}" for problem in key_problems)])
    return RegisteredClient(
        client_id=document["client_id"],
        name=document["name"],
        organisation=document["organisation"],
        roles=frozenset(document["roles"]),
        scopes=frozenset(document["scopes"]),
        other_organisations=frozenset(document.get("other_organisations", ())),
        max_assurance=document.get("max_assurance", 1),
        issuer=document.get("issuer"),
        jwks=document.get("jwks"),
        keys=keys,
    )


class ClientRegistry:
    """The registered clients, in memory. `refresh` follows the file; look-ups never touch it.

    `roles` are the roles of this deployment, those that its sharing policy adds among them.
    """

    def __init__(
        self,
        clients: Iterable[RegisteredClient] = (),
        path: Path | None = None,
        roles: frozenset[RoleWord] = BUILT_IN_ROLES,
    ) -> None:
        self.roles = roles
        self._clients = {client.client_id: client for client in clients}
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    @classmethod
    def load(cls, path: Path, roles: frozenset[RoleWord] = BUILT_IN_ROLES) -> ClientRegistry:
        """Read the file; raise InvalidConfiguration with every problem in it."""
        registry = cls(path=path, roles=roles)
        registry.refresh()
        return registry

    def get(self, client_id: str) -> RegisteredClient | None:
        """Return the client registered under an id, or None."""
        return self._clients.get(client_id)

    def __iter__(self) -> Iterator[RegisteredClient]:
        return iter(self._clients.values())

    def __len__(self) -> int:
        return len(self._clients)

    def of_organisation(self, organisation: str) -> list[RegisteredClient]:
        """Return the clients whose own organisation it is."""
        return [client for client in self if client.organisation == organisation]

    def acting_as(self, role: RoleWord) -> frozenset[str]:
        """Return the organisations (ODS codes) for which a client may act in a role."""
        return frozenset().union(
            *({client.organisation, *client.other_organisations} for client in self if role in client.roles)
        )

    def add(self, client: RegisteredClient) -> None:
        """Register a client; raise InvalidConfiguration when its id is taken."""
        if client.client_id in self._clients:
            raise InvalidConfiguration([f"{client.client_id} is registered already"])
        self._clients = {**self._clients, client.client_id: client}

    def remove(self, client_id: str) -> None:
        """End a registration, if there is one. Tokens of the client stop being accepted with it."""
        self._clients = {held: client for held, client in self._clients.items() if held != client_id}

    def refresh(self) -> bool:
        """Read the file again if it changed, and say whether it did; a bad file raises and changes nothing.

        A client whose registration did not change stays the same object: verified tokens refer to it.
        """
        assert self._path is not None
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                return False
            clients = _read(self._path.read_bytes(), self.roles)
        except OSError as error:
            raise InvalidConfiguration([f"the file of clients cannot be read ({error.strerror})"]) from None
        self._clients = {
            client.client_id: held if (held := self._clients.get(client.client_id)) == client else client
            for client in clients
        }
        self._seen = seen
        return True

    def save(self, path: Path | None = None) -> None:
        """Write the file, mode 0600, replacing it whole."""
        target = path or self._path
        assert target is not None
        document = {"clients": [client.document() for client in self]}
        _replace(target, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _replace(path: Path, content: bytes) -> None:
    """Write beside and rename, so that a reader sees the old file or the new one, never half of one."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def _read(content: bytes, roles: frozenset[RoleWord]) -> list[RegisteredClient]:
    try:
        document = msgspec.json.decode(content)
    except msgspec.DecodeError:
        raise InvalidConfiguration(["the file of clients is not JSON"]) from None
    entries = document.get("clients") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise InvalidConfiguration(["the file of clients has no list `clients`"])
    clients: list[RegisteredClient] = []
    problems: list[str] = []
    for position, entry in enumerate(entries):
        try:
            client = registration(entry if isinstance(entry, dict) else {}, roles)
        except InvalidConfiguration as error:
            problems += [f"clients[{position}]: {problem}" for problem in error.problems]
            continue
        if any(other.client_id == client.client_id for other in clients):
            problems.append(f"clients[{position}]: {client.client_id} is registered twice")
        clients.append(client)
    if problems:
        raise InvalidConfiguration(problems)
    return clients


def _problems(document: Mapping[str, Any], roles: frozenset[RoleWord]) -> list[str]:
    """List what is wrong with a registration, its keys apart. Names of members are ours to show; values are not."""
    checks = {
        "`client_id` is 2 to 64 letters, digits, `.`, `_` or `-`": _is_text(document.get("client_id"), 64)
        and _CLIENT_ID.fullmatch(document["client_id"]) is not None,
        "`name` is 1 to 120 characters": _is_text(document.get("name"), 120),
        "`organisation` is an ODS code": is_ods_code(document.get("organisation")),
        "`other_organisations` is a list of ODS codes": _all(document.get("other_organisations", []), is_ods_code),
        "`roles` is a list of one or more known roles": bool(document.get("roles"))
        and _all(document.get("roles"), lambda role: role in roles),
        "`scopes` is a list of one or more known scopes": bool(document.get("scopes"))
        and _all(document.get("scopes"), lambda scope: isinstance(scope, str) and is_scope(scope)),
        "`max_assurance` is 1, 2 or 3": type(document.get("max_assurance", 1)) is int
        and 1 <= document.get("max_assurance", 1) <= 3,
        "`issuer` is the name of an outside issuer": _is_text(document.get("issuer", "none"), 64),
    }
    unknown = [f"`{member}` is not a member of a registration" for member in sorted(document.keys() - _MEMBERS)]
    return [rule for rule, holds in checks.items() if not holds] + unknown


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and value.isprintable() and value == value.strip()


def _all(values: object, holds: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) and holds(value) for value in values)
