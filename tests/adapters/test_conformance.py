"""The conformance pack: every rule holds at systems that keep them, and the right one is broken where one does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.conformance import DEFAULT_PERSON, Report, conformance_of
from adapters.conformance_rules import Verdict
from adapters.partners import Description, Owner, Partner
from adapters.surroundings import Surroundings
from security.clock import system_clock
from security.event_signature import signing_key
from tests.adapters.csv_world import Home, make_home
from tests.adapters.fhir_world import OUR_BASE, described
from tests.adapters.receiving import Receiver, receiving
from tests.adapters.small_server import Asked, Fault, SmallServer, small_server
from tests.standins.far_end import CLIENT, KEY, FarEnd, config, far_end, patient

PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
AROUND = Surroundings(system_clock, OUR_BASE, PEM, private_addresses=True)


def broken(report: Report) -> dict[str, str]:
    """Return the ids of the rules that do not hold, and why."""
    return {one.rule.id: one.why for one in report.results if one.verdict is Verdict.BROKEN}


def not_applicable(report: Report) -> set[str]:
    """Return the ids of the rules that nothing could be held against."""
    return {one.rule.id for one in report.results if one.verdict is Verdict.NOT_APPLICABLE}


def test_rules_have_ids_of_their_own_sentences_and_sources() -> None:
    from adapters.conformance_csv import CSV
    from adapters.conformance_fhir import FHIR
    from adapters.conformance_nrl import NRL
    from adapters.conformance_seam import SEAM
    from adapters.conformance_webhook import WEBHOOK

    rules = [one for one, _ in (*SEAM, *CSV, *FHIR, *NRL, *WEBHOOK)]
    assert len({one.id for one in rules}) == len(rules)
    assert all(one.sentence and one.source for one in rules)


def stand_in(end: FarEnd, folder: Path, **settings: Any) -> Partner:
    """Return the description of a stand-in that our key signs in at."""
    key = folder / "key.jwk"
    key.touch(mode=0o600)
    key.write_text(json.dumps(KEY.as_dict(private=True)))
    auth = {"token_url": f"{end.addresses.page}/token", "client_id": CLIENT, "key_file": "key.jwk"}
    auth["scope"] = "system/*.cruds"
    return described(end.addresses.wire, folder, auth=auth, types=["Observation", "AllergyIntolerance"], **settings)


@pytest.mark.parametrize("once", ["if-none-exist", "idempotency-key"])
async def test_a_stand_in_keeps_every_rule_and_nothing_is_left_there(tmp_path: Path, once: str) -> None:
    async with far_end(config()) as end:
        report = await conformance_of(stand_in(end, tmp_path, once=once, patients="create"), AROUND)
        assert (broken(report), not_applicable(report), report.left) == ({}, set(), [])
        assert set(await end.rules_broken()) == {"token"}, "the sign-in that has to be refused"
        effects = await end.effects()
        assert effects["counts"]["create"] == effects["counts"]["delete"]
        for kind in ("Observation", "AllergyIntolerance"):
            assert (await end.search(kind, "")).json().get("entry", []) == []


async def test_a_person_who_was_known_before_stays(tmp_path: Path) -> None:
    async with far_end(config(people=(patient("9990000018"),))) as end:
        ada = await end.ada()
        report = await conformance_of(stand_in(end, tmp_path), AROUND, patient("9990000018"))
        assert broken(report) == {}
        assert await end.ada() == ada


async def test_a_system_that_does_not_know_the_person_is_told_what_to_do(tmp_path: Path) -> None:
    async with far_end(config()) as end:
        report = await conformance_of(stand_in(end, tmp_path), AROUND)
    assert broken(report).keys() == {"seam-take"}
    assert "--person" in broken(report)["seam-take"]


@pytest.fixture
def small() -> Iterator[SmallServer]:
    with small_server() as found:
        found.clock = datetime.now(UTC)
        yield found


def system(small: SmallServer, tmp_path: Path, **settings: Any) -> Partner:
    return described(small.base, tmp_path, types=["Observation"], patients="create", **settings)


def without(*headers: str) -> Callable[[Asked], Asked]:
    """Return what overlooks headers of requests."""
    return lambda asked: replace(asked, headers={k: v for k, v in asked.headers.items() if k not in headers})


BEHAVES_BADLY: dict[str, tuple[Callable[[Asked], Asked], Fault, set[str]]] = {
    "overwrites": (without("if-match"), lambda asked, reply: reply, {"fhir-if-match", "seam-kept", "seam-back"}),
    "creates twice": (without("if-none-exist"), lambda asked, reply: reply, {"fhir-once", "seam-again"}),
    "no ETag": (
        lambda asked: asked,
        lambda asked, reply: replace(reply, headers={k: v for k, v in reply.headers.items() if k != "ETag"}),
        {"fhir-etag"},
    ),
    "overlooks _lastUpdated": (
        lambda asked: replace(asked, body=asked.body.replace(b"_lastUpdated=ge", b"_ignored=")),
        lambda asked, reply: reply,
        {"fhir-new"},
    ),
    "refuses a conflict with 409": (
        lambda asked: asked,
        lambda asked, reply: replace(reply, status=409) if reply.status == 412 else reply,
        {"fhir-if-match"},
    ),
}


@pytest.mark.parametrize("how", BEHAVES_BADLY)
async def test_a_system_that_breaks_a_rule_is_found_out(
    tmp_path: Path, small: SmallServer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, answer, rules = BEHAVES_BADLY[how]
    inner = SmallServer.answer_to
    monkeypatch.setattr(SmallServer, "answer_to", lambda self, asked: answer(asked, inner(self, request(asked))))
    report = await conformance_of(system(small, tmp_path), AROUND)
    assert broken(report).keys() == {"fhir-version", *rules}, "it has no CapabilityStatement either"


def receiver(one: Receiver, **settings: Any) -> Partner:
    """Return the description of a receiver of webhooks."""
    said = {"address": f"http://127.0.0.1:{one.port}/events", "hosts": ["127.0.0.1"], **settings}
    owner = Owner("Desk", "ZZAMB1")
    told = Description(name="room", kind="webhook", title="Room", client="room", owner=owner, settings=said)
    return Partner(told, Path())


async def test_a_receiver_keeps_the_rules_and_one_that_takes_anything_does_not(tmp_path: Path) -> None:
    jwks = {"keys": [signing_key(PEM).as_dict(private=False)]}
    async with far_end(config(kind="events", sender=None, people=(), jwks=jwks)) as end:
        address = {"address": end.addresses.wire, "hosts": ["127.0.0.1"]}
        told = Description(
            name="room", kind="webhook", title="Room", client="room", owner=Owner("Desk", "ZZAMB1"), settings=address
        )
        report = await conformance_of(Partner(told, tmp_path), AROUND)
        assert broken(report) == {}
        assert not_applicable(report) == {"seam-kept", "seam-back", "seam-whom"}
    with receiving() as one:
        report = await conformance_of(receiver(one), AROUND)
    names = ("unsigned", "forged", "changed", "elsewhere", "stale")
    assert broken(report).keys() == {f"webhook-{name}" for name in names}


def everything(folder: Path) -> set[Path]:
    """Return the files below a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}


