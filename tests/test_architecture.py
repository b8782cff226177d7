"""The shape of the program: who may import whom, who may make what leaves, and that no address is open by accident."""

from __future__ import annotations

import ast
import re
import typing
from collections.abc import Iterator

import pytest
from importlinter import cli as import_linter
from starlette.routing import BaseRoute, Mount, Route

from service.api.answers import Answer
from service.api.audit_events import AuditEvents
from service.api.directory import DirectoryInteractions
from service.api.explaining import Explaining
from service.api.interactions import Interactions
from service.api.operations import Operations
from service.api.routes import PREFIX, operations
from service.api.routing import FhirRoute
from service.api.subscriptions import SubscriptionInteractions
from service.app import create_app
from service.settings import SETTINGS
from tests.running import REPOSITORY, Running, demo_settings

PACKAGES = ("fhir_profiles", "security", "adapters", "service")
MADE_IN = {"Answer": "service.api.answers", "Released": "security.release", "Refusal": "security.release"}
"""What leaves the program, and the one module that may make it."""
PUBLIC = {
    ("GET", f"{PREFIX}/metadata"),
    ("POST", "/oauth2/token"),
    ("GET", "/.well-known/smart-configuration"),
    ("GET", f"{PREFIX}/.well-known/smart-configuration"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/static"),
}
"""Every address that needs no token. None of them can hold anything of a person."""
PAGES = {
    ("GET", "/crew"),
    ("GET", "/crew/find"),
    ("POST", "/crew/find"),
    ("GET", "/crew/search"),
    ("POST", "/crew/search"),
    ("POST", "/crew/display"),
    ("POST", "/crew/sign-out"),
    ("GET", "/crew/sign-in"),
    ("POST", "/crew/sign-in"),
    ("GET", "/crew/i/{link}"),
    ("GET", "/crew/i/{link}/details"),
    ("GET", "/crew/i/{link}/outcome"),
    ("POST", "/crew/i/{link}/outcome"),
    ("GET", "/crew/i/{link}/outcome/saved"),
    ("GET", "/crew/i/{link}/emergency"),
    ("POST", "/crew/i/{link}/emergency"),
    ("GET", "/crew/assets/{name}"),
    ("GET", "/crew/{rest:path}"),
    ("POST", "/crew/{rest:path}"),
    ("GET", "/privacy"),
    ("GET", "/privacy/log"),
    ("POST", "/privacy/log"),
    ("GET", "/privacy/explain"),
    ("POST", "/privacy/explain"),
    ("GET", "/privacy/alerts/{alert}"),
    ("POST", "/privacy/alerts/{alert}"),
    ("POST", "/privacy/display"),
    ("POST", "/privacy/sign-out"),
    ("GET", "/privacy/sign-in"),
    ("POST", "/privacy/sign-in"),
    ("GET", "/privacy/{rest:path}"),
    ("POST", "/privacy/{rest:path}"),
    ("GET", "/sync"),
    ("POST", "/sync/display"),
    ("POST", "/sync/sign-out"),
    ("GET", "/sync/sign-in"),
    ("POST", "/sync/sign-in"),
    ("GET", "/sync/partners/{partner}"),
    ("POST", "/sync/partners/{partner}"),
    ("GET", "/sync/partners/{partner}/pause"),
    ("POST", "/sync/partners/{partner}/pause"),
    ("GET", "/sync/partners/{partner}/resume"),
    ("POST", "/sync/partners/{partner}/resume"),
    ("GET", "/sync/{rest:path}"),
    ("POST", "/sync/{rest:path}"),
}
"""The pages: they ask for a sign-in by session, and say nothing of a person without one (`tests/web`)."""
DOORS = {("POST", "/events/incidents"), ("POST", "/itk/nhs111-report")}
"""Addresses of partners' own protocols: a signature over the body, or a token, is asked for in each one's own form
(`tests/service/api/test_incident_events.py`, `tests/service/api/test_itk_reports.py`)."""
LONGEST_FILE = 350


def sources(*packages: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every Python file of some packages."""
    for package in packages:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            yield path.relative_to(REPOSITORY).as_posix(), path.read_text()


def called(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield everything that is called or inherited from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.func
        elif isinstance(node, ast.ClassDef):
            yield from node.bases


def makes(text: str, name: str, module: str) -> bool:
    """Say whether a file calls, or inherits from, the class `name` of `module`, under whatever name it goes there."""
    if name not in text:
        return False
    tree = ast.parse(text)
    package, _, last = module.rpartition(".")
    names, modules = set(), {module}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == module:
            names |= {alias.asname or alias.name for alias in node.names if alias.name == name}
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            modules |= {alias.asname or alias.name for alias in node.names if alias.name == last}
        elif isinstance(node, ast.Import):
            modules |= {alias.asname for alias in node.names if alias.name == module and alias.asname}
    direct = names | {f"{one}.{name}" for one in modules}
    return any(ast.unparse(function) in direct for function in called(tree))


# --- files and their imports


def test_imports_point_one_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    kept = import_linter.lint_imports(cache_dir=None)
    assert kept == import_linter.EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("name", MADE_IN)
def test_what_leaves_the_program_is_made_in_one_module(name: str) -> None:
    makers = {path for path, text in sources(*PACKAGES) if makes(text, name, MADE_IN[name])}
    assert makers == set(), f"only {MADE_IN[name]} makes a {name}"
    own = (REPOSITORY / f"{MADE_IN[name].replace('.', '/')}.py").read_text()
    assert name in {ast.unparse(function) for function in called(ast.parse(own))}


@pytest.mark.parametrize(
    "text",
    [
        "from service.api.answers import Answer\nAnswer(1)",
        "from service.api.answers import Answer as A\nA(1)",
        "from service.api import answers\nanswers.Answer(1)",
        "import service.api.answers\nservice.api.answers.Answer(1)",
        "import service.api.answers as a\na.Answer(1)",
        "from service.api.answers import Answer\nclass Mine(Answer): pass",
    ],
)
def test_the_look_for_makers_finds_one_under_any_name(text: str) -> None:
    assert makes(text, "Answer", "service.api.answers")
    assert not makes("from adapters.http import Answer\nAnswer(1)", "Answer", "service.api.answers")


def test_nothing_prints() -> None:
    printing = {
        path
        for path, text in sources(*PACKAGES)
        if "print(" in text
        and "/build_" not in path
        and "print" in {ast.unparse(function) for function in called(ast.parse(text))}
    }
    assert printing == set(), "the command line speaks through click, the service through its log"


def test_no_file_is_longer_than_a_reader_s_patience() -> None:
    lengths = {path: len(text.splitlines()) for path, text in sources(*PACKAGES)}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


# --- routes


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[BaseRoute]:
    """Every route of the application."""
    return list(create_app(demo_settings(tmp_path_factory.mktemp("home"), 8000)).routes)


def addresses(route: BaseRoute) -> set[tuple[str, str]]:
    """Return what a public route answers, as (method, path)."""
    if isinstance(route, Mount):
        return {("GET", route.path)}
    assert isinstance(route, Route)
    return {(method, route.path) for method in (route.methods or set()) - {"HEAD"}}


def test_every_address_authenticates_or_is_known_to_be_public(routes: list[BaseRoute]) -> None:
    open_to_all = [route for route in routes if not isinstance(route, FhirRoute)]
    assert {address for route in open_to_all for address in addresses(route)} == PUBLIC | PAGES | DOORS
    fhir = [route for route in routes if isinstance(route, FhirRoute)]
    assert len(fhir) == len(operations()) > 100


def test_no_route_stands_for_many(routes: list[BaseRoute]) -> None:
    for route in routes:
        if isinstance(route, FhirRoute):
            assert route.methods == {route.operation.method}
            parameters = re.findall(r"\{([^}]*)\}", route.path)
            assert parameters in ([], ["id"], ["id", "vid"]), route.path
            assert not route.path.startswith(f"{PREFIX}/{{"), "a route per resource type, not one for all"


def test_no_two_routes_answer_the_same(routes: list[BaseRoute]) -> None:
    fhir = [route for route in routes if isinstance(route, FhirRoute)]
    assert len({(route.operation.method, route.path) for route in fhir}) == len(fhir)


def test_no_route_answers_without_a_token(service: Running, routes: list[BaseRoute]) -> None:
    answered = {}
    for route in routes:
        if isinstance(route, FhirRoute):
            method, path = route.operation.method, route.path.removeprefix(PREFIX).format(id="x", vid="1")
            for token in (None, "not a token"):
                answer = service.call(method, path, token)
                told = (answer.status_code, answer.headers["www-authenticate"], answer.json()["resourceType"])
                answered[method, path, token] = told
    expected = (401, 'Bearer error="invalid_token"', "OperationOutcome")
    assert {where: told for where, told in answered.items() if told != expected} == {}
    assert len(answered) == 2 * len(operations())


HANDLERS = (Interactions, DirectoryInteractions, Operations, AuditEvents, Explaining, SubscriptionInteractions)


@pytest.mark.parametrize("handlers", HANDLERS, ids=lambda kind: kind.__name__)
def test_every_handler_promises_an_answer(handlers: type) -> None:
    methods = {
        name: typing.get_type_hints(method)
        for name, method in vars(handlers).items()
        if callable(method) and "call" in getattr(method, "__annotations__", {}) and not name.startswith("_")
    }
    answering = {name: hints["return"] for name, hints in methods.items() if name != "resource"}
    assert answering
    assert set(answering.values()) == {Answer}


def test_every_route_takes_a_handler_that_was_checked(routes: list[BaseRoute]) -> None:
    """What a route is bound to is a method of one of the classes above."""

    class Named:
        """Answers every attribute with its owner and name."""

        def __init__(self, owner: type) -> None:
            self._owner = owner

        def __getattr__(self, name: str) -> typing.Any:
            if not hasattr(self._owner, name):
                raise AttributeError(name)
            return getattr(self._owner, name)

    class Services:
        """Stands for the open services."""

        interactions, directory, operations, audit_events, explaining, subscriptions = map(Named, HANDLERS)

    for operation in operations():
        handler = operation.handler(typing.cast(typing.Any, Services))
        function = getattr(handler, "func", handler)
        assert any(function is getattr(kind, function.__name__, None) for kind in HANDLERS), operation.path
        assert typing.get_type_hints(function)["return"] is Answer


# --- documentation


def test_the_readme_s_table_holds_every_setting() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    documented = set(re.findall(r"^\| `(EPACCS_[A-Z_]+)`", readme, re.MULTILINE))
    assert documented == {setting.name for setting in SETTINGS}
