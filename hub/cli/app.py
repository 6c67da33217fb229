"""The commands, and what every one of them does with a fault: one sentence on stderr, exit code 2."""

import sys

import typer

from hub.cli import (
    admission,
    broker,
    container,
    database,
    developing,
    events,
    importing,
    parked,
    run,
    secrets,
    sources,
    webhooks,
)
from hub.faults import HubFault

app = typer.Typer(
    name="hub",
    help="Run and look after a Pharmacy Connector Hub.",
    no_args_is_help=True,
    rich_markup_mode=None,  # importing the pretty help takes longer than all the rest
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Each group is a module of this package. It imports what is heavy inside its commands: `hub --help` is instant.
run.register(app)
database.register(app)
container.register(app)
app.add_typer(broker.group, name="topology")
admission.register(app)
importing.register(app)
app.add_typer(events.group, name="events")
app.add_typer(parked.group, name="parked")
app.add_typer(secrets.group, name="secrets")
app.add_typer(webhooks.group, name="webhooks")
app.add_typer(sources.group, name="sources")
developing.register(app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except HubFault as fault:
        print(f"hub: {fault}", file=sys.stderr)
        sys.exit(2)
