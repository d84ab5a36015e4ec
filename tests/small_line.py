"""A copy of the line's own files in which few languages are switched on: all of it is quickly checked."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
LANGUAGES = ("en", "fr")
TABLE = re.compile(r"(?m)^\[languages\.([\w-]+)\]$")
STAND_IN = re.compile(r"(?m)^stand_in = .*\n")  # Of a language that is off nobody hears.


def small_line(folder: Path) -> Path:
    """Copy menus and prompts into a folder; the languages stay, and all but the first are off."""
    for name in ("config", "prompts"):
        shutil.copytree(ROOT / name, folder / name)
    file = folder / "config/line.toml"
    words = TABLE.sub(_switched, STAND_IN.sub("", file.read_text("utf-8")))
    file.write_text(words, "utf-8")
    return folder


def copy_phrases(folder: Path) -> Path:
    """Copy the phrases of the same languages."""
    shutil.copytree(ROOT / "phrases", folder, ignore=_others)
    return folder


def _others(folder: str, names: list[str]) -> list[str]:
    kept = {*LANGUAGES, "check"}
    return [name for name in names if (Path(folder) / name).is_dir() and name not in kept]


def _switched(table: re.Match[str]) -> str:
    return table[0] if table[1] in LANGUAGES else f"{table[0]}\non = false"
