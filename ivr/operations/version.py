"""Which version runs: its number, and the commit where that can be told."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

SHOWN = 12  # Characters of a commit.


@cache
def running_version() -> str:
    """Give the version of this process, such as "0.2.0" or "0.2.0 1faa6c774b44"."""
    try:
        number, origin = distribution("ivr").version, distribution("ivr").read_text("direct_url.json")
    except PackageNotFoundError:
        number, origin = "unknown", None
    told = json.loads(origin or "{}").get("vcs_info", {}).get("commit_id", "")
    commit = told or commit_of(Path(__file__).parents[2])
    return f"{number} {commit[:SHOWN]}".strip()


def commit_of(checkout: Path) -> str:
    """Read which commit is checked out, without git; nothing where there is no checkout."""
    try:
        folder = checkout / ".git"
        if folder.is_file():  # A worktree.
            folder = checkout / folder.read_text("utf-8").removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name, common = head.removeprefix("ref: "), folder
        if (folder / "commondir").exists():
            common = folder / (folder / "commondir").read_text("utf-8").strip()
        if (common / name).exists():
            return (common / name).read_text("utf-8").strip()
        packed = (common / "packed-refs").read_text("utf-8").splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except OSError:
        return ""
