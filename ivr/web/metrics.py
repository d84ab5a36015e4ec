"""What a monitoring system fetches: counts of all web processes of this host; no label names anybody.

The processes of one server write their counts into one folder (the library's multiprocess mode), and so does
the version that takes over: whichever process is asked gives the sum. Without such a folder, as in tests, a
process counts alone.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request
from flask.globals import request_ctx
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from ivr.operations.version import running_version
from ivr.settings import is_loopback
from ivr.web.context import webhook_context
from ivr.web.server.shared_counts import FOLDER
from ivr.web.server.wsgi_adapter import BEGAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flask import Flask


metrics = Blueprint("metrics", __name__)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REFUSED, FAILED = 400, 500
FIXED_WORDS = "ivr.fixed_words"  # In a request's environ.
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")
OWN = CollectorRegistry()
WEBHOOKS = Histogram(
    "ivr_webhook_seconds",
    "How long webhooks took to be answered, by kind and outcome.",
    ("kind", "outcome"),
    buckets=BUCKETS,
    registry=OWN,
)
REFUSALS = Counter("ivr_refusals", "Requests that were refused, by reason.", ("reason",), registry=OWN)
UNCOUNTED = frozenset({"health.alive", "health.ready", "health.audio", "metrics.show"})


@dataclass(eq=False)  # The library keeps it in a dictionary.
class LineState:
    """What is measured at the moment in which somebody asks."""

    parts: Callable[[], Mapping[str, bool]] = dict  # Each part of the line -> whether it answers.
    journal_bytes: Callable[[], int] = lambda: 0
    queues: Callable[[], Mapping[str, int]] = dict  # Effects that wait in Redis; nothing without Redis.
    deletions: Callable[[], int | None] = lambda: None  # Copies at Twilio that the last sweep left.
    tokens: tuple[str, ...] = ()
    _seen: dict[str, tuple[float, Mapping[str, bool]]] = field(default_factory=dict)

    def parts_lately(self, hold: float = 1.0) -> Mapping[str, bool]:
        """Say which parts answer, asking them once a second at most: strangers may ask this too."""
        at, seen = self._seen.get("parts", (float("-inf"), {}))
        if time.monotonic() - at >= hold:
            seen = self.parts()
            self._seen["parts"] = time.monotonic(), seen
        return seen

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give what the line is like now, as the library asks for it."""
        up = GaugeMetricFamily("ivr_part_up", "Whether a part of the line answers.", labels=["part"])
        for name, well in self.parts_lately().items():
            up.add_metric([name], float(well))
        yield up
        yield GaugeMetricFamily(
            "ivr_journal_backlog_bytes", "What waits to be filed into SQL.", value=self.journal_bytes()
        )
        depth = GaugeMetricFamily("ivr_queue_depth", "Effects that wait for a worker.", labels=["queue"])
        for name, count in self.queues().items():
            depth.add_metric([name], count)
        yield depth
        left = self.deletions()
        if left is not None:
            yield GaugeMetricFamily(
                "ivr_deletions_pending", "Copies at Twilio that the last sweep had to leave.", value=left
            )
        version = GaugeMetricFamily("ivr_version_info", "The version that answers.", labels=["version"])
        version.add_metric([running_version()], 1)
        yield version


def count_refusal(reason: str) -> None:
    """Count a request that was refused. The reason is ours: never what somebody sent."""
    REFUSALS.labels(reason).inc()


def note_fixed_words() -> None:
    """Note that this request is answered with a fixed document because our own code failed."""
    request.environ[FIXED_WORDS] = True


def measure_webhooks(app: Flask) -> None:
    """Time every webhook from when it was whole, by its endpoint and how it ended. A caller pays for it."""
    known: dict[tuple[str | None, str], Histogram] = {}

    @app.after_request
    def end(response: Response) -> Response:
        asked = request_ctx.request
        environ = asked.environ
        began = environ.get(BEGAN)
        if began is None:
            return response
        rule = asked.url_rule
        key = rule.endpoint if rule else None, _outcome(response.status_code, environ)
        found = known.get(key)
        if found is None:
            if key[0] in UNCOUNTED:
                return response
            found = known[key] = WEBHOOKS.labels(key[0] or "unknown", key[1])
        found.observe(time.perf_counter() - began)
        return response


def _outcome(status: int, environ: Mapping[str, object]) -> str:
    if FIXED_WORDS in environ:
        return "fixed words"
    if status >= FAILED:
        return "failed"
    return "refused" if status >= REFUSED else "answered"


@metrics.get("/metrics")
def show() -> Response:
    """Give all counts: to this machine itself, or to whoever has the token."""
    state = webhook_context().state
    if not _may_see(state.tokens):
        return Response("not for you\n", status=403, mimetype="text/plain")
    registry = CollectorRegistry()
    registry.register(state)
    if os.environ.get(FOLDER):
        MultiProcessCollector(registry)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    return Response(generate_latest(registry) + generate_latest(OWN), content_type=CONTENT_TYPE_LATEST)


def _may_see(tokens: tuple[str, ...]) -> bool:
    """Whether whoever asks has a token; where there is none, whether they are here, and no proxy."""
    if tokens:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return any(compare_digest(given.encode(), token.encode()) for token in tokens)
    host = request.host.rpartition(":")[0] if ":" in request.host else request.host
    forwarded = any(name in request.headers for name in FORWARDED)
    return is_loopback(request.remote_addr or "") and is_loopback(host.strip("[]")) and not forwarded
