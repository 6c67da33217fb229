"""Every parameter of the API's lists has its control at the console, or a reason why nobody misses it."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from gateway.admin.entries import MODELS
from tests.console.test_everything_the_api_can import plain
from tests.console.test_screens import a_pharmacy
from tests.kit.console import Person, signed_in
from tests.kit.document import DOCUMENT
from tests.kit.in_process import Hub

# Of every list: `cursor` is the link to the next page, `count` the one that counts all.
_PAGING = {"cursor", "count"}

_SAID = "at least and at most say all that it says"
# Parameters without a control: the list and the parameter, and why.
REASONS: Mapping[tuple[str, str], str] = MappingProxyType({
    **{("/api/inventory", f"{name}_{way}"): _SAID for name in ("quantity", "available", "price") for way in ("lt", "gt")},
    ("/api/inventory", "quantity"): _SAID,
    **{(plain(model.path), "limit"): "a page of the console has 50 rows" for model in MODELS.values()},
    **{(path, "pharmacy_id"): "the field of the pharmacy is this" for path in ("/api/parked", "/api/audit", "/api/integrators")},
})  # fmt: skip

# Lists that are a panel of a row's page: why they are not narrowed there.
PANELS: Mapping[str, str] = MappingProxyType({
    "/api/inventory/{}/movements": "the list of all movements is narrowed to the item; the panel leads there",
    "/api/integrators/{}/keys": "an integrator has a few keys, and the panel shows each with its name and state",
    "/api/webhook-deliveries/{}/attempts": "a delivery has some ten attempts, and the panel shows each",
    "/api/uploads/{}/errors": "they stand in the order of their lines, each with its code",
})  # fmt: skip


def _parameters(operation: Mapping[str, Any]) -> set[str]:
    known = DOCUMENT["components"]["parameters"]
    found = [known[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in operation["parameters"]]
    return {one["name"] for one in found if one["in"] == "query"}


def lists() -> dict[str, set[str]]:
    """Find the lists of the document: their paths, and what they can be asked."""
    asked = {plain(path): _parameters(one["get"]) for path, one in DOCUMENT["paths"].items() if "get" in one}
    return {path: names for path, names in asked.items() if "cursor" in names}


@pytest.fixture(scope="module")
def controls(hub: Hub) -> dict[str, set[str]]:
    """What an admin can fill in above each list, by its path."""
    admin: Person = signed_in(hub)
    pharmacy, _ = a_pharmacy(hub)
    found = {}
    for name, model in MODELS.items():
        page = admin.get(f"/admin/{name}/?pharmacy={pharmacy}").text
        form = page.partition('<form class="filters"')[2].partition("</form>")[0]
        found[plain(model.path)] = set(re.findall(r'<(?:input(?! type="hidden")|select)[^>]* name="(\w+)"', form))
    return found


def test_every_parameter_of_a_list_has_its_control_or_a_reason(controls: Mapping[str, set[str]]) -> None:
    missing = {
        (path, name)
        for path, names in lists().items()
        if path not in PANELS
        for name in names - controls[path] - _PAGING
    }
    assert missing == set(REASONS), "a new parameter of a list needs its control at the console, or a reason"


def test_every_list_is_a_page_or_a_panel() -> None:
    assert set(lists()) == {plain(model.path) for model in MODELS.values()} | set(PANELS)


def test_what_a_list_counts_is_all_that_matches(hub: Hub) -> None:
    admin = signed_in(hub)
    pharmacy, _ = a_pharmacy(hub)
    page = admin.get(f"/admin/keys/?pharmacy={pharmacy}&limit=25&count=true").text
    assert "1 shown, 1 in all" in page
    assert admin.get(f"/admin/keys/export.csv?pharmacy={pharmacy}&count=true").status_code == 200
