"""The `settings` of a partner of kind `nrl`, judged whole; and the connection to the National Record Locator's producer
API that they describe."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from uuid import uuid4

import msgspec

from adapters.http import HttpClient, strict_tls
from adapters.partners import Partner
from adapters.settings import read_settings
from adapters.sign_in import Auth, address_problems, sign_in_problems, signature_of
from fhir_profiles.identifiers import is_ods_code
from security.clock import Clock

POINTER_TYPES: Mapping[str, tuple[str, ...]] = {
    "736373009": ("End of life care plan",),
    "861421000000109": ("End of life care coordination summary",),
    "736366004": ("Advance care plan", "Advanced care plan"),
    "1382601000000107": ("ReSPECT (Recommended Summary Plan for Emergency Care and Treatment) form",),
    "735324008": ("Treatment escalation plan",),
    "887701000000100": ("Emergency health care plan",),
    "325691000000100": ("Contingency plan",),
    "2181441000000107": ("Personalised Care and Support Plan",),
}
"""The pointer types of NRL that a plan of ours can be, with their displays; the first is the current one. NRL compares
the display with its own list, and older lists have another."""
SPECIALIST_PALLIATIVE_CARE = {"code": "395092004", "display": "Specialist palliative care"}
MAX_ANSWER = 4 * 1024 * 1024
_ASID = re.compile(r"[0-9]{12}")
_SNOMED = re.compile(r"[1-9][0-9]{5,17}")
_ADDRESS = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~-]+)*")
_TEN_DIGITS = re.compile(r"[0-9]{10}")


class PlatformAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How we sign in to the NHS API platform: always RS512. `client_id` is the API key of the environment; the private
    JWK in `key_file` has the `kid` that is registered there."""

    token_url: str
    client_id: str
    key_file: str
    scope: str | None = None

    @property
    def auth(self) -> Auth:
        """The same in the words of every partner."""
        return Auth(
            token_url=self.token_url,
            client_id=self.client_id,
            key_file=self.key_file,
            algorithm="RS512",
            scope=self.scope,
        )


class PracticeSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which clinical setting the plan was made: a SNOMED CT code of NRL's list, with its display."""

    code: str = SPECIALIST_PALLIATIVE_CARE["code"]
    display: str = SPECIALIST_PALLIATIVE_CARE["display"]


class NrlSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a description of kind `nrl` says beyond what every description says.

    `base` is the producer API. `organisation` is the ODS code that owns the pointers (custodian, and the header of each
    request); `author` who wrote the plan, '' for the same. `asid` is the Spine ASID of the system that answers for the
    plan, and `address` where it does: host and path of `ssp://` addresses, without scheme. `type` is the SNOMED CT code
    of the pointers, `type_display` its display where it is an older one. `retrieval`: pointers say how the plan is
    retrieved, which the schema of 2024 refuses. `ca_file` names the only authorities believed, '' the system's.
    """

    base: str
    auth: PlatformAuth
    organisation: str
    asid: str
    address: str
    author: str = ""
    type: str = "736373009"
    type_display: str = ""
    practice_setting: PracticeSetting = PracticeSetting()
    retrieval: bool = True
    ca_file: str = ""

    @property
    def display(self) -> str:
        """The display of the pointers' type."""
        return self.type_display or POINTER_TYPES[self.type][0]


def settings_of(partner: Partner) -> NrlSettings:
    """Return the settings of a partner without problems."""
    return read_settings(partner, NrlSettings)


def problems_of(partner: Partner) -> Iterator[str]:
    """Yield what is wrong with a description of this kind and the files that it names."""
    one = partner.description
    if one.sends:
        yield "`sends` is false: NRL tells a producer nothing"
    if one.mapping:
        yield "`mapping` is not for this kind"
    try:
        settings = settings_of(partner)
    except ValueError as error:
        yield str(error)
        return
    yield from (rule for rule, holds in _checks(settings).items() if not holds)
    yield from address_problems("settings.base", settings.base)
    yield from sign_in_problems(partner, settings.auth.auth)
    if settings.ca_file:
        try:
            strict_tls(str(partner.file(settings.ca_file)))
        except OSError:  # ssl.SSLError is one
            yield "`settings.ca_file` is a PEM file of certificates"


def connection_of(partner: Partner, settings: NrlSettings, clock: Clock) -> HttpClient:
    """Return the connections to NRL, signed in; make them inside the running loop."""
    auth, _ = signature_of(partner, settings.auth.auth, clock, {"X-Request-ID": request_id})
    tls = strict_tls(str(partner.file(settings.ca_file)) if settings.ca_file else None)
    return HttpClient(auth=auth, tls=tls, max_answer=MAX_ANSWER)


def request_id() -> str:
    """Return a new X-Request-ID: each attempt has one of its own, also that with a new token after a 401."""
    return str(uuid4())


def is_plain_http(settings: NrlSettings) -> bool:
    """Say whether anything would go without TLS."""
    return any(url.startswith("http://") for url in (settings.base, settings.auth.token_url))


def _checks(settings: NrlSettings) -> Mapping[str, bool]:
    practice = settings.practice_setting
    return {
        "`settings.organisation` is an ODS code": is_ods_code(settings.organisation),
        "`settings.author` is an ODS code": not settings.author or is_ods_code(settings.author),
        "`settings.asid` is 12 digits": _ASID.fullmatch(settings.asid) is not None,
        # NRL's rules: no scheme (so no proxy's either), nothing percent-encoded, nothing that identifies anybody
        "`settings.address` is a lower-case host and a path, without scheme, query or `/` at its end": bool(
            _ADDRESS.fullmatch(settings.address)
        ),
        "`settings.address` holds no ten digits in a row, which read like an NHS number": _TEN_DIGITS.search(
            settings.address
        )
        is None,
        f"`settings.type` is one of {', '.join(POINTER_TYPES)}": settings.type in POINTER_TYPES,
        "`settings.type_display` is a display of the type": not settings.type_display
        or settings.type_display in POINTER_TYPES.get(settings.type, ()),
        "`settings.practice_setting` is a SNOMED CT code and its display": _SNOMED.fullmatch(practice.code) is not None
        and 0 < len(practice.display) <= 200
        and practice.display.isprintable(),
    }
