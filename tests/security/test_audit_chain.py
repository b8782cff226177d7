"""The audit chain names what was done to it, and where."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from security.audit_chain import START, Chain, ChainFault, ChainMark, FaultKind, Linked, verify_chain
from security.errors import ChainRewound

KEY, CHAIN = bytes(range(32)), b"c" * 16


def linked(count: int, chain_id: bytes = CHAIN, key: bytes = KEY) -> list[Linked]:
    chain = Chain(key, chain_id)
    return [chain.link(b"entry %d" % number) for number in range(1, count + 1)]


def faults(entries: list[Linked], **known: ChainMark) -> list[tuple[str, int, int]]:
    return [(fault.kind.value, fault.seq, fault.until) for fault in verify_chain(KEY, CHAIN, entries, **known)]


def head_of(entries: list[Linked]) -> ChainMark:
    return ChainMark(entries[-1].seq, entries[-1].mac)


def test_a_link_is_what_the_rules_write():
    first, second = linked(2)
    for previous, entry in ((bytes(32), first), (first.mac, second)):
        mac = HMAC(KEY, SHA256())
        mac.update(previous + entry.seq.to_bytes(8, "big") + CHAIN + entry.sealed)
        assert entry.mac == mac.finalize()


def test_an_untouched_chain_has_no_fault():
    entries = linked(20)
    assert faults([]) == []
    assert faults(entries, head=head_of(entries)) == []
    assert faults(entries, head=head_of(entries[:7])) == []
    assert faults(entries[7:], after=head_of(entries[:7]), head=head_of(entries)) == []


def test_a_removed_entry_is_a_gap():
    entries = linked(9)
    assert faults(entries[:3] + entries[5:]) == [("gap", 4, 5)]
    assert faults(entries[2:]) == [("gap", 1, 2)]


def test_an_entry_behind_a_later_one_is_a_reorder():
    entries = linked(6)
    assert faults([*entries[:2], entries[3], entries[2], *entries[4:]]) == [("reorder", 3, 3)]


def test_entries_that_changed_places_are_edits():
    one, two, three = linked(3)
    swapped = [Linked(1, one.mac, two.sealed), Linked(2, two.mac, one.sealed), three]
    assert faults(swapped) == [("edit", 1, 1), ("edit", 2, 2)]


def test_a_changed_entry_is_an_edit_in_its_place_alone():
    entries = linked(6)
    entries[2] = Linked(3, entries[2].mac, b"entry X")
    assert faults(entries) == [("edit", 3, 3)]


def test_a_changed_mac_breaks_the_entry_and_the_one_after_it():
    entries = linked(6)
    entries[2] = Linked(3, bytes(32), entries[2].sealed)
    assert faults(entries) == [("edit", 3, 3), ("edit", 4, 4)]


def test_an_inserted_entry_is_found():
    entries = linked(4)
    entries.append(Linked(5, bytes(32), b"made up"))
    assert faults(entries) == [("edit", 5, 5)]


def test_a_removed_end_shows_against_a_known_head():
    entries = linked(9)
    assert faults(entries[:6]) == []
    assert faults(entries[:6], head=head_of(entries)) == [("truncation", 7, 9)]
    assert faults([], head=head_of(entries)) == [("truncation", 1, 9)]
    assert faults([], after=head_of(entries[:6]), head=head_of(entries)) == [("truncation", 7, 9)]


def test_two_entries_in_one_place_are_a_fork():
    chain = Chain(KEY, CHAIN)
    entries = [chain.link(b"one"), chain.link(b"two")]
    mark = chain.mark()
    entries.append(chain.link(b"three"))
    chain.rewind(mark)
    entries.append(chain.link(b"another three"))
    entries.append(chain.link(b"four after the other"))
    assert faults(entries) == [("fork", 3, 3)]


def test_another_history_made_with_the_key_shows_against_a_known_head():
    chain = Chain(KEY, CHAIN)
    rewritten = [chain.link(b"rewritten %d" % number) for number in range(9)]
    assert faults(rewritten) == []
    assert faults(rewritten, head=head_of(linked(9))) == [("fork", 9, 9)]
    assert faults(rewritten, head=head_of(linked(4))) == [("fork", 4, 4)]


def test_entries_of_another_chain_or_key_do_not_pass():
    assert faults(linked(1, chain_id=b"d" * 16)) == [("edit", 1, 1)]
    assert faults(linked(1, key=bytes(32))) == [("edit", 1, 1)]


def test_several_attacks_are_all_named():
    entries = linked(12)
    entries[1] = Linked(2, entries[1].mac, b"entry X")
    attacked = [*entries[:4], *entries[6:8], entries[9], entries[8], entries[10]]
    assert faults(attacked, head=head_of(entries)) == [
        ("edit", 2, 2),
        ("gap", 5, 6),
        ("reorder", 9, 9),
        ("truncation", 12, 12),
    ]


@given(st.integers(1, 12), st.data())
def test_no_single_tampering_passes_unseen(count, data):
    entries = linked(count)
    head = head_of(entries)
    at = data.draw(st.integers(0, count - 1))
    chance = random.Random(data.draw(st.integers()))
    entry = entries[at]
    how = data.draw(st.sampled_from(["remove", "sealed", "mac", "seq", "repeat", "shuffle"]))
    tampered = list(entries)
    if how == "remove":
        del tampered[at]
    elif how == "sealed":
        tampered[at] = Linked(entry.seq, entry.mac, entry.sealed + b"!")
    elif how == "mac":
        tampered[at] = Linked(entry.seq, entry.mac[::-1], entry.sealed)
    elif how == "seq":
        tampered[at] = Linked(entry.seq + data.draw(st.integers(1, 3)), entry.mac, entry.sealed)
    elif how == "repeat":
        tampered.insert(data.draw(st.integers(0, count)), entry)
    else:
        chance.shuffle(tampered)
    assert bool(verify_chain(KEY, CHAIN, tampered, head=head)) == (tampered != entries)


def test_a_failed_commit_leaves_no_gap():
    chain = Chain(KEY, CHAIN)
    stored = [chain.link(b"one")]
    mark = chain.mark()
    chain.link(b"lost with its commit")
    chain.link(b"lost too")
    chain.rewind(mark)
    stored.append(chain.link(b"two"))
    assert faults(stored, head=chain.mark()) == []


def test_a_chain_goes_on_where_it_was_left():
    entries = linked(3)
    chain = Chain(KEY, CHAIN, after=head_of(entries))
    assert chain.chain_id == CHAIN
    assert faults([*entries, chain.link(b"after a restart")], head=chain.mark()) == []


def test_a_chain_does_not_rewind_forwards():
    chain = Chain(KEY, CHAIN)
    with pytest.raises(ChainRewound):
        chain.rewind(ChainMark(1, bytes(32)))
    chain.rewind(START)


def test_a_chain_id_has_its_length():
    with pytest.raises(ValueError, match="16 bytes"):
        Chain(KEY, b"short")


def test_a_fault_is_a_plain_value():
    entries = linked(3)
    assert verify_chain(KEY, CHAIN, entries[1:]) == [ChainFault(FaultKind.GAP, 1, 1)]
