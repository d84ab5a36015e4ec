"""The pages on which prompts are read, tried, saved, published and taken back.

A prompt has a key, such as ``stops.main.text``, by which the files have it, and versions that were written
here. Nobody hears a version before an administrator publishes it, and `ivr check` must find no fault with it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from flask import Blueprint, abort, redirect, request, url_for

from ivr.checks.runner import inspect
from ivr.flow.loader import UNSENDABLE
from ivr.flow.menu_measurements import weigh
from ivr.flow.prompts import SOURCE, backing, behind, put, spoken_prompts, word
from ivr.phone_numbers import holds_number
from ivr.records.operators import Role, SecondApproverNeeded
from ivr.records.prompts import (
    FILE,
    basis,
    count_drafts,
    drop_unsaved,
    keep_unsaved,
    list_published,
    list_unsaved,
    list_versions,
    publish,
    save_version,
    take_back,
    texts,
    version_before,
)
from ivr.web.console import context
from ivr.web.console.access import needs
from ivr.web.console.context import ask_first, console, current_operator, notify, render_page
from ivr.web.console.kept_forms import keeps
from ivr.web.console.marked_text import Piece, find, word_diff
from ivr.web.console.query_params import MOST_DIGITS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from werkzeug.wrappers import Response as BaseResponse

    from ivr.flow.loader import Fault
    from ivr.flow.menu_measurements import Weight
    from ivr.flow.models import Flow
    from ivr.flow.prompts import MadeFrom, Worded
    from ivr.records.database import Database
    from ivr.records.prompts import PromptVersion


# What `ivr check` finds in the prompts of now, and in one that is tried: worked out once, and kept.

Value = TypeVar("Value")

MOST_KEPT = 32  # Results; those that were asked for longest ago go first.


@dataclass(frozen=True)
class PublishedPrompts:
    """The flow as it is heard now, and the weight of each of its prompts by language and key."""

    worded: Worded
    weights: Mapping[str, Mapping[str, Weight]]


@dataclass(frozen=True)
class PromptTrial:
    """A prompt that is tried, and not saved: its measurements, and the faults that `ivr check` would find."""

    language: str
    text: str
    weight: Weight | None
    faults: tuple[Fault, ...]
    may_be_saved: bool = True  # A number that was typed by hand may be anybody's.


class PromptChecks:
    """Checks prompts over those of the files (``base``), and keeps what it found."""

    def __init__(self, base: Flow, check: Callable[[Flow], Iterable[Fault]] = inspect) -> None:
        self._base = base
        self._check = check
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._working = Lock()

    def published(self, versions: list[PromptVersion]) -> PublishedPrompts:
        """Put what is published over the files, and weigh it all."""

        def work() -> PublishedPrompts:
            worded = word(self._base, texts(versions))
            weights = {language: weigh(worded.flow, language) for language in self._base.prompts}
            return PublishedPrompts(worded, weights)

        return self._once(("published", basis(versions)), work)

    def faults(self, versions: list[PromptVersion]) -> tuple[Fault, ...]:
        """List the faults that `ivr check` finds in what is heard now."""
        key = ("faults", basis(versions))
        return self._once(key, lambda: self._faults(word(self._base, texts(versions)).flow))

    def trial(self, versions: list[PromptVersion], at: tuple[str, str], text: str) -> PromptTrial:
        """Try a text at (language, key) beside what is published, as `ivr check` would."""
        language, key = at

        def work() -> PromptTrial:
            flow = put(word(self._base, texts(versions)).flow, language, key, text)
            weight = weigh(flow, language).get(key)
            return PromptTrial(language, text, weight, self._faults(flow), may_be_kept(text, language))

        return self._once(("trial", basis(versions), at, text), work)

    def _faults(self, flow: Flow) -> tuple[Fault, ...]:
        return tuple(dict.fromkeys(self._check(flow)))

    def _once(self, key: Hashable, work: Callable[[], Value]) -> Value:
        """Give what was worked out before, or work it out while everybody else waits."""
        if (kept := self._kept.get(key)) is not None:
            return kept  # type: ignore[return-value]  # a key begins with what its value is
        with self._working:
            if (kept := self._kept.get(key)) is not None:
                return kept  # type: ignore[return-value]  # as above
            made = work()
            self._kept[key] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return made


def may_be_kept(text: str, language: str) -> bool:
    """Whether a text may be kept at all: it says something, can be sent, and holds no number by hand."""
    return bool(text) and not holds_number(text, language) and not UNSENDABLE.search(text)


blueprint = Blueprint("prompts", __name__, url_prefix="/console/prompts")

LONGEST_PROMPT = 3000  # Letters: what Twilio says at once.
LONGEST_QUERY = 200
MOST_HITS = 60  # Prompts that a search shows.
CHOICES_RANK = 3  # What only stands in the choices of a text comes after all that says it itself,
KEY_RANK = 9  # and what only has it in its key last.
PUBLISH_TRIES = 3  # To publish, while others publish too.
WORK = "work"  # The part of a prompt's page on which it is changed.


@blueprint.get("", endpoint="list")
def list_prompts() -> str:
    """Show what was searched for, a group of prompts, or what is behind in a language; else what changed."""
    catalogue = _catalogue()
    group, query = request.args.get("group", ""), request.args.get("query", "").strip()[:LONGEST_QUERY]
    behind, wanted = request.args.get("behind", ""), request.args.get("language", "")
    hits = catalogue.search(query, group, wanted) if query else {}
    matches = catalogue.behind(behind) if behind else catalogue.of_group(group) if group else {}
    return render_page(
        "prompts",
        groups=catalogue.groups(),
        hits=dict(list(hits.items())[:MOST_HITS]),
        found=len(hits),
        matches=matches or ({} if query or group or behind else catalogue.changed()),
        group=group,
        query=query,
        behind=behind,
        wanted=wanted,
        counts_behind=catalogue.counts_behind(console().made_from),
        unsaved=list_unsaved(console().database, current_operator().name),
        own=_first_language(),
        known_languages=tuple(console().flow.prompts),
        kind_of=kind_of,
        group_of=group_of,
    )


@blueprint.get("/<key>", endpoint="show")
def show_prompt(key: str) -> str:
    """Show one prompt in every language side by side, and in one of them all that can be done."""
    checks = current_operator().role.covers(Role.OPERATOR)  # It takes seconds: not for whoever only reads.
    return _page(key, request.args.get("language", ""), check=checks and "reverted" in request.args)


def _page_of_save() -> str:
    """Say where a prompt is written in one language."""
    given = request.view_args or {}
    return url_for("prompts.show", _anchor="work", key=given.get("key"), language=given.get("language"))


@blueprint.post("/<key>/<language>", endpoint="save")
@keeps(_page_of_save, "text")
@needs(Role.OPERATOR)
def save_prompt(key: str, language: str) -> BaseResponse | str:
    """Try a prompt, or save it as a new version: nobody hears it yet."""
    prompt = _prompt(key, language)
    if not prompt.file:
        abort(404)
    text, who = _written(), current_operator().name
    trial = console().prompt_checks.trial(list_published(console().database), (language, key), text)
    if request.form.get("do") == "save" and trial.may_be_saved:
        version = save_version(console().database, language, key, text, who=who)
        notify("prompt_was_saved", version=str(version))
        return _back_to_prompt(key, language)
    if trial.may_be_saved:
        keep_unsaved(console().database, language, key, text, who=who)
    return _page(key, language, trial)


@blueprint.post("/<key>/<language>/keep", endpoint="keep")
@needs(Role.OPERATOR)
def keep_prompt(key: str, language: str) -> tuple[str, int]:
    """Keep what somebody is writing, so that it outlives their session; a number by hand is not kept."""
    if not _prompt(key, language).file:
        abort(404)
    text = _written()
    if not may_be_kept(text, language):
        return "", 422
    keep_unsaved(console().database, language, key, text, who=current_operator().name)
    return "", 204


@blueprint.post("/<key>/<language>/drop", endpoint="drop")
@needs(Role.OPERATOR)
def drop_prompt(key: str, language: str) -> BaseResponse:
    """Drop what somebody was writing; versions stay."""
    if drop_unsaved(console().database, language, key, who=current_operator().name):
        notify("prompt_was_dropped")
    return _back_to_prompt(key, language)


@blueprint.post("/<key>/<language>/publish", endpoint="publish")
@needs(Role.ADMINISTRATOR)
def publish_prompt(key: str, language: str) -> BaseResponse | tuple[str, int] | str:
    """Let a version be heard, if `ivr check` has nothing against it."""
    version = _version(key, language)
    if not _prompt(key, language).file:
        abort(404)
    back = url_for("prompts.show", key=key, language=language, _anchor=WORK)
    if question := ask_first("confirm_publish", back, key=key, language=language):
        return question
    this, who = console(), current_operator().name
    asked = this.flow.line.publishing.second_approver
    for _ in range(PUBLISH_TRIES):
        published = list_published(this.database)
        trial = this.prompt_checks.trial(published, (language, key), version.text)
        if trial.faults:
            return _page(key, language, trial, refused=True), 409
        try:
            done = publish(this.database, version, basis(published), who=who, second_approver=asked)
        except SecondApproverNeeded:
            notify("second_approver_needed", "danger")
            return _back_to_prompt(key, language)
        if done:
            notify("prompt_was_published", version=str(version.version))
            return _back_to_prompt(key, language)
    return _page(key, language, trial, refused=True), 409


@blueprint.post("/<key>/<language>/revert", endpoint="revert")
@needs(Role.ADMINISTRATOR)
def revert_prompt(key: str, language: str) -> BaseResponse:
    """Go back to what was heard before, whatever `ivr check` says of it; the page then tells."""
    take_back(console().database, language, key, _number("to"), who=current_operator().name)
    return redirect(url_for("prompts.show", key=key, language=language, reverted=1, _anchor=WORK), 303)


def _page(
    key: str, language: str, trial: PromptTrial | None = None, *, refused: bool = False, check: bool = False
) -> str:
    this, flow, who = console(), console().flow, current_operator().name
    every_version = versions_of(this.database, key)
    catalogue = _catalogue()
    prompts = catalogue.prompts.get(key, ())
    if not prompts and not every_version:
        abort(404)
    chosen = _chosen(prompts, language)
    versions = every_version.get(chosen.language, []) if chosen else []
    unsaved = (each for each in list_unsaved(this.database, who) if each.key == key)
    return render_page(
        "prompt",
        key=key,
        group=group_of(key),
        kind_of=kind_of,
        prompts=prompts,
        chosen=chosen,
        english=next((each for each in prompts if each.language == SOURCE), None),
        versions=versions,
        previous=version_before(versions, chosen.version) if chosen else FILE,
        backing=backing(flow, key),
        reviews={name: (w.reviewed_by, w.reviewed_on) for name, w in flow.prompts.items()},
        voices={name: each.code or name for name, each in flow.line.languages.items()},
        trial=trial,
        refused=refused,
        faults=this.prompt_checks.faults(list_published(this.database)) if check else (),
        longest=LONGEST_PROMPT,
        unsaved=next((each for each in unsaved if chosen and each.language == chosen.language), None),
        second_approver=flow.line.publishing.second_approver,
        recorded=flow.recorded,
        diff=lambda text: diff_to(chosen, text),
        file_diff=word_diff,
        longest_seconds=max((e.weight.seconds or 0 for e in prompts if e.weight), default=0),
    )


def _chosen(prompts: tuple[Prompt, ...], language: str) -> Prompt | None:
    """Choose the language to work on: the one asked for, the operator's own, or the first."""
    for wanted in (language, context.language()):
        for each in prompts:
            if each.language == wanted:
                return each
    return prompts[0] if prompts else None


