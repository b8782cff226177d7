"""References to what is closed leave with nothing: dropped, and with them what stands empty for want of them."""

from __future__ import annotations

from typing import Any

import pytest

from service.record.pointers import without

HIDDEN = "Observation/hidden"
CLOSED = frozenset({HIDDEN})


SEEN = {"reference": "Observation/seen"}
POINTS = {"reference": HIDDEN}
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
