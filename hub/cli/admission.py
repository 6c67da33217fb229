"""Commands about who may come in: pharmacies and operators."""

from typing import Annotated

import typer

from hub.cli.places import AsJson, DataDir, place_of

_pharmacy = typer.Typer(help="Pharmacies.", no_args_is_help=True)
_operator = typer.Typer(help="Operators.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the groups."""
    app.add_typer(_pharmacy, name="pharmacy")
    app.add_typer(_operator, name="operator")


@_pharmacy.command("create")
def create_pharmacy(
    name: Annotated[str, typer.Argument(help="Its name, as people read it.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create a pharmacy and print its id and its first API key, this once."""
    import asyncio

    from hub.door import open_door
    from hub.settings import load_settings

    async def work() -> tuple[str, str]:
        async with open_door(load_settings(place_of(data_dir))) as door:
            pharmacy_id, key = await door.create_pharmacy(name)
            return str(pharmacy_id), key

    pharmacy_id, key = asyncio.run(work())
    if as_json:
        import json

        print(json.dumps({"id": pharmacy_id, "api_key": key}))
    else:
        print(f"pharmacy {pharmacy_id}\nAPI key  {key}   (shown this once)")


@_operator.command("key")
def create_operator_key(
    name: Annotated[str, typer.Option(help="Whose key it is.")] = "operator",
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create a key for an operator and print it, this once. It may do everything."""
    import asyncio

    from hub.door import open_door
    from hub.settings import load_settings

    async def work() -> str:
        async with open_door(load_settings(place_of(data_dir))) as door:
            return await door.create_operator_key(name)

    key = asyncio.run(work())
    if as_json:
        import json

        print(json.dumps({"api_key": key}))
    else:
        print(f"operator key {key}   (shown this once)")


@_operator.command("login-link")
def make_login_link(
    username: Annotated[str, typer.Argument(help="Who signs in with it; default: the first admin.")] = "admin",
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print a link that signs an operator in at the console: once, within ten minutes."""
    import asyncio

    from hub.door import open_door
    from hub.settings import load_settings

    async def work() -> str:
        async with open_door(load_settings(place_of(data_dir))) as door:
            return await door.login_link(username)

    link = asyncio.run(work())
    if as_json:
        import json

        print(json.dumps({"url": link}))
    else:
        print(link)
