"""The OpenAPI 3.1 description: every route of its own, with schemas, examples, and the failures that it can answer.

document      puts the whole together           interactions  one FHIR route, by its row of `shapes`
addresses     the routes that need no token     refusals      failures, as service.api.outcomes answers them
schemas       R4 types                          parameters    parameters and headers
examples      an invented person's resources    messages      Bundles and Parameters made of them
file          openapi.yaml
"""

from service.api.openapi.document import openapi_document
from service.api.openapi.file import STALE, ToolMissing, check, write

__all__ = ["STALE", "ToolMissing", "check", "openapi_document", "write"]
