"""How we sign in to a partner over HTTP, as its description says: judged whole, and the signature that it describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

import msgspec
from joserfc import jwk
from joserfc.errors import JoseError

from adapters.partners import Partner
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.client_assertion import ClientAssertion, SmartBackendAuth
from security.clock import Clock
from security.errors import InvalidConfiguration, KeysRefused
from security.key_file import read_private

ALGORITHMS = ("ES256", "ES384", "PS256", "RS384", "RS512")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How we sign in: SMART Backend Services with a private JWK, or one header that a file holds (`Name: value`)."""

    token_url: str = ""
    client_id: str = ""
    key_file: str = ""
    algorithm: str = "ES384"
    scope: str | None = None
    header_file: str = ""


def address_problems(where: str, url: str) -> Iterator[str]:
    """Yield what is wrong with an address that we send to, a setting named `where`."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield f"`{where}` is not an address"
        return
    if parts.scheme not in ("https", "http") or not host:
        yield f"`{where}` is an https address"
    elif parts.scheme == "http" and host not in _LOOPBACK:
        yield f"`{where}` is https; plain http is for a sandbox on this machine"
    if parts.query or parts.fragment or parts.username or url.endswith("/"):
        yield f"`{where}` has no `/` at its end, no query and no user in it"


def sign_in_problems(partner: Partner, auth: Auth) -> Iterator[str]:
    """Yield what is wrong with `settings.auth` and the files that it names."""
    if auth.header_file:
        if auth.token_url or auth.client_id or auth.key_file:
            yield "`settings.auth` has `header_file` or the members of a token endpoint, not both"
        try:
            _header(partner, auth)
        except (InvalidConfiguration, KeysRefused) as error:
            yield f"`settings.auth.header_file`: {error}"
        return
    for name in ("token_url", "client_id", "key_file"):
        if not getattr(auth, name):
            yield f"`settings.auth.{name}` is missing"
    if auth.token_url:
        yield from address_problems("settings.auth.token_url", auth.token_url)
    if auth.algorithm not in ALGORITHMS:
        yield f"`settings.auth.algorithm` is one of {', '.join(ALGORITHMS)}"
    if auth.key_file:
        try:
            _key(partner, auth)
        except (InvalidConfiguration, KeysRefused) as error:
            yield f"`settings.auth.key_file`: {error}"


def signature_of(
    partner: Partner, auth: Auth, clock: Clock, anew: Mapping[str, Callable[[], str]] | None = None
) -> tuple[SmartBackendAuth | None, Mapping[str, str]]:
    """Return what signs each request, or None, and the headers that each carries, of an `auth` without problems.

    `anew` are headers that what signs makes for each sending.
    """
    if auth.header_file:
        return None, dict([_header(partner, auth)])
    key = _key(partner, auth)
    assertion = ClientAssertion(
        client_id=auth.client_id,
        audience=auth.token_url,
        key=key,
        key_id=str(key.kid),
        algorithm=auth.algorithm,
        clock=clock,
    )
    return SmartBackendAuth(assertion, auth.scope, clock, anew), {}


def _key(partner: Partner, auth: Auth) -> jwk.Key:
    try:
        key = jwk.import_key(decode(read_private(partner.file(auth.key_file))))
    except (InvalidJson, JoseError, KeyError, ValueError):
        raise InvalidConfiguration(["is not a private JWK"]) from None
    if not isinstance(key, jwk.ECKey | jwk.RSAKey) or not key.is_private:
        raise InvalidConfiguration(["is not a private EC or RSA key"])
    if isinstance(key, jwk.ECKey) != auth.algorithm.startswith("ES"):
        raise InvalidConfiguration([f"is a key of another kind than {auth.algorithm} signs with"])
    if not key.kid:
        raise InvalidConfiguration(["has no `kid`, by which the partner knows the key"])
    return key


def _header(partner: Partner, auth: Auth) -> tuple[str, str]:
    text = read_private(partner.file(auth.header_file)).decode("ascii", "replace").strip()
    name, colon, value = text.partition(":")
    if not (colon and name.replace("-", "").isalnum() and value.strip() and text.isprintable() and text.isascii()):
        raise InvalidConfiguration(["holds one line `Name: value`"])
    return name, value.strip()
