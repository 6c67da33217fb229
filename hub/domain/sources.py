"""Sources: third parties that may send webhooks to a pharmacy, and how a message of theirs is told from a forgery."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from hub.domain.command import Command, Rule
from hub.domain.fields import Body, format_id, format_time, same_json
from hub.domain.holdings import Holdings, one_more
from hub.domain.outcome import Accepted, Event, Outcome, Rejected, changed, refuse
from hub.domain.problem import FieldError
from hub.domain.source_bodies import CreateSource, RemoveSource, ReplaceSource, RotateSecret, UpdateSource, misfit
from hub.domain.state import Ref, State
from hub.domain.versions import current


@dataclass(frozen=True, slots=True)
class Source:
    """A source. `secret` and `previous_secret` are ciphertexts; the plaintext exists in the gateway's cache only."""

    UNIQUE: ClassVar[tuple[str, ...]] = ()

    id: UUID
    pharmacy_id: UUID
    name: str
    scheme: str
    secret: str
    previous_secret: str | None
    previous_valid_until: datetime | None
    event_type_path: str
    settings: Mapping[str, Any]
    mapping: Mapping[str, Any]
    enabled: bool
    created_at: datetime
    updated_at: datetime
    version: int
    deleted_at: datetime | None = None


def dump_source(source: Source, base_url: str) -> dict[str, Any]:
    """Represent a source as clients see it, without its secret.

    Args:
        base_url: the hub's address; `url` is where the vendor posts to.
    """
    until = source.previous_valid_until
    return {
        "id": format_id(source.id),
        "pharmacy_id": format_id(source.pharmacy_id),
        "name": source.name,
        "scheme": source.scheme,
        "settings": source.settings,
        "event_type_path": source.event_type_path,
        "mapping": source.mapping,
        "enabled": source.enabled,
        "previous_valid_until": None if until is None else format_time(until),
        "url": f"{base_url}/hooks/{source.id}",
        "created_at": format_time(source.created_at),
        "updated_at": format_time(source.updated_at),
        "version": source.version,
    }


def _said(body: Body) -> dict[str, Any]:
    """Write a part of a body as the client sent it."""
    return body.model_dump(mode="json", exclude_unset=True)


def _touch_holdings(command: Command) -> Iterable[Ref]:
    yield Ref(Holdings, "id", command.pharmacy_id)


def _touch(command: Command) -> Iterable[Ref]:
    yield Ref(Source, "id", command.resource_id)


def _dump(source: Source, command: Command) -> dict[str, Any]:
    return dump_source(source, command.minted.get("base_url", ""))


def _accepted(name: str, before: Source | None, after: Source, command: Command) -> Accepted:
    data = {
        "source": _dump(after, command),
        "changed": {} if before is None else changed(_dump(before, command), _dump(after, command)),
    }
    return Accepted((after,), (Event(name, f"sources/{format_id(after.id)}", data),), _dump(after, command))


def _create(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, CreateSource)
    secret = command.minted.get("secret")
    if secret is None:
        return _no_secret()
    held = one_more(state, "sources")
    if isinstance(held, Rejected):
        return held
    source = Source(
        id=command.resource_id,
        pharmacy_id=state.pharmacy_id,
        name=body.name,
        scheme=body.scheme,
        secret=secret,
        previous_secret=None,
        previous_valid_until=None,
        event_type_path=body.event_type_path,
        settings=_said(body.settings),
        mapping=_said(body.mapping),
        enabled=body.enabled,
        created_at=state.now,
        updated_at=state.now,
        version=1,
    )
    accepted = _accepted("source.created", None, source, command)
    return replace(accepted, changes=(source, held))


def _no_secret() -> Rejected:
    detail = "the secret of a source is sealed at the HTTP door; send this command there"
    return refuse("validation", detail, FieldError("#/secret", "unsealed", detail))


def _revise(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, ReplaceSource | UpdateSource)
    source = current(state, command, Source, "source")
    if isinstance(source, Rejected):
        return source
    if isinstance(body, ReplaceSource) and body.scheme != source.scheme:
        detail = f"a source stays {source.scheme}; register another one"
        return refuse("immutable", detail, FieldError("#/scheme", "immutable", detail))
    whole = isinstance(body, ReplaceSource)
    named = set(type(body).model_fields) if whole else body.model_fields_set
    values: dict[str, Any] = {
        name: getattr(body, name) for name in ("name", "event_type_path", "enabled") if name in named
    }
    if "settings" in named:
        assert body.settings is not None
        if (fault := misfit(source.scheme, body.settings)) is not None:
            return refuse("validation", fault, FieldError("#/settings", "source_settings", fault))
        values["settings"] = _said(body.settings)
    if "mapping" in named:
        assert body.mapping is not None
        values["mapping"] = _said(body.mapping)
    after = replace(source, **values)
    if after == source and same_json([after.settings, after.mapping], [source.settings, source.mapping]):
        return Accepted((), (), _dump(source, command))
    after = replace(after, updated_at=state.now, version=source.version + 1)
    return _accepted("source.updated", source, after, command)


def _rotate(state: State, command: Command) -> Outcome:
    body = command.body
    assert isinstance(body, RotateSecret)
    source = current(state, command, Source, "source")
    if isinstance(source, Rejected):
        return source
    secret = command.minted.get("secret")
    if secret is None:
        return _no_secret()
    after = replace(
        source,
        secret=secret,
        previous_secret=source.secret if body.overlap_seconds else None,
        previous_valid_until=state.now + timedelta(seconds=body.overlap_seconds),
        updated_at=state.now,
        version=source.version + 1,
    )
    return _accepted("source.updated", source, after, command)


def _remove(state: State, command: Command) -> Outcome:
    source = current(state, command, Source, "source")
    if isinstance(source, Rejected):
        return source
    after = replace(source, deleted_at=state.now, updated_at=state.now, version=source.version + 1)
    return replace(_accepted("source.deleted", source, after, command), resource=None)


RULES = (
    Rule("source.create", CreateSource, _create, "sources", _touch_holdings),
    Rule("source.replace", ReplaceSource, _revise, "sources", _touch),
    Rule("source.update", UpdateSource, _revise, "sources", _touch),
    Rule("source.rotate_secret", RotateSecret, _rotate, "sources", _touch),
    Rule("source.delete", RemoveSource, _remove, "sources", _touch),
)
