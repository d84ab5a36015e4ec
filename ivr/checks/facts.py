"""Facts: whatever is stated was read somewhere, and what the line was asked to say is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ivr.checks.agencies import is_date
from ivr.flow.graph import by_voice
from ivr.flow.loader import AGENCIES, COVERAGE, FACTS, MENUS, Fault
from ivr.flow.menu_measurements import heard_after, to_stops
from ivr.flow.models import ChecklistStop, MessageStop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ivr.flow.menu_measurements import Journey
    from ivr.flow.models import Covered, Flow


def unsourced(flow: Flow) -> Iterator[Fault]:
    """Find stops that tell something and name neither a source nor why they need none."""
    for name, stop in _telling(flow).items():
        if not stop.facts and not stop.no_facts.strip():
            mend = f"names no source; name ids of {FACTS}, or say in no_facts why it needs none"
            yield Fault(MENUS, f"stops.{name}.facts", mend)
        if stop.facts and stop.no_facts:
            mend = "says that it needs no source, and names some; remove one of the two"
            yield Fault(MENUS, f"stops.{name}.no_facts", mend)


def unknown_sources(flow: Flow) -> Iterator[Fault]:
    """Find ids that no source has."""
    known = flow.facts.facts
    for name, stop in _telling(flow).items():
        for fact in stop.facts:
            if fact not in known:
                mend = f"'{fact}' is not in {FACTS}; declare it there or mend the id"
                yield Fault(MENUS, f"stops.{name}.facts", mend)
    for name, agency in flow.directory.agencies.items():
        if agency.source not in known:
            mend = f"'{agency.source}' is not in {FACTS}; declare it there or mend the id"
            yield Fault(AGENCIES, f"agencies.{name}.source", mend)


def unused_sources(flow: Flow) -> Iterator[Fault]:
    """Find sources that nothing rests on: a person would read them again for nobody."""
    used = {fact for stop in _telling(flow).values() for fact in stop.facts}
    used |= {agency.source for agency in flow.directory.agencies.values()}
    for fact in flow.facts.facts:
        if fact not in used:
            yield Fault(FACTS, f"facts.{fact}", "no stop and no agency names it; name it there, or remove it")


def half_checked(flow: Flow) -> Iterator[Fault]:
    """Find checks without a date, or without whoever made them, and sources that say nothing."""
    for name, fact in flow.facts.facts.items():
        place = f"facts.{name}"
        if fact.checked_on and not is_date(fact.checked_on):
            mend = f"'{fact.checked_on}' is not a date; write one such as 2026-11-30, or leave it empty"
            yield Fault(FACTS, f"{place}.checked_on", mend)
        if bool(fact.checked_on) != bool(fact.checked_by):
            missing = "checked_by" if fact.checked_on else "checked_on"
            mend = "is empty, and its pair is not; write who checked it and when, or empty both"
            yield Fault(FACTS, f"{place}.{missing}", mend)
        for part in ("supports", "address", "seen"):
            if not getattr(fact, part).strip():
                yield Fault(FACTS, f"{place}.{part}", "is empty; write it")


def _telling(flow: Flow) -> Mapping[str, MessageStop | ChecklistStop]:
    return {name: stop for name, stop in flow.stops.items() if isinstance(stop, MessageStop | ChecklistStop)}


# Coverage: each part of the papers that the line was built from has a stop, or a reason for having none.


def uncovered(flow: Flow) -> Iterator[Fault]:
    """Find parts that nobody can hear and nobody explains, and stops that cannot be reached."""
    reached = by_voice(flow)
    for paper, parts in flow.coverage.papers.items():
        for number, part in enumerate(parts, 1):
            place = f"papers.{paper}.{number}"
            if not part.stops and not part.why.strip():
                mend = f"'{part.what}' has no stop and no reason; name its stop, or say why it has none"
                yield Fault(COVERAGE, place, mend)
            for stop in part.stops:
                if stop not in reached:
                    mend = f"'{part.what}' names the stop '{stop}', which no caller can reach; mend the name"
                    yield Fault(COVERAGE, place, mend)


def unheard(flow: Flow) -> Iterator[Fault]:
    """Find sentences that a part names, and that its first stop does not say."""
    for paper, parts in flow.coverage.papers.items():
        for number, part in enumerate(parts, 1):
            place = f"papers.{paper}.{number}.heard"
            if part.heard and not part.stops:
                yield Fault(COVERAGE, place, f"'{part.what}' has no stop that could say it; name its stop")
            for language, words in part.heard.items():
                known = part.stops and part.stops[0] in flow.stops
                if language not in flow.languages:
                    yield Fault(COVERAGE, place, f"'{language}' is no language of the line; remove it")
                elif known and heard_after(flow, part.stops[0], language, words) is None:
                    mend = f"'{part.stops[0]}' does not say '{words}' in '{language}'; mend one of the two"
                    yield Fault(COVERAGE, place, mend)


def heard_parts(flow: Flow) -> Iterator[tuple[Covered, Mapping[str, Journey]]]:
    """Give each part whose sentence is named, and the ways to the end of that sentence."""
    parts = [part for parts in flow.coverage.papers.values() for part in parts if part.heard]
    ways = to_stops(flow, frozenset(part.stops[0] for part in parts))
    for part in parts:
        found = {}
        for language, words in part.heard.items():
            way = ways[language][part.stops[0]]
            after = heard_after(flow, part.stops[0], language, words) or 0.0
            found[language] = replace(way, seconds=way.seconds + after)
        yield part, found


def table(flow: Flow) -> str:
    """Write what is carried where as Markdown, a table for each paper."""
    reached = {part.what: ways for part, ways in heard_parts(flow)}
    return "\n".join(line for paper in flow.coverage.papers for line in _table(flow, paper, reached))


def _table(flow: Flow, paper: str, reached: Mapping[str, Mapping[str, Journey]]) -> Iterator[str]:
    parts = flow.coverage.papers[paper]
    languages = [each for each in flow.languages if any(each in part.heard for part in parts)]
    columns = ("what", "carried by", *(f"keys and seconds, {language}" for language in languages))
    yield from (f"## {paper}", "", _row(columns), "|" + "---|" * len(columns))
    for part in parts:
        stops = ", ".join(f"`{stop}`" for stop in part.stops)
        carried = "; ".join(each for each in (stops, part.why) if each)
        ways = reached.get(part.what, {}) if part.heard else {}
        yield _row((part.what, carried, *(_way(ways.get(language)) for language in languages)))
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _way(way: Journey | None) -> str:
    return f"{' '.join(way.keys)}, {way.seconds:.0f} s" if way else ""
