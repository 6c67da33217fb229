"""Operators' keys over the API and at the console: shown once, dead everywhere after their revocation, told to the audit."""

import re
from typing import Any

import httpx

from tests.kit.console import signed_in
from tests.kit.in_process import Hub
from tests.kit.wait import eventually


def ask(hub: Hub, key: str, method: str, path: str, body: object = None) -> httpx.Response:
    """Ask the API with a key."""
    return httpx.request(
        method, f"{hub.url}{path}", json=body, headers={"X-API-KEY": key, "Prefer": "wait=20"}, timeout=30
    )


async def test_an_operators_key_opens_the_api_until_it_is_revoked_and_the_audit_tells_both(hub: Hub) -> None:
    made = ask(
        hub, hub.operator_key, "POST", "/api/operator-keys/", {"name": "backup", "expires_at": "2099-01-01T00:00:00Z"}
    )
    assert made.status_code == 201, made.text
    key, key_id = made.json()["api_key"], made.json()["id"]
    assert re.fullmatch(r"pho_[0-9A-Za-z]{39}", key)
    assert ask(hub, key, "GET", "/api/pharmacies/").status_code == 200
    listed = ask(hub, hub.operator_key, "GET", "/api/operator-keys/?is_revoked=false&q=BACK&limit=500")
    assert key_id in [one["id"] for one in listed.json()["items"]]
    assert key not in listed.text
    assert ask(hub, key, "DELETE", f"/api/operator-keys/{key_id}/").status_code == 204, "it may end itself"

    async def status() -> int:
        return ask(hub, key, "GET", "/api/pharmacies/").status_code

    await eventually(status, lambda one: one == 401, within=9)

    async def audited() -> Any:
        lines = ask(hub, hub.operator_key, "GET", f"/api/audit/?subject=operator-keys/{key_id}").json()["items"]
        return {(line["action"], line["outcome"], line["actor"]) for line in lines}

    lines = await eventually(audited, lambda found: len(found) == 2, within=10)
    assert {line[:2] for line in lines} == {("operator_key.create", "applied"), ("operator_key.revoke", "applied")}
    assert ("operator_key.revoke", "applied", f"operator:{key_id}") in lines


def test_an_admin_makes_an_operators_key_which_is_shown_once_and_ends_it(hub: Hub) -> None:
    admin = signed_in(hub)
    admin.get("/admin/operator-keys/new/")
    done = admin.post("/admin/operator-keys/new/", {"name": "nightly"})
    key = re.search(r"pho_[0-9A-Za-z]{39}", done.text)
    assert key is not None
    assert ask(hub, key[0], "GET", "/api/parked/").status_code == 200
    listed = admin.get("/admin/operator-keys/?q=nightly")
    assert "pho_" not in listed.text.replace("pho_…", "")
    row = re.search(r"/admin/operator-keys/([0-9a-f-]{36})/", listed.text)
    assert row is not None
    admin.get(f"/admin/operator-keys/{row[1]}/do/revoke/")
    admin.post(f"/admin/operator-keys/{row[1]}/do/revoke/", {})
    assert "/do/revoke/" not in admin.get(f"/admin/operator-keys/{row[1]}/").text
    assert admin.get(f"/admin/jump/?q={row[1]}").url.path == f"/admin/operator-keys/{row[1]}/", "as the audit links it"
