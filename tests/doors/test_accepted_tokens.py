"""The address of a 202: good for the pharmacy that it was given to, for an operator, and for nobody else."""

from uuid import uuid4

from tests.kit.builders import an_item
from tests.kit.gateway import GatewayStage
from tests.kit.http import ask, assert_problem
from tests.kit.tenancy import assert_same


async def test_a_strangers_key_gets_the_404_of_an_unknown_operation_while_it_is_pending(live: GatewayStage) -> None:
    """No writer runs here, so that the operation stays pending."""
    owner, stranger, operator = await live.add_key(), await live.add_key(), await live.add_operator_key()
    taken = await ask(live, owner, "POST", "/api/inventory/", an_item())
    place, operation_id = taken.headers["location"], taken.headers["operation-id"]
    assert (await ask(live, owner, "GET", place)).json()["status"] == "pending"
    second = await live.add_key(owner.pharmacy_id, ["read"])
    assert (await ask(live, second, "GET", place)).json()["status"] == "pending"
    theirs = await ask(live, stranger, "GET", place)
    assert_problem(theirs, 404)
    assert theirs.headers["retry-after"] == "1"
    unknown = str(uuid4())
    nobodys = await ask(live, stranger, "GET", f"/api/operations/{unknown}")
    assert_same(theirs, {"id": operation_id}, nobodys, {"id": unknown})
    for headers in ({}, {"X_Pharmacy_Id": str(owner.pharmacy_id)}, {"X_Pharmacy_Id": str(stranger.pharmacy_id)}):
        assert (await ask(live, operator, "GET", place, **headers)).json()["status"] == "pending"
    for broken in (place[:-1], place[:-1] + "!", place.replace(operation_id, unknown), place[:-44], place + "A"):
        assert_problem(await ask(live, owner, "GET", broken), 400, broken)


async def test_a_file_s_address_is_its_pharmacy_s_too(live: GatewayStage) -> None:
    owner, stranger = await live.add_key(), await live.add_key()
    row = b'{"sku":"A","name":"a","price":"1.00"}'
    headers = owner.headers | {"Content-Type": "application/x-ndjson"}
    taken = await live.client.post("/api/inventory/bulk", content=row, headers=headers)
    assert (await ask(live, owner, "GET", taken.headers["location"])).json()["status"] == "pending"
    assert_problem(await ask(live, stranger, "GET", taken.headers["location"]), 404)


async def test_a_new_pharmacys_address_is_good_for_who_made_it(live: GatewayStage) -> None:
    operator = await live.add_operator_key()
    taken = await ask(live, operator, "POST", "/api/pharmacies/", {"name": "Corner"})
    assert (await ask(live, operator, "GET", taken.headers["location"])).json()["status"] == "pending"
