"""Ask the vulnerability service about every pinned requirement: `make audit`.

pip-audit alone ends well when the service knows none of the packages, and leaves out what a marker keeps off
this machine. Here whatever could not be asked is said, and is no success.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supply_chain.pins import pinned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from supply_chain.pins import Pin

CLEAN, VULNERABLE, NOT_KNOWN = 0, 1, 2  # How the command ends.
LONGEST = 600  # Seconds for all answers; one request has 15.
SHOWN = 5  # Names of requirements that could not be asked about.


@dataclass(frozen=True)
class Finding:
    """What the service said of one pin: ids of its vulnerabilities, or why nothing is known."""

    pin: Pin
    vulnerabilities: tuple[str, ...] = ()
    unknown: str = ""


def rounds(pins: Iterable[Pin]) -> list[list[Pin]]:
    """Part pins so that no round has a name twice: pip-audit refuses a second version."""
    parted: list[list[Pin]] = []
    for pin in pins:
        fitting = [each for each in parted if pin.name not in {other.name for other in each}]
        if fitting:
            fitting[0].append(pin)
        else:
            parted.append([pin])
    return parted


def without_markers(pins: Iterable[Pin]) -> str:
    """Write pins as requirements that hold on every machine, so that all are asked about."""
    return "".join(
        f"{pin.name}=={pin.version}" + "".join(f" --hash=sha256:{each}" for each in pin.hashes) + "\n"
        for pin in pins
    )


def ask(pins: list[Pin], options: Iterable[str] = ()) -> list[Finding]:
    """Ask pip-audit about one round of pins."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(without_markers(pins), "utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(file), "--require-hashes"]
        command += ["--disable-pip", "--progress-spinner", "off", "--format", "json", *options]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        except subprocess.TimeoutExpired:
            return [Finding(pin, unknown=f"no answer within {LONGEST} seconds") for pin in pins]
    return findings(pins, done.stdout, done.stderr)


def findings(pins: list[Pin], answer: str, errors: str) -> list[Finding]:
    """Read what pip-audit printed; where it is no answer, its last words are the reason for all."""
    try:
        told = {each["name"]: each for each in json.loads(answer)["dependencies"]}
    except (ValueError, KeyError):
        reason = (errors.strip().splitlines() or ["pip-audit printed nothing"])[-1]
        return [Finding(pin, unknown=reason) for pin in pins]
    return [_finding(pin, told.get(pin.name, {"skip_reason": "pip-audit left it out"})) for pin in pins]


def _finding(pin: Pin, told: dict[str, object]) -> Finding:
    match told:
        case {"skip_reason": str(reason)}:
            return Finding(pin, unknown=reason)
        case {"vulns": list(vulnerabilities)}:
            return Finding(pin, tuple(map(_in_words, vulnerabilities)))
    return Finding(pin, unknown="pip-audit's answer cannot be read")


def _in_words(vulnerability: dict[str, object]) -> str:
    match vulnerability:
        case {"id": str(name), "fix_versions": [*versions]} if versions:
            return f"{name}, mended in {' or '.join(map(str, versions))}"
    return f"{vulnerability['id']}, no version mends it yet"


def report(found: list[Finding]) -> tuple[int, str]:
    """Say in words what was found, and how the command ends."""
    weak = [each for each in found if each.vulnerabilities]
    unknown = [each for each in found if each.unknown]
    lines = [
        f"{each.pin.name} {each.pin.version}: {words}" for each in weak for words in each.vulnerabilities
    ]
    looked_up = len(found) - len(unknown)
    of_these = f", {len(weak) or 'none'} of them with a known vulnerability" if looked_up else ""
    lines.append(f"{looked_up} of {len(found)} pinned requirements were looked up{of_these}.")
    if unknown:
        names = ", ".join(f"{each.pin.name} {each.pin.version}" for each in unknown[:SHOWN])
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        lines += [
            f"NOT KNOWN: {len(unknown)} of {len(found)} could not be looked up: {names}{more}.",
            f"The reason given for the first: {unknown[0].unknown}",
            "That is no all-clear: the service was not reached, or a mirror answered in its place.",
            "Run `make audit` where PyPI itself can be reached, or try `make audit SERVICE=osv`.",
        ]
    return (VULNERABLE if weak else NOT_KNOWN if unknown else CLEAN), "\n".join(lines)


if __name__ == "__main__":
    ended, words = report([each for part in rounds(pinned()) for each in ask(part, sys.argv[1:])])
    print(words)  # noqa: T201 - a command for people
    sys.exit(ended)
