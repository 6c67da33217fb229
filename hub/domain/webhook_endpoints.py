"""Webhook endpoints as a resource: made, changed, ended, given new secrets, tried."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from hub.domain.checking import field_errors
from hub.domain.command import Command, Rule
from hub.domain.fields import format_time, merge_patch, same_json
from hub.domain.holdings import Holdings, one_more
from hub.domain.ids import derived_id, event_id_for
from hub.domain.mending import Mending
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.pharmacies import Pharmacy, dump_pharmacy
from hub.domain.problem import FieldError, not_found
from hub.domain.sources import Source
from hub.domain.state import Ref, State
from hub.domain.versions import current
from hub.domain.webhook_bodies import (
    CreateEndpoint,
    Headers,
    RemoveEndpoint,
    ReplaceEndpoint,
    RotateSecret,
    SendTest,
    UpdateEndpoint,
)
from hub.domain.webhook_filter import filter_faults
from hub.domain.webhooks import TESTED, WebhookEndpoint, dump_endpoint

MAX_PREVIOUS = 4
"""Older secrets that still sign: more would lengthen every call's header beyond what receivers read."""

_PLAIN = (
    *("url", "event_types", "description", "enabled", "ordered", "headers"),
    *("timeout_seconds", "ladder_seconds", "throttle_per_second", "source_id"),
)
_IN_THE_OPEN = refuse("forbidden", "the secrets of endpoints are made over HTTP; send this command there")
_HEADERS: TypeAdapter[dict[str, str]] = TypeAdapter(Headers)


def _subject(endpoint: WebhookEndpoint) -> str:
    return f"webhook-endpoints/{endpoint.id}"


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(WebhookEndpoint, "id", command.resource_id)
    yield from _touch_source(command)


def _touch_new(command: Command) -> Iterable[Ref]:
    yield Ref(Holdings, "id", command.pharmacy_id)
    yield from _touch_source(command)


def _touch_source(command: Command) -> Iterable[Ref]:
    source_id = getattr(command.body, "source_id", None)
    if source_id is not None:
        yield Ref(Source, "id", source_id)


def _told(name: str, before: WebhookEndpoint | None, after: WebhookEndpoint) -> Event:
    shown = dump_endpoint(after)
    old = {} if before is None else changed(dump_endpoint(before), shown)
    return Event(name, _subject(after), {"webhook_endpoint": shown, "changed": old})


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateEndpoint)
    refusal = _unsealed(command) or _wrong_filter(body.filter) or _wrong_source(state, body.source_id)
    if refusal is not None:
        return refusal
    held = one_more(state, "endpoints")
    if isinstance(held, Rejected):
        return held
    endpoint = WebhookEndpoint(
        id=command.resource_id,
        pharmacy_id=state.pharmacy_id,
        secret=command.minted["secret"],
        signing=body.signing,
        public_key=command.minted.get("public_key"),
        is_default=False,
        created_at=state.now,
        updated_at=state.now,
        version=1,
        event_filter=body.filter,
        **_auth(command),
        **{name: getattr(body, name) for name in _PLAIN},
    )
    return Accepted((endpoint, held), (_told("webhook_endpoint.created", None, endpoint),), dump_endpoint(endpoint))


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplaceEndpoint | UpdateEndpoint)
    endpoint = current(state, command, WebhookEndpoint, "webhook endpoint")
    if isinstance(endpoint, Rejected):
        return endpoint
    values = _values(endpoint, body, command)
    refusal = (
        _wrong_filter(values.get("event_filter"))
        or _wrong_headers(values.get("headers"))
        or _wrong_source(state, values.get("source_id"))
    )
    if refusal is not None or body.auth is not None:
        return refusal or _IN_THE_OPEN
    after = replace(endpoint, **values)
    return Accepted((), (), dump_endpoint(endpoint)) if _is_same(endpoint, after) else _changed(state, endpoint, after)


def _changed(state: State, endpoint: WebhookEndpoint, after: WebhookEndpoint) -> Accepted:
    """Save what differs, and let its deliveries and the pharmacy follow."""
    if after.enabled:
        after = replace(after, disabled_reason=None)
    after = replace(after, updated_at=state.now, version=endpoint.version + 1)
    mending = None
    if after.enabled != endpoint.enabled:
        mending = Mending("enable" if after.enabled else "skip", state.pharmacy_id, endpoint.id)
    told = _told("webhook_endpoint.updated", endpoint, after)
    if not endpoint.is_default or after.url == endpoint.url:
        return Accepted((after,), (told,), dump_endpoint(after), mending)
    rows, events = _follow(state, after.url)
    return Accepted((after, *rows), (told, *events), dump_endpoint(after), mending)


def _values(endpoint: WebhookEndpoint, body: ReplaceEndpoint | UpdateEndpoint, command: Command) -> dict[str, Any]:
    """Say what the body makes of the endpoint's members."""
    is_whole = isinstance(body, ReplaceEndpoint)
    named = set(type(body).model_fields) if is_whole else body.model_fields_set
    values = {name: getattr(body, name) for name in _PLAIN if name in named}
    if not is_whole and "headers" in named:
        values["headers"] = {} if body.headers is None else merge_patch(endpoint.headers, body.headers)
    if "filter" in named:
        merges = not is_whole and body.filter is not None
        values["event_filter"] = merge_patch(endpoint.event_filter, body.filter) if merges else body.filter
    if is_whole or "auth" in named or "auth" in command.minted:
        values |= _auth(command)
    return values


def _auth(command: Command) -> dict[str, Any]:
    return {"auth": command.minted.get("auth"), "auth_type": command.minted.get("auth_type")}


