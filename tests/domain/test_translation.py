"""What vendors' messages mean, and what keeps changes from going round."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from hub.domain.adapters.wish import Untranslatable, Wish
from hub.domain.mapping import Mapping
from hub.domain.translation import MAX_HOPS, hops_of, translate

SOURCE = "0198f000-0000-7000-8000-000000000009"
VECTORS = Path(__file__).parents[1] / "vectors/webhooks"


def a_message(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def meaning(adapter: str, event_type: str, payload: Any, **mapping: Any) -> list[Wish]:
    return translate(SOURCE, Mapping.model_validate({"adapter": adapter, **mapping}), event_type, payload)


def test_a_shopify_order_is_mirrored_without_its_customer() -> None:
    (wish,) = meaning("shopify", "orders/create", a_message("shopify_order"))
    assert (wish.command, wish.key) == ("order.mirror", "820982911946154508")
    assert (wish.body["order_reference"], wish.body["status"], wish.body["total_amount"]) == (
        "#2001",
        "confirmed",
        "21.49",
    )
    assert wish.body["items"] == [
        {"sku": "PZN1", "name": "PZN1 & Co", "quantity": 2, "unit_price": "4.99"},
        {"sku": "shopify:49148385", "name": " & Co", "quantity": 1, "unit_price": "10.00"},
    ]
    assert wish.body["revision"] == 1_795_183_200_000_000
    assert "example.org" not in json.dumps(wish.body)


@pytest.mark.parametrize(
    ("verb", "members", "status"),
    [
        ("updated", {"fulfillment_status": "fulfilled"}, "completed"), ("updated", {"cancelled_at": "2026-11-21T00:00:00Z"}, "cancelled"),
        ("cancelled", {}, "cancelled"), ("create", {"financial_status": "pending"}, "pending"),
        ("updated", {"financial_status": "refunded"}, "cancelled"), ("create", {"financial_status": "authorized"}, "confirmed"),
    ],
)  # fmt: skip
def test_a_shopify_order_stands_where_shopify_says(verb: str, members: dict[str, Any], status: str) -> None:
    (wish,) = meaning("shopify", f"orders/{verb}", a_message("shopify_order") | members)
    assert wish.body["status"] == status


def test_a_line_that_was_taken_off_at_shopify_is_gone() -> None:
    order = a_message("shopify_order")
    order["line_items"][0]["current_quantity"] = 0
    assert [line["sku"] for line in meaning("shopify", "orders/edited", order)[0].body["items"]] == ["shopify:49148385"]


def test_what_shopify_has_available_is_a_count_at_this_pharmacys_location() -> None:
    level = a_message("shopify_level")
    (wish,) = meaning("shopify", "inventory_levels/update", level, locations=["24826418"])
    assert (wish.command, wish.key, wish.body["quantity"], wish.body["basis"]) == (
        "inventory.mirror", "271878346596884015", 7, "available",
    )  # fmt: skip
    with pytest.raises(Untranslatable, match="no mapping matches"):
        meaning("shopify", "inventory_levels/update", level, locations=["1"])


def test_a_count_says_at_which_location_and_which_make_up_the_stock() -> None:
    level = a_message("shopify_level")
    (wish,) = meaning("shopify", "inventory_levels/update", level, locations=["24826418", "2"])
    assert (wish.body["location"], wish.body["locations"]) == ("24826418", ["24826418", "2"])
    (wish,) = meaning("shopify", "inventory_levels/update", level)
    assert (wish.body["location"], "locations" in wish.body) == ("24826418", False)
    del level["available"], level["updated_at"]
    (gone,) = meaning("shopify", "inventory_levels/disconnect", level)
    assert gone.body == {"quantity": 0, "basis": "available", "location": "24826418"}
    message = a_message("square_count")
    counts = message["data"]["object"]["inventory_counts"]
    counts.append(counts[0] | {"location_id": "B", "quantity": "3"})
    found = meaning("square", "inventory.count.updated", message)
    assert [(wish.body["location"], wish.body["quantity"]) for wish in found] == [("YYQR", 10), ("B", 3)]
    nowhere: tuple[Any, ...] = (None, True, "", {})
    for none in nowhere:
        counts[:] = [counts[0] | {"location_id": none}]
        assert "location" not in meaning("square", "inventory.count.updated", message)[0].body


def test_a_woocommerce_order_is_mirrored() -> None:
    (wish,) = meaning("woocommerce", "order.created", a_message("woocommerce_order"), reference_prefix="web-")
    assert (wish.key, wish.body["order_reference"], wish.body["status"]) == ("727", "web-727", "confirmed")
    assert wish.body["items"] == [
        {"sku": "woocommerce:93", "name": "Woo Single – 1", "quantity": 3, "unit_price": "3.33"},
        {"sku": "PZN1", "name": "Ship", "quantity": 1, "unit_price": "12.00"},
    ]
    assert (wish.body["total_amount"], wish.vendor_ids) == ("29.35", ["93", "23"])
    (gone,) = meaning("woocommerce", "order.deleted", {"id": 727})
    assert (gone.key, gone.body["status"], "items" in gone.body) == ("727", "cancelled", False)


def test_a_line_names_its_article_as_the_mapping_says_else_as_the_vendor_does() -> None:
    order = a_message("woocommerce_order")
    del order["line_items"][0]
    (wish,) = meaning("woocommerce", "order.created", order, skus={"PZN1": "MINE"})
    assert ([line["sku"] for line in wish.body["items"]], wish.vendor_ids) == (["MINE"], [None])
    order["line_items"][0] |= {"variation_id": 0, "product_id": None}
    (wish,) = meaning("woocommerce", "order.created", order)
    assert ([line["sku"] for line in wish.body["items"]], wish.vendor_ids) == (["PZN1"], [None])
    order["line_items"][0]["sku"] = " "
    with pytest.raises(Untranslatable, match="names no article"):
        meaning("woocommerce", "order.created", order)


def test_a_square_order_is_mirrored_with_or_without_its_lines() -> None:
    message = a_message("square_order")
    (wish,) = meaning("square", "order.created", message)
    assert (wish.key, wish.body["order_reference"], wish.body["revision"]) == ("eA3vssLH", "eA3vssLH", 1)
    assert "items" not in wish.body
    whole = deepcopy(message)
    whole["data"]["object"]["order"] = {
        "id": "eA3vssLH", "reference_id": "till-1", "total_money": {"amount": 1050, "currency": "EUR"},
        "line_items": [{"uid": "u", "catalog_object_id": "FGQ5JJWT", "name": "Tea", "quantity": "2", "base_price_money": {"amount": 525}}],
        "fulfillments": [{"state": "PREPARED"}],
    }  # fmt: skip
    (wish,) = meaning("square", "order.created", whole, skus={"FGQ5JJWT": "PZN1"})
    assert (wish.body["order_reference"], wish.body["status"], wish.body["total_amount"]) == (
        "till-1",
        "ready",
        "10.50",
    )
    assert wish.body["items"] == [{"sku": "PZN1", "name": "Tea", "quantity": 2, "unit_price": "5.25"}]
    assert wish.vendor_ids == [None]


@pytest.mark.parametrize(
    ("state", "step", "status"),
    [
        ("DRAFT", None, "pending"), ("COMPLETED", None, "completed"), ("CANCELED", "PREPARED", "cancelled"), ("OPEN", "PROPOSED", "pending"),
        ("OPEN", "RESERVED", "confirmed"), ("OPEN", "PREPARED", "ready"), ("OPEN", None, None), ("OPEN", "COMPLETED", None),
        ("OPEN", "CANCELED", None), ("NEW", None, None),
    ],
)  # fmt: skip
def test_square_says_of_an_open_order_what_its_fulfilment_says_and_else_nothing(
    state: str, step: str | None, status: str | None
) -> None:
    news = {"order_id": "eA3vssLH", "state": state, "version": 2}
    if step is not None:
        news["fulfillment_update"] = [{"fulfillment_uid": "f", "old_state": "PROPOSED", "new_state": step}]
    message = {"data": {"object": {"order_fulfillment_updated": news}}}
    (wish,) = meaning("square", "order.fulfillment.updated", message)
    assert wish.body.get("status") == status


@pytest.mark.parametrize(("said", "status"), [("wc-processing", "confirmed"), ("wc-packed", None), ("", "pending")])
def test_a_status_of_a_woocommerce_shops_own_making_says_nothing(said: str, status: str | None) -> None:
    (wish,) = meaning("woocommerce", "order.updated", a_message("woocommerce_order") | {"status": said})
    assert wish.body.get("status") == status


def test_what_square_has_in_stock_is_a_count_and_the_rest_is_not() -> None:
    (wish,) = meaning("square", "inventory.count.updated", a_message("square_count"))
    assert (wish.key, wish.body["quantity"]) == ("FGQ5JJWT", 10)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_utc_does_not_have_is_no_revision(at: str) -> None:
    count = a_message("square_count")
    for one in count["data"]["object"]["inventory_counts"]:
        one["calculated_at"] = at
    for (wish,) in (
        meaning("shopify", "inventory_levels/update", a_message("shopify_level") | {"updated_at": at}),
        meaning("shopify", "orders/create", a_message("shopify_order") | {"updated_at": at}),
        meaning("woocommerce", "order.created", a_message("woocommerce_order") | {"date_modified_gmt": at}),
        meaning("square", "inventory.count.updated", count),
    ):
        assert (wish.body.get("revision"), wish.body.get("occurred_at")) == (None, None)


@pytest.mark.parametrize("adapter", ["shopify", "woocommerce", "square"])
@pytest.mark.parametrize(
    "payload", [None, [], "x", {}, {"id": True}, {"id": 1, "line_items": [{"quantity": "x"}]}, {"data": 5}], ids=str
)
@pytest.mark.parametrize(
    "event_type", ["orders/create", "order.created", "inventory_levels/update", "inventory.count.updated", "ping"]
)
def test_whatever_comes_is_translated_or_refused_with_a_sentence(adapter: str, payload: Any, event_type: str) -> None:
    try:
        found = [str(wish.command) for wish in meaning(adapter, event_type, payload)]
    except Untranslatable as reason:
        found = [str(reason)]
    assert all(found)
    assert found


RULES = {
    "rules": [
        {
            "when": {"event_types": ["shop.*"], "path": "$.kind", "equals": "order"},
            "command": "order.mirror",
            "fields": {
                "order_reference": "$.no",
                "status": {"path": "$.state", "map": {"NEW": "pending", "PAID": "confirmed"}, "default": "pending"},
                "total_amount": {"path": "$.cents", "form": "cents"},
                "items": {
                    "each": "$.rows[*]",
                    "fields": {
                        "sku": "@.code", "name": {"path": "@['the name']", "form": "text", "default": ""},
                        "quantity": {"path": "@.n", "form": "integer"}, "unit_price": {"path": "@.price", "form": "money"},
                    },
                },
            },
        },
        {
            "when": {"path": "$.kind", "equals": "stock"},
            "command": "inventory.mirror",
            "each": "$.levels[*]",
            "fields": {"sku": "@.code", "quantity": {"path": "@.n", "form": "integer"}, "basis": "on_hand"},
        },
    ]
}  # fmt: skip


def test_rules_take_paths_to_fields() -> None:
    order = {
        "kind": "order", "no": "A-1", "state": "PAID", "cents": 1099,
        "rows": [{"code": "PZN1", "the name": "A &amp; B", "n": "2", "price": 5.5}, {"code": "PZN2", "n": 1, "price": "0.1"}],
    }  # fmt: skip
    (wish,) = translate(SOURCE, Mapping.model_validate(RULES), "shop.sold", order)
    assert wish == Wish("order.mirror", "A-1", {
        "order_reference": "A-1", "status": "confirmed", "total_amount": "10.99",
        "items": [
            {"sku": "PZN1", "name": "A & B", "quantity": 2, "unit_price": "5.50"},
            {"sku": "PZN2", "name": "", "quantity": 1, "unit_price": "0.10"},
        ],
    })  # fmt: skip
    stock = {"kind": "stock", "levels": [{"code": "PZN1", "n": 3}, {"code": "PZN2", "n": "4"}]}
    assert [(one.key, one.body["quantity"]) for one in translate(SOURCE, Mapping.model_validate(RULES), "x", stock)] == [
        ("PZN1", 3), ("PZN2", 4),
    ]  # fmt: skip
    with pytest.raises(Untranslatable, match="no mapping matches"):
        translate(SOURCE, Mapping.model_validate(RULES), "other.sold", order)


@pytest.mark.parametrize(
    "path", ["$..x", "$.a[?(@.b)]", "$[0:5]", "x", "$.a b", "$" + ".a" * 21, "@", "$.a[*].b['c'].d-e"]
)
def test_a_path_costs_no_more_than_reading_the_message_once(path: str) -> None:
    good = {"@", "$.a[*].b['c'].d-e"}
    body = {"rules": [{"command": "order.mirror", "fields": {"order_reference": {"path": path}}}]}
    if path in good:
        mapping = Mapping.model_validate(body)
        found = translate(SOURCE, mapping, "x", {"a": [{"b": {"c": {"d-e": "R1"}}}]}) if path != "@" else []
        assert [wish.key for wish in found] == ([] if path == "@" else ["R1"])
    else:
        with pytest.raises(ValueError, match="path"):
            Mapping.model_validate(body)


def an_event_of_ours(source_id: str, hops: int) -> dict[str, Any]:
    note = {"source_id": source_id, "causation_id": SOURCE, "hops": hops, "revision": None}
    return {"specversion": "1.0", "no": "A-1", "data": {"order": {"extra_data": {"mirror": note}}, "changed": {}}}


def test_the_echo_of_what_a_source_caused_is_not_translated_again() -> None:
    mapping = Mapping.model_validate({"rules": [{"command": "order.mirror", "fields": {"order_reference": "$.no"}}]})
    assert translate("another source", mapping, "x", an_event_of_ours(SOURCE, 0))
    with pytest.raises(Untranslatable, match="echo"):
        translate(SOURCE, mapping, "x", an_event_of_ours(SOURCE, 0))


def test_a_change_that_goes_round_stops_after_some_hops() -> None:
    mapping = Mapping.model_validate({"rules": [{"command": "order.mirror", "fields": {"order_reference": "$.no"}}]})
    assert [hops_of(an_event_of_ours("other", hops)) for hops in (0, 1)] == [1, 2]
    assert hops_of({"no": "A-1"}) == 0
    assert translate(SOURCE, mapping, "x", an_event_of_ours("other", MAX_HOPS - 2))
    with pytest.raises(Untranslatable, match="loop"):
        translate(SOURCE, mapping, "x", an_event_of_ours("other", MAX_HOPS - 1))
