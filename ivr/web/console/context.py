"""What every page of the console needs: its parts, who is signed in, and the operator's language."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from flask import current_app, flash, get_flashed_messages, render_template, request
from flask_login import current_user

from ivr.authentication import Passwords
from ivr.hours import zone
from ivr.records.counts import HIDDEN, shown
from ivr.records.shift_log import EntryKind
from ivr.reports.document import LANGUAGES, local_day, month_name, read_translations, read_words
from ivr.reports.pdf import PrintedPages
from ivr.web.console.bootstrap import icon
from ivr.web.console.timeline import clock_time
from ivr.work.twilio_heartbeat import LastSigns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, tzinfo

    from ivr.caller_limits import RateLimiter
    from ivr.flow.models import Flow, Prompts
    from ivr.flow.prompts import MadeFrom
    from ivr.operations.reload import RefusedReload
    from ivr.records.database import Database
    from ivr.records.operators import Operator
    from ivr.records.shift_log import ShiftEntry
    from ivr.web.console.phrases import PhraseFiles
    from ivr.web.console.prompts import PromptChecks
    from ivr.work.notifications import Notifications

NAME = "ivr-console"
USUAL_PORTS = frozenset({"https:443", "http:80"})  # A browser leaves them out.
OTHER_BROWSER = "other"  # In the records, where a browser is of no family that we know.
LANGUAGE_COOKIE = "console_language"
OUTCOMES = ("connected", "not_connected", "informed", "abandoned", "left", "opted_out")


@dataclass(frozen=True)
class ConsoleContext:
    """The parts of the console."""

    flow: Flow
    database: Database
    limits: RateLimiter
    secret: str
    secure: bool  # Whether its cookie travels by https alone.
    now: Callable[[], float]
    prompt_checks: PromptChecks
    phrase_files: PhraseFiles
    parts: Callable[[], Mapping[str, bool]]  # Each part of the line -> whether it answers.
    notifications: Notifications
    twilio: Callable[[], LastSigns] = LastSigns  # What was last seen of Twilio.
    refused: Callable[[], Sequence[RefusedReload]] = tuple  # Processes that go on with older files.
    printed: PrintedPages = field(default_factory=PrintedPages)  # Reports as PDF.
    old_secret: str = ""  # Believed too, while `secret` takes its place.
    passwords: Passwords = field(default_factory=Passwords)
    made_from: Mapping[str, MadeFrom] = field(default_factory=dict)  # Which English a language was made from.
    counts_tokens: tuple[str, ...] = ()  # Who has one may fetch counts for a dashboard of theirs.
    address: str = ""  # At which browsers reach it; passkeys are made for its host alone.
    counts_hold: int = 0  # Seconds for which counts of many calls are shown again as they were.

    @property
    def lasting_secret(self) -> str:
        """The secret under which what lasts was made: the old one, until it is sealed anew."""
        return self.old_secret or self.secret

    @property
    def passkey_host(self) -> str:
        """The host for which passkeys are made; none where the address has no name: browsers want one."""
        host = urlsplit(self.address).hostname or ""
        return "" if ":" in host or host.rpartition(".")[2].isdecimal() else host

    @property
    def origin(self) -> str:
        """What a browser calls the address of the console; nothing where no passkey can be made for it."""
        parts = urlsplit(self.address)
        port = f":{parts.port}" if parts.port and f"{parts.scheme}:{parts.port}" not in USUAL_PORTS else ""
        return f"{parts.scheme}://{self.passkey_host}{port}" if self.passkey_host else ""

    @cached_property
    def zone(self) -> tzinfo:
        """The clock by which the line counts days and hours."""
        return zone(self.flow.line.zone)

    @property
    def moment(self) -> datetime:
        """The date and time, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    @property
    def today(self) -> date:
        """The day that it is where the line is."""
        return self.moment.astimezone(self.zone).date()

    @property
    def counts_cache_key(self) -> object:
        """The cache key of counts: it changes every ``counts_hold`` seconds."""
        return self.now() // self.counts_hold if self.counts_hold else object()  # It equals no other.


def console() -> ConsoleContext:
    """Give the parts of this request's console."""
    return cast("ConsoleContext", current_app.extensions[NAME])


def signed_in_operator() -> Operator | None:
    """Give the operator who is signed in, or nobody."""
    return cast("Operator | None", getattr(current_user, "operator", None))


def current_operator() -> Operator:
    """Give the operator who is signed in; only views behind the sign-in may ask."""
    return cast("Operator", signed_in_operator())


