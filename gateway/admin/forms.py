"""Forms from body models and back: fields by type, what was typed as a JSON body, problems to the fields they speak of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import orjson

from gateway.admin.frame import Form as Sent
from gateway.admin.registry import Input, words
from hub.domain.fields import Body, merge_patch, same_json
from hub.domain.problem import FieldError

Json = dict[str, Any]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,12}")
_LOCAL_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_BLANK_LINES: Final = 3
_MOST_LINES: Final = 500


@dataclass(slots=True)
class Field:
    """A field as a template draws it.

    Args:
        value: text, True or False, a list of chosen words, or the rows of a `lines` field.
        faults: of this field; of lines by `<row>.<column>`.
        parts: the columns of a `lines` field.
    """

    name: str
    label: str
    widget: str
    is_required: bool = False
    is_nullable: bool = False
    help: str = ""
    placeholder: str = ""
    choices: Sequence[str] = ()
    most: int | None = None
    value: Any = ""
    faults: list[str] = field(default_factory=list)
    row_faults: dict[str, list[str]] = field(default_factory=dict)
    parts: Sequence["Field"] = ()


@lru_cache(64)
def _schema_of(model: type[Body]) -> Json:
    return model.model_json_schema()


def fields_of(
    model: type[Body], names: Iterable[str], inputs: Mapping[str, Input], choices: Mapping[str, list[str]] | None = None
) -> list[Field]:
    """Make the fields of a form.

    Args:
        names: members of the body, in the order of the form.
        choices: of a field, instead of its type's.
    """
    schema = _schema_of(model)
    required = set(schema.get("required", ()))
    found = []
    for name in names:
        made = _field(name, schema["properties"][name], schema.get("$defs", {}), inputs.get(name, Input()))
        made.is_required = name in required
        if choices and name in choices:
            made.widget, made.choices = "select", choices[name]
        found.append(made)
    return found


def _field(name: str, schema: Json, definitions: Json, said: Input) -> Field:
    plain, is_nullable = _resolve(schema, definitions)
    widget = said.widget or _widget(plain, definitions)
    made = Field(
        name,
        said.label or words(name),
        widget,
        is_nullable=is_nullable,
        help=said.help,
        placeholder=said.placeholder,
        most=plain.get("maxLength"),
    )
    if widget in {"select", "checks"}:
        source = plain if widget == "select" else _resolve(plain["items"], definitions)[0]
        made.choices = [str(word) for word in source["enum"]]
    if widget == "lines":
        item = _resolve(plain["items"], definitions)[0]
        columns = said.columns or tuple(item["properties"])
        made.parts = [_field(column, item["properties"][column], definitions, Input()) for column in columns]
        for part in made.parts:
            part.is_required = part.name in item.get("required", ())
    made.value = _shown(made, said.value if said.value is not None else schema.get("default"))
    return made


def _resolve(schema: Json, definitions: Json) -> tuple[Json, bool]:
    """Follow references, and take `null` out of a choice of types."""
    is_nullable = False
    while True:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
            is_nullable = is_nullable or len(kinds) < len(schema["anyOf"])
            schema = kinds[0]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema, is_nullable


def _widget(schema: Json, definitions: Json) -> str:  # noqa: PLR0911 -- a line for each kind
    match schema:
        case {"enum": _}:
            return "select"
        case {"type": "boolean"}:
            return "switch"
        case {"type": "integer"}:
            return "number"
        case {"type": "array", "items": items}:
            inner = _resolve(items, definitions)[0]
            return "checks" if "enum" in inner else "lines" if inner.get("type") == "object" else "tags"
        case {"type": "string", "format": "date-time"}:
            return "time"
        case {"type": "string", "examples": ["9.99"]}:
            return "money"
        case {"type": "string"}:
            return "text"
        case _:
            return "json"


def fill(fields: Iterable[Field], row: Mapping[str, Any]) -> None:
    """Show what a row has."""
    for one in fields:
        one.value = _shown(one, row.get(one.name))


def _shown(one: Field, value: Any) -> Any:  # noqa: ANN401, PLR0911 -- a JSON value in, what a template draws out
    match one.widget:
        case "switch":
            return bool(value)
        case "checks":
            return list(value or ())
        case "lines":
            rows = [{part.name: _shown(part, row.get(part.name)) for part in one.parts} for row in value or ()]
            return rows + _blank(one, _BLANK_LINES if not rows else 1)
        case "tags":
            return "\n".join(map(str, value or ()))
        case "json":
            return "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        case "time":
            return "" if value is None else datetime.fromisoformat(value).strftime("%Y-%m-%dT%H:%M:%S")
        case _:
            return "" if value is None else str(value)


def _blank(one: Field, count: int) -> list[Json]:
    return [{part.name: "" for part in one.parts} for _ in range(count)]


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
    if not isinstance(value, dict) or not isinstance(shown, dict):
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
    one.value = rows + _blank(one, _BLANK_LINES if "more_lines" in sent else 1)
    return values, bool(values)


def place_faults(fields: Sequence[Field], errors: Iterable[FieldError]) -> list[str]:
    """Give each fault of a problem to the field that its pointer names; returns those that belong to none."""
    known = {one.name: one for one in fields}
    rest = []
    for error in errors:
        steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in error.pointer.split("/")[1:]]
        one = known.get(steps[0]) if steps else None
        text = f"{error.detail[:1].upper()}{error.detail[1:]}"
        if one is None:
            rest.append(text)
        elif one.widget == "lines" and len(steps) > 1 and steps[1].isdigit():
            one.row_faults.setdefault(f"{steps[1]}.{steps[2] if len(steps) > 2 else ''}", []).append(text)  # noqa: PLR2004 -- field, row, column
        else:
            one.faults.append(text)
    return rest


def has_faults(fields: Iterable[Field]) -> bool:
    """Tell whether something that was typed cannot be read."""
    return any(one.faults or one.row_faults for one in fields)
