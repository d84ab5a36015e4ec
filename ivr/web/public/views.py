"""The public page: every stop of the line as text, at an address of its own. It keeps nothing of anybody."""

from __future__ import annotations

from flask import Blueprint, abort, request

from ivr.web.public.context import known, languages, page, shown
from ivr.web.public.stops import compose, links, readable
from ivr.web.public.text import line, number

public = Blueprint(
    "public", __name__, template_folder="templates", static_folder="static", static_url_path="/look"
)
public.add_app_template_global(number, "written")


@public.get("/")
def door() -> str:
    """Show what there is in every language, the visitor's own first."""
    order = languages()
    return page("door", order[0], homes={language: _home(language) for language in order})


@public.get("/<language>/")
def home(language: str) -> str:
    """Show all topics."""
    return page("home", known(language), homes={language: _home(language)})


@public.get("/<language>/<stop>")
def read(language: str, stop: str) -> str:
    """Show one stop."""
    here = shown()
    if stop not in readable(here.flow) or stop == here.flow.menus.home:
        abort(404)
    return page("stop", language, here=compose(here.flow, known(language), stop, here.words[language]))


@public.app_template_global("danger")
def danger(language: str) -> object:
    """Give the line's first words."""
    flow = shown().flow
    return line(flow, language, flow.prompts[language].stops[flow.menus.start].text)


@public.app_errorhandler(404)
def lost(_: Exception) -> tuple[str, int]:
    """Show a kind page where there is none."""
    return _sorry("lost"), 404


@public.app_errorhandler(500)
def broken(_: Exception) -> tuple[str, int]:
    """Show the numbers when our own code fails."""
    return _sorry("broken"), 500


def _sorry(why: str) -> str:
    first = request.path.strip("/").partition("/")[0]
    language = first if first in shown().words else languages()[0]
    return page("sorry", language, why=why)


def _home(language: str) -> object:
    here = shown()
    return links(here.flow, language, here.flow.menus.home, here.words[language])
