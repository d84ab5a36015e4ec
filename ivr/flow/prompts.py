"""The words of the line by their places, and the line in other words: what was published over the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ivr.flow import placeholders
from ivr.flow.loader import prompts_file
from ivr.flow.models import ChecklistStop, MessageStop, every_prompt
from ivr.flow.rendering import PLACEHOLDER, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Fact, Flow, Prompts

Wording = Mapping[str, Mapping[str, str]]  # Language -> place, as in `stops.law.say` -> words.

KINDS = ("lines.", "stops.", "orders.", "agencies.")
# What must hold of words before they are said: else somebody hears an error.
SAYABLE = (
    placeholders.unknown_blanks,
    placeholders.missing_blanks,
    placeholders.unsendable,
)


@dataclass(frozen=True)
class Worded:
    """A flow in other words, and those that it could not take: (language, place)."""

    flow: Flow
    ignored: tuple[tuple[str, str], ...] = ()


def spoken_prompts(words: Prompts) -> Iterator[tuple[str, str]]:
    """Give each prompt of a language that is not empty, with its place: what can be published anew."""
    for place, text in every_prompt(words):
        if text.strip() and place.startswith(KINDS):
            yield place, text


def word(flow: Flow, changes: Wording) -> Worded:
    """Put words into a flow, whatever they are. Those that cannot be said here are left out, and named.

    A stop may be gone since they were published, or an agency that they name.
    """
    known = {language: dict(spoken_prompts(words)) for language, words in flow.prompts.items()}
    wanted = {(language, place): said for language, of in changes.items() for place, said in of.items()}
    fit = {
        (language, place): said
        for (language, place), said in wanted.items()
        if place in known.get(language, {}) and _can_be_said(flow, language, said)
    }
    spoilt = {(fault.file, fault.place) for rule in SAYABLE for fault in rule(_with(flow, fit))}
    fit = {at: said for at, said in fit.items() if (prompts_file(at[0]), at[1]) not in spoilt}
    return Worded(_with(flow, fit) if fit else flow, tuple(at for at in wanted if at not in fit))


def put(flow: Flow, language: str, place: str, said: str) -> Flow:
    """Give a flow with other words at a place that is there, fit to be said or not: to be checked."""
    return _with(flow, {(language, place): said})


def unchanged(base: Flow, flow: Flow, places: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Keep the places (language, place) at which a flow says what its base says, names and all."""
    said = {language: dict(spoken_prompts(words)) for language, words in base.prompts.items()}
    now = {language: dict(spoken_prompts(words)) for language, words in flow.prompts.items()}

    def same(language: str, place: str) -> bool:
        before, after = said.get(language, {}).get(place, ""), now.get(language, {}).get(place, "")
        return before == after and fill(base, language, before) == fill(flow, language, after)

    return frozenset(at for at in places if same(*at))


def _can_be_said(flow: Flow, language: str, said: str) -> bool:
    """Whether words are there, and name nobody who is not known."""
    try:
        return bool(fill(flow, language, said).strip())
    except KeyError:
        return False


def _with(flow: Flow, changes: Mapping[tuple[str, str], str]) -> Flow:
    """Give a flow with words changed at places that are there."""
    prompts = dict(flow.prompts)
    for (language, place), said in changes.items():
        prompts[language] = _put(prompts[language], place.split("."), said)
    return replace(flow, prompts=prompts)


def _put(words: Any, path: list[str], said: str) -> Any:  # A file's parts are dataclasses, tables and lists.
    """Copy words with one of them changed."""
    if not path:
        return said
    first, *rest = path
    match words:
        case dict():
            return words | {first: _put(words[first], rest, said)}
        case tuple():
            at = int(first) - 1
            return (*words[:at], _put(words[at], rest, said), *words[at + 1 :])
        case _:
            return replace(words, **{first: _put(getattr(words, first), rest, said)})


# What the words at a place rest on: the sources of a stop, or of an agency, and of each agency they name.


@dataclass(frozen=True)
class Backing:
    """The sources by their ids, the agencies that are named, or why there is no source."""

    facts: dict[str, Fact]
    dialled: dict[str, str]  # Agency -> the day on which a person last dialled it; empty: nobody has.
    why_none: str = ""


def backing(flow: Flow, place: str) -> Backing:
    """Find what the words at a place rest on, in whatever language they are."""
    kind, _, rest = place.partition(".")
    name = rest.partition(".")[0]
    agencies = dict.fromkeys((*([name] if kind == "agencies" else ()), *_named(flow, place)))
    known = {each: flow.directory.agencies[each] for each in agencies if each in flow.directory.agencies}
    stop = flow.stops.get(name) if kind == "stops" else None
    stating = stop if isinstance(stop, MessageStop | ChecklistStop) else None
    ids = (*(stating.facts if stating else ()), *(agency.source for agency in known.values()))
    return Backing(
        facts={each: flow.facts.facts[each] for each in dict.fromkeys(ids) if each in flow.facts.facts},
        dialled={each: agency.last_dialled for each, agency in known.items()},
        why_none=stating.no_facts if stating else "",
    )


def _named(flow: Flow, place: str) -> Iterator[str]:
    for words in flow.prompts.values():
        said = dict(spoken_prompts(words)).get(place, "")
        yield from (match[1] for match in PLACEHOLDER.finditer(said))
