"""The commands `hub webhooks ...`: endpoints, what was sent to them, and how to mend it. All go through the gateway."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer

from hub.cli.places import AsJson, DataDir, place_of
from hub.cli.remote import Key, Pharmacy, Url, call, find_remote

group = typer.Typer(help="Outgoing webhooks: endpoints, deliveries, recovery.", no_args_is_help=True)

EndpointId = Annotated[UUID, typer.Argument(help="Id of the endpoint, as `hub webhooks endpoints` shows it.")]
DeliveryId = Annotated[UUID, typer.Argument(help="Id of the delivery, as `hub webhooks deliveries` shows it.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many at most, the latest first.")]
Since = Annotated[str | None, typer.Option(help="From this time on, RFC 3339, e.g. 2026-11-24T00:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Before this time, RFC 3339.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]

_ENDPOINTS = "/api/webhook-endpoints/"
_DELIVERIES = "/api/webhook-deliveries/"


@group.command("endpoints")
def list_endpoints(
    key: Key = None, url: Url = None, pharmacy: Pharmacy = None, data_dir: DataDir = None, *, as_json: AsJson = False
) -> None:
    """List the pharmacy's endpoints."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    items = call(remote, "GET", _ENDPOINTS, parameters={"limit": "500"})["items"]
    _print(items, as_json, lambda one: f"{one['id']}  {_state(one):<9}  {one['url']}  {','.join(one['event_types'])}")


@group.command("deliveries")
def list_deliveries(
    endpoint: Annotated[str | None, typer.Option(help="Only to this endpoint.")] = None,
    status: Annotated[str | None, typer.Option(help="pending, delivered, exhausted, cancelled, skipped.")] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List deliveries, the latest first."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    wanted = {
        "endpoint_id": endpoint, "status": status, "event_type": event_type, "created_since": since, "created_until": until,
        "limit": str(limit), "sort": "-created_at",
    }  # fmt: skip
    items = call(remote, "GET", _DELIVERIES, parameters=wanted)["items"]
    _print(items, as_json, _delivery_line)


@group.command("attempts")
def list_attempts(
    delivery_id: DeliveryId,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the attempts of a delivery."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    items = call(remote, "GET", f"{_DELIVERIES}{delivery_id}/attempts/", parameters={"limit": "500"})["items"]
    _print(
        items,
        as_json,
        lambda one: (
            f"{one['number']:>3}  {one['at'][:19]}Z  {one['status_code'] or one['error_class'] or '-':<12}  "
            f"{one['duration_ms']:>6} ms  {one['address'] or '-'}"
        ),
    )


@group.command("resend")
def resend_delivery(
    delivery_id: DeliveryId,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, whatever became of it."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    found = call(remote, "POST", f"{_DELIVERIES}{delivery_id}/resend/", body={})
    _print([found], as_json, _delivery_line)


@group.command("recover")
def recover_endpoint(
    endpoint_id: EndpointId,
    since: Annotated[str, typer.Option(help="From this time on, RFC 3339.")],
    until: Until = None,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send what was not delivered to an endpoint since then."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    body = {"since": since, "until": until, "dry_run": dry_run}
    _print_matched(call(remote, "POST", f"{_ENDPOINTS}{endpoint_id}/recover/", body=body), as_json)


@group.command("replay")
def replay_endpoint(
    endpoint_id: EndpointId,
    wanted: Annotated[str | None, typer.Option("--filter", help="Conditions as JSON; default: all.")] = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    missing: Annotated[bool, typer.Option("--missing", help="Events the endpoint never got, instead.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send deliveries again, delivered or not; with `--missing` the events for which there is none."""
    from hub.faults import SettingsError

    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    body: dict[str, Any] = {"since": since, "until": until, "dry_run": dry_run}
    if missing and wanted is not None:
        raise SettingsError("--missing goes by what the endpoint wants; leave --filter out")
    if wanted is not None:
        try:
            body["filter"] = json.loads(wanted)
        except ValueError as error:
            sentence = f"--filter is no JSON: {error}"
            raise SettingsError(sentence) from error
    verb = "replay-missing" if missing else "replay"
    _print_matched(call(remote, "POST", f"{_ENDPOINTS}{endpoint_id}/{verb}/", body=body), as_json)


@group.command("test")
def send_test(
    endpoint_id: EndpointId,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Send a test event to an endpoint."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    found = call(remote, "POST", f"{_ENDPOINTS}{endpoint_id}/test/", body={})
    _print([found], as_json, lambda one: f"event {one['event_id']} is on its way as delivery {one['delivery_id']}")


def _state(endpoint: dict[str, Any]) -> str:
    return "enabled" if endpoint["enabled"] else endpoint["disabled_reason"] or "disabled"


def _delivery_line(one: dict[str, Any]) -> str:
    answer = one["last_status_code"] or one["last_error"] or "-"
    return f"{one['id']}  {one['created_at'][:19]}Z  {one['status']:<9}  {one['attempts']:>2}  {answer!s:<10}  {one['event_type']}"


def _print(items: list[dict[str, Any]], as_json: bool, line: Any) -> None:  # noqa: ANN401, FBT001 -- a function; one flag
    if as_json:
        print(json.dumps(items, indent=2, ensure_ascii=False))
        return
    for item in items:
        print(line(item))


def _print_matched(found: dict[str, Any], as_json: bool) -> None:  # noqa: FBT001 -- one flag
    print(json.dumps(found) if as_json else f"{found['matched']} deliveries")
