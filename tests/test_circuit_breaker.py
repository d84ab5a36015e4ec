"""A part that failed is left alone for a while; then one caller tries whether it is back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ivr.circuit_breaker import REST_SECONDS, CircuitBreaker, PartUnavailable


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Refused(PartUnavailable):
    """A fault that has a name already."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(breaker: CircuitBreaker) -> None:
    with pytest.raises(PartUnavailable, match="no answer: OSError"), breaker.guard(OSError):
        raise OSError("+19055550123 did not answer")


def succeed(breaker: CircuitBreaker) -> str:
    """Ask a part that answers; say whether it was asked."""
    try:
        with breaker.guard(OSError):
            return "asked"
    except PartUnavailable:
        return "refused"


def test_a_part_that_failed_is_left_alone_for_a_while_then_asked_again(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)

    asked = [succeed(breaker)]
    fail(breaker)
    for seconds in (0.0, REST_SECONDS - 0.1, 0.2):
        clock.seconds += seconds
        asked.append(succeed(breaker))

    assert asked == ["asked", "refused", "refused", "asked"]


def test_one_caller_tries_the_way_back_and_the_others_wait_for_their_word(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    fail(breaker)
    clock.seconds += REST_SECONDS

    with breaker.guard(OSError):
        meanwhile = [succeed(breaker) for _ in range(3)]
        closed = breaker.closed

    assert (meanwhile, closed) == (["refused"] * 3, False)
    assert [succeed(breaker) for _ in range(2)] == ["asked", "asked"]


def test_once_the_part_answers_again_many_ask_it_at_once(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    fail(breaker)
    clock.seconds += REST_SECONDS
    succeed(breaker)

    with breaker.guard(OSError):
        meanwhile = [succeed(breaker) for _ in range(3)]

    assert meanwhile == ["asked"] * 3


def test_a_way_back_that_fails_is_not_tried_again_at_once(clock: Clock) -> None:
    breaker = CircuitBreaker(clock, failures=3)
    for _ in range(3):
        fail(breaker)
    clock.seconds += REST_SECONDS
    fail(breaker)

    asked = [succeed(breaker)]
    clock.seconds += REST_SECONDS
    asked.append(succeed(breaker))

    assert asked == ["refused", "asked"]


def test_only_failures_in_a_row_count(clock: Clock) -> None:
    breaker = CircuitBreaker(clock, failures=2)

    asked = []
    for _ in range(3):
        fail(breaker)
        asked.append(succeed(breaker))
        clock.seconds += 1
    fail(breaker)
    fail(breaker)

    assert (asked, succeed(breaker)) == (["asked"] * 3, "refused")


def test_a_part_that_answers_others_is_busy_and_not_gone(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)

    def ask_slowly() -> None:
        with breaker.guard(OSError):
            clock.seconds += 1
            succeed(breaker)
            raise OSError

    with pytest.raises(PartUnavailable):
        ask_slowly()

    assert succeed(breaker) == "asked"


def test_a_fault_that_has_a_name_keeps_it_and_any_other_tells_nothing_that_was_sent(clock: Clock) -> None:
    with pytest.raises(Refused, match="by name"), CircuitBreaker(clock).guard(Refused):
        raise Refused("by name")

    with pytest.raises(PartUnavailable) as fault, CircuitBreaker(clock).guard(OSError):
        raise OSError("+19055550123 did not answer")

    assert str(fault.value) == "no answer: OSError"
    assert fault.value.__suppress_context__


def test_a_mistake_of_our_own_is_no_failure_of_the_part(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)

    with pytest.raises(KeyError), breaker.guard(OSError):
        raise KeyError

    assert succeed(breaker) == "asked"


def test_being_told_to_stop_ends_a_try(clock: Clock) -> None:
    breaker = CircuitBreaker(clock)
    fail(breaker)
    clock.seconds += REST_SECONDS

    with pytest.raises(KeyboardInterrupt), breaker.guard(OSError):
        raise KeyboardInterrupt
    clock.seconds += REST_SECONDS

    assert succeed(breaker) == "asked"
