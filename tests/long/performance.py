"""Write docs/performance.md from the figures of the last long runs, and draw where a turn's time goes.

`make performance`: nothing in that page is written by hand but the sentences here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from long.flame import draw, sample, shares
from long.side_by_side import (
    GRANIAN,
    GUNICORN,
    KEYWORD,
    MEANING,
    MOST_IN_PROCESS,
    MOST_MIB,
    MOST_P99,
    OWN,
    PROMISED,
    TURN,
    WAIT,
)
from long.suites import BUILD, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PAGE, PICTURE = ROOT / "docs" / "performance.md", ROOT / "docs" / "pictures" / "turn.svg"
COLUMNS = ("a second", "p50 ms", "p99 ms", "CPU us", "MiB")
IDLE = 1.0  # Load of the machine before a run.
STEP_COLUMNS = {
    "a second": "a second",
    "failed": "failed",
    "p50 ms": "p50 ms",
    "p99.9 ms": "p99.9 ms",
    "worst ms": "worst ms",
    "calls in the log": "calls in the log",
    "processors busy with the line, of 2": "processors, the line",
    "processors busy with the callers": "processors, the callers",
    "bytes in the journal at the end": "bytes not filed yet at the end",
}
WHY = """Where a goal is not met, this is the measured reason. With nothing filed, and every turn and document
ready, a turn came to 0.63 of a bare page on our server: filing it costs 150 to 370 us of a processor, by how
many are filed together, and shares the two processors although it is done by a process of its own and less
urgently ([decision 60](decisions/0060-a-process-that-files.md)). Of the time in which web processes had the
interpreter, at 600 keys a second, 69 % went to the loop that reads and writes HTTP, as it would for a bare
page, and 25 % to the threads that answer (py-spy); answering alone is within its goal in one process. The
slowest hundredth: a turn changes threads seven or eight times, a bare page four or five, and each time may
wait for the interpreter. Of memory, 88 MiB are there once the libraries are imported (SQLAlchemy 15,
cryptography 7, pydantic 6, redis 6, rapidfuzz 3), and what every key leads to in thirteen spoken languages
takes eight ([decision 61](decisions/0061-what-is-heard-is-ready.md)). What else was tried: decisions
[36](decisions/0036-filing-gives-way-to-callers.md), [58](decisions/0058-every-turn-is-kept-its-words-once.md)
and [59](decisions/0059-filing-of-long-calls.md). A text costs most by far: each asks the classifier, which is
one process; of a keyword it is asked once a minute."""
MEASURED = """Median of 5 runs in turn, load by {load generator}, {connections} connections, 4,000 callers
a run, each turn of a call of its own; SQLite. CPU includes filing into SQL; MiB is of the largest process
that answers (the classifier of texts: {the classifier of texts, MiB})."""
ARRIVALS = """Open arrivals: a key every 8 s of each caller, ramped up in 30 s, the callers on the same
processors. Wanted of 5,000: none failed, p99.9 at most 250 ms, every call in the log."""
GIVES = """Not as promised: {failures}. What gave first, and what was mended of it, is told in decisions
[59](decisions/0059-filing-of-long-calls.md) and [60](decisions/0060-a-process-that-files.md). Processors
busy with the line at {count} callers: {most} of 2, with the callers themselves: {own}. In a run of 90 s at
f98ded4, 229 of the 251 answers that took longer than a quarter of a second were asked for in one second. Why
was not found: looking for garbage takes 30 ms, and the disk, which the journals share with SQLite's file, was
not measured."""
AT_ONCE = """By the wall clock: all dial and press their way to a person in the same moment. Of four rings
at Victim Services one is busy, one is not answered, one accepts and one declines; whoever accepts talks
for ten seconds. Wanted: everybody with a person or before a spoken choice within 60 s."""
MINUTE = 60.0
LATE = """The latest was {most:.1f} s over the minute, and the slowest webhook of that step took
{slowest:.1f} s: the line, the pretend network and all callers and agencies share two processors. At 05f1440,
with ten late, nine of them had heard "You are now with …" before the minute was over. What was tried:
decisions [54](decisions/0054-connections-with-sqlite-stay-open.md),
[55](decisions/0055-other-ways-are-heard-within-a-minute.md) and
[60](decisions/0060-a-process-that-files.md), with which two of 500 went by the direct path, not 118."""
REASONS = {
    "line": """A start is imports (1.4 to 2.0 s of a processor on this machine, and 0.1 to 0.2 for all files);
