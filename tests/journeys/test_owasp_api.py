"""OWASP's ten API risks of 2023, each with the tests that hold it shut (`HELD_BY`), and tests for what no other holds.

A test that exists elsewhere is named here and not repeated; that it exists is checked.
"""

from __future__ import annotations

import importlib
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from fhir_profiles.canonical import code_system
from security.assertions import Asserted
from security.principal import Purpose, Role
from service.api.routing import FhirRoute
from service.app import create_app
from tests.journeys.people import Json, Person, admitted, ask_for_token, crew, gp, transaction
from tests.journeys.sharing_examples import ORGANISATION_OF
from tests.running import Running, demo_settings, parameters

HELD_BY: dict[str, tuple[str, ...]] = {
    "API1 broken object level authorisation": (
        "tests.journeys.test_invariants_over_http.test_every_invariant_holds_for_every_caller_and_consent",
        "tests.journeys.test_person_withdraws_consent."
        "test_to_an_organisation_that_never_had_the_plan_the_person_looks_like_one_who_does_not_exist",
        "tests.journeys.test_person_withdraws_consent.test_nobody_reads_another_persons_plan_by_a_patients_sign_in",
        "tests.journeys.test_existence_by_time.test_to_refuse_costs_the_same_whether_or_not_there_is_a_plan",
    ),
    "API2 broken authentication": (
        "tests.service.api.test_bad_input_tokens.test_a_bad_token_opens_nothing",
        "tests.service.api.test_bad_input_tokens.test_of_two_tokens_none_is_chosen",
        "tests.service.api.test_bad_input_tokens.test_a_token_in_the_address_is_none",
        "tests.security.test_tokens.test_an_algorithm_that_is_not_the_issuers_is_refused",
        "tests.security.test_tokens.test_claims_that_are_wrong_are_refused",
        "tests.security.test_tokens.test_a_client_assertion_is_no_access_token",
        "tests.security.test_tokens.test_no_changed_byte_is_believed",
        "tests.security.test_issuer.test_an_assertion_is_used_once",
        "tests.journeys.test_several_processes.test_an_assertion_is_spent_for_all_processes",
    ),
    "API3 broken object property level authorisation": (
        "tests.journeys.test_invariants_over_http.test_every_invariant_holds_for_every_caller_and_consent",
        "tests.journeys.test_release_by_element.test_a_receptionist_gets_identity_and_whereabouts_alone",
        "tests.journeys.test_gp_changes_a_decision.test_what_a_sender_says_of_version_time_and_source_is_not_believed",
    ),
    "API4 unrestricted resource consumption": (
        "tests.service.api.test_bad_input_requests.test_a_body_of_fifty_megabytes_is_refused_by_its_length",
        "tests.service.api.test_bad_input_requests.test_a_body_of_fifty_megabytes_is_refused_without_a_length_too",
        "tests.service.api.test_limits.test_each_client_has_its_own_count_in_each_minute",
        "tests.service.api.test_limits.test_an_address_whose_requests_come_to_nothing_has_to_wait",
        "tests.service.record.test_guessing.test_present_and_absent_count_alike_in_every_look_up",
        "tests.service.record.test_guessing.test_every_kind_of_look_up_goes_into_one_count",
    ),
    "API5 broken function level authorisation": (
        "tests.journeys.test_explaining_access.test_it_is_for_privacy_officers",
        "tests.journeys.test_incident_register.test_only_a_control_rooms_own_client_opens_incidents",
        "tests.journeys.test_shared_directory.test_nobody_else_writes_it",
        "tests.service.record.test_alerts.test_nobody_else_sees_or_moves_one",
        "tests.service.api.test_bad_input_tokens.test_a_scope_that_is_not_held_opens_nothing",
    ),
    "API6 unrestricted access to sensitive business flows": (
        "tests.journeys.test_breaking_glass.test_who_is_refused_too_often_is_locked_whomever_they_ask_for",
        "tests.journeys.test_breaking_glass.test_a_claimed_relationship_alerts_once_a_day",
        "tests.journeys.test_breaking_glass.test_a_machine_breaks_no_glass",
        "tests.service.record.test_guessing.test_the_privacy_officer_hears_of_it_once",
    ),
    "API7 server side request forgery": (
        "tests.adapters.test_http.test_a_key_set_is_fetched_from_the_list_of_hosts_alone",
        "tests.adapters.test_http.test_a_redirect_is_not_followed",
        "tests.adapters.test_addresses.test_every_other_address_is_refused_and_not_repeated",
        "tests.adapters.test_addresses.test_a_name_that_changes_to_a_private_address_is_not_sent_to",
        "tests.adapters.test_addresses.test_the_connection_goes_to_the_address_that_was_judged_under_the_name_that_was_asked",
    ),
    "API8 security misconfiguration": (
        "tests.service.api.test_bad_input_settings.test_the_demo_doors_are_shut_in_production",
        "tests.service.api.test_bad_input_settings.test_production_takes_no_address_without_encryption",
        "tests.service.api.test_bad_input_settings.test_keys_that_others_can_read_are_not_used",
        "tests.adapters.test_http.test_certificates_are_checked_and_old_tls_is_refused",
        "tests.service.api.test_docs_page.test_every_address_is_local_and_every_file_is_there",
        "tests.service.api.test_openapi.test_identifiers_in_examples_belong_to_nobody",
    ),
    "API9 improper inventory management": (
        "tests.journeys.test_every_stated_interaction."
        "test_every_interaction_of_every_type_that_is_stated_can_be_called_and_no_other",
        "tests.service.api.test_openapi.test_nothing_is_documented_that_is_not_routed",
        "tests.service.api.test_openapi.test_every_route_is_documented_with_its_scope_and_its_failures",
        "tests.test_architecture.test_every_address_authenticates_or_is_known_to_be_public",
        "tests.test_architecture.test_no_route_answers_without_a_token",
    ),
    "API10 unsafe consumption of APIs": (
        "tests.adapters.test_http.test_a_key_set_that_is_not_plainly_answered_is_none",
        "tests.adapters.test_http.test_an_answer_that_is_too_large_is_not_read_to_its_end",
        "tests.adapters.test_fhir_rest.test_what_is_no_fhir_answer_is_unintelligible",
        "tests.adapters.test_csv_drop.test_links_pipes_and_folders_are_refused_unread",
        "tests.adapters.test_csv_drop.test_a_file_with_any_problem_is_refused_whole_with_a_report_that_repeats_nothing",
        "tests.security.test_tokens.test_a_key_set_that_makes_no_sense_is_no_key_set",
    ),
}


