"""The commands `hub sources ...`: third parties that may send webhooks. All go through the gateway."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer

from hub.cli.places import AsJson, DataDir, place_of
from hub.cli.remote import Key, Pharmacy, Url, call, find_remote
from hub.faults import SettingsError

group = typer.Typer(help="Incoming webhooks: who may send them, and what they mean.", no_args_is_help=True)

SourceId = Annotated[UUID, typer.Argument(help="Id of the source, as `hub sources list` shows it.")]
Secret = Annotated[
    str | None,
    typer.Option(envvar="HUB_SOURCE_SECRET", help="The vendor's signing secret; default: one is made and shown.", show_envvar=True),
]  # fmt: skip

_SOURCES = "/api/sources/"


@group.command("list")
def list_sources(
    key: Key = None, url: Url = None, pharmacy: Pharmacy = None, data_dir: DataDir = None, *, as_json: AsJson = False
) -> None:
    """List the pharmacy's sources."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    items = call(remote, "GET", _SOURCES, parameters={"limit": "500"})["items"]
    if as_json:
        print(json.dumps(items, indent=2))
        return
    for one in items:
        print(
            f"{one['id']}  {one['scheme']:<11}  {'open' if one['enabled'] else 'closed':<6}  {one['url']}  {one['name']}"
        )


@group.command("create")
def create_source(
    name: Annotated[str, typer.Argument(help="Its name, as people read it.")],
    scheme: Annotated[
        str, typer.Option(help="standard, hmac, shopify, woocommerce, square, stripe, github, basic or api_key.")
    ],
    secret: Secret = None,
    settings: Annotated[str | None, typer.Option(help="What the scheme needs, as JSON.")] = None,
    mapping: Annotated[str | None, typer.Option(help="What messages mean, as JSON.")] = None,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Register a third party; prints where it posts to, and a secret that was made, this once."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    body = {
        "name": name, "scheme": scheme, "secret": secret, "settings": _object(settings, "--settings"),
        "mapping": _object(mapping, "--mapping"),
    }  # fmt: skip
    _show(call(remote, "POST", _SOURCES, body=body), as_json=as_json)


@group.command("rotate-secret")
def rotate_secret(
    source_id: SourceId,
    secret: Secret = None,
    overlap_seconds: Annotated[int, typer.Option(min=0, max=604_800, help="How long the old one stays good.")] = 86_400,
    key: Key = None,
    url: Url = None,
    pharmacy: Pharmacy = None,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Take the vendor's new secret, or make one."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    body = {"secret": secret, "overlap_seconds": overlap_seconds}
    _show(call(remote, "POST", f"{_SOURCES}{source_id}/rotate-secret/", body=body), as_json=as_json)


@group.command("delete")
def delete_source(
    source_id: SourceId, key: Key = None, url: Url = None, pharmacy: Pharmacy = None, data_dir: DataDir = None
) -> None:
    """Take a source off the list."""
    remote = find_remote(url, key, pharmacy, place_of(data_dir), needs_pharmacy=True)
    call(remote, "DELETE", f"{_SOURCES}{source_id}/")
    print(f"{source_id} is removed")


def _object(text: str | None, option: str) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        message = f'{option} is a JSON object, for example \'{{"adapter": "shopify"}}\''
        raise SettingsError(message)
    return value


def _show(source: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(source, indent=2))
        return
    print(f"source {source['id']}\nurl    {source['url']}")
    if "secret" in source:
        print(f"secret {source['secret']}   (shown this once)")
