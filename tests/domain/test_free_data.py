"""Free data has a bound, whether it comes at once or is merged bit by bit."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from hub.domain.fields import MAX_FREE_BYTES, is_too_long
from tests.kit.builders import History, a_pharmacy, a_sale, an_item, an_order, id_of

RESOURCES: tuple[tuple[str, str, Callable[..., dict[str, Any]], str], ...] = (
    ("inventory.create", "inventory.update", an_item, "extra_data"),
    ("order.place", "order.update", an_order, "extra_data"),
    ("sale.record", "sale.update", a_sale, "extra_data"),
    ("pharmacy.create", "pharmacy.update", a_pharmacy, "settings"),
)
PIECE = "y" * 6_000


@pytest.mark.parametrize(("create", "update", "body", "member"), RESOURCES)
def test_free_data_grows_to_64_kib_and_no_further(
    create: str, update: str, body: Callable[..., dict[str, Any]], member: str
) -> None:
    history = History()
    if create == "sale.record":
        history.accept("inventory.create", an_item())
    of = id_of(history.accept(create, body()))
    for number in range(10):
        history.accept(update, {member: {f"{number}": PIECE}}, of=of)
    problem = history.refuse(update, {member: {"10": PIECE}}, of=of)
    assert problem.slug == "validation"
    assert [(error.pointer, error.code) for error in problem.errors] == [(f"#/{member}", "object_too_long")]
    assert str(MAX_FREE_BYTES) in problem.detail
    after = history.accept(update, {member: {"0": None, "10": PIECE}}, of=of)
    assert list(after[member]) == [f"{number}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("create", "body", "member"), [(create, body, member) for create, _, body, member in RESOURCES]
)
def test_free_data_of_more_than_64_kib_is_no_body(
    create: str, body: Callable[..., dict[str, Any]], member: str
) -> None:
    fits = {"a": "y" * 9_000, "b": "y" * (MAX_FREE_BYTES - 9_000 - len('{"a":"","b":""}'))}
    assert not is_too_long(fits)
    assert is_too_long({**fits, "c": 1})
    with pytest.raises(ValidationError, match="at most 65536 bytes"):
        History().do(create, body(**{member: {f"{number}": PIECE for number in range(11)}}))
