"""What every public view needs: the words, the number, and the language to answer in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from flask import abort, current_app, render_template, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ivr.flow.models import Flow
    from ivr.flow.public_page import PageWords

NAME = "ivr-public"


@dataclass(frozen=True)
class PublicContext:
    """Everything that the public page is made of."""

    flow: Flow
    words: Mapping[str, PageWords]
    number: str  # The line's own.

    def text_to(self, language: str) -> str:
        """Give the address that opens a text to the line, its first word written."""
        return f"sms:{self.number}?body={quote(self.words[language].materials.word)}"


def shown() -> PublicContext:
    """Give what the page of this request is made of."""
    return cast("PublicContext", current_app.extensions[NAME])


def known(language: str) -> str:
    """Give a language back, or the page that says there is nothing here."""
    return language if language in shown().words else abort(404)


def languages() -> tuple[str, ...]:
    """Give the languages of the line, first the one that the visitor's browser asks for."""
    all_of_them = tuple(shown().words)
    asked = request.accept_languages.best_match(all_of_them, all_of_them[0])
    return tuple(sorted(all_of_them, key=lambda language: language != asked))


def page(template: str, language: str, **values: object) -> str:
    """Draw a page in a language."""
    here = shown()
    return render_template(
        f"public/{template}.html",
        language=language,
        words=here.words[language],
        prompts=here.flow.prompts,
        every=here.words,
        number=here.number,
        menus=here.flow.menus,
        **values,
    )