`ivr check` is 1.2 to 1.9 s of rules over fifteen languages, after its own imports. Both are bound by one
processor, whose speed went up and down by half within minutes. What was tried: decisions
[27](decisions/0027-files-are-validated-by-pydantic.md) and [51](decisions/0051-toml-is-read-by-tomli.md).
From a key to Twilio's REST it was 17 ms on the machine of 27 November, by the web process, Redis, the worker
and SQL as today. A ring that is lost was not asked of REST: SQL has 0.3 s to take a wish for a person, then
the caller goes by the direct path. Which of the two was slow was not looked into.""",
    "log": """Of PostgreSQL a turn took 750 us of our own processor time while the machine did three other
things, so that one filer could not have filed 2,000 a second: a row goes to its driver one by one, where all
rows of a batch go to SQLite as one value. Into an empty PostgreSQL, with little beside it, it was 1,468 a
second, and into the same file of SQLite with ten million turns 1,852 to 2,393 (decision 58). Since then they
go to PostgreSQL as one value too: of a hundred new calls each turn takes 160 us of our own processor time,
not 444 ([decision 60](decisions/0060-a-process-that-files.md)); with ten million it was not measured.""",
}
TITLES = {
    "side_by_side": "Beside bare Flask",
    "callers_at_once": "Callers at once",
    "transfers_at_once": "Transfers at once",
    "line": "What a caller would notice",
    "log": "The log at size",
}
WHERE = """In one process, without sockets: {Flask:.0%} of a turn is in Flask and Werkzeug around our
functions (contexts, routing, response), {the line:.0%} in ours and what they call (orange): signature,
form, marks, the kept turn, one write to the journal, metrics. No function of ours stands out. The
next thing to try is what is not in this picture: the loop that reads requests and writes answers (uvicorn's),
in which a web process under full load spends 69 % of its interpreter's time. Filing, the next thing before
it, has a process of its own since [decision 60](decisions/0060-a-process-that-files.md)."""


def row(*cells: object) -> str:
    """Write a row of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def prose(text: str) -> str:
    """Write a paragraph on one line."""
    return " ".join(text.split())


def head(*cells: str) -> str:
    """Write the head of a table; all but its first column are figures."""
    return row(*cells) + "\n" + row("---", *["---:"] * (len(cells) - 1))


def read(name: str) -> dict[str, Any]:
    """Read what the last run of a suite wrote; nothing when there was none."""
    file = BUILD / f"{name}.json"
    told: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return told


def sections(page: str) -> dict[str, str]:
    """Split a page by its headings; what stands above the first is of none."""
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}" for part in page.split("\n## ")[1:]}


def whole(name: str, told: Mapping[str, Iterable[str]], before: str) -> str:
    """Write a page. A section without new figures stays: it says itself when it was measured."""
    kept = sections(before)
    parts = ["\n\n".join(new) if (new := [*lines]) else kept.get(title) for title, lines in told.items()]
    first = f"Written by `make {name.lower()}` from the files in `build/long`. Do not edit it."
    return "\n\n".join([f"# {name}", first, *filter(None, parts)]) + "\n"


def host(told: dict[str, Any]) -> str:
    """Say when, on what and beside what else something was measured."""
    machine, load = told["machine"], told["machine"]["load_before"]
    idle = "" if load < IDLE else ": other work shared the machine, so only ratios count"
    return (
        f"{told['at']}, commit {told['commit'][:12]}, {machine['processors']} processors,"
        f" {machine['memory_mib'] / 1024:.0f} GiB, {machine['system']}, Python {machine['python']};"
        f" load before: {load:.2f}{idle}."
    )


