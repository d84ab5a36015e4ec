"""Print a page as PDF, by the Chromium of this machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


class PdfError(Exception):
    """Nothing could be printed; whoever runs the line must mend the machine."""


def find_chromium() -> str:
    """Find Chromium; PdfError says how to get it."""
    if found := shutil.which("chromium") or shutil.which("chromium-browser"):
        return found
    raise PdfError("Chromium is not on this machine: apt-get install chromium")


def print_pdf(url: str, to: Path) -> None:
    """Write a page of this machine, served or in a file, as PDF."""
    with tempfile.TemporaryDirectory() as profile:
        arguments = (
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
