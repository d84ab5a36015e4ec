"""The pages on which prompts are read, tried, saved, published and taken back.

A prompt has a key, such as ``stops.main.text``, by which the files have it, and versions that were written
here. Nobody hears a version before an administrator publishes it, and `ivr check` must find no fault with it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request, url_for

from ivr.flow.made_from import SOURCE, behind
from ivr.flow.prompts import backing, spoken_prompts
from ivr.records.operators import Role
from ivr.records.prompts import (
    FILE,
    basis,
    count_drafts,
    list_published,
    list_versions,
    publish,
    save_version,
    take_back,
    version_before,
)
from ivr.web.console.access import needs
from ivr.web.console.confirmation import ask_first
from ivr.web.console.context import console, current_operator, render_page
from ivr.web.console.kept_forms import keeps
from ivr.web.console.query_params import MOST_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from werkzeug.wrappers import Response as BaseResponse

    from ivr.flow.made_from import MadeFrom
    from ivr.flow.menu_measurements import Weight
    from ivr.flow.models import Flow
    from ivr.records.database import Database
    from ivr.records.prompts import PromptVersion
    from ivr.web.console.prompt_checks import PromptChecks, PromptTrial

blueprint = Blueprint("prompts", __name__, url_prefix="/console/prompts")

LONGEST_PROMPT = 3000  # Letters: what Twilio says at once.
PUBLISH_TRIES = 3  # To publish, while others publish too.


@blueprint.get("", endpoint="list")
def list_prompts() -> str:
    """Show the groups of prompts, or the prompts of one group, or those that are searched for."""
    catalogue = _catalogue()
    group, query = request.args.get("group", ""), request.args.get("query", "").strip()
    behind = request.args.get("behind", "")
    matches = catalogue.search(group, query) if group or query else catalogue.changed()
    return render_page(
        "prompts",
        groups=catalogue.groups(),
        matches=catalogue.behind(behind) if behind else matches,
        group=group,
        query=query,
        behind=behind,
        counts_behind=catalogue.counts_behind(console().made_from),
    )


@blueprint.get("/<key>", endpoint="show")
def show_prompt(key: str) -> str:
    """Show one prompt in every language."""
    checks = current_operator().role.covers(Role.OPERATOR)  # It takes seconds: not for whoever only reads.
    return _page(key, check=checks and "reverted" in request.args)


def _page_of_save() -> str:
    """Say where a prompt is written in one language."""
    given = request.view_args or {}
    return url_for("prompts.show", _anchor=given.get("language"), key=given.get("key"))


@blueprint.post("/<key>/<language>", endpoint="save")
@keeps(_page_of_save, "text")
@needs(Role.OPERATOR)
def save_prompt(key: str, language: str) -> BaseResponse | str:
    """Try a prompt, or save it as a new version: nobody hears it yet."""
    prompt = _prompt(key, language)
    if not prompt.file:
        abort(404)
    text = " ".join(request.form.get("text", "").split())[:LONGEST_PROMPT]
    trial = console().prompt_checks.trial(list_published(console().database), (language, key), text)
    if request.form.get("do") != "save" or not trial.may_be_saved:
        return _page(key, trial)
    save_version(console().database, language, key, text, who=current_operator().name)
    return _back_to_prompt(key, language)


@blueprint.post("/<key>/<language>/publish", endpoint="publish")
@needs(Role.ADMINISTRATOR)
def publish_prompt(key: str, language: str) -> BaseResponse | tuple[str, int] | str:
    """Let a version be heard, if `ivr check` has nothing against it."""
    version = _version(key, language)
    if not _prompt(key, language).file:
        abort(404)
    back = url_for("prompts.show", key=key, _anchor=language)
    if question := ask_first("confirm_publish", back, key=key, language=language):
        return question
    for _ in range(PUBLISH_TRIES):
        published = list_published(console().database)
        trial = console().prompt_checks.trial(published, (language, key), version.text)
        if trial.faults:
            return _page(key, trial, refused=True), 409
        if publish(console().database, version, basis(published), who=current_operator().name):
            return _back_to_prompt(key, language)
    return _page(key, trial, refused=True), 409


@blueprint.post("/<key>/<language>/revert", endpoint="revert")
@needs(Role.ADMINISTRATOR)
def revert_prompt(key: str, language: str) -> BaseResponse:
    """Go back to what was heard before, whatever `ivr check` says of it; the page then tells."""
    take_back(console().database, language, key, _number("to"), who=current_operator().name)
    return redirect(url_for("prompts.show", key=key, reverted=1, _anchor=language), 303)


def _page(key: str, trial: PromptTrial | None = None, *, refused: bool = False, check: bool = False) -> str:
    database, flow = console().database, console().flow
    versions = versions_of(database, key)
    prompts = _catalogue().prompts.get(key, ())
    if not prompts and not versions:
        abort(404)
    return render_page(
        "prompt",
        key=key,
        group=group_of(key),
        prompts=prompts,
        versions=versions,
        previous={
            each.language: version_before(versions.get(each.language, []), each.version) for each in prompts
        },
        backing=backing(flow, key),
        reviews={language: (w.reviewed_by, w.reviewed_on) for language, w in flow.prompts.items()},
        trial=trial,
        refused=refused,
        faults=console().prompt_checks.faults(list_published(database)) if check else (),
        longest=LONGEST_PROMPT,
    )


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
    return redirect(url_for("prompts.show", key=key, _anchor=language), 303)


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


@dataclass(frozen=True)
class PromptCatalogue:
    """Every prompt of the line in every language, by key."""

    prompts: Mapping[str, tuple[Prompt, ...]]

    def groups(self) -> Mapping[str, int]:
        """Count the prompts of each group."""
        return Counter(map(group_of, self.prompts))

    def search(self, group: str, query: str) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts of a group, or of all, whose key or text holds the query."""
        return {
            key: prompts
            for key, prompts in self.prompts.items()
            if group in {"", group_of(key)} and _holds(key, prompts, query.casefold())
        }

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
    late = {
        (name, key) for name, notes in made_from.items() for key in behind(heard.worded.flow, name, notes)
    }
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
                behind=at in late and at not in versions,  # Of what was written here nothing is noted.
            )
            by_key.setdefault(key, []).append(prompt)
    return PromptCatalogue({key: tuple(prompts) for key, prompts in by_key.items()})


def versions_of(database: Database, key: str) -> Mapping[str, list[PromptVersion]]:
    """Read the versions of a prompt by language, the newest first."""
    by_language: dict[str, list[PromptVersion]] = {}
    for each in list_versions(database, key):
        by_language.setdefault(each.language, []).append(each)
    return by_language


def _holds(key: str, prompts: tuple[Prompt, ...], query: str) -> bool:
    texts = (each.weight.words if each.weight else each.file for each in prompts)
    return any(query in each.casefold() for each in (key, *texts))
