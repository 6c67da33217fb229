"""Media types of JSON, as every door reads them."""

from functools import lru_cache
from typing import Literal

Media = Literal["json", "merge-patch"]


@lru_cache(256)
def media_of(content_type: bytes) -> Media | None:
    """Name the kind of JSON that a `Content-Type` announces, UTF-8 only; None for anything else.

    >>> media_of(b"application/json; charset=UTF-8"), media_of(b"application/json; charset=latin1"), media_of(b"text/plain")
    ('json', None, None)
    """
    media, _, parameters = content_type.decode("latin-1").partition(";")
    kind: Media
    match media.strip().lower():
        case "application/json":
            kind = "json"
        case "application/merge-patch+json":
            kind = "merge-patch"
        case _:
            return None
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in {"utf-8", "utf8"}:
            return None
    return kind
