"""How much of anything a property is tried on: a little in `make test`, and a lot in `make long`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SMALL, FULL = "small", "full"  # Names of Hypothesis profiles: `pytest --hypothesis-profile=full`.
FULL_TIMES = 40  # As many examples at full size for each one at small size.

# No deadline: a busy machine is no fault of the product. The fixtures that properties use keep no state.
_common = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
MOST = 30  # Examples of a property that does not say how many.

# The same examples each time: what nobody changed fails for nobody. New ones are drawn at full size.
settings.register_profile(SMALL, parent=_common, max_examples=MOST, derandomize=True)
settings.register_profile(FULL, parent=_common, max_examples=MOST * FULL_TIMES)
settings.load_profile(SMALL)


def examples(small: int) -> settings:
    """Try so many examples at small size, and more of them at full size."""
    return settings(max_examples=small * settings.default.max_examples // MOST)


def is_full() -> bool:
    """Whether this is the full size: what is tried on some languages or pages is then tried on all."""
    return settings.default.max_examples > settings.get_profile(SMALL).max_examples
