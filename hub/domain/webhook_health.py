"""How the calls to an endpoint go over days: warnings, the end after five days of failure only, and recovery.

Pure: time is an argument, and what follows is a value. The deliverer keeps the figures; the writer decides the commands.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from hub.domain.webhooks import GONE, SUCCESS

WARNINGS: Final = (50, 70, 90)
"""Percent of the time until an endpoint is disabled, at which its pharmacy is warned."""

DISABLED: Final = 100
_FORGOTTEN: Final = 0.4
"""Share of that time without any call after which a new failure begins a new spell: two days of five.

A ladder may wait for longer: what it repeats belongs to the failure before.
"""


@dataclass(frozen=True, slots=True)
class Health:
    """How the calls to an endpoint go.

    Args:
        failing_since: the first failure after the last success.
        failures: attempts that failed since then.
        warned_percent: the last warning given, 100 once it was disabled.
        open_until: nobody calls it before this: its circuit is open, or it asked for a pause.
    """

    failing_since: datetime | None = None
    failures: int = 0
    warned_percent: int = 0
    open_until: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fine:
    """Nothing to tell."""


@dataclass(frozen=True, slots=True)
class Warn:
    """It has failed for so many percent of the time that it is given."""

    percent: int


@dataclass(frozen=True, slots=True)
class Disable:
    """It is called no more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Recover:
    """It was warned of, and answers again."""


Verdict = Fine | Warn | Disable | Recover


def after_attempt(
    health: Health,
    at: datetime,
    status_code: int | None,
    limit: timedelta,
    *,
    counts: bool = True,
    repeats: bool = False,
) -> tuple[Health, Verdict]:
    """Take in one attempt.

    Args:
        status_code: what was answered; None: nothing.
        limit: how long an endpoint may fail, without one success, before it is disabled.
        repeats: the ladder tries again what failed before.
        counts: False for events about webhooks themselves: their deliveries cause no further events.
    Source: Standard Webhooks, "Deliverability"; 410 means the receiver is gone for good and ends it at once.

    >>> noon = datetime(2026, 11, 24, 12)
    >>> health, verdict = after_attempt(Health(), noon, 500, timedelta(days=5))
    >>> after_attempt(health, noon + timedelta(hours=1), 204, timedelta(days=5))[1]
    Fine()
    """
    if status_code is not None and status_code in SUCCESS:
        if not counts:
            return replace(health, last_success_at=at), Fine()
        warned = WARNINGS[0] <= health.warned_percent < DISABLED
        return Health(last_success_at=at, last_failure_at=health.last_failure_at), Recover() if warned else Fine()
    # Whoever says that it is gone is, whatever it was told of.
    if not counts and status_code != GONE:
        return replace(health, last_failure_at=at), Fine()
    if health.warned_percent >= DISABLED:
        return replace(health, failures=health.failures + 1, last_failure_at=at), Fine()
    if not repeats and health.last_failure_at is not None and at - health.last_failure_at > limit * _FORGOTTEN:
        health = Health(last_success_at=health.last_success_at)
    since = health.failing_since or at
    failed = replace(health, failing_since=since, failures=health.failures + 1, last_failure_at=at)
    verdict = _judge(health, 100 * ((at - since) / limit), is_gone=status_code == GONE)
    match verdict:
        case Warn(percent):
            failed = replace(failed, warned_percent=percent)
        case Disable():
            failed = replace(failed, warned_percent=DISABLED)
    return failed, verdict


def _judge(health: Health, percent: float, *, is_gone: bool) -> Verdict:
    if is_gone:
        return Disable("gone")
    # Never without a warning: an endpoint that is seldom called is disabled by the failure after its last warning.
    if percent >= DISABLED and health.warned_percent >= WARNINGS[0]:
        return Disable("failing")
    reached = max((warning for warning in WARNINGS if warning <= percent), default=0)
    return Warn(reached) if reached > health.warned_percent else Fine()
