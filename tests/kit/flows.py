"""What a person types at the console to make, change and end a row of each model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.admin.entries import MODELS
from tests.kit.console import Person
from tests.kit.in_process import Hub

_ROW = re.compile(r"/admin/([a-z-]+)/([0-9a-f-]{36})/")


@dataclass(frozen=True, slots=True)
class Flow:
    """How a model is made and changed by forms.

    Args:
        made: the form of a new one; `{x}` is a text of its own.
        changed: fields that are changed then.
        end: the action that ends it, and what the row's page says after it; empty: it is gone.
    """

    made: Mapping[str, str]
    changed: Mapping[str, str]
    end: tuple[str, str]
    shown: str = "{x}"


FLOWS: Mapping[str, Flow] = MappingProxyType({
    "pharmacies": Flow({"name": "{x}", "settings": '{"a": 1}'}, {"name": "{x} 2", "settings": '{"a": 1}', "is_active": "on"}, ("deactivate", "Make active")),
    "keys": Flow({"name": "{x}", "scopes": "read"}, {}, ("revoke", "Revoked")),
    "inventory": Flow(
        {"sku": "{x}", "name": "Aspirin", "quantity": "5", "price": "1.50", "identifiers.0.scheme": "shelf", "identifiers.0.value": "A1"},
        {"sku": "{x}", "name": "Aspirin 2", "quantity": "7", "price": "2.00", "identifiers.0.scheme": "shelf", "identifiers.0.value": "A1", "extra_data": '{"b": [1]}'},
        ("delete", ""),
    ),
    "sales": Flow({"lines.0.sku": "SHELF", "lines.0.quantity": "1", "lines.0.total_price": "3.00", "reference": "{x}"}, {"reference": "{x} 2"}, ("void", "voided")),
    "orders": Flow(
        {"order_reference": "{x}", "items.0.sku": "SHELF", "items.0.name": "n", "items.0.quantity": "1", "items.0.unit_price": "3.00", "source": "hub", "status": "pending"},
        {"order_reference": "{x} 2", "items.0.sku": "SHELF", "items.0.name": "n", "items.0.quantity": "2", "items.0.unit_price": "3.00", "source": "hub", "total_amount": "3.00"},
        ("cancel", "cancelled"),
    ),
    "webhook-events": Flow({"event_type": "{x}", "payload": '{"a": [1]}'}, {}, ("delete", "")),
    "sources": Flow({"name": "{x}", "scheme": "stripe", "enabled": "on", "settings": "{}"}, {"name": "{x} 2", "event_type_path": "/type", "enabled": "on", "settings": "{}"}, ("delete", "")),
    "webhook-endpoints": Flow({"url": "https://example.org/{x}", "event_types": "*", "enabled": "on", "signing": "v1", "timeout_seconds": "20"}, {"url": "https://example.org/{x}/2", "event_types": "sale.*\norder.placed", "enabled": "on", "timeout_seconds": "25"}, ("delete", "")),
    "integrators": Flow({"name": "{x}"}, {"name": "{x} 2", "is_active": "on"}, ("deactivate", "")),
    "operator-keys": Flow({"name": "{x}"}, {}, ("revoke", "Revoked")),
    "operators": Flow({"username": "{x}", "name": "N", "role": "viewer"}, {"name": "N 2", "role": "operator", "is_active": "on"}, ("delete", "")),
})  # fmt: skip
"""Every model that is made by a form."""


def fill(values: Mapping[str, str], text: str, **more: str) -> dict[str, str]:
    """Put a text of the test's own into a form."""
    return {name: value.replace("{x}", text) for name, value in values.items()} | more


def a_shop(hub: Hub, name: str) -> tuple[str, str]:
    """Make a pharmacy with something to sell; its id and its key."""
    pharmacy_id, key = hub.open_pharmacy(name)
    hub.make(key, "inventory", {"sku": "SHELF", "name": "Shelf", "price": "3.00", "quantity": 100})
    return str(pharmacy_id), key


def make(person: Person, name: str, pharmacy: str, text: str, **more: str) -> str:
    """Make a row by its form; hand back the address of its page."""
    person.get(f"/admin/{name}/new/")
    model = MODELS[name]
    more |= {} if model.is_hubs else {"pharmacy": pharmacy}
    done = person.post(f"/admin/{name}/new/", fill(FLOWS[name].made, text, **more))
    assert done.status_code == 200
    found = [(one, row) for one, row in _ROW.findall(str(done.url) + done.text) if one == name]
    assert found
    return f"/admin/{name}/{found[0][1]}/" + (f"?pharmacy={pharmacy}" if model.needs_pharmacy else "")


def part_of(address: str, more: str) -> str:
    """Name a place below a row's page."""
    path, _, query = address.partition("?")
    return f"{path}{more}" + (f"?{query}" if query else "")
