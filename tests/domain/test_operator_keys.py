"""Operators' keys: whose they are, and how they end."""

from datetime import timedelta
from uuid import UUID

import jsonschema_rs

from gateway.event_schemas import event_schema
from hub.domain.ids import HUB_ID
from hub.domain.operator_keys import OperatorKey
from tests.kit.builders import MINTED, NOON, History, id_of


def test_an_operators_key_belongs_to_the_hub() -> None:
    history = History()
    key = history.accept("operator_key.create", {}, pharmacy=HUB_ID)
    assert (key["name"], key["hint"], key["expires_at"]) == ("operator", "abcd", None)
    assert history.rows[OperatorKey, id_of(key)].digest == MINTED["key_digest"]
    event = history.last_event(HUB_ID)
    assert (event["source"], event["type"], event["subject"]) == (
        "/hub",
        "operator_key.created",
        f"operator-keys/{key['id']}",
    )


def test_an_operators_key_is_revoked_once_and_again_is_no_mistake() -> None:
    history = History()
    ends = NOON + timedelta(days=1)
    key = history.accept("operator_key.create", {"name": "backup", "expires_at": ends.isoformat()}, pharmacy=HUB_ID)
    for _ in range(2):
        assert history.accept("operator_key.revoke", of=id_of(key), pharmacy=HUB_ID) == {}
    assert history.types(HUB_ID) == ["operator_key.created", "operator_key.revoked"]
    assert history.rows[OperatorKey, id_of(key)].revoked_at == history.now
    assert history.last_event(HUB_ID)["data"]["changed"] == {"revoked_at": None}
    for event in history.events[HUB_ID]:
        jsonschema_rs.validator_for(event_schema(event["type"])).validate(event)
        assert MINTED["key_digest"] not in str(event)


def test_an_operators_key_that_is_unknown_or_expired_from_the_start_is_refused() -> None:
    history = History()
    assert history.refuse("operator_key.revoke", of=UUID(int=5), pharmacy=HUB_ID).slug == "not-found"
    problem = history.refuse("operator_key.create", {"name": "k", "expires_at": NOON.isoformat()}, pharmacy=HUB_ID)
    assert [error.pointer for error in problem.errors] == ["#/expires_at"]
