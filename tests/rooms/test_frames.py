"""The hub's own frame writer says what pamqp reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import body, commands, frame, header

from hub.messaging.frames import Outgoing, publish_frames

short = st.text(max_size=60)
values = st.one_of(st.text(max_size=300), st.integers(-(2**63), 2**63 - 1), st.booleans())


messages = st.builds(
    Outgoing,
    exchange=short,
    routing_key=short,
    body=st.binary(max_size=600),
    content_type=st.just("application/cloudevents+json"),
    correlation_id=st.none() | short,
    headers=st.none() | st.dictionaries(short.filter(bool), values, max_size=5),
    mandatory=st.booleans(),
    persistent=st.booleans(),
)


@given(message=messages, message_id=st.none() | short)
def test_what_is_written_is_read_back(message: Outgoing, message_id: str | None) -> None:
    out: list[bytes] = []
    publish_frames(out, 7, 100, message, message_id)
    raw = b"".join(out)
    frames = []
    while raw:
        used, channel, one = frame.unmarshal(raw)
        assert channel == 7
        raw = raw[used:]
        frames.append(one)
    publish, head, *bodies = frames
    assert isinstance(publish, commands.Basic.Publish)
    assert (publish.exchange, publish.routing_key, publish.mandatory) == (
        message.exchange,
        message.routing_key,
        message.mandatory,
    )
    assert not publish.immediate
    assert isinstance(head, header.ContentHeader)
    assert head.body_size == len(message.body)
    properties = head.properties
    assert properties.content_type == "application/cloudevents+json"
    assert properties.delivery_mode == (2 if message.persistent else 1)
    assert (properties.message_id or "") == (message_id or "")
    assert (properties.correlation_id or "") == (message.correlation_id or "")
    assert (properties.headers or {}) == (message.headers or {})
    parts = [part.value for part in bodies if isinstance(part, body.ContentBody)]
    assert len(parts) == len(bodies)
    assert all(0 < len(part) <= 100 for part in parts)
    assert b"".join(parts) == message.body


def test_a_routing_key_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 255"):
        publish_frames([], 1, 100, Outgoing("", "x" * 256, b""), None)
