"""The `settings` of a partner of kind `gp-connect`, judged whole, and the adapter that they describe.

Whose practice it is, is asked of PDS by the same application as in a description of kind `pds`; where its system is, of
the Spine Directory Service. Both and the Spine Secure Proxy belong to one environment: integration and live are apart.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import msgspec

from adapters.gp_connect import GpConnect
from adapters.http import HttpClient, strict_tls
from adapters.mapping import IDENTITY, Mapping, load_mapping
from adapters.partners import Partner
from adapters.pds_partner import PdsSettings, pds_of
from adapters.platform_auth import problems_of
from adapters.sds import SpineDirectory
from adapters.settings import read_settings
from adapters.sign_in import address_problems
from adapters.spine_jwt import AskingPerson, AuditToken
from adapters.surroundings import Surroundings
from fhir_profiles.identifiers import is_ods_code
from security.errors import InvalidConfiguration, KeysRefused
from security.key_file import read_private

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of one person's structured record."""
MODEL, VERSION = "epaccs", "1"
"""By what a practice's audit knows our system."""
_ASID = re.compile(r"[0-9]{12}")
_KEY = re.compile(r"[\x21-\x7e]{8,128}")


class Directory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The Spine Directory Service: its FHIR base, and the file with our API key."""

    base: str
    api_key_file: str


class GpConnectSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a description of kind `gp-connect` says beyond what every description says.

    `practice` is the practice's ODS code. `proxy` is the Spine Secure Proxy; `asid` our own accredited system's number,
    `organisation` and `organisation_name` ours. `person` is the clinician on whose behalf it is asked. Certificate and
    key are ours for mutual TLS with the proxy.
    """

    practice: str
    proxy: str
    asid: str
    organisation: str
    organisation_name: str
    person: AskingPerson
    certificate_file: str
    key_file: str
    directory: Directory
    pds: PdsSettings
    ca_file: str = ""


class GpConnectKind:
    """The kind `gp-connect` (docs/nhs-gp-connect.md)."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description, its files and its mapping."""
        try:
            settings = read_settings(partner, GpConnectSettings)
        except ValueError as error:
            return [str(error)]
        return [*_judged(partner, settings), *_tls(partner, settings), *_mapping(partner)]

    def adapter(self, partner: Partner, surroundings: Surroundings) -> GpConnect:
        """Return the adapter. Make it inside the running loop. Raise InvalidConfiguration for plain http outside a
        sandbox."""
        settings = read_settings(partner, GpConnectSettings)
        addresses = (settings.proxy, settings.directory.base, settings.pds.base, settings.pds.auth.token_url)
        if not surroundings.private_addresses and any(one.startswith("http://") for one in addresses):
            raise InvalidConfiguration([f"{partner.name}: plain http is for a sandbox only"])
        within, pds = partner.description.limits.timeout, pds_of(partner, settings.pds, surroundings)

        async def practice_of(nhs_number: str) -> str:
            return (await pds.person(nhs_number)).gp_ods

        token = AuditToken(
            surroundings.fhir_base,
            settings.organisation,
            settings.organisation_name,
            MODEL,
            VERSION,
            settings.person,
            surroundings.clock,
        )
        return GpConnect(
            HttpClient(tls=_context(partner, settings), max_answer=MAX_ANSWER),
            SpineDirectory(
                HttpClient(tls=_plain(partner, settings)),
                settings.directory.base,
                _api_key(partner, settings),
                surroundings.clock,
                within,
            ),
            settings.practice,
            practice_of,
            settings.proxy,
            settings.asid,
            token,
            _dialect(partner),
            within,
            pds.close,
        )


def _judged(partner: Partner, settings: GpConnectSettings) -> Iterator[str]:
    description = partner.description
    checks = {
        "it `gets` and `sends`: a change of somebody is when it is asked, and what it has is taken in": description.gets
        and description.sends,
        "`people` is `related`: it is one practice, asked for its own patients": description.people == "related",
        "`person` is not for this kind": not description.person,
        "`settings.practice` is an ODS code": is_ods_code(settings.practice),
        "`settings.organisation` is an ODS code": is_ods_code(settings.organisation),
        "`settings.organisation_name` is missing": bool(settings.organisation_name.strip()),
        "`settings.asid` has twelve digits": _ASID.fullmatch(settings.asid) is not None,
        "`settings.person` has a family and a given name": bool(settings.person.family and settings.person.given),
    }
    yield from (rule for rule, holds in checks.items() if not holds)
    yield from address_problems("settings.proxy", settings.proxy)
    yield from address_problems("settings.directory.base", settings.directory.base)
    yield from address_problems("settings.pds.base", settings.pds.base)
    yield from (f"`settings.pds.auth`: {one}" for one in problems_of(settings.pds.auth, partner.file))
    try:
        _api_key(partner, settings)
    except (InvalidConfiguration, KeysRefused) as error:
        yield f"`settings.directory.api_key_file`: {error}"


def _tls(partner: Partner, settings: GpConnectSettings) -> Iterator[str]:
    try:
        read_private(partner.file(settings.key_file))
        _context(partner, settings)
    except KeysRefused as error:
        yield f"`settings.key_file`: {error}"
    except (OSError, ssl.SSLError):
        yield "`settings.ca_file`, `certificate_file` and `key_file` are PEM files that belong together"


def _mapping(partner: Partner) -> Iterator[str]:
    try:
        _dialect(partner)
    except InvalidConfiguration as error:
        yield from (f"`mapping`: {problem}" for problem in error.problems)


def _dialect(partner: Partner) -> Mapping:
    name = partner.description.mapping
    return load_mapping(partner.file(name)) if name else IDENTITY


def _plain(partner: Partner, settings: GpConnectSettings) -> ssl.SSLContext:
    return strict_tls(str(partner.file(settings.ca_file)) if settings.ca_file else None)


def _context(partner: Partner, settings: GpConnectSettings) -> ssl.SSLContext:
    """Return the TLS with our certificate; raise OSError for files that do not belong together."""
    context = _plain(partner, settings)
    context.load_cert_chain(partner.file(settings.certificate_file), partner.file(settings.key_file))
    return context


def _api_key(partner: Partner, settings: GpConnectSettings) -> str:
    found = read_private(partner.file(settings.directory.api_key_file)).decode("ascii", "replace").strip()
    if _KEY.fullmatch(found) is None:
        raise InvalidConfiguration(["holds one line, the API key"])
    return found
