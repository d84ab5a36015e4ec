"""The pages on which the line's words are read, tried, saved, published and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request, url_for

from ivr.checks.runner import inspect
from ivr.flow.menu_measurements import weigh
from ivr.flow.placeholders import BY_HAND, UNSENDABLE
from ivr.flow.prompts import backing, put, spoken_prompts, word
from ivr.records.operators import Role
from ivr.records.prompts import (
    FILE,
    basis,
    before,
    count_drafts,
    list_published,
    list_versions,
    publish,
    save_version,
    take_back,
    wording,
)
from ivr.web.console.access import needs
from ivr.web.console.context import desk, me, page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from werkzeug.wrappers import Response as Answer

    from ivr.flow.loader import Fault
    from ivr.flow.menu_measurements import Weight
    from ivr.flow.models import Flow
    from ivr.records.database import Database
    from ivr.records.prompts import Version

prompts = Blueprint("prompts", __name__, url_prefix="/console/words")

LONGEST = 3000  # Letters: what Twilio says at once.
TRIES = 3  # To publish, while others publish too.


@prompts.get("")
def list_prompts() -> str:
    """Show the parts of the words, or the prompts of one, or those that are sought."""
    shelf = read_shelf(desk().flow, desk().database)
    part, sought = request.args.get("part", ""), request.args.get("find", "").strip()
    found = shelf.find(part, sought) if part or sought else shelf.changed()
    return page("words", parts=shelf.parts(), found=found, part=part, sought=sought)


@prompts.get("/<place>")
def read_prompt(place: str) -> str:
    """Show one prompt in every language."""
    return _page(place, look="back" in request.args)


@prompts.post("/<place>/<language>")
@needs(Role.OPERATOR)
def write_prompt(place: str, language: str) -> Answer | str:
    """Try words, or save them as a new version: nobody hears them yet."""
    prompt = _prompt(place, language)
    if not prompt.file:
        abort(404)
    words = " ".join(request.form.get("words", "").split())[:LONGEST]
    trial = try_words(desk().flow, list_published(desk().database), (language, place), words)
    if request.form.get("do") != "save" or not trial.kept:
        return _page(place, trial)
    save_version(desk().database, (language, place, words), who=me().name)
    return _back_to(place, language)


@prompts.post("/<place>/<language>/publish")
@needs(Role.ADMINISTRATOR)
def publish_prompt(place: str, language: str) -> Answer | tuple[str, int]:
    """Let a version be heard, if `ivr check` has nothing against it."""
    version = _version(place, language)
    if not _prompt(place, language).file:
        abort(404)
    for _ in range(TRIES):
        published = list_published(desk().database)
        trial = try_words(desk().flow, published, (language, place), version.words)
        if trial.faults:
            return _page(place, trial, refused=True), 409
        if publish(desk().database, version, basis(published), who=me().name):
            return _back_to(place, language)
    return _page(place, trial, refused=True), 409


@prompts.post("/<place>/<language>/back")
@needs(Role.ADMINISTRATOR)
def take_prompt_back(place: str, language: str) -> Answer:
    """Go back to what was heard before, whatever `ivr check` says of it; the page then tells."""
    take_back(desk().database, language, place, _number("to"), who=me().name)
    return redirect(url_for("prompts.read_prompt", place=place, back=1, _anchor=language), 303)


def _page(place: str, trial: Trial | None = None, *, refused: bool = False, look: bool = False) -> str:
    database, flow = desk().database, desk().flow
    versions = versions_of(database, place)
    prompts = read_shelf(flow, database).prompts.get(place, ())
    if not prompts and not versions:
        abort(404)
    return page(
        "prompt",
        place=place,
        part=part_of(place),
        prompts=prompts,
        versions=versions,
        back={each.language: before(versions.get(each.language, []), each.version) for each in prompts},
        backing=backing(flow, place),
        reviews={language: (w.reviewed_by, w.reviewed_on) for language, w in flow.prompts.items()},
        trial=trial,
        refused=refused,
        faults=complaints(flow, list_published(database)) if look else (),
        longest=LONGEST,
    )


def _prompt(place: str, language: str) -> Prompt:
    """Give one prompt, or the page that says there is nothing here."""
    prompts = read_shelf(desk().flow, desk().database).prompts.get(place, ())
    return next((each for each in prompts if each.language == language), None) or abort(404)


def _version(place: str, language: str) -> Version:
    number, versions = _number("version"), list_versions(desk().database, place)
    found = (each for each in versions if (each.language, each.version) == (language, number))
    return next(found, None) or abort(404)


def _number(name: str) -> int:
    """Read which version is meant; nothing is done for one that cannot be read."""
    given = request.form.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 10 else abort(400)  # noqa: PLR2004 - what SQL holds


def _back_to(place: str, language: str) -> Answer:
    return redirect(url_for("prompts.read_prompt", place=place, _anchor=language), 303)


# The prompts of the line as the console lists and tries them: the file's, and what was written over them.


@dataclass(frozen=True)
class Prompt:
    """One prompt in one language: what is heard now, and where that comes from."""

    place: str
    language: str
    weight: Weight | None  # Nothing when the files have no such place any more.
    file: str
    version: int = FILE  # Which is published.
    fits: bool = True  # Whether what is published can be heard.
    drafts: int = 0


@dataclass(frozen=True)
class Trial:
    """Words that are tried, and not saved: what they would take, and what `ivr check` would say."""

    language: str
    words: str
    weight: Weight | None
    faults: tuple[Fault, ...]
    kept: bool = True  # Whether they may be kept at all: a number that was typed may be anybody's.


@dataclass(frozen=True)
class PromptCatalogue:
    """Every prompt of the line in every language, by place."""

    prompts: Mapping[str, tuple[Prompt, ...]]

    def parts(self) -> Mapping[str, int]:
        """Name the parts that the words are divided into, and count the prompts of each."""
        found: dict[str, int] = {}
        for place in self.prompts:
            found[part_of(place)] = found.get(part_of(place), 0) + 1
        return found

    def find(self, part: str, sought: str) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts of a part, or of all, whose place or words hold what is sought."""
        return {
            place: prompts
            for place, prompts in self.prompts.items()
            if part in {"", part_of(place)} and _holds(place, prompts, sought.casefold())
        }

    def changed(self) -> Mapping[str, tuple[Prompt, ...]]:
        """Find the prompts over which something is published, or drafted."""
        return {
            place: prompts
            for place, prompts in self.prompts.items()
            if any(each.version != FILE or each.drafts for each in prompts)
        }


