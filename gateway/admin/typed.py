"""What was typed into a form, as the JSON body of its command."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from gateway.admin.forms import BLANK_LINES, Field, Json, blank_lines
from gateway.admin.frame import Form as Sent
from hub.domain.fields import merge_patch, same_json

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,12}")
_LOCAL_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_MOST_LINES: Final = 500


def read(fields: Iterable[Field], sent: Sent, *, before: Mapping[str, Any] | None = None) -> Json:
    """Read what was typed as a JSON body; the fields keep it, and what cannot be read is a fault of its field.

    Args:
        before: the row that is changed: only what differs is sent, as a JSON Merge Patch. None: a new one; what is empty is
            left out, so that defaults hold.
    """
    body: Json = {}
    for one in fields:
        value, is_there = _typed(one, sent)
        if one.faults or one.row_faults:
            continue
        if before is None:
            if is_there:
                body[one.name] = value
            continue
        shown = _comparable(one, before.get(one.name))
        if not is_there:
            value = _emptied(one, shown)
        if same_json(value, shown):
            continue
        body[one.name] = _patch(one, shown, value)
    return body


def _emptied(one: Field, shown: Any) -> Any:  # noqa: ANN401 -- JSON values
    """Say what a field is that somebody left empty: what it was, if that is empty as well."""
    match shown:
        case dict() | list():
            return type(shown)()
        case None | "":
            return shown
        case _:
            return None if one.is_nullable else ""


def _comparable(one: Field, shown: Any) -> Any:  # noqa: ANN401 -- JSON values
    """Leave out of a row's lines what the form does not ask for."""
    if one.widget == "lines" and isinstance(shown, list):
        names = {part.name for part in one.parts}
        return [{name: value for name, value in row.items() if name in names and value != ""} for row in shown]
    return shown


def _patch(one: Field, shown: Any, value: Any) -> Any:  # noqa: ANN401 -- JSON values
    if one.whole or not isinstance(value, dict) or not isinstance(shown, dict):
        return value
    patch = _difference(shown, value)
    if not same_json(merge_patch(shown, patch), value):
        one.faults.append("A change cannot set a member to null; leave the member out to remove it.")
    return patch


def _difference(before: Json, after: Json) -> Json:
    """Make the JSON Merge Patch from one object to the other."""
    patch: Json = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            if inner := _difference(old, value):
                patch[name] = inner
        elif name not in before or not same_json(old, value):
            patch[name] = value
    return patch


def _typed(one: Field, sent: Sent) -> tuple[Any, bool]:
    """Read one field: its value, and whether there is any."""
    if one.widget == "lines":
        return _typed_lines(one, sent)
    if one.widget == "switch":
        one.value = one.name in sent
        return one.value, True
    if one.widget == "checks":
        one.value = [word for word in sent.get(one.name, ()) if word in one.choices]
        return one.value, True
    text = sent.get(one.name, ("",))[0]
    one.value = text
    return _value(one, text)


def _value(one: Field, text: str) -> tuple[Any, bool]:  # noqa: PLR0911 -- a line for each kind
    """Read the text of a field."""
    stripped = text.strip()
    if one.widget not in {"text", "textarea"} and not stripped:
        return None, False
    match one.widget:
        case "number":
            if _INTEGER.fullmatch(stripped):
                return int(stripped), True
            one.faults.append("This is a whole number.")
        case "money":
            return stripped.replace(",", "."), True
        case "time":
            return f"{stripped.replace(' ', 'T')}{'' if stripped.count(':') > 1 else ':00'}Z" if _LOCAL_TIME.fullmatch(
                stripped
            ) else stripped, True
        case "json":
            try:
                return orjson.loads(stripped), True
            except orjson.JSONDecodeError as error:
                one.faults.append(f"This is no JSON: {error.msg}, line {error.lineno}, column {error.colno}.")
        case "tags":
            return [part.strip() for part in re.split(r"[\n,]", stripped) if part.strip()], True
        case _:
            return text, text != ""
    return None, False


def _typed_lines(one: Field, sent: Sent) -> tuple[Any, bool]:
    pattern = re.compile(rf"{re.escape(one.name)}\.([0-9]{{1,3}})\.(\w+)")
    found = {int(match[1]) for name in sent if (match := pattern.fullmatch(name))}
    rows: list[dict[str, str]] = []
    values: list[Json] = []
    for index in sorted(found)[:_MOST_LINES]:
        texts = {part.name: sent.get(f"{one.name}.{index}.{part.name}", ("",))[0] for part in one.parts}
        if not any(text.strip() for text in texts.values()):
            continue
        row: Json = {}
        for part in one.parts:
            part.faults = []
            value, is_there = _value(part, texts[part.name])
            if part.faults:
                one.row_faults[f"{len(rows)}.{part.name}"] = part.faults
            if is_there:
                row[part.name] = value
        rows.append(texts)
        values.append(row)
    one.value = rows + blank_lines(one, BLANK_LINES if "more_lines" in sent else 1)
    return values, bool(values)
