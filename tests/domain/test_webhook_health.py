"""Five days of failure only: who is warned when, and what ends or forgives it. Time is an argument, so nothing waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest

from gateway.event_schemas import event_schema
from hub.domain.ids import default_endpoint_id, derived_id
from hub.domain.outcome import Accepted, Rejected
from hub.domain.webhook_health import Disable, Fine, Health, Recover, Verdict, Warn, after_attempt
from hub.settings import Settings
from tests.kit.builders import CORNER, History, a_pharmacy

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMIT = 5 * DAY


def live(*attempts: tuple[float, int | None], counts: bool = True, repeats: bool = False) -> list[Verdict]:
    """Judge attempts, each at so many days after noon with this status."""
    health, verdicts = Health(), []
    for days, status in attempts:
        health, verdict = after_attempt(health, NOON + days * DAY, status, LIMIT, counts=counts, repeats=repeats)
        verdicts.append(verdict)
    return verdicts


def told(verdicts: list[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict != Fine()]


def test_five_days_of_failure_only_bring_three_warnings_and_the_end() -> None:
    assert timedelta(hours=Settings.model_fields["webhooks_disable_after_hours"].default) == LIMIT
    every_six_hours = [(hours / 24, 500) for hours in range(0, 126, 6)]
    assert told(live(*every_six_hours)) == [Warn(50), Warn(70), Warn(90), Disable("failing")]


@pytest.mark.parametrize(
    ("days", "told_of"), [(2.49, []), (2.51, [Warn(50)]), (3.49, [Warn(50)]), (3.51, [Warn(50), Warn(70)])]
)
def test_a_warning_comes_at_half_and_not_before(days: float, told_of: list[Verdict]) -> None:
    attempts = [(step / 100, None) for step in range(0, round(days * 100) + 1, 1)]
    assert told(live(*attempts)) == told_of


def test_one_success_begins_the_count_anew() -> None:
    attempts = [(hours / 24, 204 if hours == 48 else 500) for hours in range(0, 140, 6)]
    assert told(live(*attempts)) == [Warn(50), Warn(70)]


def test_an_endpoint_that_was_warned_of_recovers_once() -> None:
    assert told(live((0, 500), (1.5, 500), (2.6, 500), (2.7, 204), (2.8, 204))) == [Warn(50), Recover()]


def test_one_that_was_not_warned_of_recovers_silently() -> None:
    assert told(live((0, 500), (1, 500), (1.1, 204))) == []


def test_a_failure_after_two_quiet_days_is_a_new_spell() -> None:
    assert told(live((0, 500), (6, 500), (6.1, 500))) == []


def test_a_ladder_that_waits_for_days_is_one_spell() -> None:
    assert told(live((0, 500), (3, 500), (6, 500), (9, 500), repeats=True)) == [Warn(50), Disable("failing")]


def test_nobody_is_disabled_without_a_warning() -> None:
    health = Health(failing_since=NOON, failures=5, last_failure_at=NOON + 4.9 * DAY)
    health, verdict = after_attempt(health, NOON + 6 * DAY, 500, LIMIT)
    assert verdict == Warn(90)
    assert after_attempt(health, NOON + 6 * DAY, 500, LIMIT)[1] == Disable("failing")


def test_410_ends_it_at_once_and_only_once() -> None:
    assert live((0, 204), (0.1, 410), (0.2, 410), (0.3, 500)) == [Fine(), Disable("gone"), Fine(), Fine()]


@pytest.mark.parametrize("status", [200, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    assert live((0, status)) == [Fine()]


def test_deliveries_of_events_about_webhooks_cause_nothing() -> None:
    every_six_hours = [(hours / 24, None) for hours in range(0, 150, 6)]
    assert told(live(*every_six_hours, counts=False)) == []


def test_410_ends_it_though_it_was_told_of_webhooks_only() -> None:
    assert live((0, 500), (0.1, 410), (0.2, 410), counts=False) == [Fine(), Disable("gone"), Fine()]


# The commands that the deliverer sends


def a_shop_with_an_endpoint() -> tuple[History, Any]:
    history = History()
    history.accept("pharmacy.create", a_pharmacy(webhook_url="https://shop.example/hook"), of=CORNER)
    return history, default_endpoint_id(CORNER)


SINCE = {"failing_since": "2026-11-20T12:00:00Z", "failures": 12}


def test_what_the_hub_tells_of_endpoints_fits_the_schemas_of_its_events() -> None:
    history, endpoint = a_shop_with_an_endpoint()
    history.do("webhook_health.warn", SINCE | {"percent": 50}, of=endpoint)
    history.do("webhook_health.clear", SINCE, of=endpoint)
    history.do("webhook_health.disable", SINCE | {"reason": "failing"}, of=endpoint)
    ended = {
        "endpoint_id": str(endpoint), "event_id": str(derived_id("e")), "event_sequence": 1, "event_type": "sale.recorded", "attempts": 10,
        "last_status_code": None, "created_at": "2026-11-20T12:00:00Z", "ended_at": "2026-11-23T12:00:00Z",
    }  # fmt: skip
    history.do("webhook_delivery.exhaust", ended, of=derived_id("d"))
    told_of = [event for event in history.events[CORNER] if event["type"].startswith("webhook_")][-4:]
    assert [event["type"] for event in told_of] == [
        "webhook_endpoint.failing", "webhook_endpoint.recovered", "webhook_endpoint.disabled", "webhook_delivery.exhausted",
    ]  # fmt: skip
    for event in told_of:
        jsonschema_rs.validator_for(event_schema(event["type"])).validate(event)
    assert told_of[0]["data"]["health"]["percent"] == 50
    assert told_of[2]["data"]["changed"]["enabled"] is True


def test_an_endpoint_is_disabled_once_and_not_warned_of_afterwards() -> None:
    history, endpoint = a_shop_with_an_endpoint()
    for name, body in (("disable", {"reason": "gone"}), ("disable", {"reason": "gone"}), ("warn", {"percent": 70})):
        assert isinstance(history.do(f"webhook_health.{name}", SINCE | body, of=endpoint), Accepted)
    assert history.types().count("webhook_endpoint.disabled") == 1
    assert "webhook_endpoint.failing" not in history.types()


@pytest.mark.parametrize("actor", ["key:1", "operator:1", "source:1"])
def test_nobody_else_may_say_so(actor: str) -> None:
    history, endpoint = a_shop_with_an_endpoint()
    outcome = history.do("webhook_health.disable", SINCE | {"reason": "gone"}, of=endpoint, actor=actor)
    assert isinstance(outcome, Rejected)
    assert outcome.problem.slug == "forbidden"
