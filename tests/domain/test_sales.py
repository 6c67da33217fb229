"""Sales: facts of the till, recorded whole, voided instead of erased."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from hub.domain.sales import Sale
from hub.resources import COMMANDS
from tests.kit.builders import CORNER, HARBOUR, History, Json, a_command, a_line, a_sale, an_adjustment, an_item, id_of

NOBODY = "00000000-0000-7000-8000-000000000001"
MAX = 2_147_483_647


def a_shop(**quantities: int) -> tuple[History, dict[str, Json]]:
    history = History()
    stock = quantities or {"PZN1": 10}
    return history, {
        sku: history.accept("inventory.create", an_item(sku, quantity=units)) for sku, units in stock.items()
    }


def test_a_sale_moves_every_item_and_is_one_event() -> None:
    history, items = a_shop(A=10, B=5)
    sale = history.accept("sale.record", a_sale([a_line("A", 2, total_price="3.10"), a_line("B", 1)]))
    assert [line["quantity_after"] for line in sale["lines"]] == [8, 4]
    assert [line["inventory_item"] for line in sale["lines"]] == [items["A"]["id"], items["B"]["id"]]
    assert (sale["total_price"], sale["quantity"], sale["status"]) == ("8.09", 3, "recorded")
    assert sale["sku"] is sale["inventory_item"] is None
    assert history.types()[2:] == ["sale.recorded"]
    assert history.last_event()["data"] == {"sale": sale, "changed": {}}
    assert [(m.delta, m.reason) for m in history.movements[2:]] == [(-2, "sold"), (-1, "sold")]


def test_two_lines_of_one_sku_are_one_movement_of_their_sum() -> None:
    history, items = a_shop(A=10)
    sale = history.accept("sale.record", a_sale([a_line("A", 2), a_line(None, 3, inventory_item=items["A"]["id"])]))
    assert [line["quantity_after"] for line in sale["lines"]] == [5, 5]
    assert history.item(items["A"]["id"])["quantity"] == 5
    assert [movement.delta for movement in history.movements] == [10, -5]
    assert history.item(items["A"]["id"])["version"] == 2


@pytest.mark.parametrize("by", ["sku", "inventory_item"])
def test_the_flat_form_is_one_line_and_answers_both_forms(by: str) -> None:
    history, items = a_shop()
    named = {"sku": "PZN1"} if by == "sku" else {"inventory_item": items["PZN1"]["id"]}
    sale = history.accept("sale.record", named | {"quantity": 2, "total_price": "9.98"})
    assert (sale["sku"], sale["inventory_item"], sale["quantity"], sale["total_price"]) == (
        "PZN1",
        items["PZN1"]["id"],
        2,
        "9.98",
    )
    assert len(sale["lines"]) == 1
    assert sale["sale_time"] == "2026-11-24T12:00:00.000000Z"


def test_a_sale_is_never_refused_for_lack_of_stock() -> None:
    history, items = a_shop(A=1)
    sale = history.accept("sale.record", a_sale([a_line("A", 3)]))
    assert sale["lines"][0]["quantity_after"] == history.item(items["A"]["id"])["quantity"] == -2
    assert history.types()[1:] == ["sale.recorded", "inventory.stock_negative"]


@pytest.mark.parametrize(
    ("line", "pointer"),
    [(a_line("nope"), "#/lines/1/sku"), (a_line(None, inventory_item=NOBODY), "#/lines/1/inventory_item")],
)
def test_a_sale_with_an_unknown_item_is_refused_whole(line: Json, pointer: str) -> None:
    history, items = a_shop()
    problem = history.refuse("sale.record", a_sale([a_line(), line]))
    assert (problem.slug, problem.status) == ("unknown-item", 422)
    assert [(error.pointer, error.code) for error in problem.errors] == [(pointer, "unknown_item")]
    assert history.item(items["PZN1"]["id"])["quantity"] == 10


@pytest.mark.parametrize("by", ["sku", "inventory_item"])
def test_the_flat_form_points_at_its_own_member(by: str) -> None:
    history, _ = a_shop()
    body = {by: "nope" if by == "sku" else NOBODY, "quantity": 1, "total_price": "1"}
    assert history.refuse("sale.record", body).errors[0].pointer == f"#/{by}"


def test_another_pharmacys_item_is_unknown() -> None:
    history, items = a_shop()
    line = a_line(None, inventory_item=items["PZN1"]["id"])
    assert history.refuse("sale.record", a_sale([line]), pharmacy=HARBOUR).slug == "unknown-item"
    assert history.refuse("sale.record", a_sale(), pharmacy=HARBOUR).slug == "unknown-item"


def test_a_sale_more_than_an_hour_ahead_is_refused() -> None:
    history, _ = a_shop()
    problem = history.refuse("sale.record", a_sale(sale_time="2026-11-24T13:00:01Z"))
    assert problem.errors[0].pointer == "#/sale_time"
    sale = history.accept("sale.record", a_sale(sale_time="2026-11-24T14:00:00+01:00"))
    assert sale["sale_time"] == "2026-11-24T13:00:00.000000Z"
    assert history.movements[-1].occurred_at.isoformat() == "2026-11-24T13:00:00+00:00"


def test_a_sale_beyond_what_a_quantity_holds_is_refused_whole() -> None:
    history, _ = a_shop(A=0, B=0)
    problem = history.refuse("sale.record", a_sale([a_line("B"), a_line("A", MAX), a_line("A", MAX)]))
    assert problem.errors[0].code == "quantity_range"
    history.accept("sale.record", a_sale([a_line("A", MAX)]))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"lines": []},
        {"lines": [a_line()] * 501},
        a_sale(sku="A"),
        a_sale(quantity=1),
        a_sale(total_price="1"),
        a_sale(inventory_item=NOBODY),
        {"sku": "A", "quantity": 1},
        {"sku": "A", "total_price": "1"},
        {"quantity": 1, "total_price": "1"},
        {"sku": "A", "inventory_item": NOBODY, "quantity": 1, "total_price": "1"},
        a_sale([a_line(None)]),
        a_sale([a_line(inventory_item=NOBODY)]),
        a_sale([a_line(quantity=0)]),
        a_sale([a_line(quantity=-1)]),
        a_sale([a_line(total_price="-1")]),
        a_sale([a_line(quantity_after=3)]),
        a_sale(status="recorded"),
        a_sale(sale_time="2026-11-24T12:00:00"),
    ],
)
def test_a_sale_that_does_not_fit_is_refused(body: Json) -> None:
    with pytest.raises(ValidationError):
        COMMANDS["sale.record"].body.model_validate(body)


@pytest.mark.parametrize("verb", ["update", "replace", "void"])
def test_what_is_not_there_is_not_found(verb: str) -> None:
    history, _ = a_shop()
    sale = history.accept("sale.record", a_sale())
    body: Json = {"update": {}, "replace": a_sale(), "void": {}}[verb]
    assert history.refuse(f"sale.{verb}", body, of=UUID(NOBODY)).slug == "not-found"
    assert history.refuse(f"sale.{verb}", body, of=id_of(sale), pharmacy=HARBOUR).slug == "not-found"
    assert history.refuse(f"sale.{verb}", body, of=id_of(sale), if_match=(2,)).slug == "precondition-failed"


@pytest.mark.parametrize(
    ("body", "fixed"),
    [
        ({"quantity": 3}, ["quantity"]),
        ({"total_price": "1"}, ["total_price"]),
        ({"sku": "B"}, ["sku"]),
        ({"inventory_item": NOBODY}, ["inventory_item"]),
        ({"sale_time": "2020-01-01T00:00:00Z"}, ["sale_time"]),
        ({"lines": [a_line("A", 2)]}, ["lines"]),
        ({"lines": [a_line("A", 1), a_line("A", 1)]}, ["lines"]),
        ({"lines": [a_line("B", 1)]}, ["lines"]),
        ({"lines": [a_line("A", 1, total_price="1")]}, ["lines"]),
        ({"lines": [a_line(None, inventory_item=NOBODY)]}, ["lines"]),
        ({"lines": None}, ["lines"]),
        ({"sale_time": None, "sku": None}, ["sku", "sale_time"]),
        ({"quantity": 3, "total_price": "1", "reference": "r"}, ["quantity", "total_price"]),
    ],
)
def test_what_was_recorded_stays(body: Json, fixed: list[str]) -> None:
    history, _ = a_shop(A=10, B=5)
    sale = history.accept("sale.record", a_sale([a_line("A", 1)]))
    problem = history.refuse("sale.update", body, of=id_of(sale))
    assert (problem.slug, problem.status) == ("immutable", 409)
    assert [error.pointer for error in problem.errors] == [f"#/{name}" for name in fixed]


@pytest.mark.parametrize("form", ["lines", "lines by item", "flat", "flat by item"])
def test_the_same_facts_again_change_nothing(form: str) -> None:
    history, items = a_shop(A=10)
    sale = history.accept("sale.record", a_sale([a_line("A", 1)], sale_time="2026-11-24T10:00:00Z"))
    item_id = items["A"]["id"]
    forms: dict[str, Json] = {
        "lines": {"lines": [a_line("A", 1)]},
        "lines by item": {"lines": [a_line(None, 1, inventory_item=item_id)]},
        "flat": {"sku": "A", "quantity": 1, "total_price": "4.99"},
        "flat by item": {"inventory_item": item_id, "quantity": 1, "total_price": "4.99"},
    }
    body = forms[form]
    for verb in ("update", "replace"):
        assert history.accept(f"sale.{verb}", body | {"sale_time": "2026-11-24T11:00:00+01:00"}, of=id_of(sale)) == sale
    # A PUT without the time keeps it.
    assert history.accept("sale.replace", body, of=id_of(sale)) == sale
    assert history.types()[-1] == "sale.recorded"


def test_a_patch_merges_extra_data_and_sets_the_reference() -> None:
    history, _ = a_shop()
    sale = history.accept("sale.record", a_sale(reference="r1", extra_data={"a": 1, "b": 2}))
    after = history.accept("sale.update", {"extra_data": {"a": None, "c": True}}, of=id_of(sale))
    assert (after["extra_data"], after["reference"], after["version"]) == ({"b": 2, "c": True}, "r1", 2)
    after = history.accept("sale.update", {"reference": None, "extra_data": None}, of=id_of(sale))
    assert (after["extra_data"], after["reference"]) == ({}, None)
    assert history.last_event()["type"] == "sale.updated"
    assert history.last_event()["data"]["changed"] == {"reference": "r1", "extra_data": {"b": 2, "c": True}}


def test_a_put_without_reference_and_extra_data_clears_them() -> None:
    history, _ = a_shop()
    sale = history.accept("sale.record", a_sale(reference="r1", extra_data={"a": 1}))
    after = history.accept("sale.replace", a_sale(), of=id_of(sale))
    assert (after["extra_data"], after["reference"]) == ({}, None)
    problem = history.refuse("sale.replace", a_sale([a_line(quantity=2)]), of=id_of(sale))
    assert problem.slug == "immutable"


def test_a_void_reverses_the_movements_and_keeps_the_sale() -> None:
    history, items = a_shop(A=10, B=5)
    sale = history.accept("sale.record", a_sale([a_line("A", 2), a_line("B", 1), a_line("A", 1)]))
    assert history.accept("sale.void", of=id_of(sale)) == {}
    assert [history.item(items[sku]["id"])["quantity"] for sku in "AB"] == [10, 5]
    assert [(m.delta, m.reason) for m in history.movements[-2:]] == [(3, "correction"), (1, "correction")]
    assert history.movements[-1].reference_uri == f"/api/sales/{sale['id']}/"
    event = history.last_event()
    assert event["type"] == "sale.voided"
    assert event["data"]["sale"]["status"] == "voided"
    assert event["data"]["changed"] == {"status": "recorded", "lines": sale["lines"]}
    assert [line["quantity_after"] for line in event["data"]["sale"]["lines"]] == [10, 5, 10]


def test_a_void_again_is_no_second_one() -> None:
    history, items = a_shop()
    sale = history.accept("sale.record", a_sale())
    for _ in range(2):
        history.accept("sale.void", of=id_of(sale))
    assert history.types().count("sale.voided") == 1
    assert history.item(items["PZN1"]["id"])["quantity"] == 10


def test_a_void_returns_nothing_to_an_item_that_was_deleted() -> None:
    history, items = a_shop(A=10, B=5)
    sale = history.accept("sale.record", a_sale([a_line("A", 2), a_line("B", 1)]))
    history.accept("inventory.delete", of=id_of(items["A"]))
    history.accept("sale.void", of=id_of(sale))
    assert [history.item(items[sku]["id"])["quantity"] for sku in "AB"] == [0, 5]
    lines = history.last_event()["data"]["sale"]["lines"]
    assert [line["quantity_after"] for line in lines] == [None, 5]


def test_a_void_that_would_overflow_is_refused() -> None:
    history, items = a_shop(A=0)
    sale = history.accept("sale.record", a_sale([a_line("A", 5)]))
    for quantity in (0, MAX):
        history.accept("inventory.adjust", an_adjustment(None, "count", quantity=quantity), of=id_of(items["A"]))
    assert history.refuse("sale.void", of=id_of(sale)).errors[0].code == "quantity_range"


def test_a_renamed_item_does_not_rewrite_its_sales() -> None:
    history, items = a_shop(A=10)
    sale = history.accept("sale.record", a_sale([a_line("A", 1)]))
    history.accept("inventory.update", {"sku": "B"}, of=id_of(items["A"]))
    assert history.of_kind(Sale, CORNER)[0].lines[0]["sku"] == "A"
    history.accept("sale.void", of=id_of(sale))
    assert history.item(items["A"]["id"])["quantity"] == 10


def test_a_sale_may_come_in_one_window_with_its_item_and_its_void() -> None:
    history = History()
    sale = a_command("sale.record", a_sale([a_line("A", 4)]))
    history.settle(
        [
            a_command("inventory.create", an_item("A")),
            sale,
            a_command("sale.void", of=sale.resource_id),
            a_command("inventory.create", an_item("A")),
        ]
    )
    assert history.types() == ["inventory.created", "sale.recorded", "sale.voided"]
    assert [movement.delta for movement in history.movements] == [10, -4, 4]