def part_of(place: str) -> str:
    """Name the part of the words that a place is in: a stop, the lines, the orders, the agencies."""
    kind, _, rest = place.partition(".")
    return f"stops.{rest.partition('.')[0]}" if kind == "stops" else kind


def read_shelf(base: Flow, database: Database) -> PromptCatalogue:
    """Read what is heard now of every prompt."""
    published = list_published(database)
    worded, drafts = word(base, wording(published)), count_drafts(database)
    versions = {(each.language, each.place): each.version for each in published}
    found: dict[str, list[Prompt]] = {}
    for language, words in base.prompts.items():
        weights, file = weigh(worded.flow, language), dict(spoken_prompts(words))
        for place in dict.fromkeys((*file, *(v.place for v in published if v.language == language))):
            at = (language, place)
            prompt = Prompt(
                place,
                language,
                weights.get(place),
                file.get(place, ""),
                version=versions.get(at, FILE),
                fits=at not in worded.ignored,
                drafts=drafts.get(at, 0),
            )
            found.setdefault(place, []).append(prompt)
    return PromptCatalogue({place: tuple(prompts) for place, prompts in found.items()})


def try_words(base: Flow, published: Iterable[Version], at: tuple[str, str], words: str) -> Trial:
    """Try words at a place (language, place) beside what is published, as `ivr check` would."""
    language, place = at
    flow = put(word(base, wording(list(published))).flow, language, place, words)
    kept = bool(words) and not BY_HAND.search(words) and not UNSENDABLE.search(words)
    return Trial(language, words, weigh(flow, language).get(place), tuple(dict.fromkeys(inspect(flow))), kept)


def complaints(base: Flow, published: Iterable[Version]) -> tuple[Fault, ...]:
    """Say what `ivr check` says of what is heard now."""
    return tuple(dict.fromkeys(inspect(word(base, wording(list(published))).flow)))


def versions_of(database: Database, place: str) -> Mapping[str, list[Version]]:
    """Read the versions of a place by language, the newest first."""
    found: dict[str, list[Version]] = {}
    for each in list_versions(database, place):
        found.setdefault(each.language, []).append(each)
    return found


def _holds(place: str, prompts: tuple[Prompt, ...], sought: str) -> bool:
    said = (each.weight.words if each.weight else each.file for each in prompts)
    return any(sought in each.casefold() for each in (place, *said))
