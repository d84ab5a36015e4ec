"""What a report says, part by part, as it may be shown. Every table, chart and PDF is made of this alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from ivr.flow.graph import offers
from ivr.flow.turn import NOT_UNDERSTOOD
from ivr.records.counts import NEAREST, REACHED, STEPS, TALKED, TEXT, WEEK
from ivr.records.disclosure import HIDDEN, parts_shown, ranked_parts_shown, shown, steps_shown

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from ivr.flow.models import Flow, Prompts
    from ivr.records.report_queries import Report

Name = TypeVar("Name", bound="Hashable")

HALF_MINUTE, MINUTE = 30, 60
HOURS = 24
WIDTHS = (1, 2, 3, 4, 6)  # Hours that are counted together in the week, until few of them are hidden.
MOST_HIDDEN = 1 / 3
MOST_LEAVING = 12
UNDERSTOOD = ("understood", *NOT_UNDERSTOOD)


@dataclass(frozen=True)
class Section:
    """One part of a report: its name, what its rows are, its columns, and the rows."""

    name: str
    kind: str  # How it is drawn: days, ranked, shares, heat, tree.
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # A label, then what is shown of a count in each column.
    keys: tuple[str, ...] = ()  # Of a tree: the stop of each row.
    filters: tuple[
        tuple[str, str], ...
    ] = ()  # Of each row: what the call log is filtered by to see its calls.


@dataclass(frozen=True)
class ReportView:
    """A report of a line in one language: its parts, as they may be shown."""

    report: Report
    flow: Flow
    language: str
    translations: Mapping[str, str]
    before: Report | None = None  # Of the period before, to compare with.
    exact: bool = False  # Small counts are shown: whoever reads it reads the call log as well.

    def sections(self) -> list[Section]:
        """Give every part."""
        return [self.section(name) for name in SECTIONS]

    def section(self, name: str) -> Section:
        """Give one part."""
        return self.translate_hidden(SECTIONS[name](self))

    def translate_hidden(self, section: Section) -> Section:
        """Put what stands in place of a hidden count into the language."""
        hides = {HIDDEN: self.translations["hidden"]}
        rows = tuple((label, *(hides.get(cell, cell) for cell in cells)) for label, *cells in section.rows)
        return replace(section, rows=rows)

    def shown(self, count: int) -> str:
        """Write a count as this report may show it."""
        return str(count) if self.exact else shown(count)

    def parts_shown(self, counts: Mapping[Name, int]) -> dict[Name, str]:
        """Write the parts of a whole as this report may show them."""
        return _exactly(counts) if self.exact else parts_shown(counts)

    def ranked_parts_shown(self, counts: Mapping[str, int]) -> dict[str, str]:
        """Write the parts of a whole, the largest first."""
        if not self.exact:
            return ranked_parts_shown(counts)
        return _exactly(
            {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}
        )

    def steps_shown(self, counts: Mapping[str, int]) -> dict[str, str]:
        """Write counts of which each is a part of the one before."""
        return _exactly(counts) if self.exact else steps_shown(counts)

    def translate(self, name: str) -> str:
        """Translate the name of an outcome, a language or a day; no name is a call that is not over."""
        if not name:
            return self.translations["in_progress"]
        return self.translations.get(name) or self._prompts.languages.get(name, name)

    def stop_label(self, stop: str) -> str:
        """Give what a stop is called; nothing where it is neither offered nor one of every line's."""
        prompts = self._prompts.stops.get(stop)
        return (prompts.label if prompts else "") or self.translations.get(f"stop_{stop}", "")

    @property
    def _prompts(self) -> Prompts:
        """The words of the line in the report's language, or in its first one."""
        return self.flow.prompts.get(self.language) or self.flow.prompts[self.flow.languages[0]]

    def stop_title(self, stop: str) -> str:
        """Give what a stop is called, with its name in the files where others are called the same."""
        label = self.stop_label(stop)
        alike = sum(self.stop_label(each) == label for each in self.flow.stops)
        return f"{label} ({stop})" if label and alike > 1 else label or stop


def _exactly(counts: Mapping[Name, int]) -> dict[Name, str]:
    return {name: str(count) for name, count in counts.items()}


def _days(view: ReportView) -> Section:
    report, t = view.report, view.translations
    cells = [view.parts_shown(dict(enumerate(report.days[what]))) for what in ("calls", "texts")]
    rows = tuple((str(day), *(counts[n] for counts in cells)) for n, day in enumerate(report.period.days))
    filters = tuple(("day", str(day)) for day in report.period.days)
    return Section("days", "days", (t["day"], t["voices"], t["texts"]), rows, filters=filters)


def _hours(view: ReportView) -> Section:
    counts = view.report.of("hour")
    cells, width = {}, 1
    for width in WIDTHS:
        cells = view.parts_shown(hours_in_blocks(counts, width))
        hides = sum(1 for each in cells.values() if not each.isdecimal())
        if hides <= MOST_HIDDEN * sum(1 for each in cells.values() if each != "0"):
            break
    starts = range(0, HOURS, width)
    heads = tuple(f"{hour}-{hour + width}" for hour in starts)
    rows = tuple((view.translate(day), *(cells[day, hour] for hour in starts)) for day in WEEK)
    return Section("hours", "heat", (view.translations["weekday"], *heads), rows)


