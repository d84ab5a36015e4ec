"""Where the parts of the page that people open in a browser meet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ivr.flow.pages import read_pages
from ivr.flow.reading import read_flow
from ivr.logs import set_up_logs
from ivr.settings import read_settings
from ivr.web.orphans import die_with_parent
from ivr.web.public.materials import KINDS
from ivr.web.public.shown import NAME, Shown
from ivr.web.site import create_site

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask


def build_site(config: Path, prompts: Path, number: str) -> Flask:
    """Put together the page of the line that has a number."""
    flow = read_flow(config, prompts)
    return create_site(Shown(flow, read_pages(prompts, flow.languages), number))


def sheets(app: Flask) -> list[tuple[str, str]]:
    """List what can be printed: (language, kind)."""
    return [(language, kind) for language in app.extensions[NAME].words for kind in KINDS]


def site() -> Flask:
    """Start answering browsers: what granian calls in each of its workers."""
    set_up_logs()
    settings = read_settings(os.environ)
    app = build_site(settings.config, settings.prompts, settings.number)
    die_with_parent()
    return app
