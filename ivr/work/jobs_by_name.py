"""The only jobs that a worker runs: those of the project, by name, with plain words as arguments.

RQ imports whatever a job in Redis names, and calls it: a function, a callback, a method of a value. So
whoever can write to Redis could run code in the worker, which holds every secret of the line. Here a job is
looked at before anything is imported by its name, and one that is not ours is refused.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from rq.job import Job
from rq.serializers import JSONSerializer

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

JOB = "ivr.jobs.perform"
NAMES = frozenset({JOB})
WORD = re.compile(r"[A-Za-z0-9_-]{0,200}")  # The kind of an effect, and the ids that it carries.


class JobRefused(Exception):  # noqa: N818 - what happened, not whose error it is
    """A job in Redis is none of ours. It is neither run nor tried again."""


class OwnJob(Job):
    """A job that runs if it is one of ours, and of which nothing else is obeyed."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Read and write JSON, whoever asks for the job: RQ's default would run what it reads."""
        super().__init__(*arguments, **named)
        self.serializer = JSONSerializer

    @property
    def func(self) -> Callable[..., Any]:
        """Give the function to run; JobRefused before anything is imported if it is none of ours."""
        if not self._is_ours():
            raise JobRefused("a job that is none of ours")
        function: Callable[..., Any] = super().func
        return function

    def restore(self, raw_data: Any) -> None:
        """Read a job, and drop the orders in it that none of ours has: callbacks, webhooks, repeats."""
        super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        self.repeats_left = None
        if not self._is_ours():
            logger.warning("a job in Redis is none of ours, and is refused; who can write there?")
            self.retries_left = None

    def _is_ours(self) -> bool:
        """Whether this is one of the project's jobs, with words and nothing else as arguments."""
        try:
            name, instance, arguments, named = self.serializer.loads(self.data)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not ours
            return False
        return (
            isinstance(name, str)
            and name in NAMES
            and instance is None
            and named == {}
            and isinstance(arguments, list)
            and all(isinstance(each, str) and WORD.fullmatch(each) for each in arguments)
        )
