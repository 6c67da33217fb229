"""The schemas of events, open to everyone: `dataschema` of an event is its address here."""

from typing import Any, Final

import orjson
from litestar import Request, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from gateway.answers import Answer
from gateway.describe import OtherRoute
from gateway.event_schemas import EVENTS, event_schema
from gateway.problems import refused

MEDIA_TYPE: Final = b"application/schema+json"
_HEADERS: Final = ((b"cache-control", b"public, max-age=300"), (b"access-control-allow-origin", b"*"))


@get(
    "/schemas/{name:str}",
    opt={
        "exclude_from_auth": True,
        "describes": OtherRoute({200: ("json_schema", MEDIA_TYPE.decode())}, problems=("not-found",)),
    },
)
async def show_schema(request: Request[Any, Any, Any], name: FromPath[str]) -> Answer:
    """Show the JSON Schema of a type of event, `<type>.json`."""
    del request
    event_type = name.removesuffix(".json")
    if event_type == name or event_type not in EVENTS:
        raise refused("not-found", "there is no such schema; it is called <event type>.json")
    return Answer(200, orjson.dumps(event_schema(event_type)), _HEADERS, MEDIA_TYPE)


HANDLERS: Final[tuple[BaseRouteHandler, ...]] = (show_schema,)
