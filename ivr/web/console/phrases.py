"""The pages of phrases: what texters write, by meaning and language; tried, drafted, measured, published.

A text that is tried is read and shown again, and stands nowhere else: in no table, log or address.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, request, url_for

from ivr.checks.phrases import draft_faults
from ivr.flow.sms import keywords_of
from ivr.records.operators import Role, SecondApproverNeeded
from ivr.records.phrase_versions import (
    OPEN,
    DraftChanged,
    ask_to_learn,
    draft_mark,
    drop_draft,
    drop_phrase,
    list_added,
    list_draft,
    list_phrase_versions,
    save_draft,
    take_phrases_back,
    version_in_force,
)
from ivr.understanding.phrases import DANGER, OFF_TOPIC, WISH, Phrase, read_phrases
from ivr.understanding.text_cleaning import LONGEST
from ivr.understanding.understand import Context, read_rules, understand
from ivr.understanding.weights_in_force import FILES, basis_of
from ivr.web.console.access import needs
from ivr.web.console.context import (
    ask_first,
    capital,
    console,
    current_operator,
    language,
    notify,
    render_page,
    translations,
)
from ivr.web.console.context import stop_name as name_of_stop
from ivr.web.console.kept_forms import keeps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from werkzeug.wrappers import Response as BaseResponse

    from ivr.flow.loader import Fault
    from ivr.records.phrase_versions import DraftedPhrase, PhraseVersion
    from ivr.understanding.intents import Meaning
    from ivr.understanding.understand import Rules, Understanding

blueprint = Blueprint("phrases", __name__, url_prefix="/console/phrases")

MOST_TYPED = 40  # Phrases that are added at once.
MOST_VERSIONS = 12  # That the page shows; the command line lists all.
MOST_CHANGES = 40
FIGURES = ("texts", "useful", "sure_and_wrong", "in_danger", "danger_found", "false_alarms")


@dataclass(frozen=True)
class PhraseFiles:
    """The folder of phrases, each part of it read once, and who tells what a text means."""

    folder: Path
    meaning: Callable[[str], Meaning | None] = lambda _: None

    @cached_property
    def phrases(self) -> Mapping[tuple[str, str], tuple[Phrase, ...]]:
        """The phrases of the files, by language and name."""
        found: dict[tuple[str, str], list[Phrase]] = {}
        for each in read_phrases(self.folder):
            found.setdefault((each.language, each.name), []).append(each)
        return {at: tuple(phrases) for at, phrases in found.items()}

    @cached_property
    def rules(self) -> Rules:
        """The rules that read texts."""
        return read_rules(self.folder)

    @cached_property
    def basis(self) -> str:
        """What the files have learned."""
        return basis_of(self.folder)


@dataclass(frozen=True)
class TriedText:
    """A text that was tried, and what was made of it."""

    text: str
    found: Understanding
    by: str  # What read it; empty: rules and keywords alone.


@blueprint.get("", endpoint="list")
def list_phrases() -> str:
    """Count the phrases of each meaning in each language; show the draft, and what became of others."""
    return _overview()


@blueprint.get("/_versions", endpoint="refresh")
def refresh_versions() -> str:
    """Show what was tried and published, for the script that refreshes it while a worker learns."""
    return render_page("_phrase_versions", **_versions())


@blueprint.post("/try", endpoint="try")
@needs(Role.OPERATOR)
def try_text() -> str:
    """Show what would be made of a text as the first of somebody new; it is kept nowhere."""
    text = request.form.get("text", "").strip()[: 4 * LONGEST]
    files, flow = console().phrase_files, console().flow
    context = Context(tuple(flow.languages), home=flow.menus.home, keywords=keywords_of(flow))
    meaning = files.meaning(text) if text else None
    found = understand(files.rules, text, context, meaning)
    return _overview(TriedText(text, found, meaning.by if meaning else "") if text else None)


@blueprint.get("/<tongue>/<name>", endpoint="show")
def show_phrases(tongue: str, name: str) -> str:
    """Show the phrases of one meaning in one language."""
    return _file_page(tongue, name)


@blueprint.post("/<tongue>/<name>", endpoint="add")
@keeps("phrases.show", "text")
@needs(Role.OPERATOR)
def add_phrases(tongue: str, name: str) -> BaseResponse | tuple[str, int]:
    """Add phrases to the draft; if one has a fault, none is added, and all are given back."""
    this, written = console(), request.form.get("text", "")
    if (tongue, name) not in this.phrase_files.phrases:
        abort(404)
    lines = dict.fromkeys(line.strip() for line in written.splitlines() if line.strip())
    new = [Phrase(line, tongue, name) for line in lines][:MOST_TYPED]
    added = {*_published_here(), *(each.phrase for each in list_draft(this.database))}
    known = sorted(added, key=lambda each: each.text)
    faults = list(draft_faults(this.phrase_files.folder, known, new))
    if faults or not new:
        return _file_page(tongue, name, written, faults, nothing=not new), 400
    save_draft(this.database, new, who=current_operator().name)
    notify("phrases_were_added", count=str(len(new)))
    return redirect(url_for("phrases.show", tongue=tongue, name=name, _anchor="draft"), 303)


@blueprint.post("/drop", endpoint="drop")
@needs(Role.OPERATOR)
def drop_phrases() -> BaseResponse | str:
    """Take one phrase out of the draft, or drop all of it."""
    this, who, form = console(), current_operator().name, request.form
    if "text" in form:
        phrase = Phrase(form["text"], form.get("tongue", ""), form.get("name", ""))
        dropped = int(drop_phrase(this.database, phrase, who=who))
    else:
        count = str(len(list_draft(this.database)))
        if question := ask_first("confirm_phrases_drop", url_for("phrases.list"), count=count):
            return question
        dropped = drop_draft(this.database, who=who)
    notify("phrases_were_dropped", count=str(dropped))
    return _back_to_draft()


@blueprint.post("/check", endpoint="check")
@needs(Role.OPERATOR)
def check_draft() -> BaseResponse:
    """Ask a worker what the draft would change on the check set."""
    return _ask("phrases_asked_check", trial=True)


@blueprint.post("/publish", endpoint="publish")
@needs(Role.ADMINISTRATOR)
def publish_draft() -> BaseResponse | str:
    """Ask a worker to learn the draft, and to put it in force unless it is worse."""
    count = str(len(list_draft(console().database)))
    if question := ask_first("confirm_phrases_publish", url_for("phrases.list"), count=count):
        return question
    return _ask("phrases_asked_publish")


@blueprint.post("/back", endpoint="back")
@needs(Role.ADMINISTRATOR)
def go_back() -> BaseResponse | str:
    """Go back to what was in force before."""
    if question := ask_first("confirm_phrases_back", url_for("phrases.list")):
        return question
    to, t = take_phrases_back(console().database, who=current_operator().name), translations(language())
    if to is None:
        notify("phrases_nothing_to_go_back", "danger")
    else:
        name = t["phrases_the_files"] if to == FILES else t["phrases_version"].format(version=to)
        notify("phrases_went_back", to=name)
    return _back_to_draft()


def _ask(asked: str, *, trial: bool = False) -> BaseResponse:
    """Ask for a version of the draft that was looked at, and say what came of asking."""
    this = console()
    try:
        version = ask_to_learn(
            this.database,
            who=current_operator().name,
            second_approver=this.flow.line.publishing.second_approver,
            mark=request.form.get("mark", ""),
            trial=trial,
        )
    except SecondApproverNeeded:
        notify("second_approver_needed", "danger")
    except DraftChanged:
        notify("phrases_draft_changed", "danger")
    else:
        notify(asked) if version else notify("phrases_busy", "danger")
    return _back_to_draft()


def _back_to_draft() -> BaseResponse:
    return redirect(url_for("phrases.list", _anchor="draft"), 303)


def _overview(tried: TriedText | None = None) -> str:
    this, files = console(), console().phrase_files
    draft = list_draft(this.database)
    counts = Counter({at: len(phrases) for at, phrases in files.phrases.items()})
    counts.update((each.language, each.name) for each in _published_here())
    known = dict.fromkeys((*this.flow.languages, *(tongue for tongue, _ in counts)))
    return render_page(
        "phrases",
        tried=tried,
        groups=_groups({name for _, name in counts}),
        tongues_known=[each for each in known if any(tongue == each for tongue, _ in counts)],
        counts=counts,
        drafted=Counter((each.phrase.language, each.phrase.name) for each in draft),
        meaning_name=meaning_name,
        longest=LONGEST,
        **_drafted(draft),
        **_versions(),
    )


def _file_page(
    tongue: str, name: str, written: str = "", faults: list[Fault] | None = None, *, nothing: bool = False
) -> str:
    this, files = console(), console().phrase_files
    if (tongue, name) not in files.phrases:
        abort(404)
    at = (tongue, name)
    return render_page(
        "phrase_file",
        tongue=tongue,
        name=name,
        others=sorted({other for other, each in files.phrases if each == name} - {tongue}),
        stop=files.rules.intents.stops.get(name, ""),
        phrases=files.phrases[at],
        published=[each for each in _published_here() if (each.language, each.name) == at],
        draft=[e for e in list_draft(this.database) if (e.phrase.language, e.phrase.name) == at],
        meaning_name=meaning_name,
        written=written,
        faults=faults or [],
        nothing=nothing,
        most=MOST_TYPED,
    )


def _drafted(draft: list[DraftedPhrase]) -> dict[str, Any]:
    asked = console().flow.line.publishing.second_approver
    own = asked and any(each.who == current_operator().name for each in draft)
    mark = draft_mark([each.phrase for each in draft])
    return {"draft": draft, "own": own, "mark": mark, "second_approver": asked}


def _versions() -> dict[str, Any]:
    """Put together what became of the versions, the newest first, each with its figures."""
    this = console()
    versions, now = list_phrase_versions(this.database)[:MOST_VERSIONS], version_in_force(this.database)
    in_force = next((each for each in versions if each.version == now), None)
    return {
        "versions": [(each, _outcome(each)) for each in versions],
        "now": now,
        "older_files": bool(in_force and in_force.basis != this.phrase_files.basis),
        "learning": any(each.state in OPEN for each in versions),
        "figures": FIGURES,
        "most_changes": MOST_CHANGES,
    }


def _outcome(version: PhraseVersion) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(version.outcome) if version.outcome else {}
    return found


def _published_here() -> tuple[Phrase, ...]:
    database = console().database
    version = version_in_force(database)
    return list_added(database, version) if version != FILES else ()


def _groups(names: set[str]) -> Mapping[str, list[str]]:
    """Sort the names of phrases by what they are: topics, danger, wishes, and none of these."""
    dangers = {name for name in names if name.startswith(DANGER)}
    wishes = {name for name in names if name.startswith(WISH)}
    topics = names - dangers - wishes - {OFF_TOPIC}
    groups = {"topics": topics, "dangers": dangers, "wishes": wishes, "others": names & {OFF_TOPIC}}
    return {group: sorted(known, key=meaning_name) for group, known in groups.items() if known}


def meaning_name(name: str) -> str:
    """Say what phrases of a name mean, in the operator's language: what their stop is called, or a wish."""
    if stop := console().phrase_files.rules.intents.stops.get(name):
        return capital(name_of_stop(stop))
    return translations(language()).get("phrases_name_" + name.replace("-", "_"), name)
