"""The commands `hub parked list|show|replay|discard`: messages that were set aside.

Reading goes through the gateway with an operator's key, so that it is audited like any operator's and works from another
machine; the command line needs no password of the database. Replaying and discarding are commands through the broker.
"""

import json
from typing import Annotated, Any
from uuid import UUID

import typer

from hub.cli.places import AsJson, DataDir, place_of
from hub.cli.remote import Key, Url
from hub.faults import SettingsError

group = typer.Typer(help="Messages that were set aside.", no_args_is_help=True)

ParkedId = Annotated[UUID, typer.Argument(help="Its id, as `hub parked list` shows it.")]
Reason = Annotated[str | None, typer.Option(help="Why; it is kept with the message.")]


@group.command("list")
def list_parked(
    status: Annotated[str, typer.Option(help="parked, replayed, discarded or all.")] = "parked",
    pharmacy: Annotated[str | None, typer.Option(help="Only what came from this pharmacy.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most, the latest first.")] = 50,
    key: Key = None,
    url: Url = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List parked messages, the latest first."""
    from hub.cli.remote import call, find_remote

    remote = find_remote(url, key, None, place_of(data_dir), needs_pharmacy=False)
    wanted = {"limit": str(limit), "status": None if status == "all" else status, "pharmacy_id": pharmacy}
    items = call(remote, "GET", "/api/parked/", parameters=wanted)["items"]
    if as_json:
        print(json.dumps(items, indent=2))
        return
    for item in items:
        print(f"{item['id']}  {item['parked_at'][:19]}Z  {item['status']:<9}  {item['origin']:<16}  {item['reason']}")


@group.command("show")
def show_parked(
    parked_id: ParkedId,
    key: Key = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show a parked message with its payload, as JSON. That it was read is audited."""
    from hub.cli.remote import call, find_remote

    remote = find_remote(url, key, None, place_of(data_dir), needs_pharmacy=False)
    print(json.dumps(call(remote, "GET", f"/api/parked/{parked_id}/"), indent=2, ensure_ascii=False))


@group.command("replay")
def replay_parked(
    parked_id: ParkedId, reason: Reason = None, data_dir: DataDir = None, *, as_json: AsJson = False
) -> None:
    """Put a parked command back; it is applied once, after what came in meanwhile."""
    _settle("parked.replay", parked_id, reason, data_dir, as_json=as_json)


@group.command("discard")
def discard_parked(
    parked_id: ParkedId, reason: Reason = None, data_dir: DataDir = None, *, as_json: AsJson = False
) -> None:
    """Give a parked message up; its operation stays `parked`."""
    _settle("parked.discard", parked_id, reason, data_dir, as_json=as_json)


def _settle(command: str, parked_id: UUID, reason: str | None, data_dir: DataDir, *, as_json: bool) -> None:
    import asyncio

    from hub import clock
    from hub.domain.ids import HUB_ID
    from hub.door import open_door
    from hub.settings import load_settings

    async def send() -> dict[str, Any]:
        async with open_door(load_settings(place_of(data_dir))) as door:
            return await door.send(
                command,
                {"reason": reason},
                pharmacy_id=HUB_ID,
                operation_id=clock.new_id(),
                resource_id=parked_id,
            )

    outcome = asyncio.run(send())
    if outcome["problem"] is not None:
        raise SettingsError(outcome["problem"]["detail"])
    found = outcome["resource"]
    print(json.dumps(found, indent=2) if as_json else f"{found['id']} is {found['status']}")
