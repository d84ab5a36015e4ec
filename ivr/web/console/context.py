"""What every page of the console needs: its parts, who is signed in, and the words of their language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from flask import current_app, render_template, request
from flask_login import current_user

from ivr.hours import zone
from ivr.records.disclosure import shown
from ivr.work.twilio_heartbeat import LastSigns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, tzinfo

    from ivr.caller_limits import RateLimiter
    from ivr.flow.models import Flow
    from ivr.records.database import Database
    from ivr.records.operators import Operator

NAME = "ivr-console"
LANGUAGES = ("en", "fr")


@dataclass(frozen=True)
class ConsoleContext:
    """The parts of the console."""

    flow: Flow
    database: Database
    limits: RateLimiter
    secret: str
    secure: bool  # Whether its cookie travels by https alone.
    now: Callable[[], float]
    parts: Callable[[], Mapping[str, bool]]  # Each part of the line -> whether it answers.
    twilio: Callable[[], LastSigns] = LastSigns  # What was last seen of Twilio.
    counts_hold: int = 0  # Seconds for which counts of many calls are shown again as they were.

    @property
    def counted_at(self) -> object:
        """Name the moment of which counts may be shown now: the same for as long as they hold."""
        return self.now() // self.counts_hold if self.counts_hold else object()  # It equals no other.


def desk() -> ConsoleContext:
    """Give the parts of this request's console."""
    return cast("ConsoleContext", current_app.extensions[NAME])


def signed_in() -> Operator | None:
    """Give the operator who is signed in, or nobody."""
    return cast("Operator | None", getattr(current_user, "operator", None))


def me() -> Operator:
    """Give the operator who is signed in; only views behind the sign-in may ask."""
    return cast("Operator", signed_in())


@cache
def words_of(language: str) -> Mapping[str, str]:
    """Read the words of the console in a language."""
    texts = (files("ivr.web.console").joinpath(f"words/{part}{language}.toml") for part in ("", "reports."))
    return {key: word for text in texts for key, word in tomllib.loads(text.read_text("utf-8")).items()}


def spoken_here() -> str:
    """Name the language that the operator's browser asks for."""
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]


def page(template: str, **values: object) -> str:
    """Draw a page of the console."""
    spoken = spoken_with(spoken_here(), desk().flow.line.zone)
    return render_template(f"console/{template}.html", **spoken, **values)


def spoken_with(language: str, clock: str) -> dict[str, object]:
    """Give every template the words of a language, and the clock by which it tells the time."""
    words = words_of(language)
    return {
        "language": language,
        "t": words,
        "word": lambda key: words.get(key, key),
        "few": shown,
        "clock": clock,
        "here": partial(_on_the_wall, zone(clock)),
    }


def _on_the_wall(there: tzinfo, moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """Write a moment by the line's own clock."""
    return moment.astimezone(there).strftime(form)
