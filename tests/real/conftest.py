"""Lines to call: with everything running, and with nothing running yet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ivr.operations.local_stack import find_redis
from ivr.reports.pdf import QUIET, PdfError, find_chromium
from real.rehearsal import PRODUCTION, STEADY, Limits, Rehearsal, rehearsal
from real.world import Processes, start

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

GET = "redis-server is not on this machine: apt-get install redis-server"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--production-limits",
        action="store_true",
        help="let the line have the limits of production, and the network's time run beside it",
    )


@pytest.fixture(scope="session")
def limits(pytestconfig: pytest.Config) -> Limits:
    return PRODUCTION if pytestconfig.getoption("--production-limits", default=False) else STEADY


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beside what failed, show the logs of every process, the journal's size and the network's events."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, line in item.funcargs.items():
            if isinstance(line, Rehearsal | Processes):
                report.sections.append((f"the line of {name!r}", line.report()))
    return report


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> None:
    """Without a Redis skip at home, and fail where everything must be shown."""
    if not find_redis():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(GET)


@pytest.fixture
def dark(tmp_path: Path, limits: Limits) -> Iterator[Rehearsal]:
    """Give a line of which nothing runs yet."""
    with rehearsal(tmp_path, limits) as line:
        yield line


@pytest.fixture
def line(dark: Rehearsal, migrated_sqlite: Path) -> Rehearsal:
    """Give a line of which everything runs."""
    dark.start(migrated_sqlite)
    return dark


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, limits: Limits, migrated_sqlite: Path
) -> Iterator[Processes]:
    """Run one line for all tests that leave every part of it as they found it, or have it mended."""
    with rehearsal(tmp_path_factory.mktemp("running"), limits) as line:
        yield start(line, migrated_sqlite)


@pytest.fixture
def one_line(running: Processes) -> Processes:
    """Give the line that runs already, with nothing left of the last test."""
    running.forget()
    return running


@pytest.fixture(scope="session")
def chromium() -> str:
    """Without a browser skip at home, and fail where everything must be shown."""
    try:
        return find_chromium()
    except PdfError as lacking:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(lacking))


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - costs a second, and only here

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(QUIET[1:]))
        yield started
        started.close()