async def test_folders_keep_the_rules_and_are_left_as_they_were(tmp_path: Path) -> None:
    home: Home = make_home(tmp_path)
    key = tmp_path / "theirs.jwk"
    key.touch(mode=0o600)
    key.write_text(json.dumps(home.partner_key.as_dict(private=True)))
    before = everything(tmp_path)
    report = await conformance_of(home.partner(), AROUND, opens_with=key)
    assert broken(report) == {}
    assert not_applicable(report) == {"seam-kept", "seam-whom"}
    assert everything(tmp_path) == before
    report = await conformance_of(home.partner(), AROUND, opens_with=tmp_path / "own.jwk")
    assert broken(report) == {"csv-readable": "The key given does not open it."}


async def test_a_folder_in_use_is_no_test_system(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.drop("monday.csv", b"a real file")
    report = await conformance_of(home.partner(), AROUND)
    assert broken(report).keys() == {"csv-refused", "csv-done", "seam-back"}
    assert (home.incoming / "monday.csv").read_bytes() == b"a real file"


@pytest.mark.parametrize("wrong", [{"identifier": []}, {"name": []}, {"birthDate": None}])
async def test_nobody_real_is_used(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="person needs"):
        await conformance_of(make_home(tmp_path).partner(), AROUND, {**DEFAULT_PERSON, **wrong})