def side_by_side(told: dict[str, Any]) -> Iterator[str]:
    """Tell how the line stands beside bare Flask."""
    figures = told["figures"]
    versions = (f"{key.removeprefix('version of ')} {figures[key]}" for key in figures if "version of" in key)
    yield f"## {TITLES['side_by_side']}\n\n`make bench`: {host(told)} {', '.join(versions)}."
    yield prose(MEASURED.format(**figures))
    rows = [
        row(arm, *(figures[f"{arm}, {column}"] for column in COLUMNS))
        for arm in (GUNICORN, GRANIAN, OWN, TURN, KEYWORD, MEANING, WAIT)
    ]
    yield "\n".join([head("", *COLUMNS), *rows])
    goals = [
        (f"{a} : {b}", figures[f"{a} : {b}"], f"at least {least}", figures[f"{a} : {b}"] >= least)
        for (a, b), least in PROMISED.items()
    ]
    for name, most in (
        ("in one process, ratio", MOST_IN_PROCESS),
        ("p99 at equal load, ratio", MOST_P99),
        (f"{TURN}, MiB", MOST_MIB),
    ):
        goals.append((name, figures[name], f"at most {most}", figures[name] <= most))
    yield "\n".join(
        [
            head("goal", "measured", "wanted", "met"),
            *(row(*goal[:3], "yes" if goal[3] else "**no**") for goal in goals),
        ]
    )
    yield prose(WHY)


def callers(told: dict[str, Any]) -> Iterator[str]:
    """Tell what becomes of many callers at once."""
    figures = told["figures"]
    counts = list(dict.fromkeys(key.split(" callers: ")[0] for key in figures))
    yield f"## {TITLES['callers_at_once']}\n\n`make long SUITES=callers_at_once`: {host(told)}"
    yield prose(ARRIVALS)
    rows = [row(count, *(figures[f"{count} callers: {key}"] for key in STEP_COLUMNS)) for count in counts]
    yield "\n".join([head("callers", *STEP_COLUMNS.values()), *rows])
    failures = "; ".join(told["failures"]) or "nothing"
    last = f"{counts[-1]} callers: processors busy with"
    most, own = figures[f"{last} the line, of 2"], figures[f"{last} the callers"]
    yield prose(GIVES.format(failures=failures, count=counts[-1], most=most, own=own))


def transfers(told: dict[str, Any]) -> Iterator[str]:
    """Tell what becomes of many callers who ask for a person in the same moment."""
    yield f"## {TITLES['transfers_at_once']}\n\n`make long SUITES=transfers_at_once`: {host(told)}"
    yield prose(AT_ONCE)
    rows: dict[str, dict[str, Any]] = {}
    for key, value in told["figures"].items():
        title, _, figure = key.partition(": ")
        rows.setdefault(title, {})[figure] = value
    columns = list(dict.fromkeys(figure for each in rows.values() for figure in each))
    told_rows = [row(title, *(each.get(column, 0) for column in columns)) for title, each in rows.items()]
    yield "\n".join([head("", *columns), *told_rows])
    yield f"Not as promised: {'; '.join(told['failures']) or 'nothing'}."
    late = [each for each in rows.values() if each.get("later than 60 s")]
    if late:
        slowest = max(each["slowest webhook, s"] for each in late)
        most = max(each["worst"] for each in late) - MINUTE
        yield prose(LATE.format(slowest=slowest, most=most))


def everything(told: dict[str, Any]) -> Iterator[str]:
    """Tell every figure of a suite that has no table of its own."""
    yield f"## {TITLES[told['suite']]}\n\n`make long SUITES={told['suite']}`: {host(told)}"
    rows = [row(name, value) for name, value in told["figures"].items()]
    yield "\n".join([head("", "measured"), *rows])
    yield f"Not as promised: {'; '.join(told['failures']) or 'nothing'}."
    if told["failures"] and (reason := REASONS.get(told["suite"])):
        yield prose(reason)


@click.command()
def main() -> None:
    """Write the page and the picture."""
    root = sample(6000)
    PICTURE.write_text(draw(root), "utf-8")
    tells = {"side_by_side": side_by_side, "callers_at_once": callers, "transfers_at_once": transfers}
    told = {
        title: tells.get(name, everything)(figures) if (figures := read(name)) else ()
        for name, title in TITLES.items()
    }
    picture = "![Where the time of a turn goes](pictures/turn.svg)"
    title = "Where the time of a turn goes"
    where = (f"## {title}", picture, prose(WHERE.format(**shares(root))))
    PAGE.write_text(whole("Performance", told | {title: where}, PAGE.read_text("utf-8")), "utf-8")
    click.echo(f"written: {PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
