"""The OpenAPI document describes every route under its own path and method, and only what is true."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from starlette.routing import Route

from fhir_profiles.r4 import CLIENTS_OWN_TYPES, SUPPORTED_TYPES
from fhir_profiles.validation import validate
from security.scopes import is_scope
from service.api.middleware import Metrics
from service.api.openapi import STALE, ToolMissing, check, openapi_document, write
from service.api.openapi.shapes import SHAPES
from service.api.public import Public, public_routes
from service.api.routes import operations
from service.api.routing import FhirRoute

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
LIMIT = 700_000
METHODS = {"get", "put", "post", "delete"}
OPERATIONS = [pytest.param(one, id=f"{one.method} {one.path}") for one in operations()]


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi_document([FhirRoute(operation) for operation in operations()])


def resolved(document: Json, part: Json) -> Json:
    while "$ref" in part:
        found: Any = document
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        part = found
    return part


def described(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_the_file_in_the_repository_is_what_the_app_says() -> None:
    assert check(ROOT / "openapi.yaml"), STALE


def test_writing_twice_gives_the_same_file_and_another_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    assert not check(file)
    write(file)
    assert check(file)
    file.write_text(file.read_text(encoding="utf-8").replace("Read Patient", "Read any Patient"), encoding="utf-8")
    assert not check(file)


def test_the_file_stays_small(tmp_path: Path, document: Json) -> None:
    file = tmp_path / "openapi.yaml"
    write(file)
    assert file.stat().st_size < LIMIT
    assert len(msgspec.json.encode(document)) < LIMIT


def test_without_pyyaml_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without_yaml(name: str, *rest: Any, **named: Any) -> Any:
        if name == "yaml":
            raise ImportError
        return imported(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    with pytest.raises(ToolMissing, match="make openapi"):
        write(tmp_path / "openapi.yaml")


def test_the_document_is_read_back_from_the_file_unchanged(tmp_path: Path, document: Json) -> None:
    import yaml

    write(tmp_path / "openapi.yaml")
    assert yaml.safe_load((tmp_path / "openapi.yaml").read_text(encoding="utf-8")) == document


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_route_is_documented_with_its_scope_and_its_failures(document: Json, operation: Any) -> None:
    found = document["paths"][operation.path][operation.method.lower()]
    scopes = found["security"][0]["smart"]
    assert len(scopes) == (0 if operation.interaction == "transaction" else 1)
    assert all(is_scope(scope) for scope in scopes)
    assert set(scopes) <= set(
        document["components"]["securitySchemes"]["smart"]["flows"]["clientCredentials"]["scopes"]
    )
    assert {"401", "403", "503"} <= set(found["responses"])
    for status, response in found["responses"].items():
        if status == "default" or int(status) >= 400:
            (content,) = resolved(document, response)["content"].items()
            assert content[0] == "application/fhir+json"
            assert content[1]["schema"] == {"$ref": "#/components/schemas/OperationOutcome"}


def test_no_path_catches_all_and_every_path_parameter_is_described(document: Json) -> None:
    for path, _, operation in described(document):
        assert ":path}" not in path
        named = {
            one["name"]
            for one in (resolved(document, part) for part in operation.get("parameters", ()))
            if one["in"] == "path"
        }
        assert named == set(re.findall(r"{(\w+)}", path)), path


def test_nothing_is_documented_that_is_not_routed(document: Json) -> None:
    routed = {(operation.path, operation.method.lower()) for operation in operations()}
    secured = {(path, method) for path, method, operation in described(document) if operation.get("security") != []}
    assert secured == routed


def test_every_public_address_is_documented_as_open(document: Json) -> None:
    public = Public([], "", "", Metrics(), _not_open, _not_open)
    served = {route.path for route in public_routes(public) if isinstance(route, Route)}
    open_to_all = {path for path, _, operation in described(document) if operation.get("security") == []}
    assert open_to_all == served - {"/openapi.json", "/docs"}


def _not_open() -> Any:
    raise AssertionError("the description needs no service that is open")


def test_every_interaction_has_its_shape_and_no_shape_is_idle() -> None:
    assert {operation.interaction for operation in operations()} == set(SHAPES)


def test_a_dropped_route_is_not_documented() -> None:
    kept = [FhirRoute(one) for one in operations() if (one.interaction, one.resource_type) != ("delete", "Goal")]
    assert "delete" not in openapi_document(kept)["paths"]["/fhir/R4/Goal/{id}"]


@pytest.mark.parametrize("kind", SUPPORTED_TYPES)
def test_each_type_has_a_schema_that_its_example_meets(document: Json, kind: str) -> None:
    schema = document["components"]["schemas"][kind]
    assert schema["properties"]["resourceType"] == {"const": kind}
    assert {"resourceType"} <= set(schema["required"])
    assert schema["externalDocs"]["url"] == f"https://hl7.org/fhir/R4/{kind.lower()}.html"
    judge = jsonschema_rs.validator_for({**schema, "components": document["components"]})
    judge.validate(document["components"]["examples"][f"{kind}-stored"]["value"])
    assert not judge.is_valid({"resourceType": kind, "meta": "none"})


def test_required_elements_are_those_of_r4(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["Observation"]["required"]) == {"resourceType", "status", "code"}
    assert set(schemas["MedicationRequest"]["required"]) == {"resourceType", "status", "intent", "subject"}
    medication = [["medicationCodeableConcept"], ["medicationReference"]]
    assert [one["required"] for one in schemas["MedicationRequest"]["allOf"][0]["anyOf"]] == medication
    assert schemas["Patient"]["required"] == ["resourceType"]


def test_every_example_is_valid_fhir(document: Json) -> None:
    for name, example in document["components"]["examples"].items():
        resource = example["value"]
        assert validate(resource) == [], name
        for entry in resource.get("entry", ()):
            if "resource" in entry:
                assert validate(entry["resource"]) == [], name


def test_identifiers_in_examples_belong_to_nobody(document: Json) -> None:
    text = msgspec.json.encode(document).decode()
    numbers = re.findall(r'"https://fhir.nhs.uk/Id/nhs-number","value":"(\d+)"', text)
    codes = re.findall(r'"https://fhir.nhs.uk/Id/ods-organization-code","value":"(\w+)"', text)
    assert numbers
    assert codes
    assert all(number.startswith("999") for number in numbers)
    assert all(code.startswith("ZZ") for code in codes)


def test_examples_of_failures_carry_the_status_they_stand_under(document: Json) -> None:
    for name, response in document["components"]["responses"].items():
        for example in response["content"]["application/fhir+json"].get("examples", {}).values():
            if name not in (*SUPPORTED_TYPES, *CLIENTS_OWN_TYPES):
                assert example["value"]["resourceType"] == "OperationOutcome"
                assert example["value"]["issue"][0]["details"]["text"]


def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in set(references(document)):
        assert resolved(document, {"$ref": reference})


def test_every_component_is_used(document: Json) -> None:
    used = set(references(document))
    for kind in ("parameters", "headers", "responses", "examples"):
        for name in document["components"][kind]:
            assert f"#/components/{kind}/{name}" in used


def test_it_has_the_form_of_openapi_3_1(document: Json) -> None:
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(document["info"])
    identifiers = [operation["operationId"] for _, _, operation in described(document)]
    assert len(set(identifiers)) == len(identifiers)
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, operation in described(document):
        assert path.startswith("/")
        assert method in METHODS
        assert set(operation["tags"]) <= tags
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status)
            assert resolved(document, response)["description"]
        for part in operation.get("parameters", ()):
            parameter = resolved(document, part)
            assert {"name", "in", "schema"} <= set(parameter)
            assert parameter["in"] != "path" or parameter["required"] is True
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]
    for name, kind in ((name, kind) for kind, parts in document["components"].items() for name in parts):
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name), kind


def test_writes_say_which_headers_they_take(document: Json) -> None:
    def headers(path: str, method: str) -> set[str]:
        parts = [resolved(document, part) for part in document["paths"][f"/fhir/R4{path}"][method]["parameters"]]
        return {part["name"] for part in parts if part["in"] == "header"}

    assert {"If-None-Exist", "Idempotency-Key", "Prefer", "X-Request-Id"} == headers("/Patient", "post")
    assert "If-None-Exist" not in headers("/Observation", "post")
    assert {"If-Match", "Prefer", "X-Request-Id"} == headers("/Observation/{id}", "put")
    assert {"If-Match", "X-Provenance", "X-Request-Id"} == headers("/Observation/{id}", "delete")


def test_a_search_takes_the_same_parameters_by_query_and_by_form(document: Json) -> None:
    for operation in operations():
        if operation.interaction != "search-type" or operation.method != "GET":
            continue
        by_query = document["paths"][operation.path]["get"]["parameters"]
        form = document["paths"][f"{operation.path}/_search"]["post"]["requestBody"]["content"]
        named = [part["name"] for part in by_query if part.get("in") == "query"]
        assert tuple(named) == operation.search_parameters
        assert list(form["application/x-www-form-urlencoded"]["schema"]["properties"]) == named
