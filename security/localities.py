"""The policies of one deployment: its own, and one for each locality that differs (sharing rules 1, "which policy").

One service may serve several localities whose Caldicott Guardians signed different cells. A record is governed by the
policy of the person's place of care; where no locality has that place, by the deployment's own. What a request may ask
for at all (steps 1 to 4) is judged by the deployment's own policy, before anything is looked up, so that a 403 tells
nothing of a person (I4): a locality can be stricter there, never wider.

A locality's file is JSON: `id`, `version`, `locality` (`Locality`), and `changes`, a JSON merge patch (RFC 7396) of the
deployment's policy. The hash is that of the policy that results, so that it changes with either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from security.access_policy import BASE_POLICY, AccessPolicy, parse
from security.errors import InvalidPolicy
from security.principal import RoleWord

_MEMBERS = frozenset({"id", "version", "locality", "changes"})
_CHANGEABLE = frozenset({"sign_off", "matrix", "allowed", "settings", "gates", "writes", "texts"})


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies in force. `base` is the deployment's own."""

    base: AccessPolicy
    localities: tuple[AccessPolicy, ...] = ()
    _by_place: Mapping[str, AccessPolicy] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, base: AccessPolicy, localities: Iterable[AccessPolicy] = ()) -> Policies:
        """Return policies by their places. Raise InvalidPolicy when two localities have the same one."""
        named = tuple(localities)
        by_place: dict[str, AccessPolicy] = {}
        problems = []
        for policy in named:
            for place in sorted(policy.locality.places):
                other = by_place.setdefault(place, policy)
                if other is not policy:
                    problems.append(f"{place} lies in {other.locality.name} and in {policy.locality.name}")
        if problems:
            raise InvalidPolicy(problems)
        return cls(base, named, by_place)

    def governing(self, places: Iterable[str]) -> AccessPolicy:
        """Return the policy of a person's places of care (ODS codes), the first that a locality has deciding."""
        if self._by_place:
            for place in places:
                if (policy := self._by_place.get(place)) is not None:
                    return policy
        return self.base

    @property
    def roles(self) -> frozenset[RoleWord]:
        """Every role of this deployment."""
        return self.base.roles


def load_policies(base: Path | None = None, localities: Path | None = None) -> Policies:
    """Read the deployment's policy (None: the one shipped) and every `*.json` of a folder of localities.

    Raises:
        InvalidPolicy: with every problem of the first file that has one, named.

    """
    body = _read(base or BASE_POLICY)
    own = parse(body)
    if localities is None:
        return Policies.of(own)
    if not localities.is_dir():
        raise InvalidPolicy(["the folder of localities' policies is not there"])
    found = []
    for path in sorted(localities.glob("*.json")):
        try:
            found.append(_of_locality(msgspec.json.decode(body), _read(path)))
        except InvalidPolicy as invalid:
            raise InvalidPolicy([f"{path.name}: {problem}" for problem in invalid.problems]) from None
    return Policies.of(own, found)


def _of_locality(base: dict[str, Any], body: bytes) -> AccessPolicy:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidPolicy([str(error)]) from error
    if not isinstance(document, dict) or set(document) != _MEMBERS or not isinstance(document["changes"], dict):
        raise InvalidPolicy([f"a locality's policy has exactly {', '.join(sorted(_MEMBERS))}; changes is an object"])
    if beyond := sorted(set(document["changes"]) - _CHANGEABLE):
        raise InvalidPolicy([f"changes: {name} is the deployment's to say" for name in beyond])
    if not isinstance(document["locality"], dict) or not document["locality"].get("places"):
        raise InvalidPolicy(["locality: it needs `places`, else it governs nobody"])
    whole = _merged(base, document["changes"])
    whole |= {member: document[member] for member in ("id", "version", "locality")}
    return parse(msgspec.json.encode(whole))


def _merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidPolicy([f"the policy file cannot be read: {error.strerror}"]) from error
