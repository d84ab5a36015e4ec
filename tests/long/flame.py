"""Draw where the time of a turn goes: the stack is noted every millisecond of processor time."""

from __future__ import annotations

import logging
import signal
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from long import turn_cost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

WIDTH, ROW, LETTER = 1200, 18, 6.2  # Pixels.
SMALLEST = 0.004  # Of the whole: what is less is not drawn.
OURS, OTHERS = "#f2a65a", "#c8d3df"
EVERY = 0.001  # Seconds.
FROM = "run_wsgi_app"  # What is below is the test's.


@dataclass
class Node:
    """A function, as it was called from another."""

    samples: int = 0
    below: dict[str, Node] = field(default_factory=lambda: defaultdict(Node))

    def add(self, stack: list[str]) -> None:
        """Count one sample, outermost function first."""
        self.samples += 1
        if stack:
            self.below[stack[0]].add(stack[1:])

    def depth(self) -> int:
        """Count the rows that it takes."""
        return 1 + max((each.depth() for each in self.below.values()), default=0)


def sample(turns: int) -> Node:
    """Answer turns in this process, and note what runs."""
    root = Node()

    def note(_number: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None and frame.f_code.co_name != FROM:
            module = frame.f_globals.get("__name__", "")
            stack.append(
                f"{module.removeprefix('ivr.') if module.startswith('ivr.') else module.split('.')[0]}"
                f":{frame.f_code.co_name}" + (" *" if module.startswith("ivr.") else "")
            )
            frame = frame.f_back
        if frame is not None:
            root.add(stack[::-1])

    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        app = turn_cost.whole(Path(folder))
        turn_cost.cost(app, list(turn_cost.requests_of_calls(200)))
        asked = list(turn_cost.requests_of_calls(turns))
        before = signal.signal(signal.SIGPROF, note)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        try:
            turn_cost.cost(app, asked)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
    logging.disable(logging.NOTSET)
    return root


def draw(root: Node) -> str:
    """Write the picture: what is called stands below what calls it, as wide as the time it takes."""
    height = root.depth() * ROW
    boxes = "\n".join(_boxes(root, "a turn", 0.0, 0, root.samples))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="monospace" font-size="10">\n<title>Where the time of a turn goes</title>\n'
        f"{boxes}\n</svg>\n"
    )


def _boxes(node: Node, name: str, left: float, row: int, whole: int) -> Iterator[str]:
    width = WIDTH * node.samples / max(1, whole)
    if node.samples < SMALLEST * whole:
        return
    ours, label = name.endswith(" *"), name.removesuffix(" *")
    text = label[: int(width / LETTER)] if width > 4 * LETTER else ""
    yield (
        f"<g><title>{escape(label)}: {node.samples / max(1, whole):.1%}</title>"
        f'<rect x="{left:.1f}" y="{row * ROW}" width="{width:.1f}" height="{ROW - 1}"'
        f' fill="{OURS if ours else OTHERS}"/>'
        f'<text x="{left + 2:.1f}" y="{row * ROW + 12}">{escape(text)}</text></g>'
    )
    for each, child in sorted(node.below.items(), key=lambda pair: -pair[1].samples):
        yield from _boxes(child, each, left, row + 1, whole)
        left += WIDTH * child.samples / max(1, whole)


def shares(root: Node) -> dict[str, float]:
    """Say which part of the time is the line's own code and its helpers', and which Flask's alone."""
    ours = _below_ours(root)
    return {"the line": ours / max(1, root.samples), "Flask": 1 - ours / max(1, root.samples)}


def _below_ours(node: Node) -> int:
    """Count samples in which a function of the line is called by Flask, with all that it calls."""
    wrappers = ("ensure_sync", "create_url_adapter", "__call__")
    return sum(
        child.samples
        if name.endswith(" *") and not name.removesuffix(" *").endswith(wrappers)
        else _below_ours(child)
        for name, child in node.below.items()
    )
