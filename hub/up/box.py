"""What a person sees when the hub is up."""

from dataclasses import dataclass

from rich.console import Console
from rich.panel import Panel
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Ready:
    """What there is to say of an instance that is up; the keys are those of the demo, if there is one; `console` signs in."""

    url: str
    logs: str
    api_key: str | None = None
    operator_key: str | None = None
    pharmacy_id: str | None = None
    console: str | None = None


def show(ready: Ready, console: Console) -> None:
    """Print the addresses, the demo's keys and a call to paste."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("API docs", f"{ready.url}/swagger/   {ready.url}/redoc/")
    if ready.api_key:
        rows.add_row("Pharmacy", ready.pharmacy_id or "")
        rows.add_row("Its key", ready.api_key)
    if ready.operator_key:
        rows.add_row("Operator", ready.operator_key)
    if ready.console:
        rows.add_row("Console", f"{ready.url}/admin/")
    rows.add_row("Logs", ready.logs)
    rows.add_row("Stop", "Ctrl-C")
    console.print(Panel(rows, title="Pharmacy Connector Hub", title_align="left", expand=False))
    if ready.console:
        # Outside the frame, as the call below: it is longer than a line.
        console.print("Sign in at the console (once, within 10 minutes):", style="bold")
        console.print(ready.console, soft_wrap=True, highlight=False, markup=False)
    if ready.api_key:
        # Outside the frame, or its border would be pasted too.
        console.print("Try it:", style="bold")
        body = '{"sku": "ASPIRIN-500", "name": "Aspirin 500 mg", "price": "4.95", "quantity": 20}'
        lines = (
            f"curl -s {ready.url}/api/inventory/ -H 'X-API-KEY: {ready.api_key}' \\",
            f"  -H 'Content-Type: application/json' -H 'Prefer: wait=5' -d '{body}'",
        )
        console.print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)
