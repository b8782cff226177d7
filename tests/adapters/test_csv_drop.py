"""The kind `csv` on real folders: what is taken, what is refused, what appears, and what a crash leaves."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import msgspec
import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from adapters import csv_folder
from adapters.base import HeldThere, Message, Receipt, Untranslatable
from adapters.csv_drop import name_of
from adapters.errors import Unreachable
from adapters.partners import Description
from adapters.registry import kind_of
from security.errors import InvalidConfiguration
from tests.adapters.csv_world import CONTACT, CPR, PLACE, Home, file_of, make_home
from tests.adapters.guides import guide_blocks, guide_sample
from tests.adapters.parcels import PERSON as PATIENT
from tests.adapters.parcels import given_by, parcel, put, removal
from tests.adapters.test_csv_translate import resource


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


async def test_a_good_file_is_a_message_for_each_row_and_is_done_when_all_are_settled(home):
    adapter = home.adapter()
    home.drop("monday.csv", file_of(CPR, PLACE, CONTACT))
    polled = await adapter.poll("")
    assert [one.sent for one in polled.messages] == ["2026-11-02T15:00:00Z"] * 3
    assert len({one.id for one in polled.messages}) == 3
    assert [adapter.arrived(one)[0].theirs for one in polled.messages] == [
        "Observation/cpr-decision.r-1",
        "Observation/preferred-place-of-death.r-2",
        "RelatedPerson/key-contact.r-3",
    ]
    for message in polled.messages[:2]:
        await adapter.settled(message)
    assert names(home.incoming) == ["monday.csv"]
    assert [one.id for one in (await adapter.poll("")).messages] == [polled.messages[2].id]
    await adapter.settled(polled.messages[2])
    assert names(home.incoming) == ["done"]
    assert (home.incoming / "done/monday.csv").read_bytes() == file_of(CPR, PLACE, CONTACT)
    await adapter.settled(polled.messages[2])
    assert list((await adapter.poll("")).messages) == []


async def test_after_a_crash_the_same_file_makes_the_same_messages(home):
    home.drop("monday.csv", file_of(CPR, PLACE))
    before = (await home.adapter().poll("")).messages
    adapter = home.adapter()
    after = (await adapter.poll("")).messages
    assert before == after
    for message in after:
        await adapter.settled(message)
    home.drop("again.csv", file_of(CPR, PLACE))
    assert (await adapter.poll("")).messages == before


async def test_files_are_taken_one_by_one_in_order_of_name(home):
    adapter = home.adapter()
    for name, row in (("02.csv", PLACE), ("01.csv", CPR)):
        home.drop(name, file_of(row))
    polled = await adapter.poll("")
    assert adapter.arrived(polled.messages[0])[0].theirs == "Observation/cpr-decision.r-1"
    assert polled.more
    await adapter.settled(polled.messages[0])
    polled = await adapter.poll("")
    assert adapter.arrived(polled.messages[0])[0].theirs == "Observation/preferred-place-of-death.r-2"
    assert not polled.more


async def test_two_processes_at_one_folder_take_a_file_once_and_lose_none(home):
    one, other = home.adapter(), home.adapter()
    home.drop("1.csv", file_of(CPR))
    home.drop("2.csv", b"bad")
    home.drop("3.csv", file_of(PLACE))
    found, also = await asyncio.gather(one.poll(""), other.poll(""))
    assert found.messages == also.messages
    await asyncio.gather(*(adapter.settled(found.messages[0]) for adapter in (one, other)))
    assert names(home.incoming / "done") == ["1.csv"]
    after = await asyncio.gather(one.poll(""), other.poll(""))
    for polled in after:
        assert [one.arrived(message)[0].theirs[-3:] for message in polled.messages] == ["r-2"]
    assert "2.csv" in names(home.incoming / "refused")


async def test_a_file_with_any_problem_is_refused_whole_with_a_report_that_repeats_nothing(home):
    home.drop("a.csv", file_of(CPR, PLACE | {"place": "with Rowan", "nhs_number": "9990000019"}))
    home.drop("b.csv", file_of(CONTACT))
    adapter = home.adapter()
    polled = await adapter.poll("")
    assert [adapter.arrived(one)[0].theirs for one in polled.messages] == ["RelatedPerson/key-contact.r-3"]
    assert names(home.incoming / "refused") == ["a.csv", "a.csv.report.csv"]
    assert home.reports() == {
        "a.csv.report.csv": [
            ["3", "nhs_number", "is not an NHS number"],
            ["3", "place", "is not one of the words of this column"],
        ]
    }
    report = (home.incoming / "refused/a.csv.report.csv").read_text()
    for personal in (*CPR.values(), "with Rowan", "9990000019"):
        assert personal not in report or len(personal) < 4


async def test_the_same_name_may_be_dropped_every_day(home):
    adapter = home.adapter()
    for n in range(3):
        home.drop("daily.csv", b"bad")
        await adapter.poll("")
        home.drop("daily.csv", file_of(PLACE | {"record_id": f"r-{n}"}))
        for message in (await adapter.poll("")).messages:
            await adapter.settled(message)
    assert names(home.incoming / "done") == ["2-daily.csv", "3-daily.csv", "daily.csv"]
    assert len(home.reports()) == 3


async def test_what_is_not_complete_is_not_looked_at(home):
    for name in ("a.csv.part", ".hidden.csv", "b.txt", "c.csv.tmp", "d.csv~"):
        (home.incoming / name).write_bytes(b"half of a fi")
    assert list((await home.adapter().poll("")).messages) == []
    assert "refused" not in names(home.incoming)


async def test_links_pipes_and_folders_are_refused_unread(home, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(file_of(CPR))
    (home.incoming / "link.csv").symlink_to(secret)
    (home.incoming / "gone.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(home.incoming / "pipe.csv")
    (home.incoming / "folder.csv").mkdir()
    assert list((await home.adapter().poll("")).messages) == []
    assert {name: [row[2] for row in rows] for name, rows in home.reports().items()} == {
        "folder.csv.report.csv": ["is no plain file"],
        "gone.csv.report.csv": ["is a link, and links are not followed"],
        "link.csv.report.csv": ["is a link, and links are not followed"],
        "pipe.csv.report.csv": ["is no plain file"],
    }
    assert secret.read_bytes() == file_of(CPR)


async def test_refused_and_done_are_not_written_to_behind_a_link(home, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home.incoming / "refused").symlink_to(elsewhere)
    home.drop("a.csv", b"bad")
    with pytest.raises(Unreachable):
        await home.adapter().poll("")
    assert names(elsewhere) == []


async def test_a_file_that_is_too_large_is_refused_unread(home):
    with (home.incoming / "large.csv").open("wb") as file:
        file.truncate(100_000_000)
    assert list((await home.adapter(largest=10_000).poll("")).messages) == []
    assert home.reports() == {"large.csv.report.csv": [["", "", "has more than 10000 bytes"]]}


async def test_a_file_with_a_header_alone_is_done(home):
    home.drop("empty.csv", file_of())
    assert list((await home.adapter().poll("")).messages) == []
    assert names(home.incoming / "done") == ["empty.csv"]


async def test_what_replaced_a_file_while_it_was_taken_in_is_taken_too(home):
    adapter = home.adapter()
    home.drop("a.csv", file_of(CPR))
    (message,) = (await adapter.poll("")).messages
    home.drop("a.csv", file_of(PLACE))
    await adapter.settled(message)
    (other,) = (await adapter.poll("")).messages
    assert adapter.arrived(other)[0].theirs == "Observation/preferred-place-of-death.r-2"


async def test_a_sealed_file_is_opened_and_a_changed_one_is_not(home):
    adapter = home.adapter(plain=False)
    sealed = home.sealed(file_of(CPR))
    home.drop("1.csv.jwe", sealed[:-8] + b"AAAAAAAA")
    home.drop("2.csv.jwe", b"no.jwe.at.all.x")
    home.drop("3.csv", file_of(CPR))
    home.drop("4.csv.jwe", sealed)
    (message,) = (await adapter.poll("")).messages
    assert adapter.arrived(message)[0].theirs == "Observation/cpr-decision.r-1"
    assert {name[0]: rows[0][2] for name, rows in home.reports().items()} == {
        "1": "the file is not a JWE to our key, or was changed",
        "2": "the file is not a JWE to our key, or was changed",
        "3": "the file is not encrypted",
    }


async def test_a_sealed_file_of_some_size_is_opened_and_one_too_large_is_not(home):
    rows = [PLACE | {"record_id": f"r-{n}", "note": "x" * 1000} for n in range(300)]
    adapter = home.adapter(plain=False, largest=500_000)
    home.drop("1.csv.jwe", home.sealed(file_of(*rows)))
    assert len((await adapter.poll("")).messages) == 300
    home.drop("0.csv.jwe", home.sealed(file_of(*rows, *(row | {"record_id": f"s{row['record_id']}"} for row in rows))))
    assert len((await adapter.poll("")).messages) == 300
    assert list(home.reports()) == ["0.csv.jwe.report.csv"]


async def test_without_our_key_nothing_sealed_is_taken(home):
    home.drop("1.csv.jwe", home.sealed(file_of(CPR)))
    assert list((await home.adapter(own_key="").poll("")).messages) == []
    assert home.reports()["1.csv.jwe.report.csv"][0][2] == "the file is encrypted, and there is no key for it here"


def test_a_row_that_the_mapping_of_today_does_not_take_is_untranslatable(home):
    adapter = home.adapter()
    with pytest.raises(Untranslatable) as caught:
        adapter.arrived(Message("x:2", file_of(CPR | {"cpr": "Exampleby"})))
    assert caught.value.why == "column `cpr` is not one of the words of this column"


OUT = parcel(puts=(put(resource(PLACE)),), removals=(removal("Observation/o2", "Observation/cpr-decision.r-7"),))


async def test_a_parcel_is_one_sealed_file_that_appears_whole(home):
    receipts = await given_by(home.adapter(), OUT)
    assert receipts == [
        Receipt(
            "Observation/o1", HeldThere("Observation/preferred-place-of-death.o1", "", b"digest of Observation/o1")
        ),
        Receipt("Observation/o2", None),
    ]
    (name,) = names(home.outgoing)
    assert name == name_of(OUT)
    rows = home.opened(home.outgoing / name)
    assert [(row["action"], row["item"], row["record_id"], row["place"]) for row in rows] == [
        ("put", "Preferred place of death", "o1", "care home"),
        ("remove", "CPR decision", "r-7", ""),
    ]


async def test_the_sample_of_the_guide_opens_a_file(home):
    await given_by(home.adapter(), OUT)
    rows = guide_sample("csv")["rows"]
    path = home.outgoing / name_of(OUT)
    assert rows(path.read_bytes(), home.partner_key) == home.opened(path)


@pytest.mark.parametrize("guide", ["csv", "webhooks"])
def test_the_descriptions_of_each_guide_are_descriptions(guide):
    described = [block for block in guide_blocks(guide, "json") if '"kind"' in block]
    assert described
    for block in described:
        assert msgspec.json.decode(block, type=Description).settings


async def test_neither_the_file_nor_its_name_gives_anybody_away(home):
    await given_by(home.adapter(), OUT)
    for path in home.outgoing.iterdir():
        whole = path.name.encode() + path.read_bytes()
        for personal in (b"9990000018", b"Exampleby", b"1941-05-02", b"care home", b"keyed-7", b"key-1"):
            assert personal not in whole


async def test_plain_text_never_touches_the_disk(home, monkeypatch):
    written: list[bytes] = []

    def remember(folder: Path, name: str, content: bytes) -> None:
        written.append(content)
        csv_folder.appear(folder, name, content)

    monkeypatch.setattr("adapters.csv_drop.appear", remember)
    await given_by(home.adapter(), OUT)
    assert [content.count(b".") for content in written] == [4]
    assert b"Exampleby" not in b"".join(written)


async def test_given_twice_it_is_the_same_file(home):
    for _ in range(2):
        await given_by(home.adapter(), OUT)
    assert names(home.outgoing) == [name_of(OUT)]


def test_names_sort_as_the_changes_came():
    made = [name_of(parcel(sequence=n, subject=s, key=f"{n}{s}")) for n in (9, 10, 100) for s in ("a", "b")]
    assert [one[:20] for one in sorted(made)] == [one[:20] for one in made]
    assert len(set(made)) == 6


async def test_a_parcel_of_which_no_row_says_anything_makes_no_file(home):
    assert await given_by(home.adapter(), parcel(puts=(put(PATIENT),))) == []
    assert names(home.outgoing) == []


async def test_a_crash_before_the_name_leaves_nothing_under_it(home, monkeypatch):
    def crash(*_: object) -> None:
        raise OSError(28, "No space left on device")

    adapter = home.adapter()
    with monkeypatch.context() as patch:
        patch.setattr("adapters.csv_folder.os.fsync", crash)
        with pytest.raises(Unreachable, match="No space left"):
            await given_by(adapter, OUT)
    assert names(home.outgoing) == []
    assert len(await given_by(adapter, OUT)) == 2


async def test_a_file_is_durable_before_it_has_its_name_and_its_name_before_it_is_confirmed(home, monkeypatch):
    happened: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def syncing(descriptor: int) -> None:
        happened.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renaming(path: Path, target: Path) -> Path:
        happened.append("name")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "rename", renaming)
    async for _ in home.adapter().give(OUT):
        assert happened == ["file", "name", "folder"]


async def test_a_folder_that_is_gone_is_a_fact(home):
    adapter = home.adapter()
    home.outgoing.rmdir()
    home.incoming.rmdir()
    with pytest.raises(Unreachable):
        await given_by(adapter, OUT)
    with pytest.raises(Unreachable):
        await adapter.poll("")


@pytest.mark.parametrize(
    "key",
    [ECKey.generate_key("P-384"), OKPKey.generate_key("X25519"), RSAKey.generate_key(2048)],
    ids=["P-384", "X25519", "RSA"],
)
async def test_a_partner_may_have_a_key_of_each_kind(tmp_path, key):
    home = make_home(tmp_path, key)
    await given_by(home.adapter(), OUT)
    assert len(home.opened(home.outgoing / name_of(OUT))) == 2


def test_one_direction_needs_only_its_own(home):
    for more in ({"gets": False, "outgoing": "", "partner_key": ""}, {"sends": False, "incoming": "", "own_key": ""}):
        one = home.partner(**more)
        assert kind_of(one).problems(one) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mapping": ""}, "`mapping` names the mapping file"),
        ({"mapping": "none.json"}, "the mapping cannot be read"),
        ({"incoming": ""}, "`settings.incoming` names a folder"),
        ({"outgoing": "nowhere"}, "`settings.outgoing` names a folder"),
        ({"outgoing": "in"}, "are two folders"),
        ({"partner_key": ""}, "`settings.partner_key` names"),
        ({"partner_key": "none.jwk"}, "`settings.partner_key`: the key cannot be read"),
        ({"partner_key": "own.jwk"}, "`settings.partner_key`: the file holds a secret"),
        ({"own_key": "partner.jwk"}, "`settings.own_key`: "),
        ({"own_key": "", "plain": False}, "`settings.own_key` is needed"),
        ({"largest": 0}, "`settings.largest`"),
        ({"most_rows": 0}, "`settings.most_rows`"),
        ({"plain": "yes"}, "plain"),
        ({"folder": "in"}, "folder"),
    ],
)
def test_what_is_wrong_with_a_description_is_said(home, changes, said):
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(home.partner(**changes))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "neither RSA, EC nor OKP"),
        (ECKey.generate_key("secp256k1").as_dict(private=False), "curve"),
        (OKPKey.generate_key("Ed25519").as_dict(private=False), "curve"),
        ({"kty": "RSA", "n": "x" * 171, "e": "AQAB"}, "below 2048 bits"),
        (OctKey.generate_key(256).as_dict(private=True), "secret"),
        (ECKey.generate_key("P-256", {"use": "sig"}).as_dict(private=False), "not meant for encryption"),
        (ECKey.generate_key("P-256", {"alg": "ES256"}).as_dict(private=False), "another algorithm"),
        ({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, "no valid key"),
        ([], "not a JWK"),
    ],
)
def test_a_key_that_is_none_for_files_is_refused(home, document, said):
    (home.folder / "partner.jwk").write_text(json.dumps(document))
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(home.partner())
    assert said in str(caught.value)


def test_our_key_is_refused_where_others_can_read_it(home):
    (home.folder / "own.jwk").chmod(0o644)
    with pytest.raises(InvalidConfiguration, match="0600"):
        kind_of(home.partner())
