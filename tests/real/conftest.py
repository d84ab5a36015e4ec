"""Lines to call: with everything running, and with nothing running yet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivr.operations.local_stack import find_redis
from ivr.reports.pdf import QUIET
from real.rehearsal import Rehearsal, rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

NO_CHROMIUM = "there is no Chromium on this machine: apt-get install chromium"
GET = "redis-server is not on this machine: apt-get install redis-server"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what real processes failed to do in time be tried once more, in sight of all: decision 21."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> None:
    """Without a Redis skip at home, and fail where everything must be shown."""
    if not find_redis():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(GET)


@pytest.fixture
def dark(tmp_path: Path) -> Iterator[Rehearsal]:
    """Give a line of which nothing runs yet."""
    with rehearsal(tmp_path) as line:
        yield line


@pytest.fixture
def line(dark: Rehearsal) -> Rehearsal:
    """Give a line of which everything runs."""
    dark.stage.release()
    dark.stage.start_redis()
    dark.stage.start_web()
    dark.stage.start_worker()
    return dark


@pytest.fixture(scope="session")
def chromium() -> str:
    """Without a browser skip at home, and fail where everything must be shown."""
    found = shutil.which("chromium")
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_CHROMIUM)
    return found or ""


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - costs a second, and only here

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(QUIET[1:]))
        yield started
        started.close()
