"""A crew without an NHS number: the control room's link, or the form, lists who may be meant; a tap opens the plan."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.people import Person
from tests.journeys.test_finding_the_right_person import HOME, admitted_as, known, named
from tests.running import Running, parameters

SEARCH = "/crew/search"
ANSWER = re.compile(r'href="(/crew/i/[A-Za-z0-9_-]{32})"')
HIDDEN = re.compile(r'name="form" value="([^"]+)"')


class Phone:
    """A crew's browser without script: cookies, forms, and where it came from."""

    def __init__(self, service: Running, client: httpx.Client) -> None:
        self.service = service
        self.client = client
        self.page = ""

    def get(self, path: str) -> httpx.Response:
        answer = self.client.get(f"{self.service.settings.base_url}{path}", headers={"Sec-Fetch-Site": "same-origin"})
        self.page = html.unescape(answer.text)
        return answer

    def post(self, path: str, **fields: str) -> httpx.Response:
        hidden = HIDDEN.search(self.page)
        assert hidden is not None, self.page
        answer = self.client.post(
            f"{self.service.settings.base_url}{path}",
            data={"form": hidden[1], **fields},
            headers={"Sec-Fetch-Site": "same-origin"},
            follow_redirects=True,
        )
        self.page = html.unescape(answer.text)
        return answer

    def sign_in(self, persona: str = "bryn") -> None:
        self.get("/crew")
        assert self.post("/crew/sign-in", persona=persona, next="/crew").status_code == 200


@pytest.fixture
def phone(service: Running) -> Iterator[Phone]:
    with httpx.Client(timeout=30) as client:
        found = Phone(service, client)
        found.sign_in()
        yield found


def opened(service: Running, about: dict[str, Any], incident: str) -> str:
    """Open an incident without a number; return its id."""
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "resource": about},
            {"name": "organization", "valueString": "ZZAMB1"},
            {"name": "incident", "valueString": incident},
        ],
    }
    answer = service.call("POST", "/$open-incident", service.token("system", "ZZCAD1"), body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["parameter"][0]["valueString"])


def link_about(service: Running, about: dict[str, Any], incident: str) -> str:
    """Open an incident without a number; return the path of the link that its control room sends."""
    id = opened(service, about, incident)
    made = service.call("POST", "/$crew-link", service.token("system", "ZZCAD1"), parameters(id=id))
    assert made.status_code == 201, made.text
    url = next(str(one["valueString"]) for one in made.json()["parameter"] if one["name"] == "url")
    return url.removeprefix(service.settings.base_url)


def typed(someone: Person, incident: str) -> dict[str, str]:
    sent = someone.resource("Patient")
    year, month, day = sent["birthDate"].split("-")
    return {"incident": incident, "family": sent["name"][0]["family"], "day": day, "month": month, "year": year}


def test_the_form_lists_who_may_be_meant_and_a_tap_opens_the_plan(service: Running, phone: Phone) -> None:
    someone = admitted_as(service, 200, address=[HOME])
    opened(service, named(someone), "INC-7200")
    phone.get(SEARCH)
    found = phone.post(SEARCH, **typed(someone, "INC-7200"))
    assert found.status_code == 200
    assert "1 person may be meant." in phone.page
    assert "Likely. Agrees: name, birth date." in phone.page
    assert "12a High Street" in phone.page
    (address,) = ANSWER.findall(found.text)
    answer = phone.get(address)
    assert answer.status_code == 200
    assert someone.resource("Patient")["name"][0]["family"] in phone.page
    assert someone.nhs_number not in str(answer.url)
    assert answer.headers["cache-control"] == "no-store"
    with httpx.Client(timeout=30) as client:
        other = Phone(service, client)
        other.sign_in("ada")
        assert other.get(address).status_code == 404, "a link from a list is its maker's own"


def test_a_link_of_an_incident_without_a_number_lists_whom_the_control_room_may_have_meant(
    service: Running, phone: Phone
) -> None:
    twins = [
        admitted_as(
            service,
            210 + number,
            name=[{"use": "official", "family": "Pairworth", "given": [given]}],
            birthDate="1949-02-03",
            address=[HOME],
        )
        for number, given in enumerate(("Edith", "Mabel"))
    ]
    path = link_about(service, known(name=[{"family": "Pairworth"}], birthDate="1949-02-03"), "INC-7210")
    assert phone.get(path).status_code == 200
    assert "2 people may be meant." in phone.page
    assert all(f"{given} Pairworth" in phone.page for given in ("Edith", "Mabel"))
    assert len(ANSWER.findall(phone.page)) == len(twins)
    assert phone.get(ANSWER.findall(phone.page)[0]).status_code == 200
    assert phone.get(f"{path}/details").status_code == 404, "nobody was picked yet"


@pytest.mark.parametrize(
    ("about", "incident"), [({"name": [{"given": ["Iris"]}]}, "INC-7250"), ({"gender": "female"}, "INC-7251")]
)
def test_a_link_of_an_incident_that_says_too_little_asks_for_more(
    service: Running, phone: Phone, about: dict[str, Any], incident: str
) -> None:
    answer = phone.get(link_about(service, known(**about), incident))
    assert answer.status_code == 422
    assert "Your incident says too little of the person to look." in phone.page
    assert f'value="{incident}"' in phone.page
    found = phone.post(SEARCH, incident=incident, family="Nobodyworth", day="4", month="4", year="1944")
    assert found.status_code == 200, phone.page
    assert "Nobody found" in phone.page


