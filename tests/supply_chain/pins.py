"""The pinned requirements, as `make requirements` writes them: each with hashes and who asks for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
PINNED = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\\n]+?))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"(?P<via>(?:    #.*\n)*)"
)


@dataclass(frozen=True)
class Pin:
    """One requirement at one version; several pins may share a name, each with its marker."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    asked_by: tuple[str, ...]


def read_pins(text: str) -> tuple[Pin, ...]:
    """Read a file of pinned requirements; ValueError where something in it is no pin."""
    left = PINNED.sub("", text)
    if strange := [line for line in left.splitlines() if line and not line.startswith("#")]:
        raise ValueError(f"not a pinned requirement with hashes: {strange[0]}")
    return tuple(
        Pin(
            name=match["name"],
            version=match["version"],
            marker=match["marker"] or "",
            hashes=tuple(re.findall(r"sha256:([0-9a-f]{64})", match["hashes"])),
            asked_by=tuple(re.findall(r"#(?: via)? +(?!via$)([a-z0-9-]+)", match["via"], re.MULTILINE)),
        )
        for match in PINNED.finditer(text)
    )


def pinned() -> tuple[Pin, ...]:
    """Read what the line runs with, on any machine and any version of Python."""
    return read_pins(REQUIREMENTS.read_text("utf-8"))
