"""Filters of endpoints: which events meet them, what is refused on saving, and the laws of their logic."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.webhook_filter import MAX_CONDITIONS, MAX_DEPTH, MAX_LOOKS, filter_faults, matches, try_filter

LAWS = settings.get_profile("laws")
Json = dict[str, Any]

SALE: Json = {
    "type": "sale.recorded",
    "time": "2026-11-24T12:00:00.000000Z",
    "sequence": 7,
    "data": {
        "sale": {
            "total_price": "99.50",
            "reference": None,
            "status": "recorded",
            "lines": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 5}],
            "extra_data": {"till.no": 4, "vip": True, "tags": ["new", "club"], "7": "seven"},
        },
        "changed": {},
    },
}


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        {},
        {"type": "sale.recorded"},
        {"type": {"$in": ["sale.voided", "sale.recorded"]}},
        {"data.sale.total_price": {"$gte": "99.50", "$lt": "100.00"}},
        {"data.sale.total_price": {"$lt": 100}},
        {"data.sale.total_price": 99.5},
        {"data": {"sale": {"total_price": {"$gt": 9}}}},
        {"data.sale.reference": None},
        {"data.sale.reference": {"$exists": True}},
        {"data.order": {"$exists": False}},
        {"data.order.status": {"$ne": "recorded"}},
        {"data.sale.lines.sku": "B"},
        {"data.sale.lines.1.sku": "B"},
        {"data.sale.lines.quantity": {"$gte": 5}},
        {"data.sale.extra_data.tags": "club"},
        {"data.sale.extra_data.tags": {"$eq": ["new", "club"]}},
        {"data.sale.extra_data.7": "seven"},
        {"/data/sale/extra_data/till.no": {"$gt": 3}},
        {"data.sale.extra_data.vip": True},
        {"time": {"$gte": "2026-11-24T12:00:00Z", "$lt": "2026-11-24T14:00:01+01:00"}},
        {"sequence": {"$gt": "6"}},
        {"$or": [{"type": "order.placed"}, {"data.sale.status": "recorded"}]},
        {"data.sale.total_price": {"$or": [{"$lt": 1}, {"$gt": 99}]}},
        {"$not": {"type": "order.placed"}},
        {"data.sale.status": {"$not": {"$eq": "voided"}}},
        {"data.changed": {"$eq": {}}},
    ],
    ids=str,
)
def test_a_filter_that_an_event_meets(wanted: Json | None) -> None:
    assert wanted is None or filter_faults(wanted) == []
    assert matches(wanted, SALE)


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "sale"},
        {"type": "sale.recorded", "data.sale.status": "voided"},
        {"data.sale.total_price": {"$gt": "99.50"}},
        {"data.sale.total_price": {"$gt": "100"}},  # as text it would be more
        {"data.sale.extra_data.vip": 1},
        {"sequence": True},
        {"sequence": "7"},
        {"sequence": {"$gt": "recorded"}},
        {"data.sale.reference": {"$exists": False}},
        {"data.sale.nothing": None},
        {"data.sale.nothing": {"$lt": 1}},
        {"data.sale.lines.sku": {"$ne": "B"}},
        {"data.sale.lines.2.sku": "B"},
        {"data.sale.lines.sku.sku": {"$exists": True}},
        {"data.sale.extra_data.tags": {"$in": ["old"]}},
        {"data.sale.extra_data.till.no": 4},
        {"$and": [{"type": "sale.recorded"}, {"sequence": 8}]},
        {"$or": [{"type": "order.placed"}, {"sequence": 8}]},
        {"$not": {"type": "sale.recorded"}},
        {"type": {"$in": ["sale.recorded"], "$ne": "sale.recorded"}},
        {"type.x": {"$exists": True}},
        {"time": {"$gt": "2026-11-24T12:00:00Z"}},
    ],
    ids=str,
)
def test_a_filter_that_an_event_does_not_meet(wanted: Json) -> None:
    assert filter_faults(wanted) == []
    assert not matches(wanted, SALE)


@pytest.mark.parametrize(
    ("wanted", "faults"),
    [
        ([], [("#/filter", "filter")]),
        ("type", [("#/filter", "filter")]),
        ({"kind": "x"}, [("#/filter/kind", "unknown-path")]),
        ({"/kind/a": "x"}, [("#/filter/~1kind~1a", "unknown-path")]),
        ({"": 1}, [("#/filter/", "path")]),
        ({"data..x": 1}, [("#/filter/data..x", "path")]),
        ({"data." + "x" * 300: 1}, [("#/filter/data." + "x" * 195, "path")]),
        ({"$eq": 1}, [("#/filter/$eq", "no-path")]),
        ({"type": {"$like": "a%"}}, [("#/filter/type/$like", "unknown-operator")]),
        ({"$where": "1"}, [("#/filter/$where", "unknown-operator")]),
        ({"type": {}}, [("#/filter/type", "operand")]),
        ({"type": ["a"]}, [("#/filter/type", "operand")]),
        ({"type": {"$in": []}}, [("#/filter/type/$in", "operand")]),
        ({"type": {"$in": "a"}}, [("#/filter/type/$in", "operand")]),
        ({"type": {"$in": [1] * 101}}, [("#/filter/type/$in", "operand")]),
        ({"type": {"$exists": 1}}, [("#/filter/type/$exists", "operand")]),
        ({"sequence": {"$gt": None}}, [("#/filter/sequence/$gt", "operand")]),
        ({"sequence": {"$lte": [1]}}, [("#/filter/sequence/$lte", "operand")]),
        ({"$or": []}, [("#/filter/$or", "operand")]),
        ({"$and": {"type": "a"}}, [("#/filter/$and", "operand")]),
        ({"$or": [{"type": "a"}, {}, 1]}, [("#/filter/$or/1", "operand"), ("#/filter/$or/2", "operand")]),
        ({"$or": [{"type": "a"}, {"typ": 1}]}, [("#/filter/$or/1/typ", "unknown-path")]),
        ({"$not": []}, [("#/filter/$not", "operand")]),
        ({"data": {"sale": {"quantity": {"$gt": True}}}}, [("#/filter/data/sale/quantity/$gt", "operand")]),
        ({"data.x": 1, "a": 1, "b": 1}, [("#/filter/a", "unknown-path"), ("#/filter/b", "unknown-path")]),
        ({"$and": [{"sequence": number} for number in range(51)], "$or": [{"sequence": 1}] * 50}, [("#/filter", "too-many")]),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_is_no_filter_is_refused_by_its_place(wanted: object, faults: list[tuple[str, str]]) -> None:
    assert [(fault.pointer, fault.code) for fault in filter_faults(wanted)] == faults


def test_depth_is_bounded_on_saving_before_it_is_walked() -> None:
    wanted: Json = {"sequence": 7}
    for _ in range(MAX_DEPTH):
        wanted = {"$not": wanted}
    assert filter_faults(wanted) == []
    assert matches(wanted, SALE) is (MAX_DEPTH % 2 == 0)
    for _ in range(5):
        wanted = {"$not": wanted}
    assert [fault.code for fault in filter_faults(wanted)] == ["too-deep"]
    assert filter_faults({"$and": [{"sequence": 7}] * MAX_CONDITIONS}) == []


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, 1.0, -2.5]),
    st.sampled_from(["1", "1.00", "-2.5", "a", "b", ""]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=5,
)
ORDERED = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, "1.00", "a", "b"]))
WAYS = st.sampled_from(["data", "data.x", "data.x.y", "data.0", "data.y.1"])
TESTS: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"$eq": VALUES}),
    st.fixed_dictionaries({"$in": st.lists(SCALARS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
    st.builds(
        lambda operator, operand: {operator: operand}, st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne"]), ORDERED
    ),
)
FILTERS: st.SearchStrategy[Json] = st.recursive(
    st.dictionaries(WAYS, TESTS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"$and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$not": part}, inner),
    ),
    max_leaves=4,
)


@LAWS
@given(FILTERS, FILTERS, VALUES)
def test_the_logic_is_de_morgans(one: Json, other: Json, value: Any) -> None:
    event = {"data": value}
    assert filter_faults({"$or": [one, other]}) == []
    first, second = matches(one, event), matches(other, event)
    assert matches({"$or": [one, other]}, event) is (first or second)
    assert matches({"$and": [one, other]}, event) is (first and second)
    assert matches({"$not": {"$or": [one, other]}}, event) is (not first and not second)
    assert matches({**one, **other}, event) is (first and second) or set(one) & set(other)


@LAWS
@given(WAYS, SCALARS, SCALARS, VALUES)
def test_ne_is_not_eq_and_in_is_eq_of_one(way: str, one: Any, other: Any, value: Any) -> None:
    def holds(condition: Mapping[str, Any]) -> bool:
        return matches({way: condition}, {"data": value})

    assert holds({"$ne": one}) is not holds({"$eq": one})
    assert holds({"$in": [one, other]}) is (holds({"$eq": one}) or holds({"$eq": other}))
    assert not holds({"$eq": one}) or holds({"$exists": True})


@LAWS
@given(ORDERED, ORDERED)
def test_order_is_total_where_there_is_one(value: Any, operand: Any) -> None:
    def holds(operator: str) -> bool:
        return matches({"data": {operator: operand}}, {"data": value})

    assert holds("$gte") is (holds("$gt") or (holds("$lte") and holds("$gte")))
    assert not (holds("$gt") and holds("$lt"))
    assert not (holds("$gt") and holds("$lte"))
    # Text is no number, unless it is the text of one.
    is_number = [not isinstance(one, str) or one == "1.00" for one in (value, operand)]
    is_text = [isinstance(one, str) for one in (value, operand)]
    assert (holds("$gte") or holds("$lt")) is (all(is_number) or all(is_text))


@pytest.mark.parametrize(
    "wanted", [99.95, {"$eq": 99.95}, {"$in": [99.95]}, {"$gte": 99.95, "$lte": 99.95}, {"$gt": 99.9}]
)
@pytest.mark.parametrize("price", ["99.95", 99.95])
def test_a_fraction_is_the_amount_that_it_is_written_as(wanted: object, price: object) -> None:
    assert matches({"data.price": wanted}, {"data": {"price": price}})
    assert not matches({"data.price": wanted}, {"data": {"price": "99.89"}})


def test_many_choices_are_looked_for_in_a_large_order() -> None:
    order = {"data": {"items": [{"sku": f"SKU-{number}"} for number in range(500)]}}
    choices = [f"X-{number}" for number in range(99)]
    assert not matches({"data.items.sku": {"$in": [*choices, "X-99"]}}, order)
    assert matches({"data.items.sku": {"$in": [*choices, "SKU-499"]}}, order)


@pytest.mark.parametrize(
    "condition",
    [
        {"data.list": {"$in": [*range(1000, 1100)]}},
        {"data.list": {"$in": [[*range(number)] for number in range(100)]}},
        {"data.list": {"$ne": "x"}},
        {"data.list": {"$gt": 9}},
        {"data.list.x.y": {"$exists": True}},
        {"data.lists": {"$eq": [[0]]}},
    ],
)
def test_no_filter_costs_more_than_its_looks_and_what_is_too_much_to_judge_is_taken(condition: Json) -> None:
    event = {"data": {"list": [0] * 20_000, "lists": [[*range(100)] for _ in range(300)]}}
    wanted = {"$or": [condition] * 99, "type": "never"}
    assert filter_faults(wanted) == []
    assert try_filter(wanted, event) == (True, MAX_LOOKS)
