"""What was typed into a form outlives somebody else's change."""

from uuid import uuid4

import httpx
import pytest

from tests.kit.console import Person, signed_in
from tests.kit.flows import a_shop, make, part_of
from tests.kit.in_process import Hub
from tests.kit.plain_forms import Page, look


@pytest.fixture(scope="module")
def shop(hub: Hub) -> tuple[str, str]:
    """A pharmacy with something to sell; its id and its key."""
    return a_shop(hub, "Typed")


@pytest.fixture
def clerk(hub: Hub) -> Person:
    """An operator."""
    return signed_in(hub, "operator")


def shown(page: Page, name: str) -> str:
    """Read what a field of the form holds."""
    return page.find("input", lambda one: one.attributes.get("name") == name, page.form).attributes["value"]


def meanwhile(page: Page) -> dict[str, str]:
    """Read what the form says that fields are now."""
    notes = [one for one in page.root.all("div") if "data-meanwhile" in one.attributes]
    return {one.attributes["data-meanwhile"]: one.text for one in notes}


def test_a_change_over_somebody_elses_keeps_what_was_typed_and_can_be_saved_knowingly(
    clerk: Person, hub: Hub, shop: tuple[str, str]
) -> None:
    address = make(clerk, "inventory", shop[0], f"x-{uuid4().hex[:8]}")
    page = look(clerk, part_of(address, "edit/"))
    theirs = {"name": "Theirs", "price": "9.99"}
    api, headers = f"{hub.url}/api/inventory/{address.split('/')[3]}/", {"X-API-KEY": shop[1], "Prefer": "wait=20"}
    assert httpx.patch(api, json=theirs, headers=headers, timeout=30).status_code == 200
    late = page.send(page.form, {"name": "Mine", "low_stock_threshold": "3"})
    assert late.answer.status_code == 412
    assert [shown(late, name) for name in ("name", "low_stock_threshold", "price")] == ["Mine", "3", "9.99"]
    assert meanwhile(late) == {"name": "Now it is: Theirs"}
    assert httpx.get(api, headers=headers).json()["name"] == "Theirs"
    saved = late.send(late.form, {})
    assert "was changed" in saved.answer.text
    row = httpx.get(api, headers=headers).json()
    assert [row[name] for name in ("name", "low_stock_threshold", "price")] == ["Mine", 3, "9.99"]
