"""Incoming webhooks: facts that change only in whether they are processed."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from hub.domain.webhook_events import WebhookEvent
from hub.resources import COMMANDS
from tests.kit.builders import HARBOUR, NOON, History, Json, a_webhook, id_of

SOURCE = UUID("0198f000-0000-7000-8000-000000000009")


def a_history(**members: object) -> tuple[History, Json]:
    history = History()
    return history, history.accept("webhook_event.receive", a_webhook(**members))


def test_a_webhook_is_received_as_it_is() -> None:
    history, event = a_history(payload={"id": 1, "deep": [None, {"a": True}]})
    assert (event["event_type"], event["payload"]) == ("order.created", {"id": 1, "deep": [None, {"a": True}]})
    assert (event["received_at"], event["processed"], event["processed_at"]) == (
        "2026-11-24T12:00:00.000000Z",
        False,
        None,
    )
    assert event["source_id"] is None
    assert history.rows[WebhookEvent, id_of(event)].received_at == NOON
    assert history.last_event()["data"] == {"webhook_event": event, "changed": {}}
    assert history.last_event()["subject"] == f"webhook-events/{event['id']}"


def test_a_webhook_from_a_source_names_it() -> None:
    event = History().accept("webhook_event.receive", a_webhook(), actor=f"source:{SOURCE}")
    assert event["source_id"] == str(SOURCE)
    assert History().accept("webhook_event.receive", a_webhook(), actor=f"key:{SOURCE}")["source_id"] is None


@pytest.mark.parametrize("payload", [{}, [], [1], "text", 1.5, True, None])
def test_any_json_is_a_payload(payload: object) -> None:
    assert a_history(payload=payload)[1]["payload"] == payload


@pytest.mark.parametrize("verb", ["update", "replace"])
def test_processed_is_said_with_its_time_and_may_be_taken_back(verb: str) -> None:
    history, event = a_history()
    whole = a_webhook() if verb == "replace" else {}
    after = history.accept(f"webhook_event.{verb}", whole | {"processed": True}, of=id_of(event))
    assert (after["processed"], after["processed_at"], after["version"]) == (True, "2026-11-24T12:00:01.000000Z", 2)
    assert history.types()[1:] == ["webhook_event.processed"]
    assert history.last_event()["data"]["changed"] == {"processed": False, "processed_at": None}
    assert history.accept(f"webhook_event.{verb}", whole | {"processed": True}, of=id_of(event)) == after
    assert history.accept(f"webhook_event.{verb}", whole, of=id_of(event)) == after
    assert (
        history.accept(f"webhook_event.{verb}", whole | {"processed": False}, of=id_of(event))["processed_at"] is None
    )


@pytest.mark.parametrize(
    ("body", "fixed"),
    [
        ({"event_type": "x"}, ["event_type"]),
        ({"payload": {"id": True}}, ["payload"]),
        ({"payload": None}, ["payload"]),
        ({"event_type": "x", "payload": 1, "processed": True}, ["event_type", "payload"]),
    ],
)
@pytest.mark.parametrize("verb", ["update", "replace"])
def test_what_was_received_stays(verb: str, body: Json, fixed: list[str]) -> None:
    history, event = a_history()
    sent = (a_webhook() if verb == "replace" else {}) | body
    problem = history.refuse(f"webhook_event.{verb}", sent, of=id_of(event))
    assert (problem.slug, problem.status) == ("immutable", 409)
    assert [error.pointer for error in problem.errors] == [f"#/{name}" for name in fixed]


def test_a_deleted_webhook_is_gone() -> None:
    history, event = a_history()
    assert history.accept("webhook_event.delete", of=id_of(event)) == {}
    assert history.types()[1:] == ["webhook_event.deleted"]
    for verb in ("update", "delete"):
        assert history.refuse(f"webhook_event.{verb}", of=id_of(event)).slug == "not-found"


@pytest.mark.parametrize("verb", ["update", "replace", "delete"])
def test_what_is_not_there_is_not_found_and_what_is_stale_is_a_412(verb: str) -> None:
    history, event = a_history()
    body = a_webhook() if verb == "replace" else {}
    assert history.refuse(f"webhook_event.{verb}", body, of=UUID(int=5)).slug == "not-found"
    assert history.refuse(f"webhook_event.{verb}", body, of=id_of(event), pharmacy=HARBOUR).slug == "not-found"
    assert history.refuse(f"webhook_event.{verb}", body, of=id_of(event), if_match=(2,)).slug == "precondition-failed"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event_type": ""},
        {"event_type": 1},
        {"event_type": "x" * 129},
        a_webhook(processed=True),
        a_webhook(id="x"),
    ],
)
def test_a_webhook_that_does_not_fit_is_refused(body: Json) -> None:
    with pytest.raises(ValidationError):
        COMMANDS["webhook_event.receive"].body.model_validate(body)
