"""Taking in a form with a file: at the pace of every upload, and nothing is left open of one that does not come to its end."""

from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.exceptions import ClientException

from gateway.bulk import MAX_FILE_BYTES, parts_of
from gateway.problems import Refused, refused

FORM_BYTES = MAX_FILE_BYTES + 65_536
"""A file, the other fields, and the borders between the parts."""


async def read_form(request: Request[Any, Any, Any]) -> FormMultiDict:
    """Read a form whose file has at most 64 MiB; the file is closed when the request has its answer.

    Raises:
        Refused: it ended early, or comes too slowly, or is no form (400), or is larger (413).
    """
    parts = parts_of(request.receive)
    size = 0
    fault: Refused | None = None

    async def receive() -> Any:  # noqa: ANN401 -- an ASGI message
        nonlocal size, fault
        try:
            part = await anext(parts, b"")
            size += len(part)
            if size > FORM_BYTES:
                raise refused(
                    "too-large", f"a form has at most {FORM_BYTES} bytes here", headers={"connection": "close"}
                )
        except Refused as error:
            # Litestar closes the file of a form that ends in the middle of it, but not of one whose reading breaks.
            fault, part = error, b""
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    request.receive = receive
    try:
        form = await request.form()
    except ClientException as error:
        raise fault or refused("malformed", "this form cannot be read") from error
    if fault is not None:
        raise fault
    return form
