"""Outbound webhooks: which events an endpoint wants, and what comes after an attempt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.webhooks import AttemptResult, Delivered, Exhausted, RetryIn, next_step, wants
from hub.settings import Settings

LAWS = settings.get_profile("laws")
LADDER = (5.0, 300.0, 1800.0)
DAY = 86400.0


@pytest.mark.parametrize(
    ("event_types", "event_type", "wanted"),
    [
        (["*"], "sale.recorded", True),
        (["sale.*"], "sale.voided", True),
        (["sale.*"], "sales.voided", False),
        (["sale.recorded"], "sale.recorded", True),
        (["sale.recorded"], "sale.recorded2", False),
        (["sale"], "sale.recorded", False),
        (["order.*", "sale.voided"], "sale.voided", True),
        (["order.*", "sale.voided"], "sale.recorded", False),
        ([], "sale.recorded", False),
        (["s*"], "sale.recorded", True),
        (["sale.*"], "sale.", True),
        (["*.recorded"], "sale.recorded", False),
    ],
)
def test_a_type_is_exact_or_ends_in_a_star(event_types: list[str], event_type: str, wanted: bool) -> None:  # noqa: FBT001 -- a table
    assert wants(event_types, event_type) is wanted


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_delivered(status: int) -> None:
    assert next_step(1, AttemptResult(status), LADDER) == Delivered()
    assert next_step(9, AttemptResult(status), LADDER) == Delivered()


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 307, 400, 401, 404, 429, 500, 503, 599, None])
def test_everything_else_climbs_the_ladder_and_then_is_exhausted(status: int | None) -> None:
    result = AttemptResult(status, None if status else "timeout")
    steps = [next_step(attempt, result, LADDER) for attempt in range(1, 5)]
    assert steps == [RetryIn(5.0), RetryIn(300.0), RetryIn(1800.0), Exhausted()]


def test_the_default_ladder_is_ten_attempts() -> None:
    ladder = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    assert Settings.model_fields["webhooks_ladder_seconds"].default == ladder
    results = [next_step(attempt, AttemptResult(500), ladder) for attempt in range(1, 11)]
    assert [type(result) for result in results] == [RetryIn] * 9 + [Exhausted]


@pytest.mark.parametrize(
    ("status", "retry_after", "wait"),
    [
        (429, 60.0, 60.0),
        (503, 60.0, 60.0),
        (502, 60.0, 60.0),
        (504, 60.0, 60.0),
        (429, 1.0, 5.0),
        (429, 10 * DAY, DAY),
        (500, 60.0, 5.0),
        (404, 60.0, 5.0),
        (None, 60.0, 5.0),
        (301, 60.0, 5.0),
        (429, -1.0, 5.0),
    ],
)
def test_retry_after_is_honoured_up_to_a_day(status: int | None, retry_after: float, wait: float) -> None:
    assert next_step(1, AttemptResult(status, None, retry_after), LADDER) == RetryIn(wait)


def test_retry_after_does_not_lengthen_the_ladder() -> None:
    assert next_step(4, AttemptResult(429, None, 60.0), LADDER) == Exhausted()


@LAWS
@given(st.floats(-1.0, 1.0), st.integers(1, 3))
def test_jitter_moves_a_wait_by_a_fifth_at_most(jitter: float, attempt: int) -> None:
    step = next_step(attempt, AttemptResult(500), LADDER, jitter)
    assert isinstance(step, RetryIn)
    assert LADDER[attempt - 1] * 0.8 - 1e-9 <= step.seconds <= LADDER[attempt - 1] * 1.2 + 1e-9


def test_a_receiver_that_is_gone_is_not_asked_again() -> None:
    assert next_step(1, AttemptResult(410), LADDER) == Exhausted()
