"""How commands that speak HTTP find the hub, the key, and the pharmacy they act for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.faults import SettingsError

Key = Annotated[
    str | None,
    typer.Option(
        envvar="HUB_API_KEY",
        help="API key; default: an operator's key of the instance on this machine.",
        show_envvar=True,
    ),
]
Url = Annotated[str | None, typer.Option(help="Address of the hub; default: the instance of the data dir.")]
Pharmacy = Annotated[
    str | None, typer.Option(help="Id of the pharmacy to act for, with an operator's key; default: the only one.")
]

_TIMEOUT_SECONDS = 30.0
_WAIT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Remote:
    """A hub, and who asks."""

    url: str
    headers: dict[str, str]


def find_remote(
    url: str | None, key: str | None, pharmacy: str | None, data_dir: Path, *, needs_pharmacy: bool
) -> Remote:
    """Find the hub and a key for it; without `--key` a key of this machine's instance, made once from its secret.

    Raises:
        SettingsError: no instance runs, or an operator's key leaves open which pharmacy is meant.
        Unavailable: the instance's servers do not answer.
    """
    if url is None:
        from hub.up.instance import find_instance

        instance = find_instance(data_dir)
        if instance is None:
            sentence = f"no instance runs in {data_dir}; start one with ./run, or name a hub with --url and --key"
            raise SettingsError(sentence)
        url = instance.url
    remote = Remote(url.rstrip("/"), {"X-API-KEY": _local_key(data_dir) if key is None else key})
    if pharmacy is None and needs_pharmacy and remote.headers["X-API-KEY"].startswith("pho_"):
        pharmacy = _only_pharmacy(remote)
    if pharmacy is not None:
        remote.headers["X-Pharmacy-Id"] = pharmacy
    return remote


def _local_key(data_dir: Path) -> str:
    import asyncio

    from hub.door import open_door
    from hub.settings import load_settings

    async def make() -> str:
        async with open_door(load_settings(data_dir)) as door:
            return await door.create_operator_key("command line", once="operator key of the command line")

    return asyncio.run(make())


def _only_pharmacy(remote: Remote) -> str:
    import httpx

    try:
        answer = httpx.get(
            f"{remote.url}/api/pharmacies/?limit=2&is_active=true", headers=remote.headers, timeout=_TIMEOUT_SECONDS
        )
    except httpx.HTTPError as error:
        sentence = f"the hub at {remote.url} does not answer ({error})"
        raise SettingsError(sentence) from error
    if answer.is_error:
        raise SettingsError(sentence_of(answer.text, answer.status_code))
    found = answer.json()["items"]
    if len(found) != 1:
        sentence = (
            "there is no pharmacy yet; hub pharmacy create NAME makes one"
            if not found
            else "name the pharmacy with --pharmacy ID"
        )
        raise SettingsError(sentence)
    pharmacy_id: str = found[0]["id"]
    return pharmacy_id


def call(
    remote: Remote,
    method: str,
    path: str,
    *,
    parameters: Mapping[str, str | None] | None = None,
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Call the hub; a write waits for its outcome.

    Args:
        parameters: of the query; those that are None are left out.
        body: as JSON; members that are None are left out.
    Raises:
        SettingsError: it does not answer, or refuses; the sentence says why.
    """
    import httpx

    named = {name: value for name, value in (parameters or {}).items() if value is not None}
    sent = None if body is None else {name: value for name, value in body.items() if value is not None}
    headers = remote.headers if method == "GET" else {**remote.headers, "Prefer": f"wait={_WAIT_SECONDS}"}
    try:
        answer = httpx.request(
            method, remote.url + path, params=named, json=sent, headers=headers, timeout=_TIMEOUT_SECONDS
        )
    except httpx.HTTPError as error:
        sentence = f"the hub at {remote.url} does not answer ({error})"
        raise SettingsError(sentence) from error
    if answer.is_error:
        raise SettingsError(sentence_of(answer.text, answer.status_code))
    if not answer.content:  # what was deleted has nothing to show
        return {}
    found: dict[str, Any] = answer.json()
    if answer.status_code == 202:  # noqa: PLR2004 -- HTTP's
        sentence = f"taken in, but not applied within {_WAIT_SECONDS} s: see {remote.url}{found['operation_url']}"
        raise SettingsError(sentence)
    return found


def sentence_of(text: str, status: int) -> str:
    """Make one sentence of a problem that the hub answered."""
    import json

    try:
        problem = json.loads(text)
        details = [problem["detail"], *(error["detail"] for error in problem["errors"][:3])]
    except (ValueError, KeyError, TypeError):
        return f"the hub answered {status}"
    return f"the hub answered {status}: {'; '.join(details)}"
