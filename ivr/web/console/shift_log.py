"""The shift log: what one shift tells the next about the line, with its search."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, request, url_for

from ivr.records.operators import Role
from ivr.records.shift_log import add_shift_note, list_shift_entries, mark_read, unpin
from ivr.web.console.access import needs
from ivr.web.console.context import console, current_operator, entry_words, notify, render_page, until_words
from ivr.web.console.kept_forms import keeps
from ivr.web.console.now import next_morning
from ivr.web.console.query_params import LONGEST_TEXT, names_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from werkzeug.wrappers import Response as BaseResponse

    from ivr.records.shift_log import ShiftEntry

blueprint = Blueprint("shift_log", __name__, url_prefix="/console/log")

LENGTHS = ("morning", "1", "3", "7")  # Until 8:00, or so many days; the log is kept a week at least.
SHIFT = timedelta(hours=8)
LONGEST = timedelta(days=7)  # That a note may stand on Now.
SHOWN = 100  # Entries on a page.


@blueprint.get("", endpoint="show")
def show_shift_log() -> str:
    """Show what was noted, the newest first: all of it, or what holds the words that are looked for."""
    return _page()


@blueprint.post("", endpoint="add")
@keeps("shift_log.show", "note", "length", "until")
@needs(Role.OPERATOR)
def add() -> BaseResponse | Response:
    """Write a note; one that is empty, or holds a telephone number, is shown again with what is wrong."""
    context = console()
    note = request.form.get("note", "").strip()[:LONGEST_TEXT]
    until = _until(request.form)
    fault = "shift_note_empty" if not note else "shift_note_number" if names_number(note) else ""
    if fault or until is None:
        return make_response(_page(note, fault or "shift_note_length"), 400)
    add_shift_note(context.database, current_operator().name, note, until, now=context.moment)
    notify("shift_note_added", until=until_words(until))
    return redirect(url_for("shift_log.show"), 303)


@blueprint.post("/read", endpoint="mark_read")
def mark_pinned_read() -> BaseResponse:
    """Note that this operator has read what is pinned."""
    context = console()
    newest = whole_number(request.form.get("newest", ""))
    mark_read(context.database, current_operator().name, newest, now=context.moment)
    return redirect(url_for("now.show" if request.form.get("back") == "now" else "shift_log.show"), 303)


@blueprint.post("/<int:entry>/unpin", endpoint="unpin")
@needs(Role.OPERATOR)
def unpin_entry(entry: int) -> BaseResponse:
    """Take an entry off the page Now before its time."""
    context = console()
    if unpin(context.database, entry, current_operator().name, now=context.moment):
        notify("shift_unpinned")
    return redirect(url_for("shift_log.show"), 303)


def _page(written: str = "", fault: str = "") -> str:
    context, query = console(), request.args.get("query", "").strip()
    before = whole_number(request.args.get("before", ""))
    entries = list_shift_entries(context.database)
    pinned = [each for each in entries if each.is_pinned(context.moment)]
    ends = {length: _end(length) for length in LENGTHS}
    found = [each for each in entries if _holds(each, query) and (not before or each.id < before)]
    return render_page(
        "shift_log",
        entries=found[:SHOWN],
        older=found[SHOWN - 1].id if len(found) > SHOWN else None,
        pinned=pinned,
        unread=[each for each in pinned if not each.is_read_by(current_operator().name)],
        moment=context.moment,
        query=query,
        before=before,
        lengths=LENGTHS,
        length=request.form.get("length", _usual(ends["morning"])),
        ends=ends,
        zone=context.zone,
        written=written,
        fault=fault,
    )


def _until(form: Mapping[str, str]) -> datetime | None:
    """Say until when a note is pinned: as was typed, else as was chosen; None where that is no time."""
    context = console()
    if typed := form.get("until", "").strip():
        try:
            until = datetime.fromisoformat(typed).replace(tzinfo=context.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return until if context.moment < until <= context.moment + LONGEST else None
    length = form.get("length", "")
    return _end(length) if length in LENGTHS else None


def _end(length: str) -> datetime:
    """Say when one of the choices is over."""
    context = console()
    if length == "morning":
        return next_morning(context.moment, context.zone)
    return context.moment + timedelta(days=int(length))


def _usual(morning: datetime) -> str:
    """Choose beforehand what outlasts this shift: 8:00, unless it is too near for the next to read it."""
    return LENGTHS[0] if morning - console().moment > SHIFT else LENGTHS[1]


def _holds(entry: ShiftEntry, query: str) -> bool:
    """Whether every word that is looked for stands in an entry, whatever its capitals and accents."""
    words = _plain(f"{entry_words(entry)} {entry.text} {entry.who}")
    return all(word in words for word in _plain(query).split())


def _plain(words: str) -> str:
    parts = unicodedata.normalize("NFKD", words.casefold())
    return "".join(each for each in parts if not unicodedata.combining(each))
