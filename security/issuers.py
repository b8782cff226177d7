"""Token issuers that are trusted, and where their public keys come from.

Keys come from our own key ring or from the one https address configured for an outside issuer, never from a token. An
outside set is fetched again when it is an hour old or a token names a key it does not have; at most once in 60 seconds
and by one task at a time, so that forged key ids cannot make us hammer the issuer. If the issuer is down the last good
set serves for 24 hours; then its tokens can no longer be judged and `IssuerUnavailable` says so.

The file of outside issuers is JSON, `{"hosts": [...], "issuers": [...]}`: `hosts` are the only names that keys are
ever fetched from, and each issuer has

    name          as registrations of its clients say in `issuer`
    issuer        exact value of the claim `iss`
    jwks_url      https address of its keys, on one of `hosts`; fetched without following redirects
    algorithms    those it may sign with, of `security.jwks.SIGNATURE_ALGORITHMS`
    claims        optional: which of its claims hold `client_id organisation role purpose user_id user_name assurance
                  incident self_claim_reason scope`; a claim not mapped is read under that name itself
    roles         optional: its words for roles -> ours, e.g. {"R8000": "gp"}; a word not mapped must be ours
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from joserfc import jwk

from security.clock import Clock
from security.errors import InvalidConfiguration, IssuerUnavailable
from security.jwks import NO_KEYS, SIGNATURE_ALGORITHMS, PublicKeys, read_public_keys
from security.principal import BUILT_IN_ROLES, RoleWord

CLAIM_NAMES = frozenset(
    {
        "client_id",
        "organisation",
        "role",
        "purpose",
        "user_id",
        "user_name",
        "assurance",
        "incident",
        "self_claim_reason",
        "scope",
    }
)
REFETCH_SECONDS = 60.0
REFRESH_SECONDS = 3600.0
STALE_SECONDS = 24 * 3600.0

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a document over https within limits of size and time; raises OSError when it cannot."""


class IssuerKeys(Protocol):
    """The public keys of one issuer. `current` changes only when the set does; `good_until` is epoch seconds."""

    @property
    def current(self) -> PublicKeys:
        """The keys as known now."""

    @property
    def good_until(self) -> float:
        """The moment after which nothing verified with `current` may be believed any more."""

    async def find(self, key_id: str, algorithm: str) -> jwk.Key | None:
        """Return a key, asking the issuer where that may help; raise IssuerUnavailable when no set can be had."""


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Keys that never change while the program runs."""

    current: PublicKeys
    good_until: float = float("inf")

    async def find(self, key_id: str, algorithm: str) -> jwk.Key | None:
        """Return the key, or None."""
        return self.current.find(key_id, algorithm)


class FetchedKeys:
    """An outside issuer's keys; see the module for when they are fetched."""

    def __init__(self, url: str, fetch: Fetch, clock: Clock) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self.current = NO_KEYS

    @property
    def good_until(self) -> float:
        """24 hours after the last good fetch."""
        return self._fetched + STALE_SECONDS

    async def find(self, key_id: str, algorithm: str) -> jwk.Key | None:
        """Return the key, fetching the set again if it is old or lacks it; raise IssuerUnavailable without one."""
        key = self._held(key_id, algorithm)
        if key is None or self._now() - self._fetched >= REFRESH_SECONDS:
            async with self._lock:
                if self._may_try():
                    await self._refetch()
                key = self._held(key_id, algorithm)
        if key is None and self._now() >= self.good_until:
            raise IssuerUnavailable("an outside issuer's keys cannot be had")
        return key

    def _held(self, key_id: str, algorithm: str) -> jwk.Key | None:
        return self.current.find(key_id, algorithm) if self._now() < self.good_until else None

    def _may_try(self) -> bool:
        return not 0 <= self._now() - self._tried < REFETCH_SECONDS

    async def _refetch(self) -> None:
        self._tried = self._now()
        try:
            keys, _ = read_public_keys(msgspec.json.decode(await self._fetch(self._url)))
        except (OSError, msgspec.DecodeError, RecursionError):
            return
        if keys:
            self.current, self._fetched = keys, self._now()

    def _now(self) -> float:
        return self._clock().timestamp()


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose tokens are accepted. `name` is None for our own; see the module for the rest."""

    url: str
    algorithms: tuple[str, ...]
    keys: IssuerKeys
    name: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, RoleWord] = field(default_factory=dict)

    def claim(self, claims: Mapping[str, Any], member: str) -> object:
        """Return the value that this issuer's claims hold for one of ours (`CLAIM_NAMES`), or None."""
        return claims.get(self.claims.get(member, member))

    def role(self, word: object) -> object:
        """Return our word for the issuer's word for a role; words not mapped come back as they are."""
        return self.roles.get(word, word) if isinstance(word, str) else word


