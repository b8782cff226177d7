"""What MESH says of messages, in both dialects; what is not what it should be is refused."""

from __future__ import annotations

import pytest

from adapters.errors import NotThere, Unintelligible
from adapters.mesh_received import Delivery, Kind, listing, message_id, received, tracked
from tests.adapters.mesh_small import body

HEADERS = {
    "mex-messageid": "20261128_A1",
    "mex-messagetype": "DATA",
    "mex-from": "ZZ2OT001",
    "mex-workflowid": "ZZ_TEST_DOCUMENT",
    "mex-localid": "their-id",
    "mex-subject": "a subject",
    "mex-filename": "a.xml",
    "content-type": "application/xml",
}


def test_a_message_is_read_from_its_headers():
    found = received("20261128_a1", HEADERS, b"<Bundle/>")
    assert (found.id, found.kind, found.sender) == ("20261128_a1", Kind.DATA, "ZZ2OT001")
    assert (found.workflow, found.local_id, found.content_type) == ("ZZ_TEST_DOCUMENT", "their-id", "application/xml")
    assert (found.subject, found.file_name, found.content, found.report) == ("a subject", "a.xml", b"<Bundle/>", None)
    assert "Bundle" not in repr(found)


def test_a_report_is_about_a_message_of_ours():
    said = {
        "mex-messagetype": "Report",
        "mex-linkedmsgid": "OUT1",
        "mex-statuscode": "14",
        "mex-statusevent": "SEND",
        "mex-statussuccess": "ERROR",
        "mex-statusdescription": "Message not collected by recipient after 5 days",
    }
    report = received("20261128_A1", {**HEADERS, **said}, b"").report
    assert report is not None
    assert (report.about, report.local_id, report.succeeded, report.code) == ("OUT1", "their-id", False, "14")
    assert isinstance(report.failure, NotThere)


def test_a_report_of_success_is_no_failure():
    said = {"mex-messagetype": "REPORT", "mex-linkedmsgid": "OUT1", "mex-statussuccess": "SUCCESS"}
    report = received("20261128_A1", {**HEADERS, **said}, b"").report
    assert report is not None
    assert report.failure is None


@pytest.mark.parametrize("change", [{"mex-messageid": "OTHER"}, {"mex-messageid": ""}, {"mex-messagetype": "LETTER"}])
def test_headers_of_another_message_or_of_none_are_refused(change):
    with pytest.raises(Unintelligible):
        received("20261128_A1", {**HEADERS, **change}, b"")


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a?b", "a b", "A" * 101, 7, None])
def test_an_id_is_one_step_of_a_path(name):
    with pytest.raises(Unintelligible):
        message_id(name)


def test_a_page_is_read_in_both_dialects():
    second = listing(
        body(
            {
                "messages": ["A", "B"],
                "links": {"next": "/messageexchange/ZZ1OT001/inbox?max_results=10&continue_from=a%2Bb%3D%3D"},
                "approx_inbox_count": 12,
            }
        )
    )
    assert (second.ids, second.more, second.about, second.asked) == (("A", "B"), "a+b==", 12, True)
    assert listing(body({"messages": ["A"]})).more == ""


@pytest.mark.parametrize("said", [b"[]", b"", body({"messages": "A"}), body({"messages": ["../x"]}), body({})])
def test_a_page_that_is_none_is_refused(said):
    with pytest.raises(Unintelligible):
        listing(said)


@pytest.mark.parametrize(
    ("said", "delivery"),
    [
        ({"message_id": "A", "status": "uploading", "status_success": True}, Delivery.UPLOADING),
        ({"message_id": "A", "status": "accepted", "status_success": True}, Delivery.WAITING),
        ({"messageId": "A", "status": "Accepted", "statusSuccess": "SUCCESS"}, Delivery.WAITING),
        ({"message_id": "A", "status": "acknowledged"}, Delivery.COLLECTED),
        ({"message_id": "A", "status": "undelivered"}, Delivery.FAILED),
        ({"messageId": "A", "status": "Undeliverable"}, Delivery.FAILED),
        ({"message_id": "A", "status": "error"}, Delivery.FAILED),
        ({"messageId": "A", "status": "Accepted", "statusSuccess": "ERROR"}, Delivery.FAILED),
        ({"message_id": "A", "status": "accepted", "status_success": False}, Delivery.FAILED),
        ({"message_id": "A", "status": "something new"}, Delivery.UNKNOWN),
    ],
)
def test_how_a_message_stands_is_read_in_both_dialects(said, delivery):
    found = tracked(body(said))
    assert (found.id, found.delivery) == ("A", delivery)
    assert (found.failure is not None) is (delivery is Delivery.FAILED)


def test_why_it_failed_is_the_same_fact_as_a_report():
    found = tracked(body({"message_id": "A", "status": "undelivered", "status_code": "14", "status_event": "SEND"}))
    assert isinstance(found.failure, NotThere)


def test_how_a_message_stands_needs_a_message():
    with pytest.raises(Unintelligible):
        tracked(body({"status": "accepted"}))
