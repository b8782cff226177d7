"""JSON in and out."""

from __future__ import annotations

import json as standard_json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson

CANARY = "Zebedee-Canary"

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_what_is_written_is_read_back(value: dict[str, object]) -> None:
    assert json.decode(json.encode(value)) == value


@pytest.mark.parametrize("number", ["1.10", "0.0", "100.000", "-2.50", "12345678901234567890.123456789"])
def test_decimals_keep_their_digits(number: str) -> None:
    body = b'{"value":' + number.encode() + b"}"
    assert json.encode(json.decode(body)) == body
    assert isinstance(json.decode(body)["value"], Decimal)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"b":2,"a":3}',
        b'{"a" :1,"a" :3}',
        b'{"x":{"a":1,"\\u0061":3}}',
        b'{"list":[{"a":"\\":","a":3}]}',
        b'{"a":{"a":1},"a":2}',
    ],
)
def test_a_name_twice_is_refused_with_its_place(body: bytes) -> None:
    with pytest.raises(InvalidJson) as refusal:
        json.decode(body)
    assert [issue.code for issue in refusal.value.issues] == ["structure"]
    assert "line 1, column" in refusal.value.issues[0].text


def test_every_object_with_a_name_twice_is_told() -> None:
    body = b'{"a":{"b":1,"b":2},\n  "c":{"d":1,"d":2}}'
    with pytest.raises(InvalidJson) as refusal:
        json.decode(body)
    assert [issue.text for issue in refusal.value.issues] == [
        "A name occurs twice in the JSON object that starts on line 1, column 6.",
        "A name occurs twice in the JSON object that starts on line 2, column 7.",
    ]


@given(
    st.lists(st.tuples(st.text('ab":\\ \n', max_size=3), st.text('ab":{}\\ ', max_size=4)), max_size=5), st.booleans()
)
def test_names_twice_are_found_whatever_the_texts_hold(pairs: list[tuple[str, str]], spaced: bool) -> None:
    separator = " : " if spaced else ":"
    body = (
        "{"
        + ",".join(f"{standard_json.dumps(name)}{separator}{standard_json.dumps(text)}" for name, text in pairs)
        + "}"
    )
    if len({name for name, _ in pairs}) == len(pairs):
        assert json.decode(body.encode()) == dict(pairs)
    else:
        with pytest.raises(InvalidJson):
            json.decode(body.encode())


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def test_nesting_has_a_limit() -> None:
    assert json.decode(nested(json.MAX_DEPTH))
    for levels in (json.MAX_DEPTH + 1, 5000, 200_000):
        with pytest.raises(InvalidJson, match="problem"):
            json.decode(nested(levels))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        f'"{CANARY}"'.encode(),
        f'{{"{CANARY}"'.encode(),
        f'{{"a":{CANARY}}}'.encode(),
        f'{{"a":"{CANARY}",}}'.encode(),
        f'{{"a":"{CANARY}"}} x'.encode(),
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        f"{{'a':'{CANARY}'}}".encode(),
        f'{{"{CANARY}":1,"{CANARY}":2}}'.encode(),
    ],
)
def test_what_is_not_one_json_object_is_refused_without_echo(body: bytes) -> None:
    with pytest.raises(InvalidJson) as refusal:
        json.decode(body)
    assert refusal.value.issues
    for issue in refusal.value.issues:
        assert issue.severity == "error"
        assert CANARY not in f"{issue}"
