"""The public page: every stop of the line as text, at an address of its own. It keeps nothing of anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from flask import Blueprint, abort, current_app, render_template, request

from ivr.web.public.stops import compose, line, links, number, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.flow.loader import PageWords
    from ivr.flow.models import Flow

NAME = "ivr-public"
blueprint = Blueprint(
    "public", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
)
blueprint.add_app_template_global(number, "written")


@dataclass(frozen=True)
class PublicContext:
    """Everything that the public page is made of."""

    flow: Flow
    words: Mapping[str, PageWords]
    number: str  # The line's own.
    off: Callable[[], frozenset[str]] = frozenset  # The agencies that operators have switched off, now.

    def text_to(self, language: str) -> str:
        """Give the address that opens a text to the line, its first word written."""
        return f"sms:{self.number}?body={quote(self.words[language].materials.word)}"


def public_context() -> PublicContext:
    """Give what the page of this request is made of."""
    return cast("PublicContext", current_app.extensions[NAME])


def known_language(language: str) -> str:
    """Give a language back, or the page that says there is nothing here."""
    return language if language in public_context().words else abort(404)


def languages() -> tuple[str, ...]:
    """Give the languages of the line, first the one that the visitor's browser asks for."""
    all_of_them = tuple(public_context().words)
    asked = request.accept_languages.best_match(all_of_them, all_of_them[0])
    return tuple(sorted(all_of_them, key=lambda language: language != asked))


def render_page(template: str, language: str, **values: object) -> str:
    """Draw a page in a language."""
    context = public_context()
    return render_template(
        f"public/{template}.html",
        language=language,
        words=context.words[language],
        prompts=context.flow.prompts,
        tongues=context.flow.line.languages,
        every=context.words,
        number=context.number,
        menus=context.flow.menus,
        **values,
    )


@blueprint.get("/", endpoint="languages")
def choose_language() -> str:
    """Show every language by its own name, and the topics in the visitor's own."""
    order = languages()
    return render_page("languages", order[0], order=order, homes=_home_links(order[0]))


@blueprint.get("/<language>/", endpoint="home")
def show_home(language: str) -> str:
    """Show all topics."""
    return render_page("home", known_language(language), homes=_home_links(language))


@blueprint.get("/<language>/<stop>", endpoint="stop")
def show_stop(language: str, stop: str) -> str:
    """Show one stop."""
    context = public_context()
    if stop not in readable(context.flow) or stop == context.flow.menus.home:
        abort(404)
    return render_page(
        "stop",
        known_language(language),
        page=compose(context.flow, language, stop, context.words[language], context.off()),
    )


@blueprint.app_template_global("danger")
def danger(language: str) -> object:
    """Give the line's first words."""
    flow = public_context().flow
    return line(flow, language, flow.prompts[language].stops[flow.menus.start].text)


@blueprint.app_errorhandler(404)
def show_not_found(_: Exception) -> tuple[str, int]:
    """Show a kind page where there is none."""
    return _apology("lost"), 404


@blueprint.app_errorhandler(500)
def show_error(_: Exception) -> tuple[str, int]:
    """Show the numbers when our own code fails."""
    return _apology("broken"), 500


def _apology(why: str) -> str:
    first = request.path.strip("/").partition("/")[0]
    language = first if first in public_context().words else languages()[0]
    return render_page("error", language, why=why)


def _home_links(language: str) -> object:
    context = public_context()
    return links(context.flow, language, context.flow.menus.home, context.words[language])
