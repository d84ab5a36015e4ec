"""Coverage: each part of the papers that the line was built from has a stop, or a reason for having none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.flow.graph import by_voice
from ivr.flow.loader import COVERAGE, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ivr.flow.models import Flow


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


def table(flow: Flow) -> str:
    """Write what is carried where as Markdown, a table for each paper."""
    return "\n".join(line for paper in flow.coverage.papers for line in _table(flow, paper))


def _table(flow: Flow, paper: str) -> Iterator[str]:
    yield from (f"## {paper}", "", "| what | carried by |", "|---|---|")
    for part in flow.coverage.papers[paper]:
        stops = ", ".join(f"`{stop}`" for stop in part.stops)
        yield f"| {part.what} | {'; '.join(each for each in (stops, part.why) if each)} |"
    yield ""
