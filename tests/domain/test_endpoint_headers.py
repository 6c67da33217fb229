"""An endpoint's own headers: none that frames the message, signs it, or is the hub's to say."""

from typing import Any

import pytest
from pydantic import ValidationError

from hub.domain.webhook_bodies import CreateEndpoint


def codes(headers: dict[str, str]) -> list[str]:
    """Name what is wrong with these headers; empty: they may be saved."""
    body: dict[str, Any] = {"url": "https://shop.example/hook", "headers": headers}
    try:
        assert CreateEndpoint.model_validate(body).headers == headers
    except ValidationError as error:
        return [fault["type"] for fault in error.errors()]
    return []


@pytest.mark.parametrize(("name", "value"), [("X-Team", "stock"), ("x", "a b"), ("X-Long", "v" * 1000)])
def test_a_plain_header_may_be_saved(name: str, value: str) -> None:
    assert codes({name: value}) == []


@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Length", "content-type", "Transfer-Encoding", "Connection", "webhook-signature", "Webhook-Id",
        "webhook-anything", "Expect", "Upgrade", "TE", "Trailer", "Proxy-Authorization", "Cookie", "Accept-Encoding",
        "Authorization", "Forwarded", "X-Forwarded-For", "X-Real-IP", "Sec-Fetch-Site", "traceparent", "tracestate",
    ],
)  # fmt: skip
def test_a_header_of_the_hub_is_refused(name: str) -> None:
    assert codes({name: "x"}) == ["header_refused"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "a\0", "x" * 65, "(x)"])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    assert codes({name: "x"}) == ["header_name"]


@pytest.mark.parametrize("value", [" ", " a", "a ", "a\r\nY: b", "a\nb", "a\0b", "é", "a\tb", "\x7f", "a\n", ""])
def test_what_is_no_header_value_is_refused(value: str) -> None:
    assert codes({"X": value}) == ["header_value"]


def test_headers_are_twenty_at_most_none_too_long_and_none_twice() -> None:
    assert codes({f"X-{number}": "x" for number in range(21)}) == ["too_long"]
    assert codes({"X": "x" * 1001}) == ["string_too_long"]
    assert codes({"X-A": "1", "x-a": "2"}) == ["header_double"]