def language() -> str:
    """Name the language that was chosen here, or else the one that the browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES, LANGUAGES[0]) or LANGUAGES[0]


@cache
def translations(language: str) -> Mapping[str, str]:
    """Read what the console is written with in a language, reports too."""
    own = files("ivr.web.console").joinpath(f"translations/{language}.toml")
    return {**read_translations(language), **read_words(own, language)}


def render_page(template: str, **values: object) -> str:
    """Draw a page in the operator's language, with the time by the line's own clock."""
    t = translations(language())
    return render_template(
        template if "/" in template else f"console/{template}.html",
        language=language(),
        languages=LANGUAGES,
        t=t,
        translate=lambda key: t.get(key) or _prompts().languages.get(key, key),
        notices=notices,
        browser=browser,
        capital=capital,
        icon=icon,
        agency_name=agency_name,
        entry_words=entry_words,
        stop_name=stop_name,
        minutes=clock_time,
        shown_count=lambda count: t["hidden"] if shown(count) == HIDDEN else str(count),
        origin=console().origin,
        line_name=console().flow.line.name,
        timezone=console().flow.line.zone,
        local_time=partial(_local_time, console().zone),
        local_start=partial(_local_start, console().zone, t),
        local_day=partial(local_day, t),
        when=partial(_when, t, "when"),
        until_time=partial(_when, t, "until"),
        month_name=partial(month_name, t),
        **values,
    )


def notify(key: str, kind: str = "success", **values: str) -> None:
    """Have the next page say what was done, or why nothing was: a sentence of the translations."""
    flash(json.dumps({"key": key, "kind": kind, "values": values}))


def notices() -> list[dict[str, Any]]:
    """Give what this page has to say of what was done on the one before, once."""
    return [json.loads(str(each)) for each in get_flashed_messages()]


def agency_name(name: str) -> str:
    """Give the name by which people know an agency; a file's own name where it has none."""
    words = _prompts().agencies.get(name)
    known = words.name.removeprefix("the ") if words and "{" not in words.name else name
    return capital(known)


def entry_words(entry: ShiftEntry) -> str:
    """Say what an entry of the shift log tells of, beside the words that somebody wrote."""
    t = translations(language())
    match entry.kind:
        case EntryKind.NOTE:
            return ""
        case EntryKind.ALARM:
            return t.get(f"alarm_{entry.about}", entry.about)
        case EntryKind.FEEDBACK:
            agency, _, kind = entry.about.partition(" ")
            return t["shift_feedback"].format(agency=agency_name(agency), said=t[f"feedback_{kind}"])
        case EntryKind.AGENCY_OFF | EntryKind.AGENCY_ON:
            return t[f"shift_{entry.kind}"].format(agency=agency_name(entry.about))


def browser(family: str) -> str:
    """Name the browser of a session; one that says nothing of itself has no name."""
    return translations(language())["browser_other"] if family == OTHER_BROWSER else family


def capital(words: str) -> str:
    """Begin with a capital letter, and leave the rest as it is."""
    return words[:1].upper() + words[1:]


def stop_name(stop: str) -> str:
    """Give what a stop is called where it is offered; a file's own name where it never is."""
    words = _prompts().stops.get(stop)
    return (words.label if words else "") or translations(language()).get(f"stop_{stop}", stop)


def _prompts() -> Prompts:
    """Give the words of the line in the operator's language, or in its first one."""
    flow = console().flow
    return flow.prompts.get(language()) or flow.prompts[flow.languages[0]]


def _local_time(zone: tzinfo, moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    return moment.astimezone(zone).strftime(form)


def until_words(moment: datetime) -> str:
    """Write until when something holds, for a sentence of a notice."""
    return _when(translations(language()), "until", moment)


def _when(t: Mapping[str, str], kind: str, moment: datetime) -> str:
    """Write a moment as people say it: today, yesterday, tomorrow, else the day by its name."""
    context = console()
    local = moment.astimezone(context.zone)
    near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get((local.date() - context.today).days, "day")
    return t[f"{kind}_{near}"].format(day=local_day(t, local.date()), time=f"{local:%H:%M}")


def _local_start(zone: tzinfo, t: Mapping[str, str], moment: datetime) -> str:
    """Write when a call began; a start that was rounded to its hour says that it is about then."""
    rounded = not (moment.minute or moment.second or moment.microsecond)
    local = moment.astimezone(zone)
    time = t["about_time"].format(time=f"{local:%H:%M}") if rounded else f"{local:%H:%M}"
    return f"{local_day(t, local.date())} {time}"


# Whether somebody means it: what cannot simply be undone is asked about once more, on a page of its own.

YES = "yes"
NOT_REPEATED = frozenset({"csrf_token", "confirmed"})  # The page has a token of its own.


def ask_first(question: str, back: str, /, **values: str) -> str | None:
    """Give the page that asks whether it is meant, or None where that was answered with yes.

    The question is a sentence of the translations; the form is sent again as it came.
    """
    if request.form.get("confirmed") == YES:
        return None
    fields = [(name, given) for name, given in request.form.items() if name not in NOT_REPEATED]
    return render_page("confirm", question=question, values=values, fields=fields, back=back)
