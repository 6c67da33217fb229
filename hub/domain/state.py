"""The rows of one pharmacy that a window of commands has loaded."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar
from uuid import UUID


class Row(Protocol):
    """A frozen dataclass of what is stored; `UNIQUE` names the fields that also find it."""

    UNIQUE: ClassVar[tuple[str, ...]]

    @property
    def id(self) -> UUID:
        """The key of its table."""
        ...


R = TypeVar("R", bound=Row)


class Ref(NamedTuple):
    """Names a row of the state's pharmacy: by `id`, or by a unique field."""

    kind: type[Any]
    field: str
    value: UUID | str


class NotLoaded(LookupError):
    """A decision needs rows that the window has not loaded yet: the writer loads them and settles the window again."""

    def __init__(self, *refs: Ref) -> None:
        super().__init__(", ".join(f"{ref.kind.__name__} {ref.field}={ref.value}" for ref in refs))
        self.refs = refs


class State:
    """One pharmacy's rows, so that a decision cannot name another's.

    Args:
        pharmacy_id: whose rows these are.
        now: the time at which the window is applied; what the rows bear as `updated_at`.
    """

    __slots__ = ("_ids", "_rows", "now", "pharmacy_id")

    def __init__(self, pharmacy_id: UUID, now: datetime) -> None:
        self.pharmacy_id = pharmacy_id
        self.now = now
        # By the number of the id: the standard library hashes and compares a UUID in Python.
        self._rows: dict[tuple[type[Any], int], Any] = {}
        self._ids: dict[Ref, UUID | None] = {}

    def load(self, found: Mapping[Ref, Any]) -> None:
        """Take in what the database has (None: nothing) for each name asked for."""
        for ref, row in found.items():
            if ref.field == "id":
                self._rows.setdefault((ref.kind, ref.value.int), row)  # type: ignore[union-attr]
            elif ref not in self._ids:
                self._ids[ref] = None if row is None else row.id
            if row is not None and ref.field != "id":
                # Keep what an earlier command of the window made of it.
                self._rows.setdefault((ref.kind, row.id.int), row)

    def fork(self) -> "State":
        """Make a state for steps of one decision: what they apply to it is not seen here."""
        other = State(self.pharmacy_id, self.now)
        other._rows, other._ids = dict(self._rows), dict(self._ids)
        return other

    def need(self, refs: Iterable[Ref]) -> None:
        """Ask for many rows at once, so that what is missing is loaded in one go.

        Raises:
            NotLoaded: names every one of them that is missing.
        """
        missing = tuple(
            ref
            for ref in refs
            if (ref not in self._ids if ref.field != "id" else (ref.kind, ref.value.int) not in self._rows)  # type: ignore[union-attr]
        )
        if missing:
            raise NotLoaded(*missing)

    def find(self, kind: type[R], row_id: UUID) -> R | None:
        """Find a row by its id; a deleted one is not found.

        Raises:
            NotLoaded: nobody asked the database for it yet.
        """
        row = self.find_even_deleted(kind, row_id)
        return None if row is None or getattr(row, "deleted_at", None) is not None else row

    def find_even_deleted(self, kind: type[R], row_id: UUID) -> R | None:
        """Find a row by its id, deleted or not."""
        try:
            row: R | None = self._rows[kind, row_id.int]
        except KeyError:
            raise NotLoaded(Ref(kind, "id", row_id)) from None
        return row

    def find_by(self, kind: type[R], field: str, value: str) -> R | None:
        """Find a row by one of its unique fields."""
        ref = Ref(kind, field, value)
        try:
            row_id = self._ids[ref]
        except KeyError:
            raise NotLoaded(ref) from None
        return None if row_id is None else self.find(kind, row_id)

    def apply(self, changes: Iterable[Row]) -> None:
        """Let the window's later commands see what this one changed."""
        for row in changes:
            kind = type(row)
            key = (kind, row.id.int)
            before = self._rows.get(key)
            if before is row:
                continue  # the decision itself applied it, row by row of a list
            self._rows[key] = row
            deleted = getattr(row, "deleted_at", None) is not None
            for field in kind.UNIQUE:
                value = getattr(row, field)
                if before is not None and (deleted or getattr(before, field) != value):
                    self._ids[Ref(kind, field, getattr(before, field))] = None
                if not deleted:
                    self._ids[Ref(kind, field, value)] = row.id
