"""The samples of the guides, so that what they say is what is tested."""

from __future__ import annotations

import re
from typing import Any

from tests.running import REPOSITORY


def guide_blocks(guide: str, language: str) -> list[str]:
    """Return the blocks of a language in `docs/GUIDE.md`."""
    return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / f"docs/{guide}.md").read_text(), re.DOTALL)


def guide_sample(guide: str) -> dict[str, Any]:
    """Run a guide's one block of Python; return the names that it makes."""
    (block,) = guide_blocks(guide, "python")
    names: dict[str, Any] = {}
    exec(compile(block, f"docs/{guide}.md", "exec"), names)  # noqa: S102 - the guide's own sample
    return names
