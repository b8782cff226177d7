"""How we sign in at the NHS API platform, as a partner's `settings` describe it: application- or user-restricted.

Source: the platform's guides for signed JWT authentication (RS512, at most five minutes) and for NHS CIS2 separate
authentication with token exchange. Keys of the integration and the production environment are never the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from joserfc import jwk
from joserfc.errors import JoseError

from adapters.sign_in import address_problems
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.client_assertion import ClientAssertion, SmartBackendAuth, UserRestrictedAuth
from security.clock import Clock
from security.errors import InvalidConfiguration, KeysRefused
from security.key_file import read_private

ALGORITHM = "RS512"
_SMALLEST_KEY = 2048
_API_KEY = re.compile(r"[\x21-\x7e]{8,128}")

File = Callable[[str], Path]
"""Finds a file that a description names (`Partner.file`)."""


class PlatformAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Our application at the platform. `token_url` is exact, without a `/` at its end: it is what we sign for.

    `api_key_file` holds the application's API key; `key_file` its private RSA key, PEM or JWK; `kid` is that key's id
    in the JWK Set that is registered there. `user_restricted`: access is a clinician's, by their NHS CIS2 sign-in.
    """

    token_url: str
    api_key_file: str
    key_file: str
    kid: str
    user_restricted: bool = False


def problems_of(settings: PlatformAuth, file: File) -> Iterator[str]:
    """Yield what is wrong with the settings and the files that they name; none of it repeats a secret."""
    yield from address_problems("token_url", settings.token_url)
    if not settings.kid:
        yield "`kid` is missing, by which the platform knows our key"
    for name, read in (("api_key_file", _api_key), ("key_file", _key)):
        try:
            read(settings, file)
        except (InvalidConfiguration, KeysRefused) as error:
            yield f"`{name}`: {error}"


def application_auth(settings: PlatformAuth, file: File, clock: Clock) -> SmartBackendAuth:
    """Return what signs requests of our application, nobody named. Share one among all tasks of a process."""
    return SmartBackendAuth(assertion_of(settings, file, clock), None, clock)


def user_auth(
    settings: PlatformAuth, file: File, clock: Clock, id_token: Callable[[], str], role_profile: str = ""
) -> UserRestrictedAuth:
    """Return what signs requests of one clinician who is present; raise InvalidConfiguration where it is not set."""
    if not settings.user_restricted:
        raise InvalidConfiguration(["`user_restricted` is not set: nobody's sign-in is exchanged"])
    return UserRestrictedAuth(assertion_of(settings, file, clock), id_token, clock, role_profile)


def assertion_of(settings: PlatformAuth, file: File, clock: Clock) -> ClientAssertion:
    """Return what makes our signed JWTs; raise InvalidConfiguration or KeysRefused."""
    return ClientAssertion(
        client_id=_api_key(settings, file),
        audience=settings.token_url,
        key=_key(settings, file),
        key_id=settings.kid,
        algorithm=ALGORITHM,
        clock=clock,
    )


def _api_key(settings: PlatformAuth, file: File) -> str:
    found = read_private(file(settings.api_key_file)).decode("ascii", "replace").strip()
    if _API_KEY.fullmatch(found) is None:
        raise InvalidConfiguration(["holds one line, the API key"])
    return found


def _key(settings: PlatformAuth, file: File) -> jwk.RSAKey:
    content = read_private(file(settings.key_file))
    try:
        key = jwk.RSAKey.import_key(content if content.lstrip().startswith(b"-----") else decode(content))
    except (InvalidJson, JoseError, KeyError, TypeError, ValueError):
        raise InvalidConfiguration(["is no RSA key, PEM or JWK"]) from None
    if not key.is_private or key.private_key is None or key.private_key.key_size < _SMALLEST_KEY:
        raise InvalidConfiguration([f"is not a private RSA key of {_SMALLEST_KEY} bits or more"])
    if key.get("alg") not in (None, ALGORITHM):
        raise InvalidConfiguration([f"is a key for another algorithm than {ALGORITHM}"])
    return key
