"""A chain verified as it is read names what was done to it, once and in its place."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from security.audit_chain import Chain, ChainMark, Linked, verify_chain
from security.chain_walk import ChainWalk

KEY, OLDER, CHAIN = bytes(range(32)), bytes(32), b"c" * 16


def linked(count: int, key: bytes = KEY, chain_id: bytes = CHAIN) -> list[Linked]:
    chain = Chain(key, chain_id)
    return [chain.link(b"entry %d" % number) for number in range(1, count + 1)]


def mark(entry: Linked) -> ChainMark:
    return ChainMark(entry.seq, entry.mac)


def faults(entries: list[Linked], *known: ChainMark) -> list[tuple[str, int, int]]:
    walk = ChainWalk((KEY, OLDER), CHAIN, known)
    for entry in entries:
        walk.take(entry)
    return [(fault.kind.value, fault.seq, fault.until) for fault in walk.faults()]


def test_an_untouched_chain_of_any_key_reaches_every_known_head():
    for key in (KEY, OLDER):
        entries = linked(9, key)
        assert faults(entries) == []
        assert faults(entries, mark(entries[2]), mark(entries[8])) == []


def test_a_chain_may_end_before_heads_that_a_restore_left_behind_and_must_agree_with_those_it_reaches():
    entries, others = linked(9), linked(9, OLDER)
    walk = ChainWalk((KEY, OLDER), CHAIN, [mark(entries[3])], [mark(entries[1]), mark(entries[8])])
    for entry in entries[:5]:
        walk.take(entry)
    assert walk.faults() == []
    assert walk.left_behind == 4
    forked = ChainWalk((KEY, OLDER), CHAIN, [], [mark(others[1])])
    cut = ChainWalk((KEY, OLDER), CHAIN, [mark(entries[6])], [mark(entries[8])])
    for entry in entries[:5]:
        forked.take(entry)
        cut.take(entry)
    assert [(fault.kind.value, fault.seq) for fault in forked.faults()] == [("fork", 2)]
    assert [(fault.kind.value, fault.seq, fault.until) for fault in cut.faults()] == [("truncation", 6, 7)]


def test_missing_entries_are_one_gap():
    entries = linked(9)
    assert faults(entries[:3] + entries[5:]) == [("gap", 4, 5)]
    assert faults(entries[2:]) == [("gap", 1, 2)]


def test_entries_that_changed_rows_are_named_and_nothing_else():
    one, two, three, four, five, six = linked(6)
    assert faults([one, two, four, three, five, six]) == [("reorder", 3, 3)]
    assert faults([one, five, three, four, two, six]) == [("reorder", 2, 4)]
    assert faults([four, one, two, three, five]) == [("reorder", 1, 3)]


def test_a_late_entry_is_judged_by_both_its_neighbours():
    one, two, three, four = linked(4)
    forged = Linked(2, two.mac, b"forged")
    assert faults([one, three, forged, four]) == [("edit", 2, 2), ("reorder", 2, 2)]
    assert faults([one, four, two]) == [("reorder", 2, 2), ("gap", 3, 3)]


def test_a_changed_entry_is_an_edit_in_its_place_alone():
    entries = linked(6)
    for tampered in (Linked(3, entries[2].mac, b"entry X"), Linked(3, bytes(32), entries[2].sealed)):
        assert faults([*entries[:2], tampered, *entries[3:]]) == [("edit", 3, 3)]
    two = [Linked(seq, bytes(32), entries[seq - 1].sealed) for seq in (3, 4)]
    assert faults([*entries[:2], *two, *entries[4:]]) == [("edit", 3, 4)]


def test_a_second_entry_in_one_place_is_a_fork():
    entries = linked(5)
    assert faults([*entries, entries[2]]) == [("fork", 3, 3)]
    assert faults([*entries[:3], entries[2], *entries[3:]]) == [("fork", 3, 3)]


def test_entries_of_another_chain_are_edits_from_end_to_end():
    assert faults(linked(1000, chain_id=b"d" * 16)) == [("edit", 1, 1000)]


def test_a_removed_end_shows_against_a_known_head_alone():
    entries = linked(9)
    assert faults(entries[:6]) == []
    assert faults(entries[:6], mark(entries[3]), mark(entries[8])) == [("truncation", 7, 9)]
    assert faults([], mark(entries[8])) == [("truncation", 1, 9)]


def test_another_history_made_with_the_key_shows_once_where_a_head_saw_it():
    chain = Chain(KEY, CHAIN)
    rewritten = [chain.link(b"rewritten %d" % number) for number in range(9)]
    known = linked(9)
    assert faults(rewritten, mark(known[3]), mark(known[5]), mark(known[8])) == [("fork", 4, 4)]


@given(st.integers(1, 12), st.data())
def test_what_it_finds_is_what_the_whole_chain_would_show(count, data):
    entries = linked(count)
    chance = random.Random(data.draw(st.integers()))
    for _ in range(data.draw(st.integers(0, 3))):
        at = chance.randrange(len(entries)) if entries else 0
        how = data.draw(st.sampled_from(["remove", "sealed", "mac", "repeat", "move"]))
        if not entries:
            break
        entry = entries[at]
        if how == "remove":
            del entries[at]
        elif how == "sealed":
            entries[at] = Linked(entry.seq, entry.mac, entry.sealed + b"!")
        elif how == "mac":
            entries[at] = Linked(entry.seq, entry.mac[::-1], entry.sealed)
        elif how == "repeat":
            entries.insert(chance.randrange(len(entries)), entry)
        else:
            entries.insert(chance.randrange(len(entries)), entries.pop(at))
    head = mark(linked(count)[-1])
    assert bool(faults(entries, head)) == bool(verify_chain(KEY, CHAIN, entries, head=head))
