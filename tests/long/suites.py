"""The frame of the long suites: what a suite is, how large it runs, and what is written down of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from real.warm_start import warm_start

from ivr.operations.local_stack import launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from ivr.operations.local_stack import Launch

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build" / "long"
Figure = str | int | float | bool | None


class Size(StrEnum):
    """How large a suite runs."""

    SMALL = "small"
    FULL = "full"


@dataclass
class Run:
    """One run of a suite: what it is given, and the figures that it comes to."""

    size: Size
    seed: int
    folder: Path  # Empty, and deleted afterwards.
    progress: Progress
    only: tuple[str, ...] = ()  # The parts of the suite that are to be tried again; none: all of it.
    figures: dict[str, Figure] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)  # What was promised and did not hold.
    keep: Callable[[], object] = lambda: None  # Writes down what it has come to so far.

    @property
    def launch(self) -> Launch:
        """Start a process of the line's: at full size as it is started where people call."""
        return warm_start() if self.size is Size.SMALL else launch

    def pick(self, small: int, full: int) -> int:
        """Give what this size has."""
        return small if self.size is Size.SMALL else full


@dataclass(frozen=True)
class Suite:
    """Something that can be run at two sizes."""

    name: str
    does: str
    run: Callable[[Run], None]


def commit() -> str:
    """Name the commit that is checked out; a plus says that files differ from it."""
    git = ["git", "-C", str(ROOT)]
    try:
        name = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
        changed = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.strip() + ("+" if changed else "")


def machine() -> dict[str, Figure]:
    """Tell what the figures were measured on, and whether it was idle."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "load_before": os.getloadavg()[0],
    }


def run(suite: Suite, given: Run, folder: Path = BUILD) -> Path:
    """Run a suite, and write down what came of it, also when it broke off; give the file.

    Where only some parts are tried again, all else in the file stays as it was.
    """
    host, began, at, name = machine(), time.monotonic(), datetime.now(UTC), commit()
    file, alone = folder / f"{suite.name}.json", Lock()
    before = json.loads(file.read_text("utf-8")) if given.only and file.exists() else {}
    stay = {key: figure for key, figure in before.get("figures", {}).items() if not _is_of(given.only, key)}
    failed = [each for each in before.get("failures", []) if not _is_of(given.only, each)]

    def keep() -> None:
        with alone:
            result = {
                "suite": suite.name,
                "size": given.size,
                "commit": name,
                "seed": given.seed,
                "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "seconds": round(time.monotonic() - began, 1),
                "machine": host,
            }
            result |= before  # The head tells of the whole run.
            result |= {"failures": failed + given.failures, "figures": stay | given.figures}
            folder.mkdir(parents=True, exist_ok=True)
            written = file.with_suffix(".new")
            written.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
            written.replace(file)  # Whoever reads it meanwhile, or ends us now, finds a whole one.

    given.keep = keep
    try:
        suite.run(given)
    except Exception as error:
        given.failures.append(f"broke off: {error!r}")
        raise
    finally:
        keep()
    return file


def _is_of(parts: tuple[str, ...], told: str) -> bool:
    """Whether a figure or a failure is of one of some parts."""
    return any(told.startswith(f"{part}: ") for part in parts)