@pytest.mark.parametrize("risk", HELD_BY)
def test_each_risk_is_held_shut_by_tests_that_exist(risk: str) -> None:
    for name in HELD_BY[risk]:
        module, _, test = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), test)), name


def test_every_risk_is_in_the_table() -> None:
    assert [risk.split()[0] for risk in HELD_BY] == [f"API{number}" for number in range(1, 11)]


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """Somebody with an open incident."""
    found = admitted(service, 9_950)
    service.open_incident(found.nhs_number)
    return found


# --- API3: what a sender says of what is ours to say


def _sensitive(someone: Person, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": code_system("section"), "code": "mental_health"}]}],
        "code": {"text": "A note that is for clinicians"},
        "subject": {"reference": someone.patient},
        "effectiveDateTime": "2026-05-01",
        **more,
    }


@pytest.mark.parametrize("label", ["U", "L", "N"])
def test_api3_no_label_of_the_sender_opens_what_its_section_closes(
    service: Running, someone: Person, label: str
) -> None:
    code = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": label}
    made = service.call("POST", "/Observation", gp(service), _sensitive(someone, meta={"security": [code]}))
    assert made.status_code == 201, made.text
    address = f"/Observation/{made.json()['id']}"
    assert service.call("GET", address, gp(service)).status_code == 200
    assert service.call("GET", address, crew(service)).status_code == 404


@pytest.mark.parametrize("key", ["tenant", "owner", "holder", "record", "author", "tier"])
def test_api3_what_is_no_element_of_fhir_is_refused(service: Running, someone: Person, key: str) -> None:
    refused = service.call("POST", "/Observation", gp(service), _sensitive(someone, **{key: "ZZHOS9"}))
    assert refused.status_code in (400, 422)
    assert "ZZHOS9" not in refused.text


