"""Print a page as PDF, by the Chromium of this machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

SECONDS = 60  # The first start of a browser on a small machine is slow.
QUIET = (
    "--headless",
    "--no-sandbox",  # It opens no page but our own, and containers have no sandbox to give.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND",)  # The page's own policy forbids scripts and all else.
KEPT_SECONDS = 600
PROGRAMS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
)  # The first costs half as much.


class PdfError(Exception):
    """Nothing could be printed; whoever runs the line must mend the machine."""


def find_chromium() -> str:
    """Find Chromium; PdfError says how to get it."""
    if found := next(filter(None, map(shutil.which, PROGRAMS)), None):
        return found
    raise PdfError("Chromium is not on this machine: apt-get install chromium")


def print_html(html: str) -> bytes:
    """Print a page that holds all it needs: Chromium finds no other machine meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        page, paper = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, "utf-8")
        print_pdf(page.as_uri(), paper, OFFLINE)
        return paper.read_bytes()


class PrintedPages:
    """Pages that were printed, kept for ten minutes: one is printed at a time, and each once for many."""

    def __init__(
        self, print_page: Callable[[str], bytes] = print_html, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._print, self._now = print_page, now
        self._alone = threading.Lock()
        self._kept: dict[Hashable, tuple[float, bytes]] = {}

    def read(self, key: Hashable, html: Callable[[], str]) -> bytes:
        """Give a page as PDF, printed now unless it was a short while ago; PdfError where that fails."""
        if not self._alone.acquire(timeout=SECONDS):
            raise PdfError("Another report is being printed; try again in a minute")
        try:
            now = self._now()
            self._kept = {name: kept for name, kept in self._kept.items() if now - kept[0] < KEPT_SECONDS}
            if key not in self._kept:
                self._kept[key] = (now, self._print(html()))
            return self._kept[key][1]
        finally:
            self._alone.release()


def print_pdf(url: str, to: Path, options: Sequence[str] = ()) -> None:
    """Write a page of this machine, served or in a file, as PDF."""
    with tempfile.TemporaryDirectory() as profile:
        arguments = (
            *options,
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={to.absolute()}",
        )
        try:
            done = subprocess.run(  # noqa: S603 - a program of this machine, a page of our own
                [find_chromium(), *QUIET, *arguments, url],
                capture_output=True,
                check=False,
                text=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise PdfError(f"Chromium took more than {SECONDS} seconds over {url}") from None
    if done.returncode or not to.exists():
        raise PdfError(f"Chromium could not print {url}: {done.stderr.strip()[-500:]}")
