"""A window that breaks is cut into pieces, one after the other in order, until what breaks it is alone."""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

import orjson

from consumers.envelope import Arrived, SetAside
from hub.faults import TooMuch
from hub.storage.database import is_outage

# What one transaction tries before it commits: it has to end before its limit of time, on a busy machine as well.
_TRIES: Final = 50
# Into how many a piece is cut when nobody is known to be to blame. Halves would try a command up to twice as often.
_PARTS: Final = 4
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Piece = Sequence[Arrived]


async def in_pieces(
    arrived: Piece,
    error: Exception,
    attempt: Callable[[Piece], Awaitable[None]],
    set_aside: Callable[[Arrived, Exception], Awaitable[None]],
) -> list[Arrived]:
    """Apply what can be applied and set aside, each alone, what cannot; in order, so that nothing overtakes.

    Args:
        error: what the whole broke with.
        attempt: applies a piece, or leaves nothing of it behind and raises.
        set_aside: parks a command that broke alone.
    Returns:
        What there were no tries left for, the last ones; commit, then go on with them.
    """
    pieces = deque(cut(arrived, error))
    last: Piece | None = pieces[-1]  # of a cut; known to be bad when all before it were fine
    for _ in range(_TRIES):
        if not pieces:
            break
        piece = pieces.popleft()
        try:
            await attempt(piece)
        except Exception as broken:
            if blames_nobody(broken):
                raise
            if len(piece) == 1:
                await set_aside(piece[0], broken)
                last = None
                continue
            found = cut(piece, broken)
        else:
            if not pieces or pieces[0] is not last:
                continue
            found = _parts(pieces.popleft())  # it need not be tried whole
        last = found[-1]
        pieces.extendleft(reversed(found))
    return [one for piece in pieces for one in piece]


def cut(piece: Piece, error: Exception) -> list[Piece]:
    """Cut a piece that broke around those who may be to blame, or into equal parts where nobody is known.

    Who is suspected without reason is only tried alone: nothing is parked that did not break by itself.
    """
    named = set(map(UUID, _ID.findall(" ".join((getattr(error, "detail", None) or "", *_notes(error))))))
    suspects = [index for index, one in enumerate(piece) if _is_named(one, named) or _has_nul(one)]
    if not suspects:
        return _parts(piece)
    pieces: list[Piece] = []
    begin = 0
    for index in suspects:
        pieces += [piece[begin:index], piece[index : index + 1]]
        begin = index + 1
    return [part for part in (*pieces, piece[begin:]) if part]


def _parts(piece: Piece) -> list[Piece]:
    size = -(-len(piece) // _PARTS)
    return [piece[begin : begin + size] for begin in range(0, len(piece), size)]


def blames_nobody(error: Exception) -> bool:
    """Tell what no command is to blame for: an outage, a database of another version of the hub, too many of them at once."""
    return isinstance(error, TooMuch) or is_outage(error) or is_misfit(error)


def is_misfit(error: Exception) -> bool:
    """Tell a database that does not fit this version of the hub.

    Class 42: a table or column is missing, or may not be written. Every command would fail.
    """
    return str(getattr(error, "sqlstate", "")).startswith("42")


def broken_by(one: Arrived, error: Exception) -> SetAside:
    """Set aside what broke on being applied."""
    return SetAside(one.envelope, b"", f"{type(error).__name__} while it was applied", one.partition)


def _notes(error: Exception) -> list[str]:
    # `settle` notes which command it was about.
    return getattr(error, "__notes__", [])


def _is_named(one: Arrived, named: set[UUID]) -> bool:
    # PostgreSQL shows the row, or the key, that a constraint refuses.
    return one.command.operation_id in named or one.command.resource_id in named


def _has_nul(one: Arrived) -> bool:
    """Tell whether a command has the one character that JSON knows and PostgreSQL does not: it names nobody then."""
    try:
        return b"\\u0000" in orjson.dumps(one.envelope)
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return True
