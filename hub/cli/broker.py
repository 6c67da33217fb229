"""Commands about the broker's topology: apply."""

import typer

from hub.cli.places import DataDir, place_of

group = typer.Typer(help="The exchanges and queues of the hub.", no_args_is_help=True)


@group.command()
def apply(data_dir: DataDir = None) -> None:
    """Declare what is missing and set the policies; what is there with the same arguments stays untouched."""
    import asyncio

    from hub.messaging.connection import open_connection
    from hub.messaging.declaring import declare_topology
    from hub.messaging.management import open_management
    from hub.settings import load_settings

    settings = load_settings(place_of(data_dir))

    async def run() -> None:
        async with open_connection(settings.amqp_urls, name="hub topology apply") as connection:
            await declare_topology(connection, settings.partitions)
        async with open_management(settings) as management:
            if management is not None:
                await management.set_policies()

    asyncio.run(run())
    print("the topology is there")
