"""What clients send about orders: the items, what they come to, and the status that is wished for."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from hub.domain.fields import Amount, Body, FreeObject, NotNull, Reference, Text, Units, format_money
from hub.domain.order_states import EXTERNAL, OrderStatus


class OrderItem(Body):
    """A line of an order. Its sku may be unknown until the order is confirmed."""

    sku: Reference
    name: Text = ""
    quantity: Units
    unit_price: Amount


Items = Annotated[list[OrderItem], Field(min_length=1, max_length=500)]

MAX_TOTAL = Decimal("9999999999.99")


def total_of(items: Iterable[OrderItem]) -> Decimal:
    """Sum what the items cost."""
    return sum((item.quantity * item.unit_price for item in items), Decimal(0))


class PlaceOrder(Body):
    """A new order. One of the source `external` mirrors another system: any status, any total."""

    order_reference: Reference
    # The checks of the fields below look at those above.
    source: Reference = "hub"
    items: Items
    total_amount: Amount | None = None
    status: OrderStatus = OrderStatus.PENDING
    extra_data: FreeObject = Field(default_factory=dict)

    @field_validator("items")
    @classmethod
    def _payable(cls, items: list[OrderItem]) -> list[OrderItem]:
        if total_of(items) > MAX_TOTAL:
            raise PydanticCustomError("total_amount", "the items come to more than 9999999999.99")
        return items

    @field_validator("total_amount")
    @classmethod
    def _summed(cls, total_amount: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if total_amount is None or info.data.get("source", EXTERNAL) == EXTERNAL or "items" not in info.data:
            return total_amount
        total = total_of(info.data["items"])
        if total_amount != total:
            raise PydanticCustomError(
                "total_amount",
                "`total_amount` is not the sum of the items, which is {total}",
                {"total": format_money(total)},
            )
        return total_amount

    @field_validator("status")
    @classmethod
    def _begins(cls, status: OrderStatus, info: ValidationInfo) -> OrderStatus:
        if status is not OrderStatus.PENDING and info.data.get("source", EXTERNAL) != EXTERNAL:
            raise PydanticCustomError("order_status", "an order begins as `pending`, unless its source is `external`")
        return status


def _of_a_move(reason: str, info: ValidationInfo) -> str:
    """Refuse a reason that would be lost: it is kept with the move that it explains."""
    if reason and info.data.get("status", ...) is None:
        raise PydanticCustomError("order_reason", "a `reason` goes with the `status` that it explains")
    return reason


MoveReason = Annotated[Text, AfterValidator(_of_a_move)]


class ReplaceOrder(Body):
    """All of an order; a `status` that is named moves it."""

    order_reference: Reference
    items: Items
    total_amount: Amount | None = None
    status: OrderStatus | None = None
    reason: MoveReason = ""
    source: Reference | None = None
    extra_data: FreeObject = Field(default_factory=dict)


class UpdateOrder(Body):
    """Some of an order, as JSON Merge Patch (RFC 7396); a `status` moves it."""

    order_reference: Reference = ""
    items: NotNull[Items] = None
    total_amount: NotNull[Amount] = None
    status: NotNull[OrderStatus] = None
    reason: MoveReason = ""
    source: NotNull[Reference] = None
    extra_data: FreeObject | None = None


class MoveOrder(Body):
    """Move an order along the state table."""

    status: OrderStatus
    reason: Text = ""


class CancelOrder(Body):
    """Cancel an order where the state table allows it."""