def _first_language() -> str:
    """Name the language in which prompts are listed: the operator's, where the line has it."""
    own, known = context.language(), console().flow.prompts
    return own if own in known else next(iter(known))


def _written() -> str:
    return " ".join(request.form.get("text", "").split())[:LONGEST_PROMPT]


def diff_to(prompt: Prompt | None, text: str) -> tuple[Piece, ...]:
    """Compare a text with what is heard or read now."""
    return word_diff(prompt.weight.words if prompt and prompt.weight else "", text)


def kind_of(key: str) -> str:
    """Name what a prompt is at its stop, as the translations have it: spoken, texted, offered, asked."""
    parts = key.split(".")
    kind = parts[-2] if parts[-1].isdecimal() else parts[-1]
    return kind if parts[0] in {"stops", "orders", "agencies"} else ""


def _catalogue() -> PromptCatalogue:
    this = console()
    return read_catalogue(this.flow, this.database, this.prompt_checks, this.made_from)


def _prompt(key: str, language: str) -> Prompt:
    """Give one prompt, or the page that says there is nothing here."""
    prompts = _catalogue().prompts.get(key, ())
    return next((each for each in prompts if each.language == language), None) or abort(404)


def _version(key: str, language: str) -> PromptVersion:
    number, versions = _number("version"), list_versions(console().database, key)
    wanted = (each for each in versions if (each.language, each.version) == (language, number))
    return next(wanted, None) or abort(404)


