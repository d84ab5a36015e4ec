"""The figures that a report begins with, each beside the same one of the period before it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ivr.records.counts import TALKED, WAIT_STEP
from ivr.records.disclosure import FEW, HIDDEN, parts_shown, shown
from ivr.records.report_queries import SERVICE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ivr.flow.models import ServiceTargets
    from ivr.records.report_queries import Report, WaitFigures

HALF_MINUTE = 30
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
        within_30=sum(count for began, count in waits.items() if began < HALF_MINUTE),
        median=_median(waits),
    )


def of_waits(waits: WaitFigures) -> Figures:
    """Take the figures of transfers alone out of the log's own rows, where waits are known to the second."""
    within_30 = waits.within[SERVICE_SECONDS.index(HALF_MINUTE)]
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
    value, then = (_written(each, exact=exact) for each in (now, before))
    known = before and before >= LEAST_BEFORE and HIDDEN not in {value, then}
    change = round(100 * (now - before) / before) if before and known else None
    better = change < 0 if name == "unreached" and change else None
    return Headline(name, value, then, change, better, query=QUERIES[name])


def _share(  # noqa: PLR0913 - two parts, their two wholes, and how they may be written
    name: str, part: int, part_before: int, asked: tuple[int, int], target: int, *, exact: bool
) -> Headline:
    """Write a share of those who asked, by how many points it grew, and whether it meets its target."""
    value, then = _percent(part, asked[0], exact=exact), _percent(part_before, asked[1], exact=exact)
    change = int(value) - int(then) if value.isdecimal() and then.isdecimal() else None
    met = int(value) >= target if value.isdecimal() else None
    better = change > 0 if change else None
    return Headline(name, value, then, change, better, target, met, QUERIES.get(name, {}))


def _seconds(now: Figures, before: Figures, *, exact: bool) -> Headline:
    """Write how long half of the callers waited at most, and by how many seconds that grew."""
    value, then = (_wait(each, exact=exact) for each in (now, before))
    change = int(value) - int(then) if value.isdecimal() and then.isdecimal() else None
    return Headline("median", value, then, change, change < 0 if change else None)


def _written(count: int | None, *, exact: bool) -> str:
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
