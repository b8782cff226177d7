"""What the service says of itself is what is routed, no more and no less."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from starlette.routing import BaseRoute, Route

from fhir_profiles.build_definitions.bindings import ValueSets
from fhir_profiles.build_definitions.schema import SchemaBuilder
from fhir_profiles.r4 import SUPPORTED_TYPES
from service import VERSION
from service.api.metadata import BASE_R4_ONLY, CONDITIONAL_CREATE, LOG, SEARCH_TYPES, SUBSCRIPTION, capability_statement
from service.api.routes import operations
from service.api.routing import FhirRoute
from service.record.search_parameters import parameters_of
from tests.fhir_profiles.places import PUBLISHED, needs_packages

Json = dict[str, Any]
BASE = "https://plans.example.org/fhir/R4"


def routes() -> list[BaseRoute]:
    return [FhirRoute(operation) for operation in operations()]


def stated(among: list[BaseRoute] | None = None) -> Json:
    return capability_statement(routes() if among is None else among, BASE, VERSION)


def resource(statement: Json, kind: str) -> Json:
    found: Json = next(one for one in statement["rest"][0]["resource"] if one["type"] == kind)
    return found


def without(interaction: str, kind: str, method: str | None = None) -> list[BaseRoute]:
    return [
        route
        for route in routes()
        if not (
            isinstance(route, FhirRoute)
            and (route.operation.interaction, route.operation.resource_type) == (interaction, kind)
            and method in (None, route.operation.method)
        )
    ]


def codes(items: list[Json]) -> list[str]:
    return [item["code"] for item in items]


def test_every_type_states_exactly_what_is_routed() -> None:
    statement = stated()
    assert {one["type"] for one in statement["rest"][0]["resource"]} == {*SUPPORTED_TYPES, LOG, SUBSCRIPTION}
    for kind in (*SUPPORTED_TYPES, LOG, SUBSCRIPTION):
        routed = {one.interaction for one in operations() if one.resource_type == kind and "$" not in one.interaction}
        said = codes(resource(statement, kind)["interaction"])
        assert set(said) == routed
        assert len(said) == len(routed), "search is routed twice and stated once"


@pytest.mark.parametrize("interaction", ["read", "vread", "create", "update", "delete", "history-instance"])
def test_a_route_that_is_dropped_is_not_stated(interaction: str) -> None:
    before, after = stated(), stated(without(interaction, "Observation"))
    assert interaction in codes(resource(before, "Observation")["interaction"])
    assert interaction not in codes(resource(after, "Observation")["interaction"])
    assert resource(after, "Patient") == resource(before, "Patient")


def test_search_is_stated_as_long_as_one_way_to_it_is_routed() -> None:
    by_post_alone = resource(stated(without("search-type", "Goal", "GET")), "Goal")
    not_at_all = resource(stated(without("search-type", "Goal")), "Goal")
    assert "search-type" in codes(by_post_alone["interaction"])
    assert "search-type" not in codes(not_at_all["interaction"])
    assert "searchParam" not in not_at_all


def test_what_depends_on_a_route_goes_with_it() -> None:
    assert resource(stated(), "Patient")["conditionalCreate"]
    assert not resource(stated(without("create", "Patient")), "Patient")["conditionalCreate"]
    assert not resource(stated(without("vread", "Patient")), "Patient")["readHistory"]
    without_summary = resource(stated(without("$emergency-summary", "Patient")), "Patient")
    assert [one["name"] for one in without_summary["operation"]] == [
        "break-glass",
        "match",
        "explain-access",
        "copies-held",
        "answer-as-given",
    ]


def test_a_type_without_routes_is_not_stated() -> None:
    left = [route for route in routes() if isinstance(route, FhirRoute) and route.operation.resource_type != "Goal"]
    assert "Goal" not in {one["type"] for one in stated([*left])["rest"][0]["resource"]}


def test_routes_of_other_kinds_say_nothing() -> None:
    async def answer(_: object) -> None:
        raise AssertionError

    other = Route("/fhir/R4/Appointment/{id}", answer)
    assert stated([*routes(), other]) == stated()


def test_versions_and_writes_are_stated_as_they_work() -> None:
    for one in stated()["rest"][0]["resource"]:
        assert one["versioning"] == ("no-version" if one["type"] == LOG else "versioned-update")
        assert one["readHistory"] is (one["type"] not in (LOG, SUBSCRIPTION))
        assert one["updateCreate"] is False
        assert one["conditionalUpdate"] is False
        assert one["conditionalCreate"] is (one["type"] in CONDITIONAL_CREATE)


def test_search_parameters_are_those_of_the_search_itself() -> None:
    statement = stated()
    for kind in SUPPORTED_TYPES:
        if len(parameters_of(kind)) > 1:
            said = {item["name"]: item["type"] for item in resource(statement, kind)["searchParam"]}
            assert said == {name: SEARCH_TYPES[name] for name in parameters_of(kind)}


def test_operations_stand_where_they_are_called() -> None:
    statement = stated()
    rest = statement["rest"][0]
    assert [one["name"] for one in resource(statement, "Patient")["operation"]] == [
        "emergency-summary",
        "break-glass",
        "match",
        "explain-access",
        "copies-held",
        "answer-as-given",
    ]
    assert {one["name"] for one in rest["operation"]} == {
        "open-incident",
        "close-incident",
        "crew-link",
        "refused-text",
    }
    assert codes(rest["interaction"]) == ["transaction"]
    (status,) = resource(statement, SUBSCRIPTION)["operation"]
    assert status["definition"].endswith("/subscriptions-backport/OperationDefinition/backport-subscription-status")
    assert status["documentation"].startswith("GET or POST."), "four routes, one operation"


def test_uk_core_is_named_where_it_has_a_profile_and_base_r4_where_not() -> None:
    statement = stated()
    for kind in SUPPORTED_TYPES:
        found = resource(statement, kind)
        uk_core = f"https://fhir.hl7.org.uk/StructureDefinition/UKCore-{kind}"
        assert (uk_core in found.get("supportedProfile", ())) is (kind not in BASE_R4_ONLY)
        assert found["documentation"].startswith("Base R4") is (kind in BASE_R4_ONLY)
    assert any(url.endswith("/cpr-decision") for url in resource(statement, "Observation")["supportedProfile"])


def test_security_says_where_tokens_are_had() -> None:
    security = stated()["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    (extension,) = security["extension"]
    assert extension["extension"] == [{"url": "token", "valueUri": "https://plans.example.org/oauth2/token"}]


def test_it_is_a_statement_of_a_running_r4_server() -> None:
    statement = stated()
    assert (statement["status"], statement["kind"], statement["fhirVersion"]) == ("active", "instance", "4.0.1")
    assert statement["format"] == ["json"]
    assert statement["implementation"]["url"] == BASE


def test_another_implementation_reads_it() -> None:
    statement = stated()
    read = CapabilityStatement.model_validate(statement)
    assert read.model_dump()["rest"][0]["mode"] == "server"


@needs_packages
def test_it_keeps_to_the_published_definition_of_r4() -> None:
    def published(name: str) -> Json:
        found: Json = msgspec.json.decode((PUBLISHED / f"{name}.json").read_bytes())
        return found

    terminology = [
        msgspec.json.decode(path.read_bytes())
        for pattern in ("ValueSet-*.json", "CodeSystem-*.json")
        for path in sorted(PUBLISHED.glob(pattern))
    ]
    builder = SchemaBuilder(ValueSets(terminology))
    builder.add(published("StructureDefinition-CapabilityStatement"))
    definition = builder.definitions["CapabilityStatement"]
    unknown = set(stated()) - set(definition["properties"])
    assert not unknown
    for path, elements in {
        "CapabilityStatement.rest": stated()["rest"],
        "CapabilityStatement.rest.security": [stated()["rest"][0]["security"]],
        "CapabilityStatement.rest.resource": stated()["rest"][0]["resource"],
        "CapabilityStatement.rest.resource.operation": resource(stated(), "Patient")["operation"],
    }.items():
        for element in elements:
            assert set(element) <= set(builder.definitions[path]["properties"]), path
            assert set(builder.definitions[path].get("required", ())) <= set(element), path