def test_api3_whom_a_sender_names_as_source_holds_nothing(service: Running) -> None:
    theirs = admitted(service, 9_951)
    source = "https://fhir.nhs.uk/Id/ods-organization-code/ZZHOS9#demo-hospital"
    mine = _sensitive(theirs, meta={"source": source, "versionId": "7", "lastUpdated": "2020-01-01T00:00:00Z"})

    made = service.call("POST", "/Observation", gp(service), mine)

    meta = made.json()["meta"]
    assert meta["source"] != source
    assert meta["versionId"] == "1"
    assert not meta["lastUpdated"].startswith("2020")
    stranger = service.token("hospital", "ZZHOS9")
    assert service.call("GET", f"/Observation/{made.json()['id']}", stranger).status_code == 404


# --- API4: questions and Bundles that cost more than they may


@pytest.mark.parametrize(
    "query",
    [
        "subject:Patient.name=a",
        "_has:Observation:patient:code=1",
        "_include=Observation:subject",
        "_include:iterate=*",
        "_revinclude=*",
        "_filter=code eq 1",
        "code:regex=.*",
        "code:contains=.*",
    ],
)
def test_api4_chains_includes_and_patterns_are_refused(service: Running, someone: Person, query: str) -> None:
    refused = service.call("GET", f"/Observation?patient={someone.patient}&{query}", gp(service))
    assert refused.status_code == 400, refused.text


def test_api4_json_that_is_nested_without_end_is_refused(service: Running) -> None:
    deep = b'{"resourceType":"Observation","extension":' + b'[{"extension":' * 20_000 + b"[]" + b"}]" * 20_000 + b"}"
    assert service.call("POST", "/Observation", gp(service), deep, {}).status_code in (400, 413, 415, 422)
    sent = service.call("POST", "/Observation", gp(service), deep, {"Content-Type": "application/fhir+json"})
    assert sent.status_code in (400, 413, 422)


def test_api4_a_bundle_of_more_than_a_record_may_hold_is_refused_whole(service: Running) -> None:
    theirs = admitted(service, 9_952)
    note = _sensitive(theirs)
    refused = service.call("POST", "", gp(service), transaction(*[("POST", "Observation", note)] * 5_001))
    assert refused.status_code in (413, 422)
    found = service.call("GET", f"/Observation?patient={theirs.patient}", gp(service)).json()
    assert "A note that is for clinicians" not in str(found)


# --- API5: what is not for every role


def _explain(service: Running, token: str, someone: Person) -> httpx.Response:
    asked = parameters(patient=someone.patient, role="ambulance", organization="ZZAMB1", purpose="TREAT", user="zz-1")
    return service.call("POST", "/Patient/$explain-access", token, asked)


def _incident(service: Running, token: str, someone: Person) -> httpx.Response:
    body = parameters(nhsNumber=someone.nhs_number, organization="ZZAMB1", incident="INC-9")
    return service.call("POST", "/$open-incident", token, body)


def _audit(service: Running, token: str, someone: Person) -> httpx.Response:
    return service.call("GET", f"/AuditEvent?entity={someone.patient}", token)


ONLY_FOR: dict[str, tuple[Any, set[str]]] = {
    "$explain-access": (_explain, {"privacy_officer"}),
    "$open-incident": (_incident, set()),
    "AuditEvent": (_audit, {"patient", "privacy_officer"}),
}
"""Who is not turned away at the door; incidents are for a control room's own client, whatever the role."""


@pytest.mark.parametrize("what", ONLY_FOR)
def test_api5_is_for_these_roles_and_no_other(service: Running, someone: Person, what: str) -> None:
    ask, roles = ONLY_FOR[what]
    let_in = {
        role
        for role, organisation in ORGANISATION_OF.items()
        if ask(service, service.token(role, organisation), someone).status_code != 403
    }
    assert let_in == roles


def test_api5_who_watches_over_the_plans_reads_none(service: Running, someone: Person) -> None:
    officer = service.token("privacy_officer", "ZZAMB1")
    for path in (someone.patient, someone.cpr(), f"{someone.cpr()}/_history", f"Observation?patient={someone.patient}"):
        assert service.call("GET", f"/{path}", officer).status_code == 403
    assert service.emergency(officer, someone.nhs_number).status_code == 403


