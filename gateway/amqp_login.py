"""RabbitMQ asks, the hub answers: the route of its log-in and permission checks."""

from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request, Response, post
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from gateway.amqp_door import DENY
from gateway.answers import Answer
from gateway.bodies import read_body
from gateway.context import gateway_of

MAX_FORM_BYTES: Final = 16_384


@post("/internal/amqp/{secret:str}/{check:str}", include_in_schema=False, opt={"exclude_from_auth": True})
async def answer_rabbitmq(
    request: Request[Any, Any, Any], secret: FromPath[str], check: FromPath[str]
) -> Response[Any]:
    """Answer RabbitMQ's log-in and permission checks. For anybody who does not know the path there is nothing here."""
    door = gateway_of(request).amqp_door
    if not door.is_asked_at(f"/internal/amqp/{secret}"):
        raise NotFoundException
    raw = await read_body(request, None, MAX_FORM_BYTES)
    try:
        form = dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return Answer(200, DENY.encode(), media_type=b"text/plain")
    return Answer(200, (await door.answer(check, form)).encode(), media_type=b"text/plain")


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (answer_rabbitmq,)
