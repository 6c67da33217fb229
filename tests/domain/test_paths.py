"""Paths into a message find what the standard says, and cost no more than they may."""

import jsonpath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.adapters.wish import Untranslatable
from hub.domain.mapping import Mapping
from hub.domain.paths import MAX_STEPS, PATH, Reader
from hub.domain.translation import MAX_BYTES, translate

LAWS = settings.get_profile("laws")
NAMES = st.sampled_from(["a", "b", "c-d", "e f", "0", "*"])
VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
STEPS = st.sampled_from([".a", ".b", ".c-d", ".*", "[*]", "[0]", "[2]", "[-1]", "[-9]", "['e f']", '["0"]', "['*']"])


@LAWS
@given(VALUES, st.lists(STEPS, max_size=4).map("".join))
def test_a_path_finds_what_the_library_finds(message: object, steps: str) -> None:
    assert PATH.fullmatch(f"${steps}")
    # The library takes no scalar as a document; and `-` in a name without quotes for no name, as RFC 9535 does.
    expected = (
        jsonpath.findall("$" + steps.replace(".c-d", "['c-d']"), {"in": message}["in"])
        if isinstance(message, dict | list)
        else [message] * (not steps)
    )
    found = Reader(message).find_all(f"${steps}", None)
    assert found == expected
    assert Reader(None).find_all(f"@{steps}", message) == expected
    assert Reader(message).find_first(f"${steps}", None) == (expected[0] if expected else None)


@pytest.mark.parametrize(
    "fields",
    [
        {"order_reference": "$.r[*].x", "items": {"each": "$.r[*]", "fields": {"sku": "$.r[*].x"}}},
        {
            "order_reference": "$.id",
            **{f"f_{'abcdefghijklmnopqrstuvwxyz'[n]}": {"path": "$.r[*].x"} for n in range(26)},
        },
    ],
)
def test_rules_that_touch_too_much_of_a_message_are_given_up_with_the_reason(fields: dict[str, object]) -> None:
    mapping = Mapping.model_validate({"rules": [{"command": "order.mirror", "each": "$.r[*]", "fields": fields}]})
    with pytest.raises(Untranslatable, match=f"touch more than {MAX_STEPS} values"):
        translate("source", mapping, "x", {"id": 1, "r": [0] * 50_000})


def test_more_commands_than_a_message_may_become_are_not_made() -> None:
    rules = [{"command": "order.mirror", "each": "$.r[*]", "fields": {"order_reference": "@"}}]
    with pytest.raises(Untranslatable, match="more than 100 commands"):
        translate("source", Mapping.model_validate({"rules": rules}), "x", {"r": list(range(100_000))})


def test_more_bytes_than_a_message_may_become_are_not_made() -> None:
    fields = {"order_reference": "$.name", "extra_data": "$"}
    rules = [{"command": "order.mirror", "each": "$.r[*]", "fields": fields}]
    message = {"name": "a", "r": [0] * 100, "long": "y" * 10_000}
    mapping = Mapping.model_validate({"rules": rules})
    with pytest.raises(Untranslatable, match=f"more than {MAX_BYTES} bytes"):
        translate("source", mapping, "x", message)
    assert len(translate("source", mapping, "x", message | {"r": [0] * 20})) == 20
