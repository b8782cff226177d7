"""The page of API documentation: Swagger UI, with every file served from here and no script in the page itself."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "web" / "static"
"""What is served below `/static`."""

_VENDOR = "vendor/swagger-ui"
_NEEDED = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")

_PAGE = f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API - shared palliative care record</title>
<link rel="stylesheet" href="/static/{_VENDOR}/swagger-ui.css">
<link rel="stylesheet" href="/static/docs.css">
<link rel="icon" type="image/png" href="/static/{_VENDOR}/favicon-32x32.png">
<script src="/static/{_VENDOR}/swagger-ui-bundle.js" defer></script>
<script src="/static/docs.js" defer></script>
</head>
<body>
<noscript><p>This page needs JavaScript. The same description: <a href="/openapi.json">openapi.json</a>.</p></noscript>
<main id="swagger-ui"></main>
</body>
</html>
"""

_WITHOUT_ASSETS = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API - shared palliative care record</title>
</head>
<body>
<h1>API documentation</h1>
<p>The files that draw this page are not installed. Run <code>make setup</code>, then load it again.</p>
<p>The description itself is here: <a href="/openapi.json">openapi.json</a>.</p>
</body>
</html>
"""


def docs_page(static: Path = STATIC) -> str:
    """Return the page as HTML; a plain one that names `make setup` when the files in `static` are missing."""
    vendored = static / _VENDOR
    return _PAGE if all((vendored / name).is_file() for name in _NEEDED) else _WITHOUT_ASSETS
