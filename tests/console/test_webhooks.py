"""Webhooks at the console, in and out: reprocessed, tested, rotated, cancelled, sent again."""

import re
from typing import Any
from uuid import uuid4

import httpx

from tests.conftest import Servers
from tests.console.test_screens import a_pharmacy, an_item, read
from tests.kit.console import signed_in
from tests.kit.in_process import Hub
from tests.kit.wait import eventually, until


def hook(hub: Hub, source: str, secret: str) -> int:
    """Send a webhook as a source that shows its secret in a header; the status it is answered."""
    address, headers = f"{hub.url}/hooks/{source}", {"X-API-Key": secret}
    return httpx.post(address, json={"type": "a.b"}, headers=headers, timeout=30).status_code


def events(hub: Hub, key: str, kind: str) -> list[dict[str, Any]]:
    """Read a pharmacy's events of one type."""
    found: list[dict[str, Any]] = read(hub, key, f"/api/events/?type={kind}&limit=500")["items"]
    return found


async def test_received_webhooks_are_reprocessed_one_and_many_and_the_mark_alone_does_nothing(hub: Hub) -> None:
    _, key = a_pharmacy(hub)
    ids = [hub.make(key, "webhook-events", {"event_type": "shop.order", "payload": {}})["id"] for _ in range(3)]

    async def settled() -> bool:
        return all(read(hub, key, f"/api/webhook-events/{one}/")["processed"] for one in ids)

    await eventually(settled, bool, within=20)
    person = signed_in(hub, "operator")
    page = person.get(f"/admin/webhook-events/{ids[0]}/edit/")
    assert "changing it translates nothing" in page.text
    person.post(f"/admin/webhook-events/{ids[0]}/edit/", {"version": person.hidden(page, "version")})
    assert read(hub, key, f"/api/webhook-events/{ids[0]}/")["processed"] is False
    assert events(hub, key, "webhook_event.reopened") == []
    assert "once more" in person.get(f"/admin/webhook-events/{ids[0]}/do/reprocess/").text
    assert "Reprocess: done." in person.post(f"/admin/webhook-events/{ids[0]}/do/reprocess/", {}).text
    asked = person.post("/admin/webhook-events/bulk/", {"action": "reprocess", "id": ids[1:], "sure": "yes"})
    assert "Reprocess: 2 webhook events, done." in asked.text
    assert {event["subject"] for event in events(hub, key, "webhook_event.reopened")} == {
        f"webhook-events/{one}" for one in ids
    }
    await eventually(settled, bool, within=20)


async def test_what_a_source_sent_is_counted_and_translated_again_on_its_page(hub: Hub) -> None:
    pharmacy, key = a_pharmacy(hub)
    source = hub.make(key, "sources", {"name": "shop", "scheme": "api_key"})
    assert hook(hub, source["id"], source["secret"]) < 300

    async def received() -> list[Any]:
        return list(read(hub, key, f"/api/webhook-events/?source_id={source['id']}&processed=true")["items"])

    await eventually(received, lambda found: len(found) == 1, within=20)
    person = signed_in(hub, "operator")
    assert "Translate again" in person.get(f"/admin/sources/{source['id']}/").text
    form = {"pharmacy": pharmacy, "received_since": "2020-01-01T00:00"}
    counted = person.post(f"/admin/reprocess/{source['id']}/", form | {"count": "yes"})
    assert "1 webhook matches. Nothing was changed." in counted.text
    none = person.post(f"/admin/reprocess/{source['id']}/", form | {"count": "yes", "event_type": "other"})
    assert "0 webhooks match" in none.text
    assert events(hub, key, "webhook_event.reopened") == []
    assert "1 webhook is translated once more" in person.post(f"/admin/reprocess/{source['id']}/", form).text

    async def reopened() -> int:
        return len(events(hub, key, "webhook_event.reopened"))

    await eventually(reopened, lambda count: count == 1, within=10)
    viewer = signed_in(hub, "viewer")
    assert "Translate again" not in viewer.get(f"/admin/sources/{source['id']}/").text
    viewer.post(f"/admin/reprocess/{source['id']}/", form)
    assert await reopened() == 1