# --- API7: no address that a caller gives is called


def test_api7_nobody_can_have_this_service_call_an_address_of_theirs(service: Running, someone: Person) -> None:
    asserted = Asserted("ZZHSP1", Role.SYSTEM, Purpose.TREAT, None)
    system = ask_for_token(service, "demo-hospice", asserted).json()["access_token"]
    for endpoint in (
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:22/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://127.0.0.1@example.org/",
        "https://not-listed.example.org/",
        "gopher://127.0.0.1/",
    ):
        wanted = {
            "resourceType": "Subscription",
            "status": "requested",
            "reason": "x",
            "criteria": "Observation?",
            "channel": {"type": "rest-hook", "endpoint": endpoint},
        }
        refused = service.call("POST", "/Subscription", system, wanted)
        assert refused.status_code == 422
        assert [issue["expression"] for issue in refused.json()["issue"]] == [["Subscription.channel.endpoint"]]


# --- API8: what every answer says to a browser


def _kinds(service: Running, someone: Person) -> list[httpx.Response]:
    base = service.settings.base_url
    return [
        service.call("GET", f"/{someone.cpr()}", gp(service)),
        service.call("GET", f"/{someone.cpr()}", service.token("hospital", "ZZHOS9")),
        service.call("GET", f"/{someone.cpr()}", None),
        service.emergency(crew(service), someone.nhs_number),
        service.call("GET", "/metadata", None),
        service.call("GET", f"{base}/nothing", None),
        service.call("DELETE", "/metadata", None),
        service.client.get(f"{base}/docs"),
        service.client.get(f"{base}/openapi.json"),
        service.client.get(f"{base}/health/live"),
        service.client.get(f"{base}/crew"),
    ]


def test_api8_every_kind_of_answer_forbids_sniffing_framing_and_telling_where_from(
    service: Running, someone: Person
) -> None:
    for answer in _kinds(service, someone):
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("no-referrer", "same-origin"), "forms of the pages need their own origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
        assert not [name for name in headers if name.startswith(("access-control-", "x-powered-by"))]


def test_api8_what_is_of_a_person_is_kept_by_nobody(service: Running, someone: Person) -> None:
    for answer in _kinds(service, someone)[:4]:
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/Patient/x", "/Patient/$emergency-summary", "/metadata"])
def test_api8_no_other_site_is_let_in(service: Running, path: str) -> None:
    asked = {
        "Origin": "https://elsewhere.example.org",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for method in ("OPTIONS", "GET"):
        answer = service.call(method, path, None, None, asked)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert service.call("OPTIONS", path, None, None, asked).status_code in (401, 404, 405)


# --- API9: nothing answers that is not known


PUBLIC = {"/fhir/R4/metadata", "/fhir/R4/.well-known/smart-configuration"}
"""What is open below the FHIR base: what FHIR and SMART say is."""


def _leaves(routes: list[BaseRoute]) -> list[BaseRoute]:
    """Return every route, those of mounted applications too."""
    found: list[BaseRoute] = []
    for route in routes:
        found.append(route)
        if isinstance(route, Mount):
            found += _leaves(list(route.routes))
    return found


def test_api9_no_mounted_application_and_no_socket_goes_round_the_door(tmp_path: Any) -> None:
    leaves = _leaves(list(create_app(demo_settings(tmp_path, 8000)).routes))
    assert not [route for route in leaves if isinstance(route, WebSocketRoute)]
    assert [route.path for route in leaves if isinstance(route, Mount)] == ["/static"]
    for route in leaves:
        if isinstance(route, Route) and route.path.startswith("/fhir/"):
            assert isinstance(route, FhirRoute) or route.path in PUBLIC


@pytest.mark.parametrize(
    "path",
    ["/admin", "/debug", "/redoc", "/graphql", "/.env", "/fhir/R4/$export", "/fhir/R4/Person", "/fhir/R5/Patient"],
)
def test_api9_an_address_that_is_not_known_answers_nobody(service: Running, path: str) -> None:
    for token in (None, gp(service)):
        answer = service.call("GET", f"{service.settings.base_url}{path}", token)
        assert answer.status_code in (404, 405), path
        assert path.rpartition("/")[2] not in answer.text
