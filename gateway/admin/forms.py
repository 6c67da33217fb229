"""Forms from body models and back: fields by type, what was typed as a JSON body, problems to the fields they speak of."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import orjson

from gateway.admin.registry import Input, words
from hub.domain.fields import Body, same_json
from hub.domain.problem import FieldError

Json = dict[str, Any]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,12}")
_LOCAL_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
BLANK_LINES: Final = 3
_OR_NULL: Final = "none_required"
_MOST_LINES: Final = 500


@dataclass(slots=True)
class Field:
    """A field as a template draws it.

    Args:
        value: text, True or False, a list of chosen words, or the rows of a `lines` field.
        faults: of this field; of lines by `<row>.<column>`.
        parts: the columns of a `lines` field.
        meanwhile: what somebody else made of it while this was typed.
    """

    name: str
    label: str
    widget: str
    is_required: bool = False
    is_nullable: bool = False
    help: str = ""
    whole: bool = False
    placeholder: str = ""
    choices: Sequence[str] = ()
    most: int | None = None
    value: Any = ""
    faults: list[str] = field(default_factory=list)
    row_faults: dict[str, list[str]] = field(default_factory=dict)
    parts: Sequence["Field"] = ()
    meanwhile: str = ""


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
        whole=said.whole,
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
            return rows + blank_lines(one, BLANK_LINES if not rows else 1)
        case "tags":
            return "\n".join(map(str, value or ()))
        case "json":
            return "" if value is None else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        case "time":
            return "" if value is None else datetime.fromisoformat(value).strftime("%Y-%m-%dT%H:%M:%S")
        case _:
            return "" if value is None else str(value)


def catch_up(
    fields: Iterable[Field], before: Mapping[str, Any], row: Mapping[str, Any], typed: Collection[str]
) -> None:
    """Show what somebody else changed while a form was filled in.

    Args:
        before: what the form showed. `row`: what there is now.
        typed: the fields that were changed in the form: they keep it, and say what there is now.
    """
    for one in fields:
        present = row.get(one.name)
        if same_json(before.get(one.name), present):
            continue
        if one.name in typed:
            one.meanwhile = _told(present)
        else:
            one.value = _shown(one, present)


def _told(value: Any) -> str:  # noqa: ANN401 -- a JSON value
    match value:
        case None | "" | [] | {}:
            return "empty"
        case bool():
            return "yes" if value else "no"
        case str() | int():
            return str(value)
        case _:
            return orjson.dumps(value).decode()


def blank_lines(one: Field, count: int) -> list[Json]:
    """Make lines to be filled in."""
    return [{part.name: "" for part in one.parts} for _ in range(count)]


def place_faults(fields: Sequence[Field], errors: Iterable[FieldError]) -> list[str]:
    """Give each fault of a problem to the field that its pointer names; returns those that belong to none."""
    known = {one.name: one for one in fields}
    rest = []
    for error in errors:
        if error.code == _OR_NULL:
            continue  # the other branch of an optional field's type; its own fault is told as well
        steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in error.pointer.split("/")[1:]]
        one = known.get(steps[0]) if steps else None
        text = f"{error.detail[:1].upper()}{error.detail[1:]}"
        if one is None:
            rest.append(text)
        elif one.widget == "lines" and len(steps) > 1 and steps[1].isdigit():
            one.row_faults.setdefault(f"{steps[1]}.{steps[2] if len(steps) > 2 else ''}", []).append(text)  # noqa: PLR2004 -- field, row, column
        elif one.widget == "tags" and len(steps) > 1 and steps[1].isdigit():
            one.faults.append(f"Entry {int(steps[1]) + 1}: {error.detail}")
        else:
            one.faults.append(text)
    return rest


def has_faults(fields: Iterable[Field]) -> bool:
    """Tell whether something that was typed cannot be read."""
    return any(one.faults or one.row_faults for one in fields)
