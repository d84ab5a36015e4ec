"""Look for secrets in what is kept in the repository, by a kept scanner: `make secrets`.

What looks like one and is none stands in known_secrets.toml with the reason: by its hash, or for a folder.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent.parent
KNOWN = Path(__file__).with_name("known_secrets.toml")
HASHES = ("requirements.txt", "requirements-dev.txt")  # Each line is one, and says so.
PICTURES = frozenset({".npz", ".png", ".svg", ".ico", ".woff2", ".mp3", ".pdf"})


class Found(NamedTuple):
    """Something that looks like a secret."""

    file: str
    line: int
    kind: str
    hash: str


class Known(NamedTuple):
    """What looks like a secret and is none: of one hash, or all of a kind."""

    file: str  # Or the beginning of its name.
    kind: str
    hash: str
    why: str

    def explains(self, found: Found) -> bool:
        """Whether it is what was found."""
        return found.file.startswith(self.file) and found.kind == self.kind and self.hash in {"", found.hash}


def tracked() -> list[str]:
    """List the files of the repository that may hold a secret."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.splitlines() if Path(name).suffix not in PICTURES and name not in HASHES]


def scan(files: Iterable[str], root: Path = ROOT) -> list[Found]:
    """Scan files; give what looks like a secret."""
    secrets = SecretsCollection(root=str(root))
    with default_settings():
        for name in files:
            secrets.scan_file(name)
    return sorted(
        Found(str(Path(each.filename).relative_to(root)), each.line_number, each.type, each.secret_hash)
        for _, each in secrets
    )


def read_known() -> list[Known]:
    """Read what looks like a secret and is none."""
    listed = tomllib.loads(KNOWN.read_text("utf-8"))["known"]
    return [Known(each["file"], each["kind"], each.get("hash", ""), each["why"]) for each in listed]


def unknown(found: Iterable[Found]) -> list[Found]:
    """Give what was found and is not known to be none."""
    known = read_known()
    return [each for each in found if not any(one.explains(each) for one in known)]


if __name__ == "__main__":
    left = unknown(scan(tracked()))
    for each in left:
        print(f"{each.file}:{each.line}: {each.kind} ({each.hash})")  # noqa: T201 - a command for people
    sys.exit("Take it out, or say in tests/supply_chain/known_secrets.toml why it is none." if left else 0)
