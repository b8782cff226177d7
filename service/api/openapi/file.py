"""`openapi.yaml`: the description as a file in the repository, which must equal what the app says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.api.openapi.document import openapi_document
from service.api.routes import operations
from service.api.routing import FhirRoute

STALE = "openapi.yaml is not what the app says: run `make openapi`."


class ToolMissing(Exception):
    """PyYAML, a tool for developers only, is not installed."""

    def __init__(self) -> None:
        super().__init__("PyYAML is missing: run `make openapi`, which installs what developers need first.")


def described() -> dict[str, Any]:
    """Return the document of the routes that the app mounts; no store or key is opened for it."""
    return openapi_document([FhirRoute(operation) for operation in operations()])


def as_yaml(document: dict[str, Any]) -> str:
    """Return a document as YAML, in its own order and without anchors. Raise ToolMissing."""
    try:
        import yaml
    except ImportError:
        raise ToolMissing from None

    class Plain(yaml.SafeDumper):
        """Writes everything out where it stands."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Plain, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Plain.add_representer(str, text)
    return yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=120)


def write(path: Path) -> None:
    """Write the description to `path`. Raise ToolMissing."""
    path.write_text(as_yaml(described()), encoding="utf-8")


def check(path: Path) -> bool:
    """Say whether `path` holds the description as `write` would write it now; `STALE` is the sentence when not."""
    return path.is_file() and path.read_text(encoding="utf-8") == as_yaml(described())
