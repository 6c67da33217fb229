"""What bodies must be beyond the form of each member: the models check it by code, this says it in JSON Schema."""

from collections.abc import Mapping
from typing import Any, Final

_ONE_NAME: Final = {
    "oneOf": [
        {"required": ["sku"], "properties": {"sku": {"type": "string"}, "inventory_item": {"type": "null"}}},
        {"required": ["inventory_item"], "properties": {"inventory_item": {"type": "string"}, "sku": {"type": "null"}}},
    ]
}  # fmt: skip
_FLAT: Final = ("sku", "inventory_item", "quantity", "total_price")
_SALE: Final = {
    "oneOf": [
        {
            "title": "with lines", "required": ["lines"],
            "properties": {"lines": {"type": "array"}, **{name: {"type": "null"} for name in _FLAT}},
        },
        {
            "title": "flat", "required": ["quantity", "total_price"],
            "properties": {"lines": {"type": "null"}, "quantity": {"type": "integer"}, "total_price": {"type": "string"}}, **_ONE_NAME,
        },
    ]
}  # fmt: skip
# A reason without the status that it explains would be lost.
_REASONED: Final = {
    "anyOf": [
        {"required": ["status"], "properties": {"status": {"type": "string"}}},
        {"properties": {"reason": {"const": ""}}},
    ]
}  # fmt: skip
BODY_RULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "SaleLine": _ONE_NAME, "RecordSale": _SALE, "ReplaceSale": _SALE,
    "ReplaceOrder": _REASONED, "UpdateOrder": _REASONED,
    "AdjustItem": {
        "oneOf": [
            {
                "title": "by a delta", "required": ["delta"],
                "properties": {"delta": {"type": "integer", "not": {"const": 0}}, "quantity": {"type": "null"}},
            },
            {
                "title": "by a count", "required": ["quantity", "reason"],
                "properties": {"reason": {"const": "count"}, "quantity": {"type": "integer"}, "delta": {"type": "null"}},
            },
        ]
    },
}  # fmt: skip
"""Name of a body's model to the keywords that are added to its schema."""
