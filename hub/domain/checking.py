"""What is wrong with a body: pydantic's faults as the hub's, each with the JSON pointer to its place."""

from urllib.parse import quote

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hub.domain.problem import FieldError
from hub.domain.sentences import sentence_of

MAX_ERRORS = 100
MAX_STEP = 200


def field_errors(error: ValidationError, value: object, most: int = MAX_ERRORS) -> list[FieldError]:
    """Translate pydantic's faults of a body, at most so many; `value` is the body as JSON. None quotes what was sent."""
    faults = error.errors(include_url=False, include_input=False)[:most]
    return [FieldError(pointer_of(fault, value), fault["type"], sentence_of(fault)) for fault in faults]


def pointer_of(fault: ErrorDetails, value: object) -> str:
    """Write a fault's place as a JSON pointer in a URI fragment (RFC 6901, 6); `#` is the whole body."""
    parts: list[str] = []
    here = value
    location = fault["loc"]
    for index, step in enumerate(location):
        # pydantic also names branches of unions; what the body does not have is no part of the way, unless it is missing.
        is_last = index == len(location) - 1
        if isinstance(here, dict) and isinstance(step, str):
            if step in here or is_last:
                parts.append(escape_step(step))
                here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int):
            parts.append(str(step))
            here = here[step] if step < len(here) else None
    return "#" + "".join(f"/{part}" for part in parts)


def escape_step(key: str) -> str:
    """Write one step of a JSON pointer in a URI fragment."""
    # A fragment holds URI characters only; a name that the client made up may be anything, and as long.
    return quote(key[:MAX_STEP].replace("~", "~0").replace("/", "~1"), safe="!$&'()*+,;=:@?~-._")
