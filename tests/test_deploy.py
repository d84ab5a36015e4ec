"""What is delivered beside the code: units, proxies and containers hold for the programs that read them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from conftest import ROOT
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry, generate_latest
from test_documents import commands

from ivr.cli.main import main
from ivr.operations.local_stack import free_port
from ivr.settings import VARIABLES, SettingsError, read_settings
from ivr.web.metrics import OWN, WEBHOOKS, LineState, count_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
UNITS = sorted((DEPLOY / "systemd").iterdir())
SAMPLE = {
    name: value
    for name, found, value in (
        line.partition("=") for line in (DEPLOY / "line.env").read_text("utf-8").splitlines()
    )
    if found and not name.startswith("#")
}
DELIVERED = ("config", "prompts", "phrases", "deploy")


def tool(name: str, package: str) -> str:
    """Find a program of this machine, or leave the test out and say how to get it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            f"{name} is not on this machine: apt-get install {package}"
        )
    return str(found)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def lines_of(path: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", path.read_text("utf-8"), re.MULTILINE)


def put_units(folder: Path) -> list[Path]:
    """Put the units where the program that they start is that of this machine."""
    for path in UNITS:
        here = path.read_text("utf-8").replace("/opt/ivr/current/bin", str(BIN))
        (folder / path.name).write_text(here, "utf-8")
    return [folder / path.name for path in UNITS]


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    systemd = tool("systemd-analyze", "systemd")

    verified = run(systemd, "verify", "--man=no", *put_units(tmp_path))

    assert (verified.returncode, verified.stderr) == (0, "")


def test_systemd_names_a_unit_that_starts_what_is_not_there(tmp_path: Path) -> None:
    systemd = tool("systemd-analyze", "systemd")
    units = put_units(tmp_path)
    web = tmp_path / "ivr-web.service"
    web.write_text(web.read_text("utf-8").replace(f"{BIN}/ivr", f"{BIN}/no-such-program"), "utf-8")

    assert "no-such-program" in run(systemd, "verify", "--man=no", *units).stderr


def test_the_units_start_commands_of_ivr_with_no_way_to_write_elsewhere() -> None:
    services = [path for path in UNITS if path.suffix == ".service"]
    started = [lines_of(path, "ExecStart")[0].removeprefix("/opt/ivr/current/bin/") for path in services]

    assert {command.partition(" --")[0] for command in started} == {"ivr web", "ivr worker", "ivr console"}
    assert {command.partition(" --")[0] for command in started} <= commands(main)
    for path in services:
        assert lines_of(path, "ProtectSystem") == ["strict"]
        assert lines_of(path, "NoNewPrivileges") == ["yes"]
        assert lines_of(path, "User") == ["ivr"]
        assert {SAMPLE["JOURNAL_DIR"], SAMPLE["KEYS_DIR"], "/var/lib/ivr/log"} <= {
            f"/var/lib/{name}" for name in lines_of(path, "StateDirectory")[0].split()
        }


def test_each_socket_is_the_one_that_its_server_would_open() -> None:
    web, console = (
        lines_of(DEPLOY / f"systemd/ivr-{name}.socket", "ListenStream") for name in ("web", "console")
    )
    port = re.findall(r"--port (\d+)", (DEPLOY / "systemd/ivr-console.service").read_text("utf-8"))

    assert web == [f"{SAMPLE['HOST']}:{SAMPLE['PORT']}"]
    assert console == [f"{SAMPLE['HOST']}:{port[0]}"]


def test_the_sample_settings_are_complete_once_what_says_so_is_changed() -> None:
    changed = {
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "0123456789abcdef",
        "TWILIO_PHONE_NUMBER": "+12895550100",
        "SECRET_KEY": "0123456789abcdef" * 4,
    }
    folders = {f"IVR_{name.upper()}": str(ROOT / name) for name in ("config", "prompts", "phrases")}

    settings = read_settings(SAMPLE | changed | folders)

    assert {name for name, value in SAMPLE.items() if value == "CHANGE"} == set(changed)
    assert set(SAMPLE) <= {variable.name for variable in VARIABLES}
    assert settings.keys_dir not in settings.journal_dir.parents
    with pytest.raises(SettingsError):
        read_settings(SAMPLE | folders)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "line.example.org")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return tmp_path


