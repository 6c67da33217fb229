"""Pharmacies and keys: created, revised, deactivated and revived; keys minted as hashes and revoked for good."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from hub.domain.ids import default_endpoint_id, derived_id
from hub.domain.pharmacies import ApiKey, Pharmacy
from hub.domain.webhooks import WebhookEndpoint, dump_endpoint
from hub.resources import COMMANDS
from tests.kit.builders import CORNER, HARBOUR, MINTED, NOON, History, Json, a_command, a_pharmacy, id_of

URL = "https://shop.example/hook"


def a_history(**members: object) -> tuple[History, Json]:
    history = History()
    return history, history.accept("pharmacy.create", a_pharmacy(**members), of=CORNER)


def endpoint_of(history: History) -> WebhookEndpoint:
    row = history.rows[WebhookEndpoint, default_endpoint_id(CORNER)]
    assert isinstance(row, WebhookEndpoint)
    return row


def test_a_new_pharmacy_has_its_first_key_as_a_hash() -> None:
    history, pharmacy = a_history()
    assert pharmacy == {
        "id": str(CORNER),
        "name": "Corner",
        "is_active": True,
        "webhook_url": None,
        "settings": {},
        "version": 1,
        "created_at": pharmacy["created_at"],
        "updated_at": pharmacy["created_at"],
    }
    (key,) = history.of_kind(ApiKey)
    assert (key.pharmacy_id, key.digest, key.hint) == (CORNER, MINTED["key_digest"], "abcd")
    assert key.scopes == ["read", "write", "webhooks"]
    assert history.types() == ["pharmacy.created"]
    assert "digest" not in str(history.last_event())
    assert history.of_kind(WebhookEndpoint) == []


def test_a_pharmacy_is_created_once() -> None:
    history, _ = a_history()
    assert history.refuse("pharmacy.create", a_pharmacy(), of=CORNER).slug == "duplicate"


def test_a_webhook_url_is_the_default_endpoint() -> None:
    history, pharmacy = a_history(webhook_url=URL)
    endpoint = endpoint_of(history)
    assert (pharmacy["webhook_url"], endpoint.url, endpoint.secret) == (URL, URL, "ciphertext")
    assert (endpoint.enabled, endpoint.is_default, endpoint.event_types) == (True, True, ["*"])
    assert "secret" not in dump_endpoint(endpoint)
    assert dump_endpoint(endpoint)["url"] == URL


def test_a_webhook_url_may_change_end_and_come_back() -> None:
    history, _ = a_history(webhook_url=URL)
    history.accept("pharmacy.update", {"webhook_url": URL + "2"}, of=CORNER, minted={"webhook_secret": "second"})
    assert (endpoint_of(history).url, endpoint_of(history).secret) == (URL + "2", "second")
    assert history.last_event()["data"]["changed"] == {"webhook_url": URL}
    assert history.accept("pharmacy.update", {"webhook_url": None}, of=CORNER)["webhook_url"] is None
    assert (endpoint_of(history).enabled, endpoint_of(history).deleted_at) == (False, history.now)
    events = len(history.types())
    history.accept("pharmacy.update", {"webhook_url": None}, of=CORNER)
    assert len(history.types()) == events
    history.accept("pharmacy.replace", a_pharmacy(webhook_url=URL), of=CORNER)
    endpoint = endpoint_of(history)
    assert (endpoint.enabled, endpoint.deleted_at, endpoint.version) == (True, None, 4)


def test_naming_the_same_url_again_gives_a_new_secret() -> None:
    history, _ = a_history(webhook_url=URL)
    after = history.accept("pharmacy.update", {"webhook_url": URL}, of=CORNER, minted={"webhook_secret": "second"})
    assert (endpoint_of(history).secret, after["version"]) == ("second", 2)


def test_a_put_without_a_webhook_url_ends_its_endpoint() -> None:
    history, _ = a_history(webhook_url=URL, settings={"a": 1})
    after = history.accept("pharmacy.replace", {"name": "New"}, of=CORNER)
    assert (after["name"], after["webhook_url"], after["settings"]) == ("New", None, {})
    assert endpoint_of(history).deleted_at is not None
    assert set(history.last_event()["data"]["changed"]) == {"name", "webhook_url", "settings"}


def test_a_patch_merges_settings() -> None:
    history, _ = a_history(settings={"a": 1, "b": {"c": 1}})
    after = history.accept("pharmacy.update", {"settings": {"a": None, "b": {"d": True}}}, of=CORNER)
    assert (after["settings"], after["name"]) == ({"b": {"c": 1, "d": True}}, "Corner")
    assert history.accept("pharmacy.update", {"settings": None}, of=CORNER)["settings"] == {}


@pytest.mark.parametrize("body", [{}, {"name": "Corner"}, {"is_active": True}, {"settings": {}}])
def test_nothing_changed_is_no_event(body: Json) -> None:
    history, pharmacy = a_history()
    assert history.accept("pharmacy.update", body, of=CORNER) == pharmacy
    assert history.types() == ["pharmacy.created"]


def test_a_pharmacy_is_deactivated_stays_readable_and_is_revived() -> None:
    history, _ = a_history()
    assert history.accept("pharmacy.deactivate", of=CORNER) == {}
    history.accept("pharmacy.deactivate", of=CORNER)
    assert history.types() == ["pharmacy.created", "pharmacy.deactivated"]
    event = history.last_event()["data"]
    assert (event["pharmacy"]["is_active"], event["changed"]) == (False, {"is_active": True})
    assert history.rows[Pharmacy, CORNER].name == "Corner"
    assert history.accept("pharmacy.update", {"is_active": True}, of=CORNER)["is_active"] is True
    history.accept("pharmacy.update", {"is_active": False, "name": "Gone"}, of=CORNER)
    assert history.types()[2:] == ["pharmacy.updated", "pharmacy.deactivated"]


@pytest.mark.parametrize("verb", ["update", "replace", "deactivate"])
def test_what_is_not_there_is_not_found_and_what_is_stale_is_a_412(verb: str) -> None:
    history, _ = a_history()
    body = a_pharmacy() if verb == "replace" else {}
    assert history.refuse(f"pharmacy.{verb}", body, of=HARBOUR, pharmacy=HARBOUR).slug == "not-found"
    assert history.refuse(f"pharmacy.{verb}", body, of=CORNER, if_match=(4,)).extra == {"version": 1}


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("create", {}),
        ("create", {"name": ""}),
        ("create", {"name": 1}),
        ("create", a_pharmacy(is_active=1)),
        ("create", a_pharmacy(webhook_url="")),
        ("create", a_pharmacy(webhook_url="x" * 2049)),
        ("create", a_pharmacy(settings=[])),
        ("create", a_pharmacy(api_key="phk_x")),
        ("update", {"name": None}),
        ("update", {"is_active": None}),
        ("replace", {}),
    ],
)
def test_a_pharmacy_that_does_not_fit_is_refused(command: str, body: Json) -> None:
    with pytest.raises(ValidationError):
        COMMANDS[f"pharmacy.{command}"].body.model_validate(body)


def test_a_key_has_its_scopes_in_order_and_never_its_text() -> None:
    history, _ = a_history()
    body = {"name": "till", "scopes": ["write", "read"], "expires_at": "2027-01-01T00:00:00Z"}
    key = history.accept("api_key.create", body)
    assert (key["scopes"], key["expires_at"], key["revoked_at"]) == (
        ["read", "write"],
        "2027-01-01T00:00:00.000000Z",
        None,
    )
    assert "digest" not in key
    assert history.last_event()["subject"] == f"keys/{key['id']}"
    assert history.last_event()["data"] == {"api_key": key, "changed": {}}


def test_a_key_needs_its_pharmacy_and_a_time_to_come() -> None:
    history, _ = a_history()
    problem = history.refuse("api_key.create", {"name": "k", "expires_at": NOON.isoformat()})
    assert (problem.slug, problem.errors[0].pointer, problem.errors[0].code) == ("validation", "#/expires_at", "past")
    assert history.refuse("api_key.create", {"name": "k"}, pharmacy=HARBOUR).slug == "not-found"


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read"] * 4, None, "read"])
def test_a_key_with_strange_scopes_is_refused(scopes: object) -> None:
    with pytest.raises(ValidationError):
        COMMANDS["api_key.create"].body.model_validate({"name": "k", "scopes": scopes})


def test_a_key_is_revoked_once_and_for_good() -> None:
    history, _ = a_history()
    key = history.accept("api_key.create", {"name": "k"})
    for _ in range(2):
        assert history.accept("api_key.revoke", of=id_of(key)) == {}
    assert history.types()[1:] == ["api_key.created", "api_key.revoked"]
    assert history.last_event()["data"]["changed"] == {"revoked_at": None}
    assert history.refuse("api_key.revoke", of=UUID(int=5)).slug == "not-found"
    assert history.refuse("api_key.revoke", of=id_of(key), pharmacy=HARBOUR).slug == "not-found"


def test_the_first_key_can_be_revoked() -> None:
    history = History()
    create = a_command("pharmacy.create", a_pharmacy(), of=CORNER)
    history.settle([create])
    first = derived_id(create.operation_id, "key")
    history.accept("api_key.revoke", of=first)
    assert history.rows[ApiKey, first].revoked_at == history.now
