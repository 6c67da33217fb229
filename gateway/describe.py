"""What a route says of itself for the OpenAPI document: it stands in the handler's `opt["describes"]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel

LENGTH_OF_PAGE: Final = (
    "The most that a page holds. It may hold fewer and not be the last: a page ends before it has more than 4 MiB, after one "
    "at least."
)


@dataclass(frozen=True, slots=True)
class WriteRoute:
    """A write: its command and what a waited answer shows.

    Args:
        command: a key of `hub.resources.COMMANDS`; its body model is the request body.
        view: name of the representation in the waited answer (`gateway.views.VIEWS`), empty for 204.
        answer: status of the waited answer.
        secrets: members beside the resource that are shown this once, e.g. `api_key`.
        conditional: takes `If-Match`.
    """

    command: str
    view: str
    answer: Literal[200, 201, 204]
    secrets: tuple[str, ...] = ()
    conditional: bool = False

    @property
    def takes_body(self) -> bool:
        """Tell whether a body is sent: with everything but what ends in 204."""
        return self.answer != 204  # noqa: PLR2004 -- HTTP's


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A list: a key of `hub.storage.lists.LISTINGS`."""

    listing: str


@dataclass(frozen=True, slots=True)
class OneRoute:
    """One resource by its id."""

    view: str
    has_etag: bool = True


@dataclass(frozen=True, slots=True)
class OtherRoute:
    """Anything else: its answers by status, each a view's name and a media type; its query parameters by name.

    Args:
        body: the model of a JSON body, or media types with their schemas.
        any_query: the caller's query parameters are its own matter; none is refused.
    """

    answers: Mapping[int, tuple[str, str]]
    query: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    body: Mapping[str, object] | type[BaseModel] | None = None
    problems: tuple[str, ...] = ()
    any_query: bool = False


Description = WriteRoute | PageRoute | OneRoute | OtherRoute
