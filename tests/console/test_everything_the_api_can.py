"""An operator can do at the console whatever the API can: every operation of its document has its page, or a reason.

What a page does is tried where the page is tested; here it is only held that there is one, and that it asks for just this.
"""

import ast
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.admin.entries import MODELS
from gateway.admin.routes import HANDLERS
from tests.kit.document import DOCUMENT

_ADMIN = Path(__file__).parents[2] / "gateway/admin"

# Operations that screens and panels of their own ask for: the file that asks, and the handler that shows or takes it.
SCREENS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType({
    ("GET", "/api/event-queue"): ("screens/event_queue.py", "/event-queue"),
    ("POST", "/api/event-queue"): ("screens/event_queue.py", "/event-queue"),
    ("DELETE", "/api/event-queue"): ("screens/event_queue.py", "/event-queue/close"),
    ("GET", "/api/events"): ("screens/event_log.py", "/event-log"),
    ("GET", "/api/reconciliation"): ("screens/reconciling.py", "/reconciliation"),
    ("GET", "/api/inventory/{}/movements"): ("panels.py", "/{name:str}/{row_id:uuid}"),
    ("GET", "/api/uploads/{}/errors"): ("panels.py", "/{name:str}/{row_id:uuid}"),
    ("GET", "/api/integrators/{}/keys"): ("panels.py", "/{name:str}/{row_id:uuid}"),
    ("GET", "/api/webhook-deliveries/{}/attempts"): ("panels.py", "/{name:str}/{row_id:uuid}"),
    ("GET", "/api/webhook-endpoints/{}/statistics"): ("screens/mending.py", "/{name:str}/{row_id:uuid}"),
    ("POST", "/api/webhook-endpoints/{}/recover"): ("screens/mending.py", "/mend/{endpoint_id:uuid}"),
    ("POST", "/api/webhook-endpoints/{}/replay"): ("screens/mending.py", "/mend/{endpoint_id:uuid}"),
    ("POST", "/api/webhook-endpoints/{}/replay-missing"): ("screens/mending.py", "/mend/{endpoint_id:uuid}"),
    ("POST", "/api/webhook-events/reprocess"): ("screens/reprocessing.py", "/reprocess/{source_id:uuid}"),
    ("POST", "/api/inventory/bulk"): ("screens/importing.py", "/import"),
    ("POST", "/api/sales/bulk"): ("screens/importing.py", "/import"),
})  # fmt: skip

# What has no page, and why nobody misses it.
REASONS: Mapping[tuple[str, str], str] = MappingProxyType({
    ("GET", "/api/operations/{}"): "the page of an operation reads the same row itself, with its deliveries beside it",
    ("GET", "/api/events/stream"): "the live page has a stream of its own, under its session instead of a key",
    ("POST", "/api/events/ticket"): "for programs: it opens a WebSocket in a browser that has no session here",
    ("GET", "/api/webhook-endpoints/{}/public-key"): "the endpoint's page shows the key among its facts",
    ("DELETE", "/api/parked/{}"): "the action that discards does it; a reason is asked for and may be left out",
    ("GET", "/health/live"): "for probes; the overview shows what they see",
    ("GET", "/health/ready"): "for probes; the overview shows what they see",
    ("GET", "/hooks/{}"): "for vendors: their handshake",
    ("POST", "/hooks/{}"): "for vendors: a person sends a webhook by the form of a received one",
    ("GET", "/schema/openapi.json"): "a document for programs; /swagger/ and /redoc/ show it",
    ("GET", "/schemas/{}"): "a document for programs; /asyncapi/ shows it",
})  # fmt: skip


# Members of a body that its form does not ask for, and why.
LEFT_OUT: Mapping[tuple[str, str], str] = MappingProxyType({
    ("pharmacy.create", "is_active"): "a pharmacy is made to be used; an action deactivates it",
    ("inventory.update", "expected_quantity"): "the form sends the version that it showed",
    ("order.update", "status"): "the action that moves an order takes it, with its reason",
    ("order.update", "reason"): "the action that moves an order takes it",
    ("sale.record", "sku"): "the flat form of a sale is one of its lines",
    ("sale.record", "inventory_item"): "the flat form of a sale is one of its lines",
    ("sale.record", "quantity"): "the flat form of a sale is one of its lines",
    ("sale.record", "total_price"): "the flat form of a sale is one of its lines",
    **{("sale.update", name): "it was recorded: the API takes it only as it is"
       for name in ("inventory_item", "lines", "quantity", "sale_time", "sku", "total_price")},
    **{("webhook_event.update", name): "it was received: the API takes it only as it is" for name in ("event_type", "payload")},
})  # fmt: skip


def plain(path: str) -> str:
    """Write a path without the names of its ids and without its last slash."""
    parts = ["{}" if part.startswith("{") else part for part in path.rstrip("/").split("/")]
    return "/".join(parts)


def documented() -> set[tuple[str, str]]:
    """List the operations of the API's document."""
    return {(method.upper(), plain(path)) for path, methods in DOCUMENT["paths"].items() for method in methods}


def by_models() -> set[tuple[str, str]]:
    """List what the models' pages do: a list, a row's page, a form, a change, an action."""
    found = set()
    for model in MODELS.values():
        found.add(("GET", plain(model.path)))
        if model.one:
            found.add(("GET", plain(model.one)))
        found |= {(form.method, plain(form.path)) for form in (model.create, model.edit) if form is not None}
        found |= {(action.method, plain(action.path)) for action in model.all_actions}
        if model.edit is not None and ("PUT", plain(model.edit.path)) in documented():
            # The same fields by another verb: the form knows which of them were changed, and sends those.
            found.add(("PUT", plain(model.edit.path)))
    return found


def test_every_operation_of_the_document_has_a_page_or_a_reason() -> None:
    pages, screens, reasons = by_models(), set(SCREENS), set(REASONS)
    assert documented() - pages - screens - reasons == set(), "a new operation needs a page at the console, or a reason"
    assert (pages | screens | reasons) - documented() == set(), "this is no operation of the API any more"
    assert pages & reasons == pages & screens == screens & reasons == set(), "one answer for each"


def test_every_member_of_a_body_has_its_field_or_a_reason() -> None:
    missing = set()
    for model in MODELS.values():
        for form in (model.create, model.edit):
            if form is not None:
                missing |= {(form.command, name) for name in set(form.model.model_fields) - set(form.fields)}
        for action in model.all_actions:
            if not action.body:  # else it is a shorthand for a part of a form
                missing |= {(action.command, name) for name in set(action.model.model_fields) - set(action.fields)}
    assert missing == set(LEFT_OUT), "a new member needs its field in a form of the console, or a reason"


def test_every_screen_that_is_named_asks_for_its_operation_and_can_be_reached() -> None:
    reachable = {path for handler in HANDLERS for path in handler.paths}
    for (_, operation), (file, page) in SCREENS.items():
        assert page in reachable, page
        assert any(fits(operation, text) for text in texts_of(_ADMIN / file)), (file, operation)


def texts_of(file: Path) -> list[str]:
    """Read the texts in a file of the console; what is filled in later is `{}`."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.append("".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values))
    return found


def fits(operation: str, text: str) -> bool:
    """Tell whether a path that a file builds may be this operation's: a hole takes any part.

    >>> fits("/api/sales/bulk", "/api/{}/bulk"), fits("/api/sales", "/api/orders")
    (True, False)
    """
    wanted, built = operation.split("/"), text.split("/")
    return len(wanted) == len(built) and all(other in {one, "{}"} for one, other in zip(wanted, built, strict=True))
