"""The `settings` of a partner of kind `fhir`, judged whole; and the client that they describe."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapters.fhir_rest import FhirClient
from adapters.http import HttpClient, strict_tls
from adapters.mapping import IDENTITY, load_mapping
from adapters.mapping import Mapping as Dialect
from adapters.partners import Partner
from adapters.sign_in import Auth, address_problems, sign_in_problems, signature_of
from fhir_profiles.elements import is_resource_type
from security.clock import Clock
from security.errors import InvalidConfiguration, KeysRefused
from security.key_file import read_private


class FhirSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a description of kind `fhir` says beyond what every description says.

    `once` is how a create is made safe to repeat. `types` are read from the partner. `patients`: whether we may make a
    person known there. `clinicians`: whether practitioners and organisations are created there by themselves, in a
    transaction with the Patient, or only named where they are pointed at. `write_notes`: each change brings a
    Communication that says what it was. `say_why`: a deletion carries its reason in X-Provenance. `page` is how many
    resources are asked for at once; 0 leaves it to the server, for one that refuses `_count`.
    """

    base: str
    auth: Auth | None = None
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    once: str = "if-none-exist"
    types: tuple[str, ...] = ()
    patients: str = "find"
    clinicians: str = "name"
    write_notes: bool = False
    say_why: bool = False
    page: int = 100


def settings_of(partner: Partner) -> FhirSettings:
    """Return the settings of a partner without problems."""
    return msgspec.convert(partner.description.settings, FhirSettings)


def problems_of(partner: Partner) -> list[str]:
    """Return what is wrong with the settings and with the files that they name."""
    given = partner.description.settings
    found = list(_unknown("settings", given, FhirSettings))
    auth = given.get("auth")
    if isinstance(auth, dict):
        found += _unknown("settings.auth", auth, Auth)
        given = {**given, "auth": _known(auth, Auth)}
    try:
        settings = msgspec.convert(_known(given, FhirSettings), FhirSettings)
    except msgspec.ValidationError as error:
        return [*found, f"settings: {error}"]
    found += _judged(settings, partner)
    found += address_problems("settings.base", settings.base)
    found += sign_in_problems(partner, settings.auth) if settings.auth is not None else []
    found += _tls(partner, settings)
    found += _mapping(partner)
    return found


def dialect_of(partner: Partner) -> Dialect:
    """Return the partner's mapping; the identity when it names none."""
    name = partner.description.mapping
    return load_mapping(partner.file(name)) if name else IDENTITY


def client_of(partner: Partner, settings: FhirSettings, clock: Clock) -> tuple[HttpClient, FhirClient]:
    """Return the connections to a partner without problems, and the FHIR client that speaks through them."""
    auth, headers = signature_of(partner, settings.auth, clock) if settings.auth is not None else (None, {})
    http = HttpClient(auth=auth, tls=tls_of(partner, settings))
    return http, FhirClient(http, settings.base, headers, within=partner.description.limits.timeout)


def is_plain_http(settings: FhirSettings) -> bool:
    """Say whether anything would go without TLS."""
    urls = [settings.base, settings.auth.token_url if settings.auth is not None else ""]
    return any(url.startswith("http://") for url in urls)


def _judged(settings: FhirSettings, partner: Partner) -> Iterator[str]:
    checks = {
        "`settings.once` is `if-none-exist` or `idempotency-key`": settings.once
        in ("if-none-exist", "idempotency-key"),
        "`settings.patients` is `find` or `create`": settings.patients in ("find", "create"),
        "`settings.clinicians` is `name`, `create` or `with-patient`": settings.clinicians
        in ("name", "create", "with-patient"),
        "`settings.page` is 0 to 1000": 0 <= settings.page <= 1000,
        "a partner that `sends` names `settings.types`": bool(settings.types) or not partner.description.sends,
        "`settings.certificate_file` and `settings.key_file` stand together": bool(settings.certificate_file)
        == bool(settings.key_file),
    }
    yield from (rule for rule, holds in checks.items() if not holds)
    for word in settings.types:
        if not is_resource_type(word):
            yield f"`settings.types` names `{word}`, which is no resource type of this product"


def _tls(partner: Partner, settings: FhirSettings) -> Iterator[str]:
    if settings.key_file:
        try:
            read_private(partner.file(settings.key_file))
        except KeysRefused as error:
            yield f"`settings.key_file`: {error}"
            return
    for name in ("ca_file", "certificate_file"):
        if getattr(settings, name) and not partner.file(getattr(settings, name)).is_file():
            yield f"`settings.{name}`: there is no such file"
            return
    if not (settings.ca_file or settings.certificate_file):
        return
    try:
        tls_of(partner, settings)
    except (OSError, ssl.SSLError):
        yield "`settings.ca_file`, `certificate_file` and `key_file` are PEM files that belong together"


def _mapping(partner: Partner) -> Iterator[str]:
    try:
        dialect_of(partner)
    except InvalidConfiguration as error:
        yield from (f"`mapping`: {problem}" for problem in error.problems)


def tls_of(partner: Partner, settings: FhirSettings) -> ssl.SSLContext:
    """Return the TLS by which a partner is spoken to; raise OSError for files that do not belong together."""
    context = strict_tls(str(partner.file(settings.ca_file)) if settings.ca_file else None)
    if settings.certificate_file:
        context.load_cert_chain(partner.file(settings.certificate_file), partner.file(settings.key_file))
    return context


def _unknown(where: str, given: Mapping[str, Any], struct: type[msgspec.Struct]) -> Iterator[str]:
    yield from (f"`{where}.{name}` is not known" for name in given if name not in struct.__struct_fields__)


def _known(given: Mapping[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in struct.__struct_fields__}
