"""What is no person's record opens only as the kind and id it was sealed as."""

from __future__ import annotations

import pytest

from security.errors import KeyUnavailable, SealBroken
from security.keys import Secrets
from security.service_seal import ServiceSeal

SERVICE = Secrets(bytes(range(32)))


def test_service_seal_opens_only_its_own_kind_id_and_tenant():
    seal = ServiceSeal(SERVICE, "ZZ-tenant")
    sealed = seal.seal("idempotent-answer", b"key 1", b"201 Created")
    assert seal.open("idempotent-answer", b"key 1", sealed) == b"201 Created"
    for other, kind, id_ in (
        (seal, "refused-text", b"key 1"),
        (seal, "idempotent-answer", b"key 2"),
        (ServiceSeal(SERVICE, "ZZ-other"), "idempotent-answer", b"key 1"),
    ):
        with pytest.raises(SealBroken):
            other.open(kind, id_, sealed)
    with pytest.raises(KeyUnavailable):
        ServiceSeal(Secrets(bytes(32)), "ZZ-tenant").open("idempotent-answer", b"key 1", sealed)
    with pytest.raises(SealBroken):
        seal.open("idempotent-answer", b"key 1", sealed[:-1])


def test_service_seal_opens_what_an_earlier_key_sealed():
    sealed = ServiceSeal(SERVICE, "ZZ-tenant").seal("kind", b"id", b"text")
    rotated = ServiceSeal(Secrets(b"n" * 32, (SERVICE.active,)), "ZZ-tenant")
    assert rotated.open("kind", b"id", sealed) == b"text"
