"""Write docs/proof.md from the figures of the last long runs: what was tried, and what came of it.

`make proof`: nothing in that page is written by hand but the sentences here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from long.faults import COSTS, FAULTS, WORST
from long.performance import head, host, prose, read, row, whole
from long.promises import PROMISES
from long.suites import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = ROOT / "docs" / "proof.md"
COLUMNS = {
    "heard": "what callers heard",
    "log": "what the log kept",
    "slowest webhook s": "slowest webhook, s",
    "seconds": "seconds",
    "tried": "tried",
    "broken": "promises broken",
}
HOW = """Everything is started for real: web, worker, classifier, Redis, SQLite or PostgreSQL, and a pretend
network. Eight people call and three write, before the fault, while it lasts and once it is mended: one talks
with an agency, one waits for one, one is in the menus, one asks for a person under the fault, one hangs up
while it rings, one asks for numbers by text, one has what they wrote forgotten. Callers live through the
time that the line takes. Then all is filed, a day passes, and a model names each of {promises} promises that
was not kept ([`tests/long/promises.py`](../tests/long/promises.py)). The model is itself tried against
faults put into the line by hand, each of which it has to name (`tests/test_broken_promises.py`)."""
TRIED = """Tried: {alone} of {faults} faults alone, {pairs} of {worst} pairs of the eight worst. Seed {seed}.
Rows that tell a time were tried again, or later than the others.""".replace("\n", " ")
LOST = """Lost by nature, and not counted: what a process held in memory because its disk refused the journal
goes with it when it dies:""".replace("\n", " ")
REASONS = {  # What is the suite's or the machine's own, where it is known to be, and what was mended since.
    "web, process": """Nothing ran beside this soak. Seven MiB that came at once, in whichever process first
had to ring by itself, were modules of Twilio's library; they are imported from the start since
([decision 52](decisions/0052-threads-and-memory-from-the-start.md)). Looked at each minute in a soak of 24
minutes (at d245fef), what is in use grew by one MiB in the last eight, mostly words of turns that took the
place of smaller ones; the rest was room between them that is not given back. Why both begin in the fifteenth
minute was not found. Files follow the load.""",
    "worker: MiB": """From the fifteenth minute on, when the first copies at Twilio are due. What is in use
after garbage was collected stayed the same, 567,000 to 581,000 blocks in 20 minutes: it is room that was
needed while lists were read, and is not given back.""",
    "answered with 500": """At 69b48cf the audit and "since you were last here" failed where the calendar's
last day, 9999-12-31, was typed as their end. Mended in 10e7542, with a story for each page. Tests and a soak
ran beside these requests, so that their seconds are those of a busy machine.""",
    "web server ": """A web server that starts needs some four seconds of a processor before it answers. At a
load of ten and more they are fifteen to twenty, and systemd is taken to hold a connection for fifteen.""",
    "Redis hangs + REST hangs": """A rehearsal's clock lets no time pass between the tries of a text that the
line sends by itself: seven were over within forty seconds, which take four minutes on the wall's.""",
}
EACH = "told "  # One by one, what may be a fault or the machine's load; those that are faults stand below.
SUITES = {
    "soak": "Soak",
    "fuzz": "Fuzz",
}
SAYS = {  # How the figures of a suite are to be read.
    "soak": """First each key was pressed at each stop in each spoken language, also after one that was not
understood and in slower speech, three times: more than the turns, documents and positions that a web process
keeps, so that it kept as many as it ever does. Then the half hour began. Growth is that
of its last two thirds: the first copies at Twilio are due, and deleted by the worker, after fifteen minutes.
"MiB, from the start" has the mean of each twelfth of all the time, the first included.""",
    "fuzz": """Of a download, such as all calls as CSV, the time counts until it begins: all of it takes as
long as the log is large, and "longest download" tells how long. "Alone" is what a request took when all were
over, divided by how much longer than on an idle machine a loop took then.""",
}


def faults(told: dict[str, Any]) -> Iterator[str]:
    """Tell what came of each fault, and of each pair."""
    table = by_name(told["figures"])
    alone = {name: of for name, of in table.items() if " + " not in name}
    pairs = {name: of for name, of in table.items() if " + " in name}
    yield f"## Faults\n\n`make long SUITES=faults`: {host(told)}"
    yield prose(HOW.format(promises=len(PROMISES)))
    worst = len(WORST) * (len(WORST) - 1) // 2
    yield TRIED.format(alone=len(alone), faults=len(FAULTS), pairs=len(pairs), worst=worst, seed=told["seed"])
    for title, rows in (("Each alone", alone), ("Pairs", pairs)):
        if rows:
            yield f"### {title}"
            lines = [
                row(name, *(prose(str(of.get(key, ""))) for key in COLUMNS)) for name, of in rows.items()
            ]
            yield "\n".join([head("fault", *COLUMNS.values()), *lines])
    costs = [f"{' and '.join(sorted(names))} ({'; '.join(sorted(lost))})" for names, lost in COSTS.items()]
    yield f"{LOST} {'; '.join(costs)}."
    yield from failures(told)
    yield from reasons(told)


def reasons(told: dict[str, Any]) -> Iterator[str]:
    """Say of failures why they came, where that is known."""
    for name, reason in REASONS.items():
        if any(each.startswith(name) for each in told["failures"]):
            yield f"{name.strip()}: {prose(reason)}"


def plainly(title: str, told: dict[str, Any]) -> Iterator[str]:
    """Tell the figures of a suite as it wrote them: rows as a table, and all else by name."""
    yield f"## {title}\n\n`make long SUITES={told['suite']}`: {host(told)} Seed {told['seed']}."
    yield prose(SAYS[told["suite"]])
    if rows := told.get("rows"):
        columns = list(dict.fromkeys(key for each in rows for key in each))
        yield "\n".join([head(*columns), *(row(*(each.get(key, "") for key in columns)) for each in rows)])
    table = by_name(told["figures"])
    single = {k: v for k, v in told["figures"].items() if ": " not in k and not k.startswith(EACH)}
    if table:
        columns = list(dict.fromkeys(key for of in table.values() for key in of))
        lines = [row(name, *(of.get(key, "") for key in columns)) for name, of in table.items()]
        yield "\n".join([head("", *columns), *lines])
    if single:
        yield "\n".join([head("", "figure"), *(row(name, figure) for name, figure in single.items())])
    yield from failures(told)
    yield from reasons(told)


def by_name(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Group figures that are called "name: column" by their name."""
    table: dict[str, dict[str, Any]] = {}
    for key, figure in figures.items():
        name, colon, column = key.rpartition(": ")
        if colon:
            table.setdefault(name, {})[column] = figure
    return table


def failures(told: dict[str, Any]) -> Iterator[str]:
    """Tell what was promised and did not hold."""
    if not told["failures"]:
        yield "Not as promised: nothing."
        return
    yield "Not as promised:\n\n" + "\n".join(f"- {prose(each)[:300]}" for each in told["failures"])


def page(before: str) -> str:
    """Write the page from what is there; what was not tried again stays as it was."""
    told = {"Faults": faults(figures) if (figures := read("faults")) else ()}
    told |= {
        title: plainly(title, figures) if (figures := read(name)) else () for name, title in SUITES.items()
    }
    return whole("Proof", told, before)


@click.command()
def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    click.echo(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