def _number(name: str) -> int:
    """Read which version is meant; nothing is done for one that cannot be read."""
    given = request.form.get(name, "")
    return int(given) if given.isdecimal() and len(given) <= MOST_DIGITS else abort(400)


def _back_to_prompt(key: str, language: str) -> BaseResponse:
    return redirect(url_for("prompts.show", key=key, language=language, _anchor=WORK), 303)


@dataclass(frozen=True)
class Prompt:
    """One prompt in one language: what is heard now, and where that comes from."""

    key: str
    language: str
    weight: Weight | None  # None when the files have no such prompt any more.
    file: str
    version: int = FILE  # Which is published.
    fits: bool = True  # Whether what is published can be heard.
    drafts: int = 0
    behind: bool = False  # Whether the English that is heard now is not what it was made from.


class Hit(NamedTuple):
    """A prompt that was found, how well, and the sentence that holds what was searched for."""

    prompt: Prompt
    rank: int
    excerpt: tuple[Piece, ...] = ()
    with_choices: bool = False  # Whether only the choices that are sent with it hold it.


@dataclass(frozen=True)
class PromptCatalogue:
    """Every prompt of the line in every language, by key."""

    prompts: Mapping[str, tuple[Prompt, ...]]

    def groups(self) -> Mapping[str, int]:
        """Count the prompts of each group."""
        return Counter(map(group_of, self.prompts))

    def of_group(self, group: str) -> Mapping[str, tuple[Prompt, ...]]:
        """Give the prompts of a group."""
        return {key: prompts for key, prompts in self.prompts.items() if group_of(key) == group}

    def search(self, query: str, group: str = "", language: str = "") -> Mapping[str, tuple[Hit, ...]]:
        """Find the prompts in which something is heard or read, or whose key holds it: the best first."""
        found: dict[str, tuple[Hit, ...]] = {}
        for key, prompts in self.prompts.items():
            if group in {"", group_of(key)}:
                asked = [each for each in prompts if language in {"", each.language}]
                hits = [hit for each in asked if (hit := _hit(each, query))]
                if hits or query.casefold() in key:
                    found[key] = tuple(hits or (Hit(each, KEY_RANK) for each in asked[:1]))
        return dict(sorted(found.items(), key=lambda item: min(hit.rank for hit in item[1])))

    def changed(self) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts over which something is published, or drafted."""
        return {
            key: prompts
            for key, prompts in self.prompts.items()
            if any(each.version != FILE or each.drafts for each in prompts)
        }

    def behind(self, language: str) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts of a language that are behind, each beside the English."""
        return {
            key: tuple(each for each in prompts if each.language in {SOURCE, language})
            for key, prompts in self.prompts.items()
            if any(each.behind and each.language == language for each in prompts)
        }

    def counts_behind(self, known: Iterable[str]) -> Mapping[str, int]:
        """Count how many prompts are behind, in each language of which it is known."""
        late = Counter(each.language for prompts in self.prompts.values() for each in prompts if each.behind)
        return {language: late[language] for language in known}


