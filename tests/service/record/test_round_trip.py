"""What is read back is what was sent, in every value but narrative, id and meta."""

from __future__ import annotations

import asyncio
import string
from base64 import b64encode
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_profiles import json
from service.people.traits import drawn
from tests.service.record.house import (
    House,
    Json,
    by_urn,
    create,
    exact,
    house,
    note,
    patient,
    person,
    sent,
    update,
)

EXTENSION = "https://vendor.example.com/fhir/StructureDefinition/"


@pytest.mark.parametrize("index", range(6))
async def test_every_resource_of_a_plan_comes_back_as_it_was_sent(service_house: House, index: int) -> None:
    traits = drawn(Random(index))
    _, bundle = person(index, **{name: getattr(traits, name) for name in traits.__slots__})
    references = await service_house.post(bundle)
    known = by_urn(bundle, references)
    for entry, reference in zip(bundle["entry"], references, strict=True):
        read = await service_house.read(reference)
        assert sent(read) == sent(entry["resource"], known)
        assert read["id"] == reference.split("/")[1]
        assert read["meta"]["versionId"] == "1"


async def test_decimals_keep_their_digits_on_the_way_through_the_store(service_house: House) -> None:
    _, someone = patient(100)
    (subject,) = await service_house.write(create(someone))
    body = (
        '{"resourceType":"Observation","status":"final","code":{"text":"Dose"},"subject":{"reference":"SUBJECT"},'
        '"effectiveDateTime":"2026-03-01","valueQuantity":{"value":1.10,"unit":"mg"},'
        '"referenceRange":[{"low":{"value":0.000000100},"high":{"value":100.00}}]}'
    )
    (made,) = await service_house.write(create(json.decode(body.replace("SUBJECT", subject.reference).encode())))
    read = await service_house.read(made.reference)
    assert str(read["valueQuantity"]["value"]) == "1.10"
    assert exact(read["referenceRange"], {}) == exact(
        [{"low": {"value": Decimal("0.000000100")}, "high": {"value": Decimal("100.00")}}], {}
    )


async def test_a_sender_s_own_id_narrative_version_and_source_do_not_come_back_as_ours(service_house: House) -> None:
    _, someone = patient(101)
    (subject,) = await service_house.write(create(someone))
    theirs = note(subject.reference, "words", id="theirs", meta={"versionId": "77", "source": "https://gp.example"})
    theirs["text"] = {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml">SAYS MORE</div>'}
    (made,) = await service_house.write(create(theirs))
    read = await service_house.read(made.reference)
    assert read["id"] == made.reference.split("/")[1] != "theirs"
    assert read["meta"]["versionId"] == "1"
    assert read["meta"]["source"].endswith("/ZZGP01#client-of-ZZGP01")
    assert "SAYS MORE" not in read["text"]["div"]
    record = await service_house.records.by_reference(made.reference)
    assert record is not None
    entry = record.entry(made.reference)
    assert entry is not None
    assert b"SAYS MORE" in record.slice(*entry.received_text), "the sender's own narrative is kept, not released"


_words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: text.strip() == text
)
_decimals = st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=4)
_values = st.one_of(
    st.fixed_dictionaries({"valueString": _words}),
    st.fixed_dictionaries({"valueDecimal": _decimals}),
    st.fixed_dictionaries({"valueInteger": st.integers(-(2**31), 2**31 - 1)}),
    st.fixed_dictionaries({"valueBoolean": st.booleans()}),
    st.fixed_dictionaries({"valueQuantity": st.fixed_dictionaries({"value": _decimals, "unit": _words})}),
    st.fixed_dictionaries({"valueCodeableConcept": st.fixed_dictionaries({"text": _words})}),
)
_name = st.text(string.ascii_lowercase + "-", min_size=1, max_size=12)


def _with_url(parts: tuple[str, dict[str, Any]]) -> Json:
    return {"url": EXTENSION + parts[0], **parts[1]}