def nginx_config(folder: Path) -> Path:
    """Write a whole configuration around the sample, with ports and folders of this test."""
    sample = (DEPLOY / "nginx/ivr.conf").read_text("utf-8")
    sample = sample.replace("/etc/letsencrypt/live/line.example.org", str(folder))
    sample = sample.replace("/var/log/nginx", str(folder))
    plain, secure = free_port(), free_port()
    sample = re.sub(r"listen ((?:\[::\]:)?)80;", rf"listen \g<1>{plain};", sample)
    sample = re.sub(r"listen ((?:\[::\]:)?)443 ssl;", rf"listen \g<1>{secure} ssl;", sample)
    path = folder / "nginx.conf"
    head = f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
    path.write_text(f"{head}http {{\naccess_log off;\n{sample}\n}}\n", "utf-8")
    return path


def test_nginx_takes_the_sample(certificate: Path) -> None:
    nginx = tool("nginx", "nginx-light")

    tested = run(nginx, "-t", "-q", "-p", certificate, "-c", nginx_config(certificate))

    assert (tested.returncode, tested.stderr) == (0, "")


def test_nginx_refuses_a_sample_with_a_fault(certificate: Path) -> None:
    nginx = tool("nginx", "nginx-light")
    path = nginx_config(certificate)
    path.write_text(path.read_text("utf-8").replace("proxy_pass ", "proxy_pas "), "utf-8")

    assert "proxy_pas" in run(nginx, "-t", "-q", "-p", certificate, "-c", path).stderr


def test_caddy_takes_the_sample() -> None:
    caddy = tool("caddy", "caddy")

    validated = run(caddy, "validate", "--adapter", "caddyfile", "--config", DEPLOY / "caddy/Caddyfile")

    assert validated.returncode == 0, validated.stderr


def test_no_proxy_writes_down_who_asked() -> None:
    nginx = (DEPLOY / "nginx/ivr.conf").read_text("utf-8")
    (kept,) = re.findall(r"log_format ivr '(.*)';", nginx)

    assert (
        re.findall(r"remote_addr|remote_user|request_uri|forwarded|referer|user_agent|\$request\b", kept)
        == []
    )
    assert set(re.findall(r"error_log \S+ (\w+);", nginx)) == {"crit"}
    assert len(re.findall(r"access_log (?:off|\S+ ivr);", nginx)) == nginx.count("server {")
    assert re.search(r"^\s*log\b", (DEPLOY / "caddy/Caddyfile").read_text("utf-8"), re.MULTILINE) is None


def schema_faults(path: Path) -> subprocess.CompletedProcess[str]:
    return run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)


def test_the_compose_file_holds_to_its_schema(tmp_path: Path) -> None:
    compose = DEPLOY / "containers/compose.yaml"
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(compose.read_text("utf-8").replace("command: [web]", "comand: [web]"), "utf-8")

    checked = schema_faults(compose)

    assert checked.returncode == 0, checked.stdout
    assert "comand" in schema_faults(wrong).stdout


def test_the_containers_start_commands_of_ivr() -> None:
    compose = (DEPLOY / "containers/compose.yaml").read_text("utf-8")
    containerfile = (DEPLOY / "containers/Containerfile").read_text("utf-8")

    started = re.findall(r"command: \[(\w+)\]$", compose, re.MULTILINE)

    assert started == ["release", "web", "worker", "console"]
    assert {f"ivr {name}" for name in started} <= commands(main)
    assert 'ENTRYPOINT ["ivr"]' in containerfile
    assert {
        source for source in re.findall(r"^COPY ([\w./-]+) ", containerfile, re.MULTILINE) if source != "."
    } <= {path.name for path in ROOT.iterdir()}


