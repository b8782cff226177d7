"""What HL7 publishes goes into a record and comes out of it again in every value but text, id and meta."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import json, r4
from service.record.slices import cut, join_parts, without_large
from tests.fhir_profiles.places import PUBLISHED, needs_packages

OURS = ("text", "id", "meta")


def published() -> list[Path]:
    """Return the published examples of the types that are stored."""
    return sorted(path for path in PUBLISHED.glob("*.json") if path.name.partition("-")[0] in r4.SUPPORTED_TYPES)


def without_ours(resource: dict[str, Any]) -> bytes:
    """Return a resource as bytes, without what the service writes itself; bytes, so that digits count."""
    kept = {name: value for name, value in resource.items() if name not in OURS}
    for inside in kept.get("contained", []):
        inside.pop("text", None)
    return json.encode(kept)


@needs_packages
@pytest.mark.parametrize("path", published(), ids=lambda path: path.stem)
def test_a_published_example_survives_being_cut(path: Path) -> None:
    sent = json.decode(path.read_bytes())
    sliced = cut(deepcopy(sent))
    body = join_parts(sliced.body, sliced.parts, sliced.parts) if sliced.parts else sliced.body
    for piece, element in sorted(sliced.elements, key=lambda pair: pair[0].offset, reverse=True):
        assert not sliced.parts, "no published Patient has an element this large"
        body = body[: piece.offset] + element + body[piece.offset :]
    assert without_ours(json.decode(body)) == without_ours(deepcopy(sent))
    assert json.decode(sliced.received_text) == sent["text"] if "text" in sent else not sliced.received_text


@pytest.mark.parametrize(
    ("attachment", "left"),
    [
        ({"data": "~", "title": "Scan"}, b'{"title":"Scan"}'),
        ({"title": "Scan", "data": "~"}, b'{"title":"Scan"}'),
        ({"contentType": "a/b", "data": "~", "title": "Scan"}, b'{"contentType":"a/b","title":"Scan"}'),
        ({"data": "~"}, b"{}"),
    ],
)
def test_where_a_large_string_is_left_out_no_empty_one_stands(attachment: dict[str, str], left: bytes) -> None:
    attachment = {key: "x" * 20_000 if value == "~" else value for key, value in attachment.items()}
    sliced = cut({"resourceType": "DocumentReference", "id": "1", "meta": {}, "content": [{"attachment": attachment}]})
    body = without_large(sliced.body, [piece.offset for piece in sliced.pieces])
    assert b'"content":[{"attachment":' + left + b"}]" in body
    json.decode(body)


def test_a_large_item_of_an_array_keeps_its_place() -> None:
    sliced = cut({"resourceType": "Basic", "id": "1", "meta": {}, "line": ["a", "x" * 20_000, "b"]})
    assert b'["a","","b"]' in without_large(sliced.body, [piece.offset for piece in sliced.pieces])
