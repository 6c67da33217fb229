"""`hub listen` and `hub trigger`: a pharmacy's events at a developer's own machine, and something that happens."""

import sys
from base64 import b64encode
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import typer

from hub.cli.following import After, Count, Types, follow
from hub.cli.places import DataDir, place_of
from hub.cli.remote import Key, Pharmacy, Remote, Url, call, find_remote
from hub.faults import SettingsError

_ATTEMPT_SECONDS = 20.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("listen")(listen)
    app.command("trigger")(trigger)


def listen(
    forward_to: Annotated[
        str, typer.Option("--forward-to", help="Where each event is posted, e.g. http://localhost:3000/hooks.")
    ],
    event_type: Types = None,
    after: After = None,
    count: Count = None,
    pharmacy: Pharmacy = None,
    key: Key = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Post a pharmacy's events to your own machine, signed as webhooks are. One call for each event, no retries.

    The signing secret follows from the key and the hub's address: it is the same every time.
    """
    _check_place(forward_to)
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    secret = listening_secret(remote)
    print(f"signing secret {secret}\nforwarding to  {forward_to}", file=sys.stderr, flush=True)
    for text, event in follow(remote, event_type, after, count):
        _forward(forward_to, secret, event, text)


def _check_place(forward_to: str) -> None:
    import httpx

    try:
        parts, url = urlsplit(forward_to), httpx.URL(forward_to)
        if parts.scheme in {"http", "https"} and parts.port != 0 and url.host:
            return
    except (ValueError, httpx.InvalidURL):
        pass  # as for what can be read and is no such address
    message = "--forward-to is an http or https address, for example http://localhost:3000/hooks"
    raise SettingsError(message)


def listening_secret(remote: Remote) -> str:
    """Derive the `whsec_` secret that `hub listen` signs with: of the key and the address, so that it never changes."""
    from hub.security.derive import derive

    return "whsec_" + b64encode(derive(remote.headers["X-API-KEY"], f"listen:{remote.url}")).decode()


def _forward(forward_to: str, secret: str, event: dict[str, Any], text: str) -> None:
    import httpx

    from hub import clock
    from hub.security.signatures import sign

    body = text.encode()
    headers = {"content-type": "application/cloudevents+json", **sign(event["id"], clock.now(), body, [secret])}
    began = clock.monotonic()
    try:
        answered = str(
            httpx.post(forward_to, content=body, headers=headers, timeout=_ATTEMPT_SECONDS, trust_env=False).status_code
        )
    except httpx.HTTPError as error:
        answered = f"failed: {error}"
    taken = round((clock.monotonic() - began) * 1000)
    print(f"{event['sequence']:>8}  {event['type']:<26} {answered}  {taken} ms", flush=True)


def trigger(
    event_type: Annotated[
        str, typer.Argument(help="Type of the event that is to happen, e.g. order.placed; `list` names them.")
    ],
    pharmacy: Pharmacy = None,
    key: Key = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Let something happen in a pharmacy, so that its event is seen. What it makes stays: use a pharmacy for trying out."""
    if event_type == "list":
        print("\n".join(TRIGGERS))
        return
    if event_type not in TRIGGERS:
        message = f"{event_type!r} cannot be triggered; choose from {', '.join(TRIGGERS)}"
        raise SettingsError(message)
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    made: dict[str, str] = {"mark": f"trigger-{uuid4().hex[:8]}"}
    for name, method, path, body in TRIGGERS[event_type]:
        found = call(remote, method, path.format(**made), body=None if body is None else _filled(body, made))
        if "id" in found:
            made[name] = str(UUID(found["id"]))
    print(f"{event_type} happened: {', '.join(f'{name} {value}' for name, value in made.items())}")


Request = tuple[str, str, str, dict[str, Any] | None]
_ITEM: Request = (
    "item",
    "POST",
    "/api/inventory/",
    {"sku": "{mark}", "name": "Trigger", "price": "4.99", "quantity": 10},
)
_SALE: Request = (
    "sale",
    "POST",
    "/api/sales/",
    {"lines": [{"sku": "{mark}", "quantity": 1, "total_price": "4.99"}], "reference": "{mark}"},
)
_ORDER: Request = (
    "order", "POST", "/api/orders/", {"order_reference": "{mark}", "items": [{"sku": "{mark}", "quantity": 2, "unit_price": "4.99"}]},
)  # fmt: skip
_HOOK: Request = (
    "webhook event",
    "POST",
    "/api/webhook-events/",
    {"event_type": "trigger", "payload": {"mark": "{mark}"}},
)
TRIGGERS: dict[str, tuple[Request, ...]] = {
    "inventory.created": (_ITEM,),
    "inventory.updated": (_ITEM, ("item", "PATCH", "/api/inventory/{item}/", {"name": "Triggered"})),
    "inventory.adjusted": (_ITEM, ("item", "POST", "/api/inventory/{item}/adjustments/", {"delta": 5, "reason": "received"})),
    "inventory.stock_negative": (_ITEM, ("sale", "POST", "/api/sales/", {"lines": [{"sku": "{mark}", "quantity": 11, "total_price": "54.89"}]})),
    "inventory.deleted": (_ITEM, ("item", "DELETE", "/api/inventory/{item}/", None)),
    "sale.recorded": (_ITEM, _SALE),
    "sale.updated": (_ITEM, _SALE, ("sale", "PATCH", "/api/sales/{sale}/", {"reference": "{mark}-2"})),
    "sale.voided": (_ITEM, _SALE, ("sale", "DELETE", "/api/sales/{sale}/", None)),
    "order.placed": (_ORDER,),
    "order.updated": (_ORDER, ("order", "PATCH", "/api/orders/{order}/", {"extra_data": {"mark": "{mark}"}})),
    "order.status_changed": (_ITEM, _ORDER, ("order", "POST", "/api/orders/{order}/transitions/", {"status": "confirmed"})),
    "webhook_event.received": (_HOOK,),
    "webhook_event.processed": (_HOOK,),
}  # fmt: skip
"""Type of an event to the requests that let it happen; `{mark}` is a new word each time."""


def _filled(body: Any, made: dict[str, str]) -> Any:  # noqa: ANN401 -- a JSON value
    if isinstance(body, dict):
        return {name: _filled(value, made) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, made) for value in body]
    return body.replace("{mark}", made["mark"]) if isinstance(body, str) else body
