"""What a report says, part by part, as it may be shown. Every table, chart and PDF is made of this alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ivr.flow.graph import branches
from ivr.flow.turn import NOT_UNDERSTOOD
from ivr.records.counts import (
    FEW,
    HIDDEN,
    NEAREST,
    REACHED,
    STEPS,
    TALKED,
    TEXT,
    WAIT_STEP,
    WEEK,
    parts_shown,
    ranked_parts_shown,
    shown,
    steps_shown,
)
from ivr.records.report_queries import SERVICE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from ivr.flow.models import Flow, Prompts, ServiceTargets
    from ivr.records.report_queries import Report, WaitFigures


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
    medians: tuple[float | None, float | None] | None = None  # Waits to the second, now and before, if known.

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


# The figures that a report begins with, each beside the same one of the period before it. Pure.

WITHIN_30 = 30
LEAST_BEFORE = 10  # From 2 to 97 is no growth of 4750 %: of fewer than this the count before is told alone.


@dataclass(frozen=True)
class Figures:
    """What a period came to, as exactly as it is known: to be shown only as ``headlines`` writes it."""

    calls: int
    texts: int
    asked: int
    reached: int
    within_30: int  # Reached a person within half a minute of asking.
    median: float | None  # Seconds in which half of those who reached a person had reached one.


@dataclass(frozen=True)
class Headline:
    """One figure, how it differs from the period before, and which calls are behind it."""

    name: str  # Its title and its unit are translations.
    value: str
    before: str = ""  # The same figure of the period before; empty where it is not known.
    change: int | None = None  # In percent of the figure before, of shares in points, of waits in seconds.
    better: bool | None = None  # Whether the change is good news; None where it is neither.
    target: int | None = None  # In percent.
    met: bool | None = None
    query: Mapping[str, str] = field(default_factory=dict)  # Of the call log; empty where it has no filter.


def figures(report: Report) -> Figures:
    """Take the figures out of a report, where waits are known to ten seconds."""
    ends = report.of("transfer")
    waits = {int(name): count for name, count in report.of("waited").items()}
    return Figures(
        calls=sum(report.days["calls"]),
        texts=sum(report.days["texts"]),
        asked=sum(ends.values()),
        reached=ends.get(TALKED, 0),
        within_30=sum(count for began, count in waits.items() if began < WITHIN_30),
        median=_median(waits),
    )


def of_waits(waits: WaitFigures) -> Figures:
    """Take the figures of transfers alone out of the log's own rows, where waits are known to the second."""
    within_30 = waits.within[SERVICE_SECONDS.index(WITHIN_30)]
    return Figures(0, 0, waits.asked, waits.connected, within_30, waits.median)


class ServiceLevel(NamedTuple):
    """How many percent of those who asked for a person reached one in so many seconds."""

    seconds: int
    of_wish: int  # Counted from asking,
    of_call: int  # and from when the line picked up.


def service_levels(waits: WaitFigures) -> list[ServiceLevel]:
    """Give the service level of a time; none where nobody asked."""
    each = zip(SERVICE_SECONDS, waits.within, waits.within_of_call, strict=True)
    return [
        ServiceLevel(seconds, *(round(100 * count / waits.asked) for count in counts))
        for seconds, *counts in each
        if waits.asked
    ]


def headlines(
    now: Figures, before: Figures | None, targets: ServiceTargets, *, exact: bool = False
) -> list[Headline]:
    """Write the figures. Unless all may be known exactly, none is small and none tells a small one."""
    then = before or Figures(0, 0, 0, 0, 0, None)  # Written as unknown where there is none.
    return [
        _share("reached", now.reached, then.reached, (now.asked, then.asked), targets.reached, exact=exact),
        _share(
            "within_30",
            now.within_30,
            then.within_30,
            (now.asked, then.asked),
            targets.within_30,
            exact=exact,
        ),
        _seconds(now, then, exact=exact),
        *(_count(name, of(now), of(before) if before else None, exact=exact) for name, of in COUNTED.items()),
    ]


COUNTED: Mapping[str, Callable[[Figures], int]] = {
    "asked": lambda known: known.asked,
    "unreached": lambda known: known.asked - known.reached,
    "calls": lambda known: known.calls,
    "texts": lambda known: known.texts,
}

