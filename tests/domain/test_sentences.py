"""What is wrong with a body is said in the hub's words, whatever is wrong: never in pydantic's, never quoting the client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from hub.domain.checking import field_errors
from hub.domain.fields import Body
from hub.domain.identifiers import Identifier
from hub.domain.sentences import ALLOWED
from hub.domain.upload_rows import csv_lines, read_rows
from hub.resources import COMMANDS

BODIES = sorted({command.body for command in COMMANDS.values()}, key=lambda body: body.__name__)
# One of each kind of JSON, and each of a size that nothing takes.
_WRONG: list[Any] = [
    None, True, -1, 10**12, 1.5, "", "\n", "x" * 5000, "é ü", "-", [], [None], [1, "", "é ü"] * 60, {},
    {"é ü": "\n"}, {"": {}}, {f"k{number}": None for number in range(200)},
]  # fmt: skip


def _patterns(schema: Any) -> Iterator[str]:
    """Walk the patterns that pydantic checks in a core schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "str" and schema.get("pattern"):
            yield schema["pattern"]
        for inner in schema.values():
            yield from _patterns(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _patterns(inner)


def _faulty(model: type[Body]) -> Iterator[tuple[bytes, Any]]:
    """Make bodies of which something is wrong: in each member, and one or two steps deeper."""
    definitions = model.model_json_schema().get("$defs", {})
    inner = {name for one in definitions.values() for name in one.get("properties", {})}
    yield b"1", 1
    for wrong in _WRONG:
        deeper = dict.fromkeys(inner, wrong)
        for value in (
            wrong,
            deeper,
            [deeper],
            {"rules": [deeper], **deeper},
            {"fields": {"sku": deeper}, "rules": [{"fields": {"sku": deeper}}]},
        ):
            body = dict.fromkeys(model.model_fields, value) | {"unheard": 1}
            yield json.dumps(body).encode(), body


def test_every_pattern_says_what_it_allows() -> None:
    checked = {pattern for body in BODIES for pattern in _patterns(body.__pydantic_core_schema__)}
    assert checked == set(ALLOWED)


@pytest.mark.parametrize("model", BODIES, ids=lambda body: body.__name__)
def test_nothing_is_told_in_the_words_of_pydantic(model: type[Body]) -> None:
    for sent, value in _faulty(model):
        with pytest.raises(ValidationError) as caught:
            model.model_validate_json(sent, strict=True)
        for fault, told in zip(caught.value.errors(), field_errors(caught.value, value), strict=False):
            is_pydantics = "url" in fault  # the hub's own have no page in its documentation
            assert not is_pydantics or told.detail != fault["msg"], fault
            assert "{" not in told.detail


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"scheme": "GTIN", "value": "1"}, "1 to 32 lower-case letters, digits and _; begins with a letter; such as gtin or shelf"),
        ({"scheme": "shelf", "value": ""}, "this must not be empty"),
        ({"scheme": "shelf"}, "this is required"),
        ({"scheme": "shelf", "value": "x" * 129}, "too long: at most 128 characters"),
        ({"scheme": "shelf", "value": "\u2028"}, "this is not blank, and has no control, format or line-separator characters"),
    ],
)  # fmt: skip
def test_a_fault_says_what_is_allowed(body: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Identifier.model_validate_json(json.dumps(body), strict=True)
    assert [fault.detail for fault in field_errors(caught.value, body)] == [told]


def test_a_fault_of_a_row_names_its_line_and_its_column() -> None:
    file = b"sku,name,price,quantity,gtin\nA,a,1.00,1,\n,a,1.00,1,\nA,a,much,1,\nA,a,1.00,one,\nA,a,1.00,1,123\n"
    rows = read_rows(csv_lines(iter([file])), "csv", "inventory")
    assert [(row.line, fault.pointer, fault.detail) for row in rows for fault in row.faults] == [
        (3, "#/sku", "this is required"),
        (4, "#/price", "this is an amount such as 9.99: at most 10 digits, then at most 2 after a point"),
        (5, "#/quantity", "this is a whole number"),
        (6, "#/identifiers/0", "the value is no gtin: its form or check digit is wrong"),
    ]
