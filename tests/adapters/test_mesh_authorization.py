"""The NHSMESH header: a known answer, and never the same header twice."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mesh_authorization import Authorization, Credentials, token

OURS = Credentials("ZZ1OT001", "password", "TestKey")
MOMENT = datetime(2026, 11, 28, 9, 5, 59, tzinfo=UTC)


def test_the_header_is_made_as_the_rules_say():
    made = token(OURS, "nonce-1", 7, MOMENT)
    text = b"ZZ1OT001:nonce-1:7:password:202611280905"
    assert made == f"NHSMESH ZZ1OT001:nonce-1:7:202611280905:{hmac.new(b'TestKey', text, hashlib.sha256).hexdigest()}"


def test_a_known_answer():
    # worked out once with openssl: printf ... | openssl dgst -sha256 -hmac TestKey
    digest = token(OURS, "nonce-1", 7, MOMENT).rpartition(":")[2]
    assert digest == "c1112d04b3bb4d27fefbb905c8feee340a09c53704cd6661c00990dc389d118e"


def test_the_time_is_utc_whatever_zone_the_clock_has():
    other = MOMENT.astimezone(timezone(timedelta(hours=5)))
    assert token(OURS, "n", 1, other) == token(OURS, "n", 1, MOMENT)


def test_no_header_is_used_twice_in_one_process_or_in_two():
    made = [maker.header() for maker in (Authorization(OURS, lambda: MOMENT) for _ in range(3)) for _ in range(5)]
    assert len({tuple(header.split(":")[1:3]) for header in made}) == 15


def test_the_time_of_a_header_is_that_of_the_try():
    now = [MOMENT]
    maker = Authorization(OURS, lambda: now[0])
    maker.header()
    now[0] += timedelta(hours=3)
    assert ":202611281205:" in maker.header()


PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(PLAIN, PLAIN)
def test_a_header_is_one_line_whatever_the_secrets_hold(password, key):
    made = token(Credentials("ZZ1OT001", password, key), "n", 1, MOMENT)
    assert made.isascii()
    assert made.isprintable()
    assert made.count(":") == 4


@pytest.mark.parametrize("secret", ["", "p\nq", "päss", "two words", "p\x00"])
def test_a_secret_that_fits_no_header_is_refused_and_not_repeated(secret):
    for pair in ((secret, "TestKey"), ("password", secret)):
        with pytest.raises(ValueError, match=r"^a password and a shared key are ASCII without spaces$"):
            Credentials("ZZ1OT001", *pair)


@pytest.mark.parametrize("mailbox", ["zz1ot001", "", "ZZ1:OT001", "ZZ1/../2", "ZZ1 OT001"])
def test_a_mailbox_is_capital_letters_and_digits(mailbox):
    with pytest.raises(ValueError, match="capital letters"):
        Credentials(mailbox, "password", "TestKey")


def test_no_secret_is_in_a_repr():
    assert "password=" not in repr(OURS)
    assert "TestKey" not in repr(OURS)
