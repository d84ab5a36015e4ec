"""Find every fault in the files that whoever runs the line edits, and measure what they make callers hear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ivr.checks import agencies, config, facts, menus, phrases, place, prompts, speech
from ivr.checks.prompts import wrong_recordings
from ivr.flow import loader
from ivr.flow.loader import Fault, FlowError, read_flow, unnamed_pages
from ivr.flow.menu_measurements import Figures, measure
from ivr.flow.patched_flow import patched
from ivr.flow.prompts import behind, read_made_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ivr.flow.loader import PageWords, Rule
    from ivr.flow.models import Flow
    from ivr.flow.prompts import MadeFrom

# Each reads the flow as it was written, whatever is missing.
RULES: tuple[Rule, ...] = (
    config.wrong_languages,
    config.wrong_voices,
    config.wrong_speech,
    config.wrong_names,
    config.wrong_numbers,
    config.wrong_time_limits,
    config.unrelated_time_limits,
    config.unexplained,
    config.unexplained_registration,
    config.wrong_retention,
    config.unknown_zone,
    config.wrong_targets,
    menus.unknown_stops,
    menus.unnamed_slower,
    menus.wrong_kinds,
    menus.unreachable_stops,
    menus.unasked,
    menus.gaps,
    menus.bad_names,
    menus.wrong_keys,
    menus.dead_ends,
    menus.endless_loops,
    menus.too_deep,
    agencies.wrong_numbers,
    agencies.wrong_hours,
    agencies.wrong_dates,
    agencies.wrong_orders,
    agencies.unknown_orders,
    agencies.only_police,
    agencies.too_long_names,
    prompts.missing_words,
    prompts.missing_lines,
    prompts.missing_names,
    prompts.uneven_questions,
    prompts.unused_words,
    prompts.unused_parts,
    prompts.same_offers,
    place.wrong_names,
    place.written_out,
    place.left_blank,
    place.words_of_another_place,
    place.facts_of_another_city,
    loader.unknown_blanks,
    loader.missing_blanks,
    prompts.key_first,
    agencies.unsaid_agencies,
    agencies.enforcers,
    agencies.untexted,
    facts.unsourced,
    facts.unknown_sources,
    facts.unused_sources,
    facts.half_checked,
    facts.uncovered,
    prompts.hard_words,
    prompts.banned_words,
    prompts.numbers_by_hand,
    loader.unsendable,
    prompts.half_reviewed,
    prompts.strayed,
    menus.unknown_meanings,
    menus.missing_keywords,
    menus.empty_keywords,
    menus.ambiguous_keywords,
)
# Each walks the flow as a caller would, so what is missing is patched first.
WALKS: tuple[Rule, ...] = (
    speech.long_instructions,
    speech.first_words,
    speech.overheard,
    speech.slow_choices,
    speech.slow_ways,
    speech.far_facts,
    facts.unheard,
    speech.long_whispers,
    speech.too_long_to_say,
    speech.long_texts,
)


@dataclass(frozen=True)
class CheckReport:
    """What whoever edits the files must mend, and what is measured where there is anything to measure."""

    faults: tuple[Fault, ...]
    figures: Figures | None = None


def check(
    config: Path, prompts: Path, written: Path | None = None, *, kept: Path | None = None
) -> CheckReport:
    """Check all files; ``written`` is the folder of phrases. Never raises, whatever they hold.

    ``kept`` is a file in which what was found in phrases is kept until they change: there are many.
    """
    try:
        flow = read_flow(config, prompts)
    except FlowError as error:
        return CheckReport(error.faults)
    found = (*inspect(flow), *_strangers(flow, prompts))
    placed = (_placed(fault, config, prompts) for fault in dict.fromkeys(found))
    learned = _of_phrases(flow, written, kept) if written else ()
    made_from, unread = read_made_from(prompts, flow)
    pages, unpaged = _pages(flow, prompts)
    faults = (*placed, *unpaged, *learned, *unread, *wrong_recordings(flow, prompts))
    return CheckReport(faults, _measured(flow, made_from, pages) if flow.languages else None)


def _of_phrases(flow: Flow, written: Path, kept: Path | None) -> tuple[Fault, ...]:
    if kept:
        return phrases.kept_phrase_faults(flow, written, kept)
    return tuple(phrases.phrase_faults(flow, written))


def _measured(flow: Flow, made_from: Mapping[str, MadeFrom], pages: Mapping[str, PageWords]) -> Figures:
    """Measure what callers hear, and count what is behind the English."""
    figures = measure(patched(flow))
    counts = {language: len(behind(flow, language, notes, pages)) for language, notes in made_from.items()}
    languages = {name: replace(each, behind=counts.get(name)) for name, each in figures.languages.items()}
    return replace(figures, languages=languages)


def inspect(flow: Flow) -> Iterator[Fault]:
    """Find every fault of a flow; files are named as they are in this project."""
    for rule in RULES:
        yield from rule(flow)
    if flow.languages:
        for walk in WALKS:
            yield from walk(patched(flow))


def _strangers(flow: Flow, prompts: Path) -> Iterator[Fault]:
    """Find files of words, of the line or of its page, in languages that the line does not speak."""
    for path in (*sorted(prompts.glob("*.toml")), *sorted(prompts.glob("pages/*.toml"))):
        if path.stem not in flow.line.languages:
            mend = "is not a language of config/line.toml; declare it there, or remove the file"
            yield Fault(f"prompts/{path.relative_to(prompts).as_posix()}", "top of the file", mend)


def _pages(flow: Flow, prompts: Path) -> tuple[Mapping[str, PageWords], tuple[Fault, ...]]:
    """Read the words of the public page, and find what is wrong in them, by the files where they are."""
    try:
        pages = unnamed_pages(prompts, flow)
    except FlowError as error:
        return {}, error.faults
    rules = (place.written_on_pages, place.on_pages)
    return pages, tuple(fault for rule in rules for fault in rule(flow, pages, prompts))


def _placed(fault: Fault, config: Path, prompts: Path) -> Fault:
    """Name the file where it really is."""
    folder, _, name = fault.file.partition("/")
    return replace(fault, file=str({"config": config, "prompts": prompts}[folder] / name))
