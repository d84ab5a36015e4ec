"""What kept scanners say: of the headers of the console and the public page, and of secrets in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import ROOT
from console import Console
from drheader import Drheader
from sizes import is_full
from supply_chain import secret_scan

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.test import TestResponse

    from ivr.flow.models import Flow

HTTPS = {"X-Forwarded-Proto": "https"}  # As the proxy says that stands before the line.
ACCEPTED = {  # What the scanner would have otherwise, and why it is as it is.
    "Cache-Control": "no-store alone keeps nothing: max-age=0 would say nothing more",
    "Content-Security-Policy - img-src": "data: is the QR code of the second factor, and Bootstrap's icons",
    "Strict-Transport-Security": "without includeSubDomains: other hosts below this one are not ours to bind",
    "X-Permitted-Cross-Domain-Policies": "only Flash and old Acrobat asked for it",
    "X-XSS-Protection": "no browser has what it switched off",
}
PAGES = ("/calls", "/calls.csv", "/transfers", "/reports", "/prompts", "/operators", "/nowhere")
WIDE = ("ivr/", "tests/", "phrases/", "prompts/")  # Scanned at full size alone: half a minute of a processor.


def findings(answer: TestResponse) -> set[str]:
    """Say by which rules the scanner finds fault with the headers of an answer."""
    headers = {**answer.headers, "Set-Cookie": answer.headers.getlist("Set-Cookie")}
    return {finding.rule for finding in Drheader(headers=headers).analyze()}


@pytest.fixture
def console(tmp_path: Path, flow: Flow) -> Console:
    return Console(tmp_path, flow, ROOT / "prompts", secure=True)


def test_a_scanner_finds_no_header_of_a_page_wrong_but_those_that_have_a_reason(console: Console) -> None:
    operator, visitor = console.signed_in().client, console.visitor().client
    asked = [(operator, f"/console{page}") for page in PAGES]
    asked += [(visitor, page) for page in ("/console/sign-in", "/console/calls", "/en/", "/materials/")]

    found = {
        path: findings(client.get(path, base_url="https://line.example", headers=HTTPS))
        for client, path in asked
    }

    assert {path: these - ACCEPTED.keys() for path, these in found.items() if these - ACCEPTED.keys()} == {}
    assert set().union(*found.values()) == ACCEPTED.keys()  # Else one is accepted that nobody finds any more.


@pytest.mark.parametrize("lost", ["Content-Security-Policy", "X-Frame-Options", "Referrer-Policy"])
def test_the_scanner_misses_a_header_that_is_not_there(console: Console, lost: str) -> None:
    answer = console.visitor().client.get("/console/sign-in", base_url="https://line.example", headers=HTTPS)
    del answer.headers[lost]

    assert lost in findings(answer)


def test_no_file_of_the_repository_holds_a_secret() -> None:
    files = [name for name in secret_scan.tracked() if is_full() or not name.startswith(WIDE)]

    assert len(files) > 50
    assert secret_scan.unknown(secret_scan.scan(files)) == [], "`make secrets` tells where"


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("Private Key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
        ("Twilio API Key", "SK" + "0123456789abcdef" * 2),
        ("Secret Keyword", "SECRET_" + 'KEY = "correct horse battery"'),
        ("Basic Auth Credentials", "postgresql://line:" + "staple@db.example/line"),
    ],
)
def test_a_secret_that_somebody_writes_into_a_file_is_found(tmp_path: Path, kind: str, secret: str) -> None:
    (tmp_path / "deploy.py").write_text(f"# Settings.\n{secret}\n", "utf-8")

    found = secret_scan.scan(["deploy.py"], tmp_path)

    assert kind in {each.kind for each in found}
    assert secret_scan.unknown(found) == found


def test_what_is_known_to_be_no_secret_is_in_a_file_that_is_there() -> None:
    tracked = secret_scan.tracked()

    for known in secret_scan.read_known():
        assert any(name.startswith(known.file) for name in tracked), known.file
        assert known.why.endswith(".")
