"""References to what is closed leave with nothing: dropped, and with them what stands empty for want of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from service.plan.lines import without_names
from service.record.pointers import without

HIDDEN = "Observation/hidden"
CLOSED = frozenset({HIDDEN})


SEEN = {"reference": "Observation/seen"}
POINTS = {"reference": HIDDEN}
SIGNED = {"reference": "Provenance/hidden"}
POINTING = {"url": "v", "valueReference": POINTS}
CODED = {"url": "w", "valueCode": "c"}


@pytest.mark.parametrize(
    ("element", "left"),
    [
        ({"derivedFrom": [POINTS, SEEN]}, {"derivedFrom": [SEEN]}),
        ({"derivedFrom": [{**POINTS, "display": "its name"}]}, {}),
        ({"focus": {"reference": f"{HIDDEN}/_history/3"}}, {}),
        ({"extension": [POINTING]}, {}),
        (
            {"extension": [{"url": "u", "extension": [POINTING, CODED]}]},
            {"extension": [{"url": "u", "extension": [CODED]}]},
        ),
        ({"activity": [{"outcomeReference": [POINTS]}]}, {}),
        ({"valueBoolean": False, "note": [], "url": "a canonical"},) * 2,
        ({"basedOn": [{"reference": "Observation/hidden-not"}]},) * 2,
    ],
)
def test_what_is_left_of_a_resource(element: dict[str, Any], left: dict[str, Any]) -> None:
    head = {"resourceType": "Observation", "id": "a"}
    assert without({**head, **element}, CLOSED) == {**head, **left}


@pytest.mark.parametrize(
    ("item", "left"),
    [
        ({"f": [{"a": 1}, {"url": "provenance", "valueReference": SIGNED}, {"b": 1}]}, {"f": [{"a": 1}, {"b": 1}]}),
        ({"f": [{"a": 1}, {"url": "by", "valueReference": POINTS}]}, {"f": [{"a": 1}]}),
        ({"author": [{"display": "Dr A", **POINTS}]}, {"author": [{"display": "Dr A"}]}),
        ({"entry": [POINTS]}, {"entry": [POINTS]}),
        ({"title": f'said ,"reference":"{HIDDEN}"'}, {"title": f'said ,"reference":"{HIDDEN}"'}),
        ({"f": [{"a": 1}, {"url": "provenance", "valueReference": {"reference": "Provenance/x"}}]},) * 2,
    ],
)
def test_what_is_left_of_an_item_of_the_summary(item: dict[str, Any], left: dict[str, Any]) -> None:
    assert json.loads(without_names(msgspec.json.encode(item), [HIDDEN, SIGNED["reference"]])) == left
