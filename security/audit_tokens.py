"""Blind look-up tokens of audit entries: how a person's log is found in an audit that names nobody.

Every entry carries the same number of tokens: of the record it is about, of the organisation that asked, of the one
that holds the record, and of what it still owes (an alert, a notice); random ones stand where one does not apply.
So their number says nothing of an entry.

Guarantees, against whoever holds the database but not the index key: a token does not show what it stands for. Equal
tokens do say that two entries share something; so each is made of a span of time and of one of many places, which the
entry's own sealed bytes pick (they are as good as random). `docs/security.md` says how large the groups are that are
left. A token only points: whoever looks compares the opened entry.

Does not: need to be kept secret from the verifier. Whoever has the keys can make the tokens of an entry again
(`made`), which is how `epaccs verify` notices one that was blanked to hide an access.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b

from security.audit import AuditEntry
from security.blind_index import TOKEN_BYTES, BlindIndex
from security.decision import Obligation

TOKENS_FORM = 1
"""What entries with these tokens say in `found_by`."""
PER_ENTRY = 4
"""Tokens of every entry."""
_OF, _BY, _OWES = "audit-of", "audit-by", "audit-owes"
_PLACES = {_OF: 256, _BY: 256, _OWES: 8}
"""Over how many places entries are spread: those of one record and month, of one organisation and day, and those of one
hour that owe something.
"""
_NUMBER = [bytes((place,)) for place in range(256)]
EMERGENCY = "$emergency-summary"
PROTECTED_RULE = "2.6"


class Owes(StrEnum):
    """What has to follow an entry, and is found and done by `service.record.owed`."""

    ALERT = "alert"
    """An alert to the privacy officer of whoever asked (6); after emergency access a notice as well."""
    NOTICE = "notice"
    """A notice to the person that their plan was read in an emergency."""


def owed_by(entry: AuditEntry) -> Owes | None:
    """Return what an entry still owes when it is written.

    An alert: claimed relationships and emergency access, given or not (`notify_privacy_officer`), and whoever was
    refused a person whose whereabouts are protected. A notice: an emergency answer about a person.
    """
    if Obligation.NOTIFY_PRIVACY_OFFICER in entry.obligations:
        return Owes.ALERT
    if not entry.permitted:
        return Owes.ALERT if entry.rule == PROTECTED_RULE else None
    if entry.interaction == EMERGENCY and entry.patient:
        return Owes.NOTICE
    return None


def made(index: BlindIndex, entry: AuditEntry, sealed: bytes) -> frozenset[bytes]:
    """Return the tokens that an entry has of its own, without those that fill up."""
    time, place = entry.time, sealed[-1]
    found = []
    if entry.record:
        found.append(_at(_group(index, _OF, entry.record, time[:7]), place))
    if entry.organisation:
        found.append(_at(_group(index, _BY, entry.organisation, time[:10]), place))
    if entry.holder and entry.holder != entry.organisation:
        found.append(_at(_group(index, _BY, entry.holder, time[:10]), place))
    owed = owed_by(entry)
    if owed is not None:
        found.append(_at(_group(index, _OWES, owed, time[:13]), place % _PLACES[_OWES]))
    return frozenset(found)


@lru_cache(maxsize=1 << 14)
def _group(index: BlindIndex, field: str, whose: str, span: str) -> bytes:
    """Return what the tokens of one group are made from: secret, and the same for all its entries, so it is kept."""
    return index.token(field, f"{whose}|{span}")


def _at(group: bytes, place: int) -> bytes:
    """Return the token of one place of a group. Whoever has a token of it can find neither the group nor another."""
    # A secret in front of one more byte makes a keyed hash; of those at hand BLAKE2b takes half as long as others.
    return blake2b(group + _NUMBER[place], digest_size=TOKEN_BYTES).digest()


def _places(index: BlindIndex, field: str, whose: str, span: str) -> list[bytes]:
    group = _group(index, field, whose, span)
    return [_at(group, place) for place in range(_PLACES[field])]


def tokens_of(index: BlindIndex, entry: AuditEntry, sealed: bytes) -> bytes:
    """Return what is stored beside an entry: its tokens and what fills up, one after the other, in order of value."""
    found = [*made(index, entry, sealed)]
    if missing := PER_ENTRY - len(found):
        random = os.urandom(missing * TOKEN_BYTES)
        found += [random[start : start + TOKEN_BYTES] for start in range(0, len(random), TOKEN_BYTES)]
    found.sort()
    return b"".join(found)


def split(tokens: bytes) -> list[bytes]:
    """Undo the joining of `tokens_of`."""
    return [tokens[start : start + TOKEN_BYTES] for start in range(0, len(tokens), TOKEN_BYTES)]


def of_record(index: BlindIndex, record: str, month: str) -> list[bytes]:
    """Return the tokens by which entries about a record (its id in hexadecimal) of a month (`2026-11`) are found."""
    return _places(index, _OF, record, month)


def of_organisation(index: BlindIndex, organisation: str, day: str) -> list[bytes]:
    """Return the tokens by which a day's (`2026-11-28`, UTC) entries of an organisation, or of records it holds, are
    found.
    """
    return _places(index, _BY, organisation, day)


def of_debts(index: BlindIndex, owed: Owes, first: datetime, last: datetime) -> list[bytes]:
    """Return the tokens by which entries that owe something are found, of all hours (UTC) from `first` to `last`."""
    hour, found = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0), []
    while hour <= last:
        found += _places(index, _OWES, owed, f"{hour:%Y-%m-%dT%H}")
        hour += timedelta(hours=1)
    return found
