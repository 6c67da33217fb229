"""What clients send about sales: lines, or the flat form that is one line."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.domain.fields import Amount, Body, FreeObject, Reference, Time, Units


class SaleLine(Body):
    """So many of one item, and what they cost together."""

    sku: Reference | None = None
    inventory_item: UUID | None = None
    quantity: Units
    total_price: Amount

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.sku is None) == (self.inventory_item is None):
            raise PydanticCustomError("item_name", "name the item by `sku` or by `inventory_item`, one of them")
        return self


Lines = Annotated[list[SaleLine], Field(min_length=1, max_length=500)]


class RecordSale(Body):
    """A sale with its `lines`; or in the flat form, which is one line."""

    lines: Lines | None = None
    sku: Reference | None = None
    inventory_item: UUID | None = None
    quantity: Units | None = None
    total_price: Amount | None = None
    sale_time: Time | None = None
    reference: Reference | None = None
    extra_data: FreeObject = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        flat = (self.sku, self.inventory_item, self.quantity, self.total_price)
        if self.lines is not None:
            if any(value is not None for value in flat):
                raise PydanticCustomError("sale_form", "give `lines`, or the flat form, not both")
        elif self.quantity is None or self.total_price is None:
            raise PydanticCustomError("sale_form", "give `lines`, or the flat form with `quantity` and `total_price`")
        elif (self.sku is None) == (self.inventory_item is None):
            raise PydanticCustomError("item_name", "name the item by `sku` or by `inventory_item`, one of them")
        return self

    def all_lines(self) -> list[SaleLine]:
        """List the lines, whichever form was sent."""
        if self.lines is not None:
            return self.lines
        assert self.quantity is not None
        assert self.total_price is not None
        return [
            SaleLine(
                sku=self.sku, inventory_item=self.inventory_item, quantity=self.quantity, total_price=self.total_price
            )
        ]


class ReplaceSale(RecordSale):
    """All of a sale: only `reference` and `extra_data` may differ from what was recorded."""


class UpdateSale(Body):
    """Some of a sale: `reference` and `extra_data`; the rest was recorded and stays."""

    lines: Lines | None = None
    sku: Reference | None = None
    inventory_item: UUID | None = None
    quantity: Units | None = None
    total_price: Amount | None = None
    sale_time: Time | None = None
    reference: Reference | None = None
    extra_data: FreeObject | None = None


class VoidSale(Body):
    """Take a sale back by reversing movements."""
