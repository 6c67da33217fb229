"""Writes over HTTP, with the real writer behind them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.domain.ids import operation_id_for, resource_id_for
from tests.kit.builders import a_line, a_sale, a_webhook, an_item, an_order
from tests.kit.gateway import GatewayStage, running_gateway
from tests.kit.http import WAIT, ask
from tests.kit.processes import consumers_process
from tests.kit.wait import eventually


@pytest.fixture(scope="module")
def house(live: GatewayStage) -> Iterator[GatewayStage]:
    """A gateway and a writer."""
    with consumers_process(live.settings.model_copy(update={"roles": ("writer",)})):
        yield live


async def test_a_write_is_accepted_and_its_operation_tells_the_outcome(house: GatewayStage) -> None:
    """202 with Location; pending with its token; applied with its events; the resource is there."""
    key = await house.add_key()
    accepted = await ask(house, key, "POST", "/api/inventory/", an_item())
    assert accepted.status_code == 202
    body = accepted.json()
    assert accepted.headers["location"] == body["operation_url"]
    assert accepted.headers["operation-id"] == body["operation_id"]
    assert body["operation_url"].startswith(f"/api/operations/{body['operation_id']}?accepted=")
    assert body["status"] == "accepted"
    assert body["resource"]["type"] == "inventory"
    assert body["resource"]["url"] == f"/api/inventory/{body['resource']['id']}/"

    async def operation() -> dict[str, Any]:
        answer = await ask(house, key, "GET", body["operation_url"])
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    done = await eventually(operation, lambda seen: seen["status"] != "pending")
    assert done["status"] == "applied"
    assert set(done) == {"id", "type", "status", "accepted_at", "finished_at", "resource", "events", "problem"}
    assert done["type"] == "inventory.create"
    assert [(event["type"], event["sequence"]) for event in done["events"]] == [("inventory.created", 1)]
    assert done["resource"] == body["resource"]
    shown = await ask(house, key, "GET", body["resource"]["url"])
    assert shown.status_code == 200
    assert shown.headers["etag"] == '"1"'
    bare = await ask(house, key, "GET", f"/api/operations/{body['operation_id']}")
    assert bare.json() == done


async def test_a_waited_write_answers_with_the_real_outcome(house: GatewayStage) -> None:
    """201, 200, 204 and the 4xx problem, with the headers of the contract."""
    key = await house.add_key()
    made = await ask(house, key, "POST", "/api/inventory/", an_item("A"), **WAIT)
    assert made.status_code == 201, made.text
    item = made.json()
    assert made.headers["preference-applied"] == "wait=15"
    assert made.headers["etag"] == '"1"'
    assert made.headers["location"] == f"/api/inventory/{item['id']}/"
    assert str(UUID(made.headers["operation-id"])) == made.headers["operation-id"]
    moved = await ask(
        house, key, "POST", f"/api/inventory/{item['id']}/adjustments/", {"delta": 5, "reason": "received"}, **WAIT
    )
    assert (moved.status_code, moved.json()["version"], moved.headers["etag"]) == (200, 2, '"2"')
    assert "location" not in moved.headers
    double = await ask(house, key, "POST", "/api/inventory/", an_item("A"), **WAIT)
    assert double.status_code == 409
    assert double.headers["content-type"] == "application/problem+json"
    problem = double.json()
    assert problem["type"] == "/problems/duplicate"
    assert problem["errors"][0]["pointer"] == "#/sku"
    operation_id = double.headers["operation-id"]
    assert problem["instance"] == f"/api/operations/{operation_id}"
    rejected = (await ask(house, key, "GET", problem["instance"])).json()
    assert (rejected["status"], rejected["problem"]["type"]) == ("rejected", "/problems/duplicate")
    gone = await ask(house, key, "DELETE", f"/api/inventory/{item['id']}/", **WAIT)
    assert (gone.status_code, gone.content) == (204, b"")
    assert gone.headers["preference-applied"] == "wait=15"
    again = await ask(house, key, "DELETE", f"/api/inventory/{item['id']}/", **WAIT)
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=1000000000", "wait=30"),
        ("wait=31", "wait=30"),
        ("wait=7; wait=6", "wait=7"),
        ("wait=7, wait=6", "wait=7"),
        ("respond-async, wait=7", "wait=7"),
        ('WAIT = "7"', "wait=7"),
        ("wait=1e9", None),
        ("wait=5.5", None),
        ("await=5", None),
        ("x; wait=5", None),
    ],
)
async def test_how_long_a_write_may_wait_is_capped_and_what_is_no_time_is_ignored(
    house: GatewayStage, prefer: str, applied: str | None
) -> None:
    key = await house.add_key()
    answer = await house.client.post("/api/inventory/", json=an_item(), headers={**key.headers, "Prefer": prefer})
    assert answer.status_code == (202 if applied is None else 201)
    assert answer.headers.get("preference-applied") == applied


@pytest.mark.parametrize(
    "text",
    [
        "{{7*7}}", "${jndi:ldap://x}", "' OR 1=1--", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "__proto__", "constructor",
        "\U0001f48a", "e\u0301", "\u00e9", "\uff11\uff12", "a\u200db", "\u202egnp.exe", "\u0001\x1b[31m\r\n\t", "%00 %s {} \\x00", "x" * 10_000,
    ],
)  # fmt: skip
async def test_free_text_comes_back_as_it_was_sent(house: GatewayStage, text: str) -> None:
    """As a value and, but for what a name may not hold, as a name and as a key; in the row, the list and the log."""
    key = await house.add_key()
    free = {text[:200]: text, "nested": [{"deep": text}]}
    body = an_item(extra_data=free)
    made = await house.client.post("/api/inventory/", json=body, headers={**key.headers, "Prefer": "wait=15"})
    assert made.status_code == 201, made.text
    read = await house.client.get(made.headers["location"], headers=key.headers)
    listed = await house.client.get("/api/inventory/", headers=key.headers)
    told = await house.client.get("/api/events/", headers=key.headers)
    shown = (made.json(), read.json(), listed.json()["items"][0], told.json()["items"][0]["data"]["inventory"])
    assert [one["extra_data"] for one in shown] == [free] * 4


async def test_a_reference_is_one_in_all_its_spellings(house: GatewayStage) -> None:
    """Stored as NFC: the composed and the decomposed form of a sku are the same item."""
    key = await house.add_key()
    headers = {**key.headers, "Prefer": "wait=15"}
    made = await house.client.post("/api/inventory/", json=an_item("Cafe\u0301"), headers=headers)
    assert (made.status_code, made.json()["sku"]) == (201, "Caf\u00e9")
    again = await house.client.post("/api/inventory/", json=an_item("Caf\u00e9"), headers=headers)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/duplicate")


async def test_every_resource_is_written_through_every_method(house: GatewayStage) -> None:
    """PUT and PATCH on all, transitions, voids and cancels."""
    key = await house.add_key()

    async def write(method: str, path: str, body: object, status: int, **headers: str) -> dict[str, Any]:
        answer = await ask(house, key, method, path, body, **{**WAIT, **headers})
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else {}

    item = await write("POST", "/api/inventory", an_item("PZN1", quantity=50), 201)
    place = f"/api/inventory/{item['id']}"
    await write("PATCH", place, {"name": "New"}, 200)
    await write("PATCH", place, {"quantity": 9}, 428)
    await write("PATCH", place, {"quantity": 9, "expected_quantity": 7}, 409)
    await write("PATCH", place, {"quantity": 9}, 412, If_Match='"1"')
    await write("PATCH", place, {"quantity": 9}, 412, If_Match='W/"2"')
    await write("PATCH", place, {"quantity": 9}, 200, If_Match='"7", "2"')
    changed = await write(
        "PUT", place, {"sku": "PZN1", "name": "N", "price": "2.00", "quantity": 40, "expected_quantity": 9}, 200
    )
    assert changed["quantity"] == 40
    sale = await write("POST", "/api/sales", a_sale([a_line("PZN1", 2)]), 201)
    await write("PATCH", f"/api/sales/{sale['id']}/", {"reference": "r2"}, 200)
    await write("PATCH", f"/api/sales/{sale['id']}/", {"quantity": 1}, 409)
    await write("DELETE", f"/api/sales/{sale['id']}/", None, 204)
    unknown = await ask(house, key, "POST", "/api/sales/", a_sale([a_line("NO")]), **WAIT)
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/unknown-item")
    order = await write("POST", "/api/orders/", an_order(), 201)
    place = f"/api/orders/{order['id']}/"
    assert (await write("PATCH", place, {"status": "confirmed"}, 200))["status"] == "confirmed"
    assert (await write("POST", f"{place}transitions/", {"status": "preparing", "reason": "x"}, 200))[
        "status"
    ] == "preparing"
    illegal = await ask(house, key, "PATCH", place, {"status": "pending"}, **WAIT)
    assert illegal.status_code == 409
    assert {"from", "to", "allowed"} <= set(illegal.json())
    await write("DELETE", place, None, 204)
    webhook = await write("POST", "/api/webhook-events/", a_webhook(), 201)
    assert (await write("PATCH", f"/api/webhook-events/{webhook['id']}/", {"processed": True}, 200))[
        "processed"
    ] is True
    await write("DELETE", f"/api/webhook-events/{webhook['id']}/", None, 204)


async def test_an_idempotency_key_names_one_operation(house: GatewayStage) -> None:
    """A repeat is the same operation and resource; another body or route is a 422, at once and at other gateways."""
    key, other = await house.add_key(), await house.add_key()
    name = "order-77/ä".encode("ascii", "ignore").decode()
    body = an_item("A")
    first = await ask(house, key, "POST", "/api/inventory/", body, Idempotency_Key=name, **WAIT)
    second = await ask(
        house, key, "POST", "/api/inventory/", dict(reversed(body.items())), Idempotency_Key=name, **WAIT
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    operation_id = operation_id_for(key.pharmacy_id, name)
    assert first.headers["operation-id"] == second.headers["operation-id"] == str(operation_id)
    assert first.json()["id"] == str(resource_id_for(operation_id))
    for method, path, content in (
        ("POST", "/api/inventory/", an_item("B")),
        ("POST", "/api/webhook-events/", a_webhook()),
        ("PATCH", f"/api/inventory/{first.json()['id']}/", {"name": "x"}),
        ("DELETE", f"/api/inventory/{first.json()['id']}/", None),
    ):
        wrong = await ask(house, key, method, path, content, Idempotency_Key=name)
        assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/idempotency-mismatch")
    stranger = await ask(house, other, "POST", "/api/inventory/", an_item("C"), Idempotency_Key=name, **WAIT)
    assert stranger.status_code == 201
    events = await ask(house, key, "GET", "/api/events/")
    assert len(events.json()["items"]) == 1


async def test_a_mismatch_that_only_the_writer_knows_is_the_same_problem(house: GatewayStage) -> None:
    """Another gateway took the first request."""
    key = await house.add_key()
    assert (
        await ask(house, key, "POST", "/api/inventory/", an_item("A"), Idempotency_Key="k", **WAIT)
    ).status_code == 201
    async with running_gateway(house.settings) as second:
        wrong = await ask(second, key, "POST", "/api/inventory/", an_item("B"), Idempotency_Key="k", **WAIT)
        assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/idempotency-mismatch")


async def test_an_operator_acts_for_one_pharmacy(house: GatewayStage) -> None:
    """With X-Pharmacy-Id; without it tenant data cannot be written."""
    key, operator = await house.add_key(), await house.add_operator_key()
    nobody = await ask(house, operator, "POST", "/api/inventory/", an_item())
    assert (nobody.status_code, nobody.json()["type"]) == (400, "/problems/pharmacy-required")
    for wrong, status in ((str(uuid4()), 404), ("x", 400), ("0" * 32, 400)):
        refused = await ask(house, operator, "POST", "/api/inventory/", an_item(), X_Pharmacy_Id=wrong)
        assert refused.status_code == status
    made = await ask(house, operator, "POST", "/api/inventory/", an_item(), X_Pharmacy_Id=str(key.pharmacy_id), **WAIT)
    assert made.status_code == 201
    assert made.json()["pharmacy_id"] == str(key.pharmacy_id)
    operation = f"/api/operations/{made.headers['operation-id']}"
    assert (await ask(house, operator, "GET", operation)).status_code == 200
    assert (await ask(house, key, "GET", operation)).status_code == 200
    stranger = await house.add_key()
    hidden = await ask(house, stranger, "GET", operation)
    unknown = await ask(house, stranger, "GET", f"/api/operations/{uuid4()}")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.headers["retry-after"] == unknown.headers["retry-after"] == "1"
    assert hidden.json()["detail"] == unknown.json()["detail"]