def _is_same(before: WebhookEndpoint, after: WebhookEndpoint) -> bool:
    """Tell whether nothing changes. New credentials are a change: ciphertexts cannot be compared."""
    return before == after and same_json(before.event_filter, after.event_filter)


def _follow(state: State, url: str | None) -> tuple[tuple[Pharmacy, ...], tuple[Event, ...]]:
    """Let the pharmacy's `webhook_url` say what its default endpoint says."""
    before = state.find(Pharmacy, state.pharmacy_id)
    if before is None or before.webhook_url == url:
        return (), ()
    after = replace(before, webhook_url=url, updated_at=state.now, version=before.version + 1)
    shown = dump_pharmacy(after)
    data = {"pharmacy": shown, "changed": changed(dump_pharmacy(before), shown)}
    return (after,), (Event("pharmacy.updated", f"pharmacies/{after.id}", data),)


def _remove(state: State, command: Command) -> Outcome:
    endpoint = current(state, command, WebhookEndpoint, "webhook endpoint")
    if isinstance(endpoint, Rejected):
        return endpoint
    after = replace(endpoint, enabled=False, deleted_at=state.now, updated_at=state.now, version=endpoint.version + 1)
    rows, events = _follow(state, None) if endpoint.is_default else ((), ())
    mending = Mending("cancel", state.pharmacy_id, endpoint.id)
    return Accepted((after, *rows), (_told("webhook_endpoint.deleted", None, after), *events), None, mending)


def _rotate(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, RotateSecret)
    endpoint = current(state, command, WebhookEndpoint, "webhook endpoint")
    if isinstance(endpoint, Rejected):
        return endpoint
    if (refusal := _unsealed(command)) is not None:
        return refusal
    if body.signing is None and endpoint.signing != "v1":
        detail = f"this endpoint signs with {endpoint.signing}: name `signing`"
        return refuse("validation", detail, FieldError("#/signing", "missing", detail))
    until = state.now + timedelta(seconds=body.overlap_seconds)
    after = replace(
        endpoint,
        secret=command.minted["secret"],
        signing=body.signing or "v1",
        public_key=command.minted.get("public_key"),
        previous_secrets=_previous(endpoint, state.now, until),
        previous_valid_until=until,
        updated_at=state.now,
        version=endpoint.version + 1,
    )
    answer = {"previous_valid_until": format_time(until)}
    return Accepted((after,), (_told("webhook_endpoint.updated", endpoint, after),), answer, is_kept=True)


def _previous(endpoint: WebhookEndpoint, now: datetime, until: datetime) -> list[dict[str, str]]:
    """List the secrets that sign beside the new one: none of them longer than the one that was just replaced."""
    if until <= now:
        return []
    stamp, ended = format_time(until), format_time(now)
    older = [
        {**one, "valid_until": min(one["valid_until"], stamp)}
        for one in endpoint.previous_secrets
        if one["valid_until"] > ended
    ]
    return [{"secret": endpoint.secret, "valid_until": stamp}, *older][:MAX_PREVIOUS]


def _test(state: State, command: Command) -> Outcome:
    """Tell the log of a test; the fan-out gives it to this endpoint, and to no other."""
    endpoint = state.find(WebhookEndpoint, command.resource_id)
    if endpoint is None:
        return Rejected(not_found("webhook endpoint"))
    if not endpoint.enabled:
        return refuse("endpoint-disabled", "a disabled endpoint is not called; enable it first")
    event_id = event_id_for(command.operation_id, 0)
    answer = {"event_id": str(event_id), "delivery_id": str(derived_id(endpoint.id, "delivery", event_id))}
    return Accepted((), (_told(TESTED, None, endpoint),), answer, is_kept=True)


def _unsealed(command: Command) -> Rejected | None:
    """Refuse a command whose secrets came in the open, or not at all: only the HTTP door mints and seals."""
    body = command.body
    is_open = any(getattr(body, name, None) is not None for name in ("secret", "auth"))
    return _IN_THE_OPEN if is_open or "secret" not in command.minted else None


def _wrong_filter(wanted: object) -> Rejected | None:
    faults = [] if wanted is None else filter_faults(wanted)
    return refuse("validation", "the filter does not fit; see `errors`", *faults) if faults else None


def _wrong_source(state: State, source_id: UUID | None) -> Rejected | None:
    """Refuse a source that this pharmacy does not have. One that ends later stays named: it causes nothing any more."""
    if source_id is None or state.find(Source, source_id) is not None:
        return None
    detail = "this pharmacy has no such source"
    return refuse("validation", detail, FieldError("#/source_id", "unknown-source", detail))


def _wrong_headers(headers: object) -> Rejected | None:
    """Check headers once more after they were merged."""
    try:
        _HEADERS.validate_python({} if headers is None else headers)
    except ValidationError as error:
        faults = [replace(fault, pointer=f"#/headers{fault.pointer[1:]}") for fault in field_errors(error, headers)]
        return refuse("validation", "the headers do not fit; see `errors`", *faults)
    return None


RULES = (
    Rule("webhook_endpoint.create", CreateEndpoint, _create, "webhook-endpoints", _touch_new),
    Rule("webhook_endpoint.replace", ReplaceEndpoint, _revise, "webhook-endpoints", _touch),
    Rule("webhook_endpoint.update", UpdateEndpoint, _revise, "webhook-endpoints", _touch),
    Rule("webhook_endpoint.delete", RemoveEndpoint, _remove, "webhook-endpoints", _touch),
    Rule("webhook_endpoint.rotate_secret", RotateSecret, _rotate, "webhook-endpoints", _touch),
    Rule("webhook_endpoint.test", SendTest, _test, "webhook-endpoints", _touch),
)
