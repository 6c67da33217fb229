"""The table: on the terminal, in `docs/performance.md`, as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Failure, Figure, Target

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
HEADINGS = ("measure", "hub", "reference", "ratio", "target", "reached")
INTRODUCTION = """# Performance

The section below is written by `./run bench`; everything outside its markers is kept. Ratios within one run are what
holds: hub and reference are measured in turn, so that what else the machine does falls on both. The ratio is the
median of the rounds' ratios, with the lowest and the highest behind it.
"""
METHOD = """
Both sides keep their rows in one PostgreSQL server with one set of settings (`benchmarks/postgres.py`; `fsync` and
`synchronous_commit` on), which the hub is given as `HUB_DATABASE_URL`; its broker is its own. The Django reference
(`benchmarks/django_reference`) is synchronous CRUD with Django REST Framework under gunicorn, 2 workers of 4 threads,
with open database connections, no debug, no sessions, only the JSON renderer. A write is a sale of one line on one of
1,000 items of one of 8 pharmacies, taken off the stock on both sides; `applied` runs from the first POST until the
last sale's event is in the log. wrk sends a body of its own with every request; an answer that is wrong fails the
measure. The no-op is a Litestar POST under one uvicorn; the raw upserts are `unnest` statements of 500 rows on one
asyncpg connection.
"""
GREAT, SMALL = 100, 10


def cells(figure: Figure | Failure) -> tuple[str, str, str, str, str, str]:
    """Render one line of the table."""
    if isinstance(figure, Failure):
        return figure.measure, "failed", figure.reason, "", "", "no"
    reference = f"{_number(median(figure.reference))} ({figure.against})" if figure.reference else ""
    reached = {None: "", True: "yes", False: "no"}[figure.is_reached]
    return (
        figure.name, f"{_number(median(figure.hub))} {figure.unit}", reference, _ratio(figure.ratios),
        _target(figure.target, figure.unit), reached,
    )  # fmt: skip


def print_table(console: Console, figures: Sequence[Figure | Failure]) -> None:
    """Print the table for people."""
    table = Table(*HEADINGS, title="hub and references, measured in turn")
    for figure in figures:
        table.add_row(*cells(figure), style="red" if cells(figure)[-1] == "no" else None)
    console.print(table)


def write_section(page: Path, machine: Sequence[tuple[str, str]], figures: Sequence[Figure | Failure]) -> None:
    """Replace the section between the markers, or make the page."""
    lines = ["", f"Measured on {date.today().isoformat()}.", ""]  # noqa: DTZ011  the day where it was measured
    lines += [_row(HEADINGS), _row(["---"] * len(HEADINGS)), *(_row(cells(figure)) for figure in figures), METHOD]
    lines += [_row(("machine", "")), _row(("---", "---")), *(_row(fact) for fact in machine), ""]
    section = BEGIN + "\n".join(lines) + END
    text = page.read_text() if page.exists() else f"{INTRODUCTION}\n{BEGIN}{END}\n"
    if BEGIN not in text or END not in text:
        text += f"\n{BEGIN}{END}\n"
    before, _, rest = text.partition(BEGIN)
    page.parent.mkdir(exist_ok=True)
    page.write_text(before + section + rest.partition(END)[2])


def write_json(file: Path, machine: Sequence[tuple[str, str]], figures: Sequence[Figure | Failure]) -> None:
    """Keep every round's figures."""
    lines = [
        asdict(figure) | ({"is_reached": figure.is_reached} if isinstance(figure, Figure) else {}) for figure in figures
    ]
    file.write_text(json.dumps({"machine": dict(machine), "figures": lines}, indent=1) + "\n")


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "/").replace("\n", " ") for value in values) + " |"


def _number(value: float) -> str:
    if value >= GREAT:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= SMALL else f"{value:.2f}"


def _ratio(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    spread = f" ({_number(min(ratios))}-{_number(max(ratios))})" if len(ratios) > 1 else ""
    return f"{_number(median(ratios))}x{spread}"


def _target(target: Target | None, unit: str) -> str:
    if target is None:
        return ""
    sign = "≥" if target.at == "least" else "≤"
    return f"{sign} {target.bound:g}" + ("x" if target.of == "ratio" else f" {unit}")