QUERIES: Mapping[str, Mapping[str, str]] = {  # Headline -> what the call log is filtered by to see its calls.
    "reached": {"person": "reached"},
    "asked": {"person": "asked"},
    "unreached": {"person": "unreached"},
    "calls": {"channel": "voice"},
    "texts": {"channel": "text"},
}


def _count(name: str, now: int, before: int | None, *, exact: bool) -> Headline:
    """Write a count, and how many percent it grew."""
    value, then = (_written_change(each, exact=exact) for each in (now, before))
    known = before and before >= LEAST_BEFORE and HIDDEN not in {value, then}
    change = round(100 * (now - before) / before) if before and known else None
    better = change < 0 if name == "unreached" and change else None
    return Headline(name, value, then, change, better, query=QUERIES[name])


def _share(  # noqa: PLR0913 - two parts, their two wholes, and how they may be written
    name: str, part: int, part_before: int, asked: tuple[int, int], target: int, *, exact: bool
) -> Headline:
    """Write a share of those who asked, by how many points it grew, and whether it meets its target."""
    value = _percent(part, asked[0], exact=exact)
    then = _percent(part_before, asked[1], exact=exact) if asked[1] >= LEAST_BEFORE else ""
    change = int(value) - int(then) if value.isdecimal() and then.isdecimal() else None
    met = int(value) >= target if value.isdecimal() else None
    better = change > 0 if change else None
    return Headline(name, value, then, change, better, target, met, QUERIES.get(name, {}))


def _seconds(now: Figures, before: Figures, *, exact: bool) -> Headline:
    """Write how long half of the callers waited at most, and by how many seconds that grew."""
    value = _wait(now, exact=exact)
    then = _wait(before, exact=exact) if before.reached >= LEAST_BEFORE else ""
    change = int(value) - int(then) if value.isdecimal() and then.isdecimal() else None
    return Headline("median", value, then, change, change < 0 if change else None)


def _written_change(count: int | None, *, exact: bool) -> str:
    if count is None:
        return ""
    return str(count) if exact else shown(count)


def _percent(part: int, whole: int, *, exact: bool) -> str:
    """Write a share in percent; of nobody there is none, and it must not tell a small part."""
    if not whole:
        return ""
    hides = HIDDEN in parts_shown({"part": part, "rest": whole - part}).values()
    return HIDDEN if hides and not exact else str(round(100 * part / whole))


def _wait(known: Figures, *, exact: bool) -> str:
    """Write a wait in seconds; that of few could be one person's."""
    if known.median is None:
        return ""
    return str(round(known.median)) if exact or known.reached >= FEW else HIDDEN


def _median(waits: Mapping[int, int]) -> float | None:
    """Give the end of the ten seconds within which half had reached somebody; None of no waits."""
    seen = 0
    for began, count in sorted(waits.items()):
        seen += count
        if seen * 2 >= sum(waits.values()):
            return float(began + WAIT_STEP)
    return None


SHARES = frozenset({"reached", "within_30"})


def value_words(headline: Headline, value: str, t: Mapping[str, str]) -> str:
    """Write a figure, or the same one of the period before, in the words of a language."""
    if not value.isdecimal():
        return t["hidden"] if value == HIDDEN else "\N{EN DASH}"
    if headline.name == "median":
        return f"{int(value) // 60}:{int(value) % 60:02}"
    return t["percent"].format(value) if headline.name in SHARES else value


def change_words(headline: Headline, t: Mapping[str, str]) -> str:
    """Say how a figure differs from the one before; nothing where that is not known."""
    if not headline.before or headline.before == HIDDEN:
        return ""
    before = value_words(headline, headline.before, t)
    if headline.change is None:
        return t["change_unknown"].format(before=before)
    if not headline.change:
        return t["change_none"]
    kind = "points" if headline.name in SHARES else "seconds" if headline.name == "median" else "percent"
    signed = f"{headline.change:+d}".replace("-", "\N{MINUS SIGN}")
    return t[f"change_{kind}"].format(change=signed, before=before)