def test_a_list_that_is_not_whole_says_so(service: Running, phone: Phone) -> None:
    about = {"name": [{"use": "official", "family": "Manyfold", "given": ["Ann"]}], "birthDate": "1941-02-03"}
    for number in range(20):
        admitted_as(service, 260 + number, **about)
    path = link_about(service, known(**about), "INC-7260")
    assert phone.get(path).status_code == 200
    assert "20 people may be meant." in phone.page
    assert "More than" not in phone.page
    admitted_as(service, 280, **about)
    phone.get(path)
    assert len(ANSWER.findall(phone.page)) == 20
    assert "The first 20 people may be meant." in phone.page
    assert "More than 20 fit. Say more" in phone.page


def test_who_is_not_of_the_incident_is_not_found_and_nothing_is_said(service: Running, phone: Phone) -> None:
    someone, other = admitted_as(service, 220), admitted_as(service, 221)
    opened(service, named(someone), "INC-7220")
    for incident, person in (("INC-7220", other), ("INC-7221", someone), ("", someone)):
        phone.get(SEARCH)
        assert phone.post(SEARCH, **typed(person, incident)).status_code == 200
        assert "Nobody found" in phone.page
        assert "This does not mean that there is no plan" in phone.page
    phone.get(SEARCH)
    phone.post(SEARCH, incident="INC-7220", family="Nobodyworth", year="1944", month="4", day="4")
    assert "Nobody found" in phone.page


def test_an_address_alone_tells_how_many_and_opens_nobody(service: Running, phone: Phone) -> None:
    home = {"line": ["9 Sample Crescent"], "city": "Testbury", "postalCode": "ZZ99 5NN"}
    for number in range(2):
        admitted_as(service, 230 + number, address=[home])
    opened(service, known(address=[home]), "INC-7230")
    phone.get(SEARCH)
    phone.post(SEARCH, incident="INC-7230", house="9", postcode="zz99 5nn")
    assert "2 people with a plan at this address." in phone.page
    assert ANSWER.findall(phone.page) == []


def test_a_person_without_a_number_is_opened_from_the_list(service: Running, phone: Phone) -> None:
    someone = admitted_as(
        service,
        240,
        identifier=None,
        name=[{"use": "nickname", "given": ["Tinker"]}, {"use": "official", "family": "Wanderford", "given": ["Noel"]}],
        birthDate="1958",
        address=[{"city": "Little Specimen"}],
    )
    about = known(
        name=[{"family": "Wanderford", "given": ["Noel"]}],
        address=[{"city": "Little Specimen"}],
        telecom=someone.resource("Patient").get("telecom", []),
        birthDate="1958",
    )
    opened(service, about, "INC-7240")
    phone.get(SEARCH)
    phone.post(SEARCH, incident="INC-7240", called="tinker", town="Little Specimen")
    addresses = ANSWER.findall(phone.page)
    if not someone.resource("Patient").get("telecom"):
        assert addresses == [], "what the control room said is too little to be sure"
        return
    assert phone.get(addresses[0]).status_code == 200
    assert "Wanderford" in phone.page


@pytest.mark.parametrize(
    ("fields", "status", "said", "field"),
    [
        ({}, 422, "Say more.", "family"),
        ({"family": "T"}, 422, "Say more.", "family"),
        ({"family": "*"}, 422, "Say more.", "family"),
        ({"family": "%' OR 1=1 --", "given": "<script>alert(1)</script>"}, 422, "Say more.", "family"),
        ({"family": "x" * 10_000}, 422, "too long", "family"),
        ({"family": "Testley", "year": "1" * 100}, 422, "too long", "born-year"),
        ({"family": "Testley", "street": "x" * 100}, 422, "too long", "street"),
        ({"family": "Testley", "year": "19forty"}, 422, "Say more.", "family"),
    ],
)
def test_too_little_and_nonsense_are_said_plainly_at_their_field_and_kept(
    phone: Phone, fields: dict[str, str], status: int, said: str, field: str
) -> None:
    phone.get(SEARCH)
    answer = phone.post(SEARCH, **fields)
    assert answer.status_code == status
    assert f'href="#{field}"' in phone.page
    assert f'id="{field}"' in phone.page
    assert phone.page.count(said) == 2, "in the summary and at the field"
    assert ("<details open>" in phone.page) == (field == "street"), "what is folded away would not be seen"
    assert said in phone.page
    assert "<script>alert" not in answer.text
    for name, value in fields.items():
        if len(value) < 80 and value.isalnum():
            assert f'value="{value}"' in phone.page, name


def test_what_is_said_to_be_enough_is_enough(phone: Phone) -> None:
    phone.get(SEARCH)
    assert phone.post(SEARCH, family="Testley", year="1940").status_code == 422
    assert "family name and given name with year of birth" in phone.page
    for enough in (
        {"family": "Testley", "given": "Ada", "year": "1940"},
        {"given": "Ada", "day": "1", "month": "2", "year": "1940"},
        {"family": "Testley", "street": "High Street"},
        {"house": "9", "postcode": "ZZ99 5NN"},
        {"phone": "01632 960999"},
        {"called": "tinker", "town": "Little Specimen"},
    ):
        phone.get(SEARCH)
        assert phone.post(SEARCH, **enough).status_code == 200, enough


def test_without_a_sign_in_nothing_is_searched(service: Running, phone: Phone) -> None:
    phone.get(SEARCH)
    phone.client.cookies.clear()
    assert phone.post(SEARCH, family="Testley", year="1940").status_code == 401
    assert "Sign in" in phone.page