def hours_in_blocks(counts: Mapping[str, int], width: int) -> dict[tuple[str, int], int]:
    """Add up the hours of the week in blocks of so many."""
    summed = {(day, hour): 0 for day in WEEK for hour in range(0, HOURS, width)}
    for name, count in counts.items():
        day, _, hour = name.partition("-")
        summed[day, int(hour) // width * width] += count
    return summed


def _languages(view: ReportView) -> Section:
    cells = view.ranked_parts_shown(view.report.of("language"))
    rows = tuple(
        (view.translations["before_language"] if not name else view.translate(name), each)
        for name, each in cells.items()
    )
    return _ranked(view, "languages", "language", rows, ("language", cells))


def _audiences(view: ReportView) -> Section:
    came = view.report.of("stop")
    rows = tuple((view.stop_label(to) or to, view.shown(came.get(to, 0))) for to in branches(view.flow))
    return _ranked(view, "audiences", "audience", rows, ("audience", branches(view.flow)))


def branches(flow: Flow) -> tuple[str, ...]:
    """Name the stops to which the keys of the main menu lead."""
    home = flow.stops.get(flow.menus.home)
    return tuple(offers(home).values()) if home else ()


def _outcomes(view: ReportView) -> Section:
    cells = view.ranked_parts_shown(view.report.of("outcome"))
    rows = ((view.translate(name), each) for name, each in cells.items())
    return _ranked(view, "outcomes", "outcome", rows, ("outcome", cells))


def _funnel(view: ReportView) -> Section:
    asked, came = view.report.of("transfer"), view.report.of(REACHED)
    steps = {"asked": sum(asked.values())} | {step: came.get(step, 0) for step in STEPS}
    cells = view.steps_shown(steps | {"talked": asked.get(TALKED, 0)})
    return _ranked(
        view,
        "funnel",
        "step",
        ((view.translations[f"part_{name}"], each) for name, each in cells.items()),
    )


def _waits(view: ReportView) -> Section:
    waits: Counter[str] = Counter({"within_30": 0, "within_60": 0, "longer": 0})
    for name, count in view.report.of("waited").items():
        long = "within_60" if int(name) < MINUTE else "longer"
        waits["within_30" if int(name) < HALF_MINUTE else long] += count
    # Beside them all who asked are known: whoever is missing is a part as well.
    waits["in_vain"] = max(0, sum(view.report.of("transfer").values()) - sum(waits.values()))
    rows = ((view.translations[f"waited_{name}"], each) for name, each in view.parts_shown(waits).items())
    return _ranked(view, "waits", "waited_for", rows)


def _leaving(view: ReportView) -> Section:
    cells = view.ranked_parts_shown(view.report.of("last_stop"))
    rows = [
        (view.stop_title(name) if name else view.translations["nowhere"], each)
        for name, each in cells.items()
    ]
    return _ranked(view, "leaving", "last_stop", rows[:MOST_LEAVING])


def _tree(view: ReportView) -> Section:
    came, left = view.report.of("stop"), view.parts_shown(view.report.of("last_stop"))
    keys = tuple(name for name in view.flow.stops if came.get(name, 0) or left.get(name, "0") != "0")
    rows = tuple((view.stop_title(name), view.shown(came.get(name, 0)), left.get(name, "0")) for name in keys)
    t = view.translations
    return Section("tree", "tree", (t["stop"], t["came"], t["left_here"]), rows, keys)


def _understood(view: ReportView) -> Section:
    """Give how texts in words were understood, a row a language; a share tells nothing that its row hides."""
    t, rows = view.translations, []
    for written in _written(view):
        counts = Counter(dict.fromkeys(UNDERSTOOD, 0))
        for name, count in _of_language(view, TEXT, written).items():
            counts[name if name in NOT_UNDERSTOOD else "understood"] += count
        cells = list(view.parts_shown(counts).values())
        share = f"{1 - counts['understood'] / counts.total():.0%}" if HIDDEN not in cells else HIDDEN
        rows.append((view.translate(written), *cells, share))
    heads = tuple(t[f"text_{each}"] for each in (*UNDERSTOOD, "share"))
    return Section("understood", "shares", (t["language"], *heads), tuple(rows))


def _nearest(view: ReportView) -> Section:
    """Give what the texts that were not understood are near: what phrases are wanted for."""
    rows = []
    for written in _written(view):  # Each by itself: how many of its texts there are, the table above tells.
        cells = list(view.ranked_parts_shown(_of_language(view, NEAREST, written)).items())[:MOST_LEAVING]
        rows += [(f"{view.translate(written)}: {view.stop_title(stop)}", each) for stop, each in cells]
    return _ranked(view, "nearest", "nearest", rows)


def _of_language(view: ReportView, what: str, written: str) -> dict[str, int]:
    """Give the counts of texts of one language, without its name."""
    begins = f"{written} "
    return {
        name.removeprefix(begins): count
        for name, count in view.report.of(what).items()
        if name.startswith(begins)
    }


def _written(view: ReportView) -> tuple[str, ...]:
    """Name the languages in which there were texts in words: those of the line first."""
    found = {name.partition(" ")[0] for name in view.report.of(TEXT)}
    ours = [each for each in view.flow.languages if each in found]
    return (*ours, *sorted(found.difference(ours)))


def _ranked(
    view: ReportView,
    name: str,
    head: str,
    rows: Iterable[tuple[str, str]],
    by: tuple[str, Iterable[str]] = ("", ()),
) -> Section:
    """Put a section of bars together; ``by`` names a filter of the call log, and its value for each row."""
    columns = (view.translations[head], view.translations["count"])
    return Section(name, "ranked", columns, tuple(rows), filters=tuple((by[0], value) for value in by[1]))


SECTIONS = {
    "days": _days,
    "hours": _hours,
    "languages": _languages,
    "audiences": _audiences,
    "outcomes": _outcomes,
    "funnel": _funnel,
    "waits": _waits,
    "leaving": _leaving,
    "understood": _understood,
    "nearest": _nearest,
    "tree": _tree,
}
