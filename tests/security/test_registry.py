"""Registrations are judged whole, followed when their file changes, and never half-read."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey

from fhir_profiles.identifiers import is_nhs_number
from security.demo_clients import DEMO_CLIENTS, STOCK_PEOPLE, add_missing_demo_clients, make_demo_clients, private_key
from security.errors import InvalidConfiguration, KeysRefused, ScopeMissing
from security.jwks import read_public_keys
from security.principal import Role
from security.registry import ClientRegistry, RegisteredClient, registration
from security.scopes import covers, is_scope, permits, require, require_action
from tests.security.identity import CLIENT_KEY, client, client_document


def test_a_registration_survives_its_file(tmp_path):
    path = tmp_path / "clients.json"
    ClientRegistry([client()], path).save()
    assert list(ClientRegistry.load(path)) == [client()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_problem_of_a_file_is_listed_at_once(tmp_path):
    path = tmp_path / "clients.json"
    bad = client_document(client_id="no spaces", organisation="gp01", roles=["surgeon"], scopes=["user/*.rs"], nick="x")
    path.write_text(json.dumps({"clients": [client_document(), bad, client_document(), "not an object"]}))
    with pytest.raises(InvalidConfiguration) as caught:
        ClientRegistry.load(path)
    problems = caught.value.problems
    for place, word in [(1, "client_id"), (1, "organisation"), (1, "roles"), (1, "scopes"), (1, "nick")]:
        assert any(problem.startswith(f"clients[{place}]") and f"`{word}`" in problem for problem in problems)
    assert "clients[2]: gp-system is registered twice" in problems
    assert any(problem.startswith("clients[3]") for problem in problems)
    assert not any("surgeon" in problem or "gp01" in problem for problem in problems)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"clients": {}}', "{"])
def test_a_file_of_another_shape_is_refused(tmp_path, content):
    path = tmp_path / "clients.json"
    path.write_text(content)
    with pytest.raises(InvalidConfiguration):
        ClientRegistry.load(path)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(InvalidConfiguration):
        ClientRegistry.load(tmp_path / "clients.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"max_assurance": 0},
        {"max_assurance": 4},
        {"max_assurance": True},
        {"max_assurance": "2"},
        {"roles": []},
        {"scopes": []},
        {"jwks": None},
        {"issuer": "cis2"},
        {"client_id": "demo-door:ZZGP01"},
        {"other_organisations": "ZZGP02"},
        {"name": " "},
    ],
)
def test_a_registration_with_one_bad_member_is_refused(changes):
    with pytest.raises(InvalidConfiguration):
        registration(client_document(**changes))


def test_a_client_of_an_outside_issuer_has_no_keys_here():
    document = client_document(issuer="cis2")
    del document["jwks"]
    assert registration(document).issuer == "cis2"


@pytest.mark.parametrize(
    "key",
    [
        CLIENT_KEY.as_dict(private=True),
        OctKey.generate_key(256, {"kid": "shared"}).as_dict(),
        {"kty": "RSA", "kid": "small", "n": "u" * 171, "e": "AQAB"},
        {"kty": "EC", "crv": "secp256k1", "kid": "coin", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "kid": "broken", "x": "AA", "y": "AA"},
        {**CLIENT_KEY.as_dict(private=False), "use": "enc"},
        {**CLIENT_KEY.as_dict(private=False), "alg": "HS256"},
        {**CLIENT_KEY.as_dict(private=False), "kid": ""},
        {**CLIENT_KEY.as_dict(private=False), "alg": ["ES384"]},
        {**CLIENT_KEY.as_dict(private=False), "key_ops": 1},
        "key",
    ],
    ids=["private", "symmetric", "rsa-1024", "curve", "broken", "enc", "alg", "kid", "alg-list", "ops-number", "text"],
)
def test_a_key_that_may_not_verify_is_refused(key):
    keys, problems = read_public_keys({"keys": [key]})
    assert not keys
    assert len(problems) == 1
    assert problems[0].startswith("keys[0]")


def test_a_key_is_used_for_its_own_algorithm_alone():
    keys, _ = read_public_keys({"keys": [CLIENT_KEY.as_dict(private=False)]})
    assert keys.find("gp-1", "ES384") is not None
    assert keys.find("gp-1", "ES256") is None
    assert keys.find("gp-2", "ES384") is None


def test_a_registry_follows_its_file_and_keeps_what_did_not_change(tmp_path):
    path = tmp_path / "clients.json"
    ClientRegistry([client(), client(client_id="other")], path).save()
    registry = ClientRegistry.load(path)
    before = registry.get("gp-system")
    assert not registry.refresh()
    ClientRegistry([client()], path).save()
    assert registry.refresh()
    assert registry.get("gp-system") is before
    assert registry.get("other") is None


def test_a_bad_file_leaves_the_clients_as_they_were(tmp_path):
    path = tmp_path / "clients.json"
    ClientRegistry([client()], path).save()
    registry = ClientRegistry.load(path)
    path.write_text("{}")
    with pytest.raises(InvalidConfiguration):
        registry.refresh()
    assert registry.get("gp-system") is not None


def test_a_client_id_is_registered_once():
    registry = ClientRegistry([client()])
    with pytest.raises(InvalidConfiguration):
        registry.add(client())


def test_the_demo_has_every_client_and_keys_that_only_the_owner_may_read(tmp_path):
    registry = make_demo_clients(tmp_path)
    assert {held.client_id for held in registry} == set(DEMO_CLIENTS)
    assert len(DEMO_CLIENTS) == 15
    assert list(ClientRegistry.load(tmp_path / "clients.json")) == list(registry)
    for name, demo in DEMO_CLIENTS.items():
        held = registry.get(name)
        assert held is not None
        assert held.organisation.startswith("ZZ")
        assert demo.asserted().role in held.roles
        assert stat.S_IMODE((tmp_path / "demo-keys" / f"{name}.jwk").stat().st_mode) == 0o600
        key = private_key(tmp_path, name)
        assert isinstance(key, ECKey)
        public = key.as_dict(private=False)
        assert held.jwks == {"keys": [public]}
    with pytest.raises(KeysRefused):
        make_demo_clients(tmp_path)


def test_a_demo_of_an_older_release_gets_the_clients_that_it_lacks(tmp_path):
    registry = make_demo_clients(tmp_path)
    held = {one.client_id: one.jwks for one in registry if one.client_id != "demo-gp-partner"}
    registry.remove("demo-gp-partner")
    (tmp_path / "demo-keys" / "demo-gp-partner.jwk").unlink()
    add_missing_demo_clients(tmp_path, registry)
    again = {one.client_id: one.jwks for one in ClientRegistry.load(tmp_path / "clients.json")}
    key = private_key(tmp_path, "demo-gp-partner")
    assert again == {**held, "demo-gp-partner": {"keys": [key.as_dict(private=False)]}}


def test_a_stock_person_exists_for_every_role_but_system():
    assert set(STOCK_PEOPLE) == set(Role) - {Role.SYSTEM}
    assert is_nhs_number(STOCK_PEOPLE[Role.PATIENT].id)


@pytest.mark.parametrize(
    "scope", ["system/*.rs", "system/Patient.cruds", "system/Observation.r", "epaccs/incident.write"]
)
def test_scopes_that_are_understood(scope):
    assert is_scope(scope)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "system/*.",
        "system/*.sr",
        "system/*.*",
        "system/*.read",
        "user/*.rs",
        "patient/*.rs",
        "system/Patient.rs?_id=1",
        "epaccs/audit.erase",
        "system/patient.r",
    ],
)
def test_scopes_that_are_not(scope):
    assert not is_scope(scope)


def test_a_scope_covers_what_it_allows_and_no_more():
    held = frozenset({"system/*.rs", "system/Patient.cu"})
    assert covers(held, "system/Patient.crus")
    assert covers(held, "system/Observation.r")
    assert not covers(held, "system/Observation.c")
    assert not covers(held, "system/*.c")
    assert not covers(held, "epaccs/incident.write")
    assert not covers(held, "nonsense")


def test_what_a_scope_does_not_allow_is_refused_by_name():
    held = frozenset({"system/Patient.rs"})
    require(held, "Patient", "r")
    with pytest.raises(ScopeMissing) as caught:
        require(held, "Observation", "r")
    assert caught.value.scope == "system/Observation.r"
    with pytest.raises(ScopeMissing):
        require_action(held, "epaccs/incident.write")


letters = st.sets(st.sampled_from("cruds"), min_size=1).map(lambda chosen: "".join(x for x in "cruds" if x in chosen))
scopes = st.builds("system/{}.{}".format, st.sampled_from(["*", "Patient", "Flag"]), letters)


@given(
    st.frozensets(scopes, max_size=4), scopes, st.sampled_from(["Patient", "Flag", "Task"]), st.sampled_from("cruds")
)
def test_what_is_covered_never_allows_more_than_what_is_held(held, asked, kind, interaction):
    if covers(held, asked) and permits(frozenset({asked}), kind, interaction):
        assert permits(held, kind, interaction)


def test_which_organisations_act_in_a_role() -> None:
    crews = RegisteredClient("a", "A", "ZZ1", frozenset({"ambulance", "system"}), frozenset(), frozenset({"ZZ2"}))
    other = RegisteredClient("b", "B", "ZZ3", frozenset({"hospital"}), frozenset())
    registry = ClientRegistry([crews, other])
    assert registry.acting_as("ambulance") == {"ZZ1", "ZZ2"}
    assert registry.acting_as("nhs111") == set()
    assert ClientRegistry().acting_as("ambulance") == set()
