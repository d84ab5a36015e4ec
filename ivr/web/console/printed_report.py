"""A month's report as one file that needs nothing beside it, to be printed."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from typing import TYPE_CHECKING

from flask import Flask, render_template

from ivr.reports.community import published
from ivr.reports.document import drawn
from ivr.web.console.context import spoken_with

if TYPE_CHECKING:
    from ivr.reports.sections import ReportTeller, Section


def paper(teller: ReportTeller, *, community: bool = False) -> str:
    """Write the page, with its look and its pictures in it."""
    span, template = teller.report.period, "community" if community else "month"
    with Flask(__name__).app_context():
        return render_template(
            f"console/{template}.html",
            **spoken_with(teller.language, teller.flow.line.zone),
            frame="console/paper.html",
            look=files("ivr.web.console").joinpath("static/console.css").read_text("utf-8"),
            teller=teller,
            month=f"{span.since:%Y-%m}",
            sections=published(teller) if community else teller.all(),
            source=lambda section: _inside(teller, section),
        )


def _inside(teller: ReportTeller, section: Section) -> str:
    """Write a picture as an address that holds it."""
    return f"data:image/svg+xml;base64,{b64encode(drawn(teller, section).encode()).decode()}"
