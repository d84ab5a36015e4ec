"""What a report says, part by part, as it may be shown: tables and pictures are both made of this alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ivr.flow.graph import offers
from ivr.records.counts import REACHED, STEPS, TALKED, WEEK
from ivr.records.disclosure import UNDER, WITHHELD, parts_shown, shown, steps_shown
from ivr.web.console.context import words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ivr.flow.models import Flow
    from ivr.records.report_queries import Report

HALF_MINUTE, MINUTE = 30, 60
HOURS = 24
WIDTHS = (1, 2, 3, 4, 6)  # Hours that are counted together in the week, until few of them are hidden.
MOST_HIDDEN = 1 / 3
MOST_LEAVING = 12


@dataclass(frozen=True)
class Section:
    """One part of a report: its name, what its rows are, its columns, and the rows."""

    name: str
    kind: str  # How it is drawn: days, ranked, heat, tree.
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # A label, then what is shown of a count in each column.
    keys: tuple[str, ...] = ()  # Of a tree: the stop of each row.


@dataclass(frozen=True)
class ReportTeller:
    """Tells a report in a language."""

    report: Report
    flow: Flow
    language: str

    @property
    def words(self) -> Mapping[str, str]:
        """The words of the console."""
        return words_of(self.language)

    def all(self) -> list[Section]:
        """Tell every part."""
        return [self.tell(name) for name in PARTS]

    def tell(self, name: str) -> Section:
        """Tell one part."""
        return self.written(PARTS[name](self))

    def written(self, section: Section) -> Section:
        """Put what hides a count into the language."""
        hides = {UNDER: self.words["hidden"], WITHHELD: self.words["withheld"]}
        rows = tuple((label, *(hides.get(cell, cell) for cell in cells)) for label, *cells in section.rows)
        return replace(section, rows=rows)

    def named(self, name: str) -> str:
        """Give the word for an outcome, a language or a part of a day."""
        return self.words.get(name, name) if name else self.words["in_progress"]

    def label(self, stop: str) -> str:
        """Give what a stop is called where it is offered; nothing where it never is."""
        spoken = self.language if self.language in self.flow.prompts else self.flow.languages[0]
        words = self.flow.prompts[spoken].stops.get(stop)
        return words.label if words else ""

    def stop(self, name: str) -> str:
        """Give what a stop is called, and its name in the files."""
        label = self.label(name)
        return f"{label} ({name})" if label else name


def _days(teller: ReportTeller) -> Section:
    report, words = teller.report, teller.words
    told = [parts_shown(dict(enumerate(report.days[what]))) for what in ("calls", "texts")]
    rows = tuple((str(day), *(each[place] for each in told)) for place, day in enumerate(report.period.days))
    return Section("days", "days", (words["day"], words["voices"], words["texts"]), rows)


def _hours(teller: ReportTeller) -> Section:
    counts = teller.report.of("hour")
    told, width = {}, 1
    for width in WIDTHS:
        told = parts_shown(blocks(counts, width))
        hides = sum(1 for each in told.values() if not each.isdecimal())
        if hides <= MOST_HIDDEN * sum(1 for each in told.values() if each != "0"):
            break
    starts = range(0, HOURS, width)
    heads = tuple(f"{hour}-{hour + width}" for hour in starts)
    rows = tuple((teller.named(day), *(told[day, hour] for hour in starts)) for day in WEEK)
    return Section("hours", "heat", (teller.words["weekday"], *heads), rows)


def blocks(counts: Mapping[str, int], width: int) -> dict[tuple[str, int], int]:
    """Add up the hours of the week in blocks of so many."""
    summed = {(day, hour): 0 for day in WEEK for hour in range(0, HOURS, width)}
    for name, count in counts.items():
        day, _, hour = name.partition("-")
        summed[day, int(hour) // width * width] += count
    return summed


def _languages(teller: ReportTeller) -> Section:
    told = parts_shown(teller.report.of("language"))
    rows = tuple(
        (teller.words["before_language"] if not name else teller.named(name), each)
        for name, each in told.items()
    )
    return _ranked(teller, "languages", "language", rows)


def _audiences(teller: ReportTeller) -> Section:
    came = teller.report.of("stop")
    rows = tuple((teller.label(to) or to, shown(came.get(to, 0))) for to in branches(teller.flow))
    return _ranked(teller, "audiences", "audience", rows)


def branches(flow: Flow) -> tuple[str, ...]:
    """Name the stops to which the keys of the main menu lead."""
    home = flow.stops.get(flow.menus.home)
    return tuple(offers(home).values()) if home else ()


def _outcomes(teller: ReportTeller) -> Section:
    told = parts_shown(teller.report.of("outcome"))
    return _ranked(teller, "outcomes", "outcome", ((teller.named(name), each) for name, each in told.items()))


def _funnel(teller: ReportTeller) -> Section:
    live_transfers, came = teller.report.of("transfer"), teller.report.of(REACHED)
    steps = {"asked": sum(live_transfers.values())} | {step: came.get(step, 0) for step in STEPS}
    told = steps_shown(steps | {"talked": live_transfers.get(TALKED, 0)})
    return _ranked(
        teller, "funnel", "step", ((teller.words[f"part_{name}"], each) for name, each in told.items())
    )


def _waits(teller: ReportTeller) -> Section:
    waits: Counter[str] = Counter({"within_30": 0, "within_60": 0, "longer": 0})
    for name, count in teller.report.of("waited").items():
        long = "within_60" if int(name) < MINUTE else "longer"
        waits["within_30" if int(name) < HALF_MINUTE else long] += count
    # Beside them all who asked are known: whoever is missing is a part as well.
    waits["in_vain"] = max(0, sum(teller.report.of("transfer").values()) - sum(waits.values()))
    rows = ((teller.words[f"waited_{name}"], each) for name, each in parts_shown(waits).items())
    return _ranked(teller, "waits", "waited_for", rows)


def _leaving(teller: ReportTeller) -> Section:
    told = parts_shown(teller.report.of("last_stop"))
    rows = [(teller.stop(name) if name else teller.words["nowhere"], each) for name, each in told.items()]
    return _ranked(teller, "leaving", "last_stop", rows[:MOST_LEAVING])


def _tree(teller: ReportTeller) -> Section:
    came, left = teller.report.of("stop"), parts_shown(teller.report.of("last_stop"))
    keys = tuple(name for name in teller.flow.stops if came.get(name, 0) or left.get(name, "0") != "0")
    rows = tuple((teller.stop(name), shown(came.get(name, 0)), left.get(name, "0")) for name in keys)
    words = teller.words
    return Section("tree", "tree", (words["stop"], words["came"], words["left_here"]), rows, keys)


def _ranked(teller: ReportTeller, name: str, head: str, rows: Iterable[tuple[str, str]]) -> Section:
    return Section(name, "ranked", (teller.words[head], teller.words["count"]), tuple(rows))


PARTS = {
    "days": _days,
    "hours": _hours,
    "languages": _languages,
    "audiences": _audiences,
    "outcomes": _outcomes,
    "funnel": _funnel,
    "waits": _waits,
    "leaving": _leaving,
    "tree": _tree,
}
