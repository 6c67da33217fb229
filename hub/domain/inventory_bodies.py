"""What clients send about their stock: an item as a whole or in part, a movement of it, a row of a bulk upload."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.domain.fields import MAX_QUANTITY, Amount, Body, Delta, FreeObject, Name, Quantity, Reference, Text, Time
from hub.domain.identifiers import Identifier
from hub.domain.stock import Reason

Identifiers = Annotated[list[Identifier], Field(max_length=50)]


class CreateItem(Body):
    """A new item of the pharmacy's stock."""

    sku: Reference
    name: Name
    quantity: Quantity = 0
    price: Amount
    extra_data: FreeObject = Field(default_factory=dict)
    identifiers: Identifiers = Field(default_factory=list)
    low_stock_threshold: Quantity | None = None


class ReplaceItem(Body):
    """All of an item. A quantity that is named needs `If-Match` or `expected_quantity`; left out, it stays."""

    sku: Reference
    name: Name
    quantity: Quantity = 0
    expected_quantity: Annotated[int, Field(strict=True, ge=-MAX_QUANTITY, le=MAX_QUANTITY)] | None = None
    price: Amount
    extra_data: FreeObject = Field(default_factory=dict)
    identifiers: Identifiers = Field(default_factory=list)
    low_stock_threshold: Quantity | None = None


class UpdateItem(Body):
    """Some of an item, as JSON Merge Patch (RFC 7396)."""

    sku: Reference = ""
    name: Name = ""
    quantity: Quantity = 0
    expected_quantity: Annotated[int, Field(strict=True, ge=-MAX_QUANTITY, le=MAX_QUANTITY)] | None = None
    price: Amount = Decimal(0)
    extra_data: FreeObject | None = None
    identifiers: Identifiers | None = None
    low_stock_threshold: Quantity | None = None


class AdjustItem(Body):
    """A movement: a `delta` with its reason, or `{"reason": "count", "quantity": n}` which sets without comparing."""

    reason: Reason
    delta: Delta | None = None
    quantity: Quantity | None = None
    note: Text = ""
    reference_uri: Annotated[str, Field(strict=True, max_length=2048)] | None = None
    occurred_at: Time | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.quantity is not None and (self.reason is not Reason.COUNT or self.delta is not None):
            raise PydanticCustomError("adjustment", "`quantity` goes with the reason `count` and without `delta`")
        if self.quantity is None and not self.delta:
            raise PydanticCustomError(
                "adjustment", "give a `delta` other than 0, or the reason `count` with a `quantity`"
            )
        return self


class RemoveItem(Body):
    """Take an item off the list."""


class UpsertItem(Body):
    """One row of a bulk upload: it creates the item, or changes only the fields it names. A quantity is a count."""

    sku: Reference
    name: Name = ""
    quantity: Quantity = 0
    price: Amount = Decimal(0)
    extra_data: FreeObject = Field(default_factory=dict)
    identifiers: Identifiers = Field(default_factory=list)
    low_stock_threshold: Quantity | None = None