def group_of(key: str) -> str:
    """Name the group that a prompt is in: a stop, the lines, the orders, the agencies."""
    kind, _, rest = key.partition(".")
    return f"stops.{rest.partition('.')[0]}" if kind == "stops" else kind


def read_catalogue(
    base: Flow, database: Database, checks: PromptChecks, made_from: Mapping[str, MadeFrom]
) -> PromptCatalogue:
    """Read what is heard now of every prompt."""
    published = list_published(database)
    heard, drafts = checks.published(published), count_drafts(database)
    versions = {(each.language, each.key): each.version for each in published}
    late = behind_now(heard, published, made_from)
    by_key: dict[str, list[Prompt]] = {}
    for language, prompts in base.prompts.items():
        weights, file = heard.weights[language], dict(spoken_prompts(prompts))
        for key in dict.fromkeys((*file, *(v.key for v in published if v.language == language))):
            at = (language, key)
            prompt = Prompt(
                key,
                language,
                weights.get(key),
                file.get(key, ""),
                version=versions.get(at, FILE),
                fits=at not in heard.worded.ignored,
                drafts=drafts.get(at, 0),
                behind=at in late,
            )
            by_key.setdefault(key, []).append(prompt)
    return PromptCatalogue({key: tuple(prompts) for key, prompts in by_key.items()})


def behind_now(
    heard: PublishedPrompts, published: list[PromptVersion], made_from: Mapping[str, MadeFrom]
) -> set[tuple[str, str]]:
    """Name the translations (language, key) that are behind the English of now.

    Of what was written here nothing is noted, but when: it is behind English that was written here later.
    """
    written = {(each.language, each.key): each.at for each in published}
    late = {
        (name, key) for name, notes in made_from.items() for key in behind(heard.worded.flow, name, notes)
    }
    return {at for at in late if at not in written} | {
        (language, key)
        for (language, key), at in written.items()
        if language != SOURCE and (SOURCE, key) in written and written[SOURCE, key] > at
    }


def versions_of(database: Database, key: str) -> Mapping[str, list[PromptVersion]]:
    """Read the versions of a prompt by language, the newest first."""
    by_language: dict[str, list[PromptVersion]] = {}
    for each in list_versions(database, key):
        by_language.setdefault(each.language, []).append(each)
    return by_language


def _hit(prompt: Prompt, query: str) -> Hit | None:
    """Find a query in what is heard or read of a prompt; in the choices sent with it only if nowhere else."""
    weight = prompt.weight
    for text in (weight.heard, weight.words) if weight else (prompt.file,):
        if match := find(text, query):
            return Hit(prompt, match.rank, match.excerpt)
    if weight and (match := find(weight.sent, query)):
        return Hit(prompt, match.rank + CHOICES_RANK, match.excerpt, with_choices=True)
    return None
