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
        lines: over which connection each try went to RabbitMQ, and when.
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
    lines: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slow:
    """A request over HTTP that took more than `SLOW_SECONDS`, until its answer or the end of its client's patience."""

    what: str
    began: float
    ended: float
    is_waited: bool = False


SLOW_SECONDS = 3.0


@dataclass(slots=True)
class Story:
    """A history that was read.

    Args:
        wall: what a clock on the wall showed at zero of the history's clock.
        slow: requests that took long.
        late: when the clients themselves had to wait for a turn on this machine, and how long, in seconds.
        broken: each fault, from its beginning until it was healed.
        receipts: what was answered to each message, by ref.
        gone: connections to RabbitMQ that ended before all was told.
        is_over: clients hang up from now on.
    """

    told: dict[str, Told] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    faults: int = 0
    slowest: float = 0.0
    wall: float = 0.0
    slow: list[Slow] = field(default_factory=list)
    late: list[tuple[float, float]] = field(default_factory=list)
    broken: list[tuple[str, float, float]] = field(default_factory=list)
    receipts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    is_over: bool = False


class History:
    """Writes the history of a run."""

    def __init__(self, path: Path) -> None:
        """Begin a file."""
        self.path = path
        self._file = path.open("wb")
        self.receipts = 0
        self.received_at = 0.0
        self.write("clock", wall=time.time() - time.monotonic())

    def __enter__(self) -> Self:
        """Write within a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def write(self, event: str, **facts: Any) -> float:
        """Write a line; gives its time."""
        now = time.monotonic()
        if not self._file.closed:  # a connection may say farewell after the end
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
    sent_at: dict[str, tuple[float, bool]] = {}
    for line in _lines(path):
        match line["e"]:
            case "send":
                ref = line["ref"]
                sent_at[ref] = line["t"], line.get("waits", sent_at.get(ref, (0.0, False))[1])
                _read_sending(story, line)
            case "answer" | "fail":
                began, is_waited = sent_at[line["ref"]]
                _read_answer(story, line, began, is_waited=is_waited)
            case _:
                _read_circumstances(story, line)
    return story


def _read_sending(story: Story, line: dict[str, Any]) -> None:
    if line["try"] == 1:
        for told in _told(line):
            story.told[told.ref] = told
    else:
        for ref in line["refs"]:
            story.told[ref].tries += 1
    if "line" in line:
        story.told[line["ref"]].lines.append((line["line"], line["t"]))


def _read_answer(story: Story, line: dict[str, Any], began: float, *, is_waited: bool) -> None:
    told = story.told.get(line["ref"])  # a file is no command
    if told is None or told.door == "http":
        _note_slow(story, line["ref"], began, line["t"], is_waited=is_waited)
    if line["e"] == "fail":
        return
    story.slowest = max(story.slowest, line["t"] - began)
    for ref in line["refs"]:
        _hear(story.told[ref], line)
    if line["wrong"]:
        story.wrong.append(f"{line['ref']}: {line['status']} {line['wrong']}")


def _note_slow(story: Story, what: str, began: float, ended: float, *, is_waited: bool = False) -> None:
    if ended - began > SLOW_SECONDS:
        story.slow.append(Slow(what, began, ended, is_waited))


def _read_circumstances(story: Story, line: dict[str, Any]) -> None:
    """Read what no client said."""
    match line["e"]:
        case "read":
            _note_slow(story, f"GET {line['what']}", line["t"] - line["seconds"], line["t"])
        case "wrong":
            story.wrong.append(f"a list: {line['status']} {line['what']}")
        case "fault":
            story.faults += 1
            story.broken.append((line["name"], line["t"], float("inf")))
        case "heal":
            story.broken[-1] = (*story.broken[-1][:2], line["t"])
        case "clock":
            story.wall = line["wall"]
        case "late":
            story.late.append((line["t"], line["seconds"]))
        case "receipt":
            story.receipts.setdefault(line["ref"], []).append(line["told"])
        case "over":
            story.is_over = True
        case "gone" if not story.is_over:
            story.gone.add(line["line"])


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
