"""What somebody typed when their sign-in ended: it travels through the sign-in page, sealed, to the same person only.

Guarantees: nobody else who signs in on that device gets to see it, for it is bound to whoever the page was drawn for
that it was typed into; each form names that person, sealed. Where that cannot be told, nothing is kept. Does not: keep
anything here, or stop whoever holds both the device and that person's sign-in.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

import msgspec

from security.errors import SecurityError
from security.seal import BUCKET
from security.service_seal import ServiceSeal
from service.web.forms import Form

_DRAFT, _TYPIST = "page-draft", "page-typist"
_ID = b"form"
_BUCKET = 64
"""What names a person in each form of a page is padded to no more."""


class Draft(msgspec.Struct, array_like=True, frozen=True):
    """What was typed: by whom (the sign-in's own key of them), on which page, into which fields."""

    person: str
    path: str
    fields: dict[str, str]

    @classmethod
    def of(cls, seal: ServiceSeal, form: Form, path: str, names: Iterable[str]) -> Draft | None:
        """Return what a form brings in fields of these names; None for nothing, or when nobody knows whose it is."""
        person = typed_by(seal, form)
        fields = {name: text for name in names if (text := form.text(name))}
        return cls(person, path, fields) if person and fields else None

    def sealed(self, seal: ServiceSeal) -> str:
        """Return the draft as a field of the sign-in page."""
        return _seal(seal, _DRAFT, msgspec.msgpack.encode(self), BUCKET)

    @classmethod
    def opened(cls, seal: ServiceSeal, text: str) -> Draft | None:
        """Return the draft of such a field; None for none, or one that is not ours."""
        plaintext = _open(seal, _DRAFT, text)
        return msgspec.msgpack.decode(plaintext, type=cls) if plaintext else None


def typist(seal: ServiceSeal, person: str) -> str:
    """Return what a form carries to say whom it was drawn for."""
    return _seal(seal, _TYPIST, person.encode(), _BUCKET)


def typed_by(seal: ServiceSeal, form: Form) -> str:
    """Return whom a form was drawn for, as the sign-in's own key of them; empty where it does not say."""
    return _open(seal, _TYPIST, form.text("by")).decode()


def _seal(seal: ServiceSeal, kind: str, plaintext: bytes, bucket: int) -> str:
    return urlsafe_b64encode(seal.seal(kind, _ID, plaintext, bucket)).decode()


def _open(seal: ServiceSeal, kind: str, text: str) -> bytes:
    try:
        sealed = urlsafe_b64decode(text)
        return seal.open(kind, _ID, sealed) if sealed else b""
    except (SecurityError, ValueError):
        return b""
