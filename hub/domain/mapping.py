"""How the messages of a source become commands: a built-in adapter, or rules of JSON paths (`hub.domain.paths`) to fields.

In a path `$` is the whole message, `@` the element of `each`.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from html import unescape
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from hub.domain.fields import Body, Reference
from hub.domain.paths import PATH, STEP, Reader
from hub.domain.webhooks import wants

MAX_COMMANDS = 100
"""Commands that one message may become."""

Path = Annotated[str, Field(strict=True, max_length=500, pattern=f"^[$@]{STEP}{{0,20}}$")]
Constant = Annotated[str, Field(strict=True, max_length=500)]
Member = Annotated[str, Field(strict=True, pattern="^[a-z_]{1,64}$")]
Pattern = Annotated[str, Field(strict=True, min_length=1, max_length=128)]
Command = Literal["order.mirror", "inventory.mirror", "sale.record"]


class Leaf(Body):
    """Where a value comes from, and what becomes of it.

    `form`: `text` (HTML entities resolved), `integer`, `money` ("9.9" or 9.9 to "9.90"), `cents` (990 to "9.90"). `map` then
    takes a text to another value; what it does not name is left out. `default` stands for what is missing.
    """

    path: Path
    form: Literal["text", "integer", "money", "cents"] | None = None
    map: Annotated[dict[str, JsonValue], Field(max_length=100)] | None = None
    default: JsonValue = None


class Lines(Body):
    """A list: for every element of `each`, an object of these fields."""

    each: Path
    fields: Annotated[dict[Member, Leaf | Constant], Field(min_length=1, max_length=20)]


class When(Body):
    """To which messages a rule applies: their type (a trailing `*` is allowed), and what stands at a path."""

    event_types: Annotated[list[Pattern], Field(min_length=1, max_length=50)] = Field(default_factory=lambda: ["*"])
    path: Path | None = None
    equals: JsonValue = None


class MappingRule(Body):
    """One kind of message to commands: `each` makes one command of every element it finds.

    A field is a path (text that begins with `$` or `@`), a constant text, a `path` with its form, or a list of lines.
    """

    when: When = Field(default_factory=When)
    command: Command
    each: Path | None = None
    fields: Annotated[dict[Member, Leaf | Lines | Constant], Field(min_length=1, max_length=30)]

    @model_validator(mode="after")
    def _named(self) -> Self:
        needed = {"order.mirror": "order_reference", "inventory.mirror": "sku", "sale.record": "lines"}[self.command]
        if needed not in self.fields:
            raise PydanticCustomError(
                "mapping", "{command} needs the field `{needed}`", {"command": self.command, "needed": needed}
            )
        for field in self.fields.values():
            if isinstance(field, str) and field[:1] in {"$", "@"} and not PATH.fullmatch(field):
                raise PydanticCustomError("mapping", "{path} is no path that is taken here", {"path": field[:80]})
        return self


class Mapping(Body):
    """What a source's messages mean: an `adapter`, or `rules`, or nothing: then they are stored only.

    Args:
        skus: the pharmacy's sku by the vendor's id of an article, for adapters.
        locations: the vendor's locations that are this pharmacy; empty: all.
        reference_prefix: stands before every `order_reference`.
    """

    adapter: Literal["shopify", "woocommerce", "square"] | None = None
    skus: Annotated[dict[Annotated[str, Field(max_length=128)], Reference], Field(max_length=10_000)] = Field(
        default_factory=dict
    )
    locations: Annotated[list[Annotated[str, Field(strict=True, max_length=128)]], Field(max_length=100)] = Field(
        default_factory=list
    )
    reference_prefix: Annotated[str, Field(strict=True, max_length=32, pattern="^[!-~]*$")] = ""
    rules: Annotated[list[MappingRule], Field(max_length=32)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.adapter is not None and self.rules:
            raise PydanticCustomError("mapping", "a mapping has an `adapter` or `rules`, not both")
        return self

    @property
    def writes(self) -> bool:
        """Tell whether messages become commands, which change stock and orders."""
        return self.adapter is not None or bool(self.rules)


def apply_rules(rules: Sequence[MappingRule], event_type: str, payload: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 -- a JSON value
    """Make the commands, each (type, body), that the rules see in a message; the bodies are not checked yet.

    Raises:
        TooManySteps: reading the message by these rules costs too much.
    """
    reader = Reader(payload)
    for rule in rules:
        if not wants(rule.when.event_types, event_type):
            continue
        if rule.when.path is not None and reader.find_first(rule.when.path, None) != rule.when.equals:
            continue
        elements = [payload] if rule.each is None else reader.find_all(rule.each, None)
        for element in elements:
            yield (
                rule.command,
                {
                    name: value
                    for name, field in rule.fields.items()
                    if (value := _value(field, reader, element)) is not None
                },
            )


def _value(field: Leaf | Lines | str, reader: Reader, element: Any) -> Any:  # noqa: ANN401 -- JSON values
    if isinstance(field, Lines):
        return [
            {name: value for name, leaf in field.fields.items() if (value := _value(leaf, reader, inner)) is not None}
            for inner in reader.find_all(field.each, element)
        ]
    if isinstance(field, str):
        return reader.find_first(field, element) if field[:1] in {"$", "@"} else field
    found = _formed(reader.find_first(field.path, element), field.form)
    if field.map is not None and found is not None:
        found = field.map.get(found if isinstance(found, str) else _text(found))
    return field.default if found is None else found


def _formed(value: Any, form: str | None) -> Any:  # noqa: ANN401 -- a JSON value
    """Bring a value into a form; what does not fit stays, and the command's own check names it."""
    if value is None or form is None:
        return value
    if form == "text":
        return unescape(value) if isinstance(value, str) else _text(value)
    number = decimal_of(value)
    if number is None:
        return value
    match form:
        case "integer":
            return int(number) if number == number.to_integral_value() else value
        case "cents":
            return format_cents(number / 100)
        case _:
            return format_cents(number)


def decimal_of(value: Any) -> Decimal | None:  # noqa: ANN401 -- a JSON value
    """Read a number that may be written as text; None: it is none, or too large for money and quantities.

    >>> decimal_of("9.90"), decimal_of(3), decimal_of(True), decimal_of("x")
    (Decimal('9.90'), Decimal('3'), None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 40:  # noqa: PLR2004 -- no such number is longer
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** 15 else None


def format_cents(number: Decimal) -> str:
    """Write an amount with two decimals, half up, as shops round."""
    return f"{number.quantize(Decimal('0.01'), ROUND_HALF_UP):.2f}"


def _text(value: Any) -> str:  # noqa: ANN401 -- a JSON value
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
