"""The history: what clients said and were told, a JSON line before each sending and one after it, on one monotonic clock."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from uuid import UUID

import orjson

Door = Literal["http", "bulk", "amqp"]


@dataclass(slots=True)
class Told:
    """One command as its client knows it.

    Args:
        operation_id: known beforehand where there was a key, else from an answer; None: nobody told.
        began: when it was first sent, in seconds.
        accepted: when a receipt came (2xx, or a confirm); None: none ever came, the outcome is unknown.
        settled: when the outcome itself came.
        status: what the client was told at last.
        file, line: of a row of a bulk file.
    """

    ref: str
    pharmacy: int
    door: Door
    type: str
    body: dict[str, Any]
    resource_id: UUID | None
    operation_id: UUID | None
    began: float
    accepted: float | None = None
    settled: float | None = None
    status: Literal["unknown", "accepted", "applied", "refused"] = "unknown"
    tries: int = 1
    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Story:
    """A history that was read."""

    told: dict[str, Told] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    faults: int = 0
    slowest: float = 0.0


class History:
    """Writes the history of a run."""

    def __init__(self, path: Path) -> None:
        """Begin a file."""
        self.path = path
        self._file = path.open("wb")
        self.receipts = 0
        self.received_at = 0.0

    def __enter__(self) -> Self:
        """Write within a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def write(self, event: str, **facts: Any) -> float:
        """Write a line; gives its time."""
        now = time.monotonic()
        self._file.write(orjson.dumps({"t": now, "e": event, **facts}, option=orjson.OPT_APPEND_NEWLINE))
        return now

    def received(self, refs: int = 1) -> None:
        """Count receipts: the nemesis goes by them."""
        self.receipts += refs
        self.received_at = time.monotonic()

    def flush(self) -> None:
        """Let readers see all of it."""
        self._file.flush()


def read_history(path: Path) -> Story:
    """Read a history from its file; the checks know nothing of the clients but this."""
    story = Story()
    sent_at: dict[str, float] = {}
    for line in _lines(path):
        match line["e"]:
            case "send":
                sent_at[line["ref"]] = line["t"]
                if line["try"] == 1:
                    for told in _told(line):
                        story.told[told.ref] = told
                else:
                    for ref in line["refs"]:
                        story.told[ref].tries += 1
            case "answer":
                story.slowest = max(story.slowest, line["t"] - sent_at[line["ref"]])
                for ref in line["refs"]:
                    _hear(story.told[ref], line)
                if line["wrong"]:
                    story.wrong.append(f"{line['ref']}: {line['status']} {line['wrong']}")
            case "fault":
                story.faults += 1
    return story


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _told(line: dict[str, Any]) -> Iterator[Told]:
    if line["door"] == "bulk":
        for number, (ref, body) in enumerate(line["rows"], 1):
            yield Told(
                ref, line["p"], "bulk", "sale.record", body, None, None, line["t"], file=line["ref"], line=number
            )
        return
    yield Told(
        line["ref"], line["p"], line["door"], line["type"], line["body"],
        UUID(line["resource"]), UUID(line["operation"]) if line["operation"] else None, line["t"],
    )  # fmt: skip


def _hear(told: Told, line: dict[str, Any]) -> None:
    """Take in an answer. The first receipt counts: from then on the hub owes the command."""
    if line["operation"] and told.door != "bulk":
        told.operation_id = UUID(line["operation"])
    if line["said"] == "unknown":
        return
    if line["said"] != "refused" and told.accepted is None:
        told.accepted = line["t"]
    if line["said"] in {"applied", "refused"}:
        told.settled = line["t"]
    if told.status in {"unknown", "accepted"}:
        told.status = line["said"]
