"""Bootstrap's style, script and icons, served by us from the files that bootstrap-flask ships."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

from flask import Blueprint, Response
from markupsafe import Markup

SHIPPED = Path(str(files("flask_bootstrap"))) / "static/bootstrap5"
DARK = re.compile(r"([^{}]*)\{([^{}]*)\}")
ATTRIBUTE = "[data-bs-theme=dark]"
SVG = "{http://www.w3.org/2000/svg}"

blueprint = Blueprint("bootstrap", __name__, url_prefix="/console/bootstrap", static_folder=str(SHIPPED))


@blueprint.get("/dark.css", endpoint="dark")
def show_dark_style() -> Response:
    """Give Bootstrap's dark colours to whoever's browser asks for dark: no script has to set them."""
    return Response(_dark_style(), mimetype="text/css")


def dark_rules(css: str) -> str:
    """Take the rules of the dark theme out of Bootstrap's style, and tie them to the browser's wish."""
    rules = [
        f"{selector.strip().replace(ATTRIBUTE, ':root', 1)}{{{body}}}"
        for selector, body in DARK.findall(css)
        if selector.strip().startswith(ATTRIBUTE)
    ]
    return f"@media (prefers-color-scheme: dark) {{\n{chr(10).join(rules)}\n}}\n"


def icon(name: str) -> Markup:
    """Draw one of Bootstrap's icons; a word beside it says the same, so it is hidden from who hears it."""
    return Markup(  # noqa: S704 - the picture is the package's own
        f'<svg class="bi" width="1em" height="1em" viewBox="0 0 16 16" fill="currentColor" aria-hidden="true"'
        f">{_shapes()[name]}</svg>"
    )


@cache
def _dark_style() -> str:
    return dark_rules((SHIPPED / "css/bootstrap.min.css").read_text("utf-8"))


@cache
def _shapes() -> dict[str, str]:
    """Read the shapes of every icon out of the one file that holds them."""
    ET.register_namespace("", SVG.strip("{}"))
    symbols = ET.parse(SHIPPED / "icons/bootstrap-icons.svg").getroot()  # noqa: S314 - the package's own
    return {
        symbol.get("id", ""): "".join(ET.tostring(shape, "unicode") for shape in symbol)
        for symbol in symbols.iter(f"{SVG}symbol")
    }