_leaf = st.tuples(_name, _values).map(_with_url)
_extensions = st.lists(
    st.one_of(
        _leaf,
        st.tuples(_name, st.lists(_leaf, min_size=1, max_size=3)).map(
            lambda parts: {"url": EXTENSION + parts[0], "extension": parts[1]}
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=12, deadline=None)
@given(
    extensions=st.lists(_extensions, min_size=4, max_size=4),
    names=st.lists(st.fixed_dictionaries({"family": _words, "given": st.lists(_words, min_size=1)}), min_size=1),
    words=_words,
)
def test_unknown_extensions_and_any_words_survive(
    keys_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    extensions: list[list[Json]],
    names: list[Json],
    words: str,
) -> None:
    at_root, on_element, on_primitive, on_update = extensions
    _, someone = patient(102)
    someone |= {"extension": at_root, "_birthDate": {"extension": on_primitive}, "name": names}
    someone["name"][0]["extension"] = on_element

    async def round_trip() -> None:
        async with house(keys_home, tmp_path_factory.mktemp("db") / "records.sqlite") as opened:
            (subject,) = await opened.write(create(someone))
            assert sent(await opened.read(subject.reference)) == sent(someone)
            said = note(subject.reference, words, extension=at_root, valueString=words)
            (made,) = await opened.write(create(said))
            assert sent(await opened.read(made.reference)) == sent(said)
            later = said | {"extension": on_update}
            await opened.write(update(made.reference, 1, later))
            assert sent(await opened.read(made.reference)) == sent(later)
            assert sent(await opened.vread(made.reference, 1)) == sent(said)

    asyncio.run(round_trip())


# --- large elements, which are sealed apart


def scan(size: int, seed: int = 0) -> str:
    """Return base64 of `size` random bytes."""
    return b64encode(Random(seed).randbytes(size)).decode()


def document(subject: str, *contents: str) -> Json:
    """Return a document with attachments."""
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "Clinical letter"},
        "subject": {"reference": subject},
        "content": [
            {"attachment": {"contentType": "application/pdf", "data": data, "title": f"Page {number}"}}
            for number, data in enumerate(contents)
        ],
    }


@pytest.mark.parametrize(
    "sizes", [(12_285,), (12_288,), (12_291,), (50_000, 12_000, 70_000), (2_000_000,)], ids=lambda sizes: str(sizes)
)
async def test_attachments_come_back_whole_whatever_their_size(service_house: House, sizes: tuple[int, ...]) -> None:
    _, someone = patient(103)
    (subject,) = await service_house.write(create(someone))
    letter = document(subject.reference, *(scan(size, number) for number, size in enumerate(sizes)))
    (made,) = await service_house.write(create(letter))
    assert sent(await service_house.read(made.reference)) == sent(letter)


async def test_large_elements_lie_apart_from_the_record(service_house: House) -> None:
    number, someone = patient(104)
    (subject,) = await service_house.write(create(someone))
    (made,) = await service_house.write(create(document(subject.reference, scan(1_500_000), scan(20_000))))
    record = await service_house.record_of(number)
    entry = record.entry(made.reference)
    assert entry is not None
    assert [piece.chunks for piece in entry.pieces] == [2, 1]
    assert len(record.slices) < 8_000
    stored = await service_house.opened.store.fetch(record.record_id)
    assert stored is not None
    assert len(stored.sealed) < 16_000


async def test_a_photo_and_other_large_parts_of_a_patient_come_back_in_place(service_house: House) -> None:
    _, someone = patient(105)
    someone |= {
        "extension": [{"url": EXTENSION + "story", "valueString": "long ago " * 3_000}],
        "photo": [
            {"contentType": "image/png", "data": scan(30_000, 1)},
            {"contentType": "image/png", "data": scan(900, 2)},
            {"contentType": "image/png", "data": scan(40_000, 3), "title": "last"},
        ],
        "telecom": [{"system": "phone", "value": "01632 960001"}],
        "communication": [{"language": {"text": "Welsh " * 4_000}}],
    }
    (subject,) = await service_house.write(create(someone))
    assert sent(await service_house.read(subject.reference)) == sent(someone)


async def test_a_large_text_with_every_escape_comes_back_exactly(service_house: House) -> None:
    _, someone = patient(106)
    (subject,) = await service_house.write(create(someone))
    said = note(subject.reference, '"\\/\n\té\u2028\U0001f600~' * 3_000, note=[{"text": "a" * 20_000}])
    (made,) = await service_house.write(create(said))
    assert sent(await service_house.read(made.reference)) == sent(said)


async def test_an_old_version_keeps_its_own_large_elements(service_house: House) -> None:
    _, someone = patient(107)
    (subject,) = await service_house.write(create(someone))
    letters = [document(subject.reference, scan(30_000, version), scan(20_000, version + 9)) for version in range(3)]
    (made,) = await service_house.write(create(letters[0]))
    for version, letter in enumerate(letters[1:], 1):
        await service_house.write(update(made.reference, version, letter))
        await service_house.write(create(note(subject.reference, "something else moves the record")))
    for version, letter in enumerate(letters, 1):
        assert sent(await service_house.vread(made.reference, version)) == sent(letter)
    assert sent(await service_house.read(made.reference)) == sent(letters[-1])


async def test_what_one_writer_sends_is_not_changed_in_its_hands(service_house: House) -> None:
    _, bundle = person(108)
    before = deepcopy(bundle)
    await service_house.post(bundle)
    assert bundle == before