def test_a_sources_secret_is_rotated_and_shown_once(hub: Hub) -> None:
    _, key = a_pharmacy(hub)
    source = hub.make(key, "sources", {"name": "shop", "scheme": "api_key"})
    person = signed_in(hub, "operator")
    address = f"/admin/sources/{source['id']}/do/rotate/"
    person.get(address)
    done = person.post(address, {"overlap_seconds": "0"})
    assert "It is shown this once." in done.text
    secret = person.shown(done, "secret")
    assert secret != source["secret"]
    # The gateways hear of it by an event.
    until(lambda: hook(hub, source["id"], secret), lambda status: status < 300, within=5)
    assert hook(hub, source["id"], source["secret"]) == 401
    assert secret not in person.get(f"/admin/sources/{source['id']}/").text


async def test_an_endpoint_is_tested_rotated_and_relieved_of_what_waits(hub: Hub, servers: Servers) -> None:
    _, key = a_pharmacy(hub)
    endpoint = hub.make(key, "webhook-endpoints", {"url": "https://hook.invalid/x", "event_types": ["inventory.*"]})
    person = signed_in(hub, "operator")
    place = f"/admin/webhook-endpoints/{endpoint['id']}/do"
    assert "is sent to this endpoint alone" in person.get(f"{place}/test/").text
    assert "Send a test: done." in person.post(f"{place}/test/", {}).text

    async def states(kind: str) -> list[str]:
        page = read(hub, key, f"/api/webhook-deliveries/?endpoint_id={endpoint['id']}&event_type={kind}")
        return [one["status"] for one in page["items"]]

    await eventually(lambda: states("webhook_endpoint.tested"), lambda found: len(found) == 1, within=15)
    person.get(f"{place}/rotate/")
    rotated = person.post(f"{place}/rotate/", {"overlap_seconds": "60"})
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", rotated.text)
    assert secret is not None
    assert secret[0] != endpoint["secret"]
    an_item(hub, key)
    await eventually(lambda: states("inventory.created"), lambda found: len(found) == 1, within=15)
    name = hub.settings.database_url.get_secret_value().rpartition("/")[2]
    # As if its first attempt had failed: it waits for the next one.
    servers.sql(
        "UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = now() + interval '1 hour' "
        f"WHERE endpoint_id = '{endpoint['id']}' AND event_type = 'inventory.created'",
        name,
    )
    person.get(f"{place}/cancel-pending/")
    assert "Cancel pending: done." in person.post(f"{place}/cancel-pending/", {}).text
    await eventually(lambda: states("inventory.created"), lambda found: found == ["cancelled"], within=15)


async def test_deliveries_are_sent_again_one_and_many(hub: Hub, servers: Servers) -> None:
    pharmacy, key = a_pharmacy(hub)
    endpoint = hub.make(
        key, "webhook-endpoints", {"url": "https://hook.invalid/x", "enabled": False, "event_types": ["sale.*"]}
    )["id"]
    ids = [str(uuid4()) for _ in range(3)]
    for _ in ids:
        an_item(hub, key)
    told = read(hub, key, "/api/events/?type=inventory.created")["items"]
    rows = ", ".join(
        f"('{one}', '{pharmacy}', '{endpoint}', '{event['id']}', {event['sequence']}, 'inventory.created', 'exhausted', 10, 500, now(), now())"
        for one, event in zip(ids, told, strict=True)
    )
    servers.sql(
        "INSERT INTO webhook_deliveries (id, pharmacy_id, endpoint_id, event_id, event_sequence, event_type, status, attempts, "
        f"last_status_code, created_at, updated_at) VALUES {rows}",
        hub.settings.database_url.get_secret_value().rpartition("/")[2],
    )
    person = signed_in(hub, "operator")
    refused = person.post(f"/admin/deliveries/{ids[0]}/do/resend/", {})
    assert refused.status_code == 409, "a disabled endpoint is sent nothing, and the page says so"
    place = f"/admin/webhook-endpoints/{endpoint}/edit/"
    form = {"url": "https://hook.invalid/x", "event_types": "sale.*", "enabled": "on", "timeout_seconds": "20"}
    version = person.hidden(person.get(place), "version")
    assert "was changed" in person.post(place, form | {"version": version}).text
    assert "delivered or not" in person.get(f"/admin/deliveries/{ids[0]}/do/resend/").text
    assert "Resend: done." in person.post(f"/admin/deliveries/{ids[0]}/do/resend/", {}).text
    many = person.post("/admin/deliveries/bulk/", {"action": "resend", "id": ids[1:], "sure": "yes"})
    assert "Resend: 2 deliveries, done." in many.text

    async def states() -> set[str]:
        return {read(hub, key, f"/api/webhook-deliveries/{one}/")["status"] for one in ids}

    await eventually(states, lambda found: "exhausted" not in found, within=15)