@pytest.mark.parametrize("script", sorted((DEPLOY / "bin").iterdir()), ids=lambda path: path.name)
def test_a_script_can_be_read_by_any_shell_and_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert run("sh", "-n", script).stderr == ""


def delivered() -> Iterator[str]:
    for name in DELIVERED:
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def test_every_file_of_a_line_is_in_the_wheel_at_its_own_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packed = {
        (where, found.relative_to(ROOT).as_posix())
        for where, patterns in project["tool"]["setuptools"]["data-files"].items()
        for pattern in patterns
        for found in ROOT.glob(pattern)
        if found.is_file()
    }

    assert {path for _, path in packed} == set(delivered())
    assert {where for where, path in packed if where != f"share/ivr/{Path(path).parent.as_posix()}"} == set()


PAGE = (ROOT / "docs/install.md").read_text("utf-8")
STEPS = [
    line
    for block in re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
DEBIAN = {
    "apt-get",
    "caddy",
    "chown",
    "cp",
    "curl",
    "install",
    "runuser",
    "sed",
    "sh",
    "systemctl",
    "useradd",
}


def command_of(words: list[str]) -> click.Command:
    """Follow the words of a step to the command that they name."""
    found: click.Command = main
    for word in words:
        if not isinstance(found, click.Group) or word.startswith("-"):
            break
        found = found.commands[word]
    return found


def test_every_step_of_the_install_page_is_a_command_that_exists() -> None:
    assert {shlex.split(step)[0] for step in STEPS} == DEBIAN | {"ivr"}
    for step in STEPS:
        program, *words = shlex.split(step)
        if program == "ivr":
            known = {option for each in command_of(words).params for option in each.opts}
            assert {word for word in words if word.startswith("--")} <= known, step


def test_every_file_and_unit_of_the_install_page_is_delivered() -> None:
    named = set(re.findall(r"(?:/usr/local/src/ivr|/srv/ivr)/(deploy/[\w./-]*\w)", PAGE))
    units = {word for step in STEPS for word in re.findall(r"\bivr-[\w-]+(?:\.\w+)?", step)} - {"ivr-keys"}

    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert {unit if "." in unit else f"{unit}.service" for unit in units} == {path.name for path in UNITS}


RULES = DEPLOY / "monitoring/alerts.yml"


def told_by_metrics() -> set[str]:
    """Give the names of all series that a line can tell."""
    state = LineState(parts=lambda: {"database": True}, queues=lambda: {"soon": 0}, deletions=lambda: 0)
    registry = CollectorRegistry()
    registry.register(state)
    WEBHOOKS.labels("web.call", "answered").observe(0.1)
    count_refusal("a test")
    found = (generate_latest(registry) + generate_latest(OWN)).decode()
    return set(re.findall(r"^(ivr_\w+)", found, re.MULTILINE))


def test_prometheus_takes_the_alert_rules(tmp_path: Path) -> None:
    promtool = tool("promtool", "prometheus")
    wrong = tmp_path / "alerts.yml"
    wrong.write_text(RULES.read_text("utf-8").replace("expr: up{", "expr: up{{"), "utf-8")

    checked = run(promtool, "check", "rules", RULES)

    assert checked.returncode == 0, checked.stderr
    assert run(promtool, "check", "rules", wrong).returncode != 0


def test_alerts_and_dashboard_ask_only_for_what_the_line_tells() -> None:
    dashboard = json.loads((DEPLOY / "monitoring/dashboard.json").read_text("utf-8"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = re.findall(r"\bivr_\w+", RULES.read_text("utf-8") + " ".join(shown))

    assert set(asked) - told_by_metrics() == set()
    assert len(shown) >= len(dashboard["panels"])