def load_outside_issuers(
    path: Path,
    fetch_from: Callable[[frozenset[str]], Fetch],
    clock: Clock,
    known_roles: frozenset[RoleWord] = BUILT_IN_ROLES,
) -> list[TrustedIssuer]:
    """Read the file of outside issuers; raise InvalidConfiguration with every problem.

    `fetch_from` is `adapters.http.key_set_fetch`, which keeps to a list of hosts.
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InvalidConfiguration([f"the file of issuers cannot be read ({error.strerror})"]) from None
    except msgspec.DecodeError:
        raise InvalidConfiguration(["the file of issuers is not JSON"]) from None
    entries = document.get("issuers") if isinstance(document, dict) else None
    hosts = document.get("hosts") if isinstance(document, dict) else None
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise InvalidConfiguration(["the file of issuers has no list `hosts` of names"])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidConfiguration(["the file of issuers has no list `issuers` of objects"])
    problems = [
        f"issuers[{position}]: {problem}"
        for position, entry in enumerate(entries)
        for problem in _problems(entry, frozenset(hosts), known_roles)
    ]
    for member in ("name", "issuer"):
        if len({str(entry.get(member)) for entry in entries}) < len(entries):
            problems.append(f"two issuers have the same `{member}`")
    if problems:
        raise InvalidConfiguration(problems)
    fetch = fetch_from(frozenset(hosts))
    return [
        TrustedIssuer(
            url=entry["issuer"],
            algorithms=tuple(entry["algorithms"]),
            keys=FetchedKeys(entry["jwks_url"], fetch, clock),
            name=entry["name"],
            claims=entry.get("claims", {}),
            roles=entry.get("roles", {}),
        )
        for entry in entries
    ]


def _problems(entry: Mapping[str, Any], hosts: frozenset[str], known_roles: frozenset[RoleWord]) -> list[str]:
    algorithms, claims, roles = entry.get("algorithms"), entry.get("claims", {}), entry.get("roles", {})
    checks = {
        "`name` is 1 to 64 characters": isinstance(entry.get("name"), str) and 0 < len(entry["name"]) <= 64,
        "`issuer` is an https address": _is_https(entry.get("issuer")),
        "`jwks_url` is an https address on one of the hosts": _is_https(entry.get("jwks_url"))
        and urlsplit(entry["jwks_url"]).hostname in hosts,
        "`algorithms` is a list of accepted algorithms": isinstance(algorithms, list)
        and bool(algorithms)
        and all(isinstance(name, str) and name in SIGNATURE_ALGORITHMS for name in algorithms),
        "`claims` maps our names to names of claims": isinstance(claims, dict)
        and claims.keys() <= CLAIM_NAMES
        and all(isinstance(name, str) for name in claims.values()),
        "`roles` maps words to our roles": isinstance(roles, dict)
        and all(isinstance(role, str) and role in known_roles for role in roles.values()),
    }
    known = {"name", "issuer", "jwks_url", "algorithms", "claims", "roles"}
    unknown = [f"`{member}` is not a member of an issuer" for member in sorted(entry.keys() - known)]
    return [rule for rule, holds in checks.items() if not holds] + unknown


def _is_https(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not parts.fragment and parts.username is None
