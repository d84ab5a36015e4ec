"""The pages on which the line's words are read, tried, saved, published and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request, url_for

from ivr.flow.backing import backing
from ivr.records.operators import Role
from ivr.records.prompts import basis, before, list_published, list_versions, publish, save_version, take_back
from ivr.web.console.access import needs
from ivr.web.console.context import desk, me, page
from ivr.web.console.shelf import Prompt, Trial, complaints, part_of, read_shelf, try_words, versions_of

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as Answer

    from ivr.records.prompts import Version

wording = Blueprint("wording", __name__, url_prefix="/console/words")

LONGEST = 3000  # Letters: what Twilio says at once.
TRIES = 3  # To publish, while others publish too.


@wording.get("")
def list_prompts() -> str:
    """Show the parts of the words, or the prompts of one, or those that are sought."""
    shelf = read_shelf(desk().flow, desk().database)
    part, sought = request.args.get("part", ""), request.args.get("find", "").strip()
    found = shelf.find(part, sought) if part or sought else shelf.changed()
    return page("words", parts=shelf.parts(), found=found, part=part, sought=sought)


@wording.get("/<place>")
def read_prompt(place: str) -> str:
    """Show one prompt in every language."""
    return _page(place, look="back" in request.args)


@wording.post("/<place>/<language>")
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


@wording.post("/<place>/<language>/publish")
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


@wording.post("/<place>/<language>/back")
@needs(Role.ADMINISTRATOR)
def take_prompt_back(place: str, language: str) -> Answer:
    """Go back to what was heard before, whatever `ivr check` says of it; the page then tells."""
    take_back(desk().database, language, place, _number("to"), who=me().name)
    return redirect(url_for("wording.read_prompt", place=place, back=1, _anchor=language), 303)


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
    return redirect(url_for("wording.read_prompt", place=place, _anchor=language), 303)
