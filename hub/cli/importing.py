"""The command `hub import`: a file of items or sales into the hub, with a result for each row."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hub.cli.places import DataDir, place_of
from hub.cli.remote import Key, Pharmacy, Url

_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="FILE.csv or FILE.ndjson; .gz is fine.")],
    kind: Annotated[Literal["inventory", "sales"], typer.Option(help="What the rows are.")] = "inventory",
    pharmacy: Pharmacy = None,
    key: Key = None,
    url: Url = None,
    data_dir: DataDir = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the rows, send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Import a file of rows. The FDA's NDC catalogue is recognised by its header and mapped.

    Rows that are wrong are printed and written to FILE.errors.ndjson; the others are applied. Exit code 1 when there were any.
    """
    from rich.console import Console

    from hub.cli.remote import find_remote
    from hub.cli.transfer import Transfer, check_only, open_rows

    console = Console(stderr=True)
    with open_rows(file, kind) as rows:
        if dry_run:
            result = check_only(rows, console)
        else:
            remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
            with Transfer(remote, kind, console) as transfer:
                result = transfer.run(rows)
    errors_file = result.write_errors(file.with_name(f"{file.name}.errors.ndjson"))
    for error in result.errors[:_SHOWN]:
        console.print(
            f"line {error['line']}: {error['pointer']} {error['detail']}", style="red", markup=False, highlight=False
        )
    if len(result.errors) > _SHOWN:
        console.print(f"... and {len(result.errors) - _SHOWN} more", style="red")
    if as_json:
        import json

        print(json.dumps(result.dump() | {"errors_file": None if errors_file is None else str(errors_file)}))
    else:
        print(result.sentence() + (f"; the faults are in {errors_file}" if errors_file else ""))
    if result.rejected:
        raise typer.Exit(1)
