"""References to what must not be noticed outlive a replacement by who was not shown them, and nobody is told."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.record.kept_pointers import put_back
from service.record.pointers import without
from tests.service.record.house import House, Json, create, note, patient, update
from tests.service.record.test_hidden_from_the_writer import VERY_RESTRICTED, system

HIDDEN, SEEN, MINE = ({"reference": f"Observation/{one}"} for one in ("hidden", "seen", "mine"))
CLOSED = frozenset({"Observation/hidden"})
POINTING = {"url": "p", "valueReference": HIDDEN}
CODED = {"url": "c", "valueCode": "x"}


@pytest.mark.parametrize(
    ("stored", "sent", "kept"),
    [
        ({"derivedFrom": [HIDDEN]}, {}, {"derivedFrom": [HIDDEN]}),
        ({"derivedFrom": [HIDDEN, SEEN]}, {"derivedFrom": [SEEN, MINE]}, {"derivedFrom": [SEEN, MINE, HIDDEN]}),
        ({"derivedFrom": [HIDDEN, SEEN]}, {}, {"derivedFrom": [HIDDEN]}),
        ({"derivedFrom": [HIDDEN]}, {"derivedFrom": [HIDDEN]}, {"derivedFrom": [HIDDEN]}),
        ({"encounter": HIDDEN}, {}, {"encounter": HIDDEN}),
        ({"encounter": HIDDEN}, {"encounter": MINE}, {"encounter": MINE}),
        ({"extension": [POINTING, CODED]}, {"extension": [CODED]}, {"extension": [CODED, POINTING]}),
        (
            {"activity": [{"outcomeReference": [HIDDEN, SEEN]}, {"reference": SEEN}]},
            {"activity": [{"reference": SEEN}, {"outcomeReference": [SEEN]}]},
            {"activity": [{"reference": SEEN}, {"outcomeReference": [SEEN, HIDDEN]}]},
        ),
        (
            {"activity": [{"outcomeReference": [HIDDEN], "detail": {"status": "a"}}]},
            {"activity": [{"detail": {"status": "b"}}]},
            {"activity": [{"outcomeReference": [HIDDEN], "detail": {"status": "b"}}]},
        ),
        ({"activity": [{"outcomeReference": [HIDDEN], "detail": {"status": "a"}}]}, {}, {}),
        ({"medicationReference": HIDDEN}, {"medicationCodeableConcept": {}}, {"medicationCodeableConcept": {}}),
    ],
)
def test_what_is_kept(stored: dict[str, Any], sent: dict[str, Any], kept: dict[str, Any]) -> None:
    before = deepcopy((stored, sent))
    assert put_back(sent, stored, CLOSED) == kept
    assert (stored, sent) == before


_REFERENCES = st.lists(st.sampled_from([HIDDEN, SEEN, MINE]), min_size=1, max_size=3, unique_by=lambda one: str(one))
_ELEMENTS = st.recursive(
    st.fixed_dictionaries({}, optional={"a": _REFERENCES, "b": st.sampled_from([HIDDEN, SEEN]), "c": st.just("x")}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={"a": _REFERENCES, "d": st.lists(inner.filter(bool), min_size=1, max_size=3), "e": inner.filter(bool)},
    ),
    max_leaves=6,
)


@given(_ELEMENTS)
def test_who_sends_back_what_was_shown_loses_nothing_and_shows_nothing_more(stored: dict[str, Any]) -> None:
    shown = without({"resourceType": "", **stored}, CLOSED)
    shown.pop("resourceType")
    kept = put_back(shown, stored, CLOSED)
    assert str(kept).count("Observation/hidden") == str(stored).count("Observation/hidden")
    assert without({"resourceType": "", **kept}, CLOSED) == {"resourceType": "", **shown}


async def test_a_replacement_keeps_what_its_writer_was_not_shown(service_house: House) -> None:
    (person,) = await service_house.write(create(patient(720)[1]))
    (hidden,) = await service_house.write(create(note(person.reference, "hidden", meta=VERY_RESTRICTED)))
    pointing: Json = note(person.reference, "pointing") | {"derivedFrom": [{"reference": hidden.reference}]}
    (said,) = await service_house.write(create(pointing), caller=system("ZZGP01"))

    shown = await service_house.read(said.reference)
    assert "derivedFrom" not in shown
    (result,) = await service_house.write(update(said.reference, 1, {**shown, "valueString": "replaced"}))

    assert result.version == 2
    record = await service_house.records.by_reference(said.reference)
    assert record is not None
    assert hidden.reference in record.entries[said.reference].points_at
    again = await service_house.read(said.reference)
    assert (again["valueString"], "derivedFrom" in again) == ("replaced", False)
    # Who carries on what its own organisation recorded takes it away.
    (result,) = await service_house.write(
        update(said.reference, 2, note(person.reference, "x")), caller=system("ZZGP01")
    )
    record = await service_house.records.by_reference(said.reference)
    assert record is not None
    assert hidden.reference not in record.entries[said.reference].points_at
