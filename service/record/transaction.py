"""A transaction Bundle read as changes (FHIR R4, 3.1.0.11). It touches exactly one person's record, all or nothing."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from fhir_profiles.issues import Issue, error
from fhir_profiles.r4 import SUPPORTED_TYPES
from fhir_profiles.validation import validate
from service.record.changes import Change, Method
from service.record.errors import InvalidContent

_ETAG = re.compile(r'^W/"([1-9][0-9]{0,9})"$')
_METHODS = {"POST": Method.CREATE, "PUT": Method.UPDATE, "DELETE": Method.DELETE}


def changes_of(bundle: dict[str, Any]) -> list[Change]:
    """Return a change per entry, in order. Raise InvalidContent with every problem of the Bundle itself."""
    issues = validate(bundle)
    if bundle.get("type") != "transaction":
        issues.append(error("value", "Bundle.type", "Post a Bundle of type transaction here."))
    if issues:
        raise InvalidContent(issues)
    changes: list[Change] = []
    for number, entry in enumerate(bundle.get("entry", [])):
        change, problems = _change(entry, f"Bundle.entry[{number}]")
        issues += problems
        changes.append(change)
    named = Counter(change.reference for change in changes if change.id)
    for number, change in enumerate(changes):
        if change.id and named[change.reference] > 1:
            issues.append(error("business-rule", f"Bundle.entry[{number}]", "A resource comes once in a transaction."))
    if not changes:
        issues.append(error("required", "Bundle.entry", "A transaction has at least one entry."))
    if issues:
        raise InvalidContent(issues)
    return changes


def _change(entry: dict[str, Any], at: str) -> tuple[Change, list[Issue]]:
    request, resource = entry.get("request", {}), entry.get("resource")
    method = _METHODS.get(request.get("method", ""))
    kind, _, id = str(request.get("url", "")).partition("/")
    change = Change(
        method or Method.CREATE,
        kind,
        f"{at}.resource",
        resource,
        id=id,
        if_none_exist=request.get("ifNoneExist", ""),
        full_url=entry.get("fullUrl", ""),
    )
    return change, _problems(change, request, at, method)


def _problems(change: Change, request: dict[str, Any], at: str, method: Method | None) -> list[Issue]:
    if method is None:
        return [error("not-supported", f"{at}.request.method", "A transaction here takes POST, PUT and DELETE.")]
    issues: list[Issue] = []
    if change.type not in SUPPORTED_TYPES:
        issues.append(error("not-supported", f"{at}.request.url", "This resource type is not stored here."))
    if (method is Method.CREATE) == bool(change.id) or "?" in change.type + change.id:
        issues.append(error("value", f"{at}.request.url", "Use the type for POST, type and id for PUT and DELETE."))
    if method is not Method.DELETE:
        if not isinstance(change.resource, dict) or change.resource.get("resourceType") != change.type:
            issues.append(error("structure", f"{at}.resource", "The resource must be of the type in request.url."))
            change.resource = None
        elif method is Method.UPDATE and change.resource.get("id") != change.id:
            issues.append(error("value", f"{at}.resource.id", "The id must be the one in request.url."))
    if method is not Method.CREATE:
        match = _ETAG.match(str(request.get("ifMatch", "")))
        if match is None:
            issues.append(error("required", f"{at}.request.ifMatch", 'PUT and DELETE name the version read: W/"n".'))
        else:
            change.if_match = int(match[1])
    return issues
