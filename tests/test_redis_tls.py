"""Redis over TLS: the line believes the authority that REDIS_URL names, and no other."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import time
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fakes import ENVIRONMENT

from ivr.circuit_breaker import CircuitBreaker
from ivr.effects import TextNumbers
from ivr.operations.local_stack import free_port
from ivr.settings import read_settings
from ivr.work.queue import RedisQueue, connect_redis, is_there, queue_depths
from ivr.work.redis_limits import CallPacing
from ivr.work.secret_store import SecretStore
from ivr.work.worker import make_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GET = "no redis-server with TLS is on this machine: apt-get install redis-server"
MINUTE = 60.0
PATIENCE = 60.0  # Seconds that Redis may take here: the machine may be busy.


def make_certificate(folder: Path, name: str) -> Path:
    """Make a certificate of 127.0.0.1 that signs itself, and its key beside it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    whole = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.key").write_bytes(whole)
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    return folder / f"{name}.pem"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start a Redis that speaks TLS alone; give its address without an authority, and its certificate."""
    lacking = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    program = shutil.which("redis-server")
    if not program:
        lacking(GET)
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    certificate = make_certificate(folder, "redis")
    options = {
        "port": "0",
        "tls-port": str(port),
        "bind": "127.0.0.1",
        "tls-cert-file": str(certificate),
        "tls-key-file": str(certificate.with_suffix(".key")),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
        "requirepass": "sesame",
        "save": "",
        "dir": str(folder),
    }
    with (folder / "log").open("wb") as log:
        command = [program, *(word for name, value in options.items() for word in (f"--{name}", value))]
        running = subprocess.Popen(command, stdout=log)
    try:
        address, deadline = f"rediss://:sesame@127.0.0.1:{port}/0", time.monotonic() + MINUTE
        while not is_there(connect_redis(f"{address}?ssl_ca_certs={certificate}", PATIENCE)):
            if running.poll() is not None:
                lacking(f"{GET}\n{(folder / 'log').read_text('utf-8')}")
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield address, certificate
    finally:
        running.terminate()
        running.wait(MINUTE)


def test_what_needs_redis_works_over_tls(server: tuple[str, Path]) -> None:
    address, certificate = server
    url = read_settings(ENVIRONMENT | {"REDIS_URL": f"{address}?ssl_ca_certs={certificate}"}).redis_url

    with connect_redis(url, PATIENCE) as redis:
        pacing = CallPacing(redis, CircuitBreaker(), lambda: 1000.0)

        assert [pacing.take(2), pacing.take(2)] == [0.0, 1.0]
        assert redis.get("slots:next") == b"1002.000000"


def test_an_effect_and_its_number_reach_a_worker_over_tls(server: tuple[str, Path]) -> None:
    address, certificate = server
    with connect_redis(f"{address}?ssl_ca_certs={certificate}", PATIENCE) as redis:
        breaker = CircuitBreaker()
        later = RedisQueue(redis, SecretStore(redis, "a long secret of this test", breaker), breaker)

        later.put(TextNumbers("c0ffee", "en"), "+19055550123")
        later.close()

        assert queue_depths(redis) == {"transfers": 0, "line": 1}
        (job,) = (job for queue in make_worker(redis).queues for job in queue.get_jobs())
        assert job.args[0] == "TextNumbers"
        assert later.take("number-c0ffee") == "+19055550123"


def test_a_redis_whose_authority_is_not_named_is_not_believed(
    server: tuple[str, Path], tmp_path: Path
) -> None:
    address, _ = server
    other = make_certificate(tmp_path, "other")

    assert not is_there(connect_redis(address, PATIENCE))
    assert not is_there(connect_redis(f"{address}?ssl_ca_certs={other}", PATIENCE))
