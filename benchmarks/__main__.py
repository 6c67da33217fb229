"""`python -m benchmarks`: start everything, measure, print, write it down."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.faults import BenchFault
from benchmarks.figures import Failure, Figure
from benchmarks.machine import describe
from benchmarks.measures import amqp, bulk, deliveries, flat, lists, live, memory, waited, writes
from benchmarks.report import print_table, write_json, write_section
from benchmarks.stage import FULL, QUICK, Stage, open_stage
from benchmarks.wrk import ensure_wrk

ROOT = Path(__file__).parent.parent
WIDTH_IN_A_FILE = 130
PAGE = ROOT / "docs" / "performance.md"
MEASURES: dict[str, Callable[[Stage], Awaitable[list[Figure]]]] = {
    "live": live.measure,  # first: a latency at a small rate, not what the loads below leave behind (a checkpoint, a vacuum)
    "writes": writes.measure,
    "waited": waited.measure,
    "lists": lists.measure,
    "bulk": bulk.measure,
    "amqp": amqp.measure,
    "deliveries": deliveries.measure,
    "flat": flat.measure,
    "memory": memory.measure,  # last: after load
}


def main(
    *,
    quick: Annotated[bool, typer.Option(help="One short round of each; nothing is written to the docs.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"A measure, repeatable: {', '.join(MEASURES)}.")] = None,
    json: Annotated[Path | None, typer.Option(help="A file for every round's figures.")] = None,
    hub: Annotated[Path, typer.Option(help="The hub's program.")] = ROOT / ".venv" / "bin" / "hub",
    keep_logs: Annotated[bool, typer.Option(help="Leave the servers' logs and data where they are.")] = False,
) -> None:
    """Measure the hub against its references, in one run."""
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=WIDTH_IN_A_FILE)
    unknown = set(only or ()) - set(MEASURES)
    if unknown:
        console.print(f"There is no measure {', '.join(sorted(unknown))}; choose from {', '.join(MEASURES)}.")
        raise typer.Exit(2)
    if not hub.exists():
        console.print(f"There is no {hub.name}: start the hub once with ./run, which installs it.")
        raise typer.Exit(1)
    try:
        failed = asyncio.run(
            _measure(console, hub, only or list(MEASURES), quick=quick, json=json, keep_logs=keep_logs)
        )
    except (BenchFault, ExceptionGroup) as fault:
        console.print(f"[red]{_sentence(fault)}")
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("stopped; everything that was started is ended")
        raise typer.Exit(130) from None
    raise typer.Exit(int(failed))


async def _measure(
    console: Console, executable: Path, names: list[str], *, quick: bool, json: Path | None, keep_logs: bool
) -> bool:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    wrk = await ensure_wrk()
    figures: list[Figure | Failure] = []
    with _directory(keep=keep_logs) as directory:
        console.print("starting PostgreSQL, the references and the hub ...")
        async with open_stage(executable, directory, QUICK if quick else FULL) as stage:
            machine = await describe(postgres=stage.postgres.version, amqp_url=stage.hub.amqp_url, wrk=wrk)
            for name in names:
                console.print(f"measuring {name} ...")
                try:
                    figures += await MEASURES[name](stage)
                except Exception as fault:  # noqa: BLE001  one measure that fails does not cost the others
                    figures.append(Failure(name, _sentence(fault)))
                    console.print(f"[red]{_sentence(fault)}")
    print_table(console, figures)
    if json is not None:
        write_json(json, machine, figures)
    if not quick and set(names) == set(MEASURES):
        write_section(PAGE, machine, figures)
        console.print(f"written to {PAGE.relative_to(ROOT)}")
    return any(isinstance(figure, Failure) for figure in figures)


@contextmanager
def _directory(*, keep: bool) -> Iterator[Path]:
    """Make a directory for data and logs; remove it in the end unless it is to be looked at."""
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    directory.chmod(0o755)  # PostgreSQL and RabbitMQ run as their own users when we are root
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


def _sentence(fault: BaseException) -> str:
    """Name the first thing that went wrong, out of a group of tasks too."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return f"{fault}" if isinstance(fault, BenchFault) else f"{type(fault).__name__}: {fault}"


if __name__ == "__main__":
    typer.run(main)
