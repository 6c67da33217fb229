"""A bulk file whose rows break the writer: its upload ends all the same, and a replay counts them anew."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from consumers.envelope import SetAside
from consumers.parked_rows import _rows_of
from hub.domain.ids import derived_id
from tests.kit.buggy import a_bug
from tests.kit.consumers import running_consumers
from tests.kit.gateway import GatewayStage
from tests.kit.operator import Json, Operator
from tests.kit.wait import eventually

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
async def operator(live: GatewayStage) -> AsyncIterator[Operator]:
    """An operator; the consumers run in the test's process."""
    async with running_consumers(live.settings.model_copy(update={"janitor_seconds": 3600})):
        yield Operator(live, await live.add_operator_key())


def a_row(sku: str) -> bytes:
    """A row of an inventory file."""
    return orjson.dumps({"sku": sku, "name": "Aspirin", "price": "1.00", "quantity": 3}) + b"\n"


async def _upload(operator: Operator, pharmacy_id: object, content: bytes) -> tuple[str, str]:
    headers = NDJSON | {"X-Pharmacy-Id": str(pharmacy_id), "X-Request-Id": "shelf-7"}
    answer = await operator.call("POST", "/api/inventory/bulk", content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["upload_url"], answer.json()["upload_id"]


async def test_an_upload_whose_rows_are_parked_is_done_and_a_replay_counts_them_anew(
    live: GatewayStage, operator: Operator
) -> None:
    key = await live.add_key()
    with pytest.MonkeyPatch.context() as patch, a_bug(patch, "inventory.import") as bug:
        url, upload_id = await _upload(operator, key.pharmacy_id, b"".join(map(a_row, ("A", "BUG-1", "C"))))

        async def upload() -> Json:
            answer = await live.client.get(url, headers=key.headers)
            return answer.json() if answer.status_code == 200 else {}

        done = await eventually(upload, lambda seen: seen.get("status") == "done", within=15)
        assert (done["rows"], done["applied"], done["rejected"], done["pending"]) == (3, 0, 3, 0)
        errors = (await live.client.get(url.rstrip("/") + "/errors", headers=key.headers)).json()["items"]
        assert [(one["line"], one["pointer"], one["code"]) for one in errors] == [(1, "#", "parked")]
        rows = await eventually(
            lambda: operator.parked(pharmacy_id=str(key.pharmacy_id)), lambda found: len(found) == 1
        )
        parked = rows[0]
        again = await operator.call("POST", f"/api/parked/{parked['id']}/replay/", json={})
        assert again.status_code == 200
        reparked = lambda found: found["status"] == "parked"  # noqa: E731
        await eventually(lambda: operator.operation(parked["operation_id"]), reparked, within=15)
        assert (await upload())["rejected"] == 3, "parked twice, counted once"
        bug.is_there = False
        # Its row follows over the broker.
        found = await eventually(lambda: operator.parked(pharmacy_id=str(key.pharmacy_id), status="parked"), bool)
        assert (await operator.call("POST", f"/api/parked/{found[0]['id']}/replay/", json={})).status_code == 200
        done = await eventually(upload, lambda seen: seen["applied"] == 3, within=15)
        assert (done["rejected"], done["pending"], done["status"]) == (0, 0, "done")
    errors = (await live.client.get(url.rstrip("/") + "/errors", headers=key.headers)).json()["items"]
    assert [one["code"] for one in errors] == ["replayed"]
    del upload_id


async def test_what_an_operator_uploads_is_in_the_audit_log_with_where_it_came_from(
    live: GatewayStage, operator: Operator
) -> None:
    key = await live.add_key()
    await _upload(operator, key.pharmacy_id, a_row("A"))
    lines = await eventually(lambda: operator.audit(pharmacy_id=str(key.pharmacy_id)), lambda found: len(found) >= 2)
    assert {line["action"] for line in lines} == {"upload.open", "inventory.import"}
    assert {line["origin"] for line in lines} == {"127.0.0.1 shelf-7"}


GOOD: dict[str, Any] = {
    "type": "inventory.import", "operation_id": str(derived_id("o")), "resource_id": str(derived_id("u")),
    "pharmacy_id": str(derived_id("p")), "body": {"digest": "d", "rows": [{"line": 1}]},
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "sale.record"}, {"operation_id": 1}, {"resource_id": "x"}, {"pharmacy_id": None}, {"body": []}, {"body": {"digest": "d"}},
        {"body": {"digest": "d", "rows": []}}, {"body": {"digest": "d", "rows": [1]}}, {"body": {"digest": "d", "rows": [{"line": 0}]}},
        {"body": {"digest": "d", "rows": [{"line": 2**40}]}}, {"body": {"digest": "d", "rows": [{"line": float("inf")}]}},
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_list_of_rows_counts_nothing(wrong: dict[str, Any]) -> None:
    assert _rows_of(SetAside(GOOD, b"", "", 0)) is not None
    assert _rows_of(SetAside(GOOD | wrong, b"", "", 0)) is None
