"""From an endpoint made at the front door to signed calls at its receiver, and back: seen, tested, resent, replayed."""

from collections.abc import AsyncIterator

import orjson
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from hub.settings import Settings
from tests.kit.consumers import running_consumers
from tests.kit.endpoints import calling
from tests.kit.gateway import running_gateway
from tests.kit.owner import ENDPOINTS, Json, Owner
from tests.kit.processes import environment_of
from tests.kit.receiver import Received, open_receiver
from tests.kit.wait import eventually
from tests.rooms.broker_proxy import a_free_port


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[Owner]:
    """A whole hub that may call this machine, and a pharmacy with something to sell."""
    chosen = calling(settings, 0.1)
    async with running_gateway(chosen) as stage, running_consumers(chosen):
        owner = Owner(stage, await stage.add_key())
        await owner.stock()
        yield owner


def verified(call: Received, secret: str) -> str:
    headers = {name.lower(): value for name, value in call.headers.items()}
    Webhook(secret).verify(call.body, headers)
    event: str = orjson.loads(call.body)["type"]
    return event


async def test_an_endpoint_gets_what_it_wants_signed_with_its_secrets_and_can_be_mended(owner: Owner) -> None:
    async with open_receiver(owner.secrets) as receiver, open_receiver(owner.secrets) as other:
        made = await owner.make(
            receiver.url, event_types=["sale.*"], filter={"data.sale.reference": {"$ne": "secretly"}}, headers={"X-Shop": "7"},
            auth={"type": "basic", "username": "till", "password": "hunter2"},
        )  # fmt: skip
        plain = await owner.make(other.url, event_types=["order.*"])
        await owner.sell(1, reference="secretly")
        await owner.sell(1, reference="openly")
        (call,) = await receiver.wait_for(1)
        assert verified(call, made["secret"]) == "sale.recorded"
        assert orjson.loads(call.body)["data"]["sale"]["reference"] == "openly"
        sent = {name.lower(): value for name, value in call.headers.items()}
        assert (sent["x-shop"], sent["authorization"]) == ("7", "Basic dGlsbDpodW50ZXIy")

        # A rotation: both secrets sign until the overlap is over.
        rotated = await owner.call("POST", f"{ENDPOINTS}{made['id']}/rotate-secret/", {"overlap_seconds": 600})
        owner.secrets.add(rotated.json()["secret"])
        # A test goes to one endpoint, whatever types it wants.
        tested = (await owner.call("POST", f"{ENDPOINTS}{made['id']}/test/")).json()
        call = (await receiver.wait_for(2))[1]
        assert verified(call, rotated.json()["secret"]) == "webhook_endpoint.tested"
        assert verified(call, made["secret"]) == "webhook_endpoint.tested"
        assert call.headers["webhook-id"] == tested["event_id"]
        assert [one["id"] for one in await owner.deliveries(event_id=tested["event_id"])] == [tested["delivery_id"]]
        rotated = await owner.call("POST", f"{ENDPOINTS}{made['id']}/rotate-secret/", {"overlap_seconds": 0})
        owner.secrets.add(rotated.json()["secret"])

        # What failed is resent.
        receiver.answer = lambda _: 500
        await owner.sell()
        failed = await eventually(
            lambda: owner.deliveries(status="exhausted", endpoint_id=made["id"]),
            lambda found: len(found) == 1,
            within=20,
        )
        assert (failed[0]["attempts"], failed[0]["last_status_code"]) == (2, 500)
        with pytest.raises(WebhookVerificationError):
            verified(receiver.calls[-1], made["secret"])  # its time is over
        receiver.answer = lambda _: 204
        assert (await owner.call("POST", f"/api/webhook-deliveries/{failed[0]['id']}/resend/")).status_code == 200
        mended = await eventually(
            lambda: owner.deliveries(event_id=failed[0]["event_id"]), lambda found: found[0]["status"] == "delivered"
        )
        attempts = (await owner.call("GET", f"/api/webhook-deliveries/{mended[0]['id']}/attempts/")).json()["items"]
        assert [one["status_code"] for one in attempts] == [500, 500, 204]
        assert {one["address"] for one in attempts} == {"127.0.0.1"}
        told = str(attempts[0]["request_headers"]).lower()
        assert "x-shop" in told
        assert "ahvudgvy" not in told
        assert "dglsbdpodw50zxiy" not in told

        # What a new endpoint never got is sent to it, and what it got again.
        assert other.calls == []  # no sale, and no test that was not its own
        await owner.call("PATCH", f"{ENDPOINTS}{plain['id']}/", {"event_types": ["sale.*"]})
        missing = await owner.call("POST", f"{ENDPOINTS}{plain['id']}/replay-missing/")
        assert missing.json() == {"matched": 3}
        await other.wait_for(3)
        await eventually(
            lambda: owner.deliveries(status="delivered", endpoint_id=plain["id"]), lambda found: len(found) == 3
        )
        replayed = await owner.call(
            "POST", f"{ENDPOINTS}{plain['id']}/replay/", {"filter": {"data.sale.reference": "openly"}}
        )
        assert replayed.json() == {"matched": 1}
        calls = await other.wait_for(4)
        assert {verified(call, plain["secret"]) for call in calls} == {"sale.recorded"}
        assert calls[3].body in [call.body for call in calls[:3]]
        statistics = (await owner.call("GET", f"{ENDPOINTS}{made['id']}/statistics/")).json()
        assert statistics["deliveries"] == {"delivered": 3}
        assert (statistics["attempts"], statistics["success_rate"]) == (5, 0.6)


async def test_a_disabled_endpoint_is_not_called_and_goes_on_where_it_stood_when_it_is_enabled(owner: Owner) -> None:
    async with open_receiver(owner.secrets) as receiver, open_receiver(owner.secrets) as other:
        made = await owner.make(receiver.url, event_types=["sale.*"])
        await owner.make(other.url, event_types=["sale.*"])
        await owner.sell(1, reference="before")
        await receiver.wait_for(1)
        path = f"{ENDPOINTS}{made['id']}/"
        assert (await owner.call("PATCH", path, {"enabled": False})).json()["enabled"] is False
        await owner.sell(1, reference="meanwhile")
        await other.wait_for(2)
        # Deliveries of one event are made together.
        await owner.until_deliveries(1, status="delivered", endpoint_id=made["id"])
        assert len(await owner.deliveries(endpoint_id=made["id"])) == 1
        assert len(receiver.calls) == 1
        assert (await owner.call("PATCH", path, {"enabled": True})).json()["enabled"] is True
        calls = await receiver.wait_for(2)
        assert [call.event["data"]["sale"]["reference"] for call in calls] == ["before", "meanwhile"]


async def test_an_attempt_shows_what_was_sent_and_what_came_back(owner: Owner) -> None:
    async with open_receiver(owner.secrets) as receiver:
        receiver.answer = lambda _: 500
        receiver.text = "no! " * 6000
        refused = await owner.make(receiver.url, event_types=["sale.*"], headers={"X-Shop": "7"})
        silent = await owner.make(f"http://127.0.0.1:{a_free_port()}/nobody", event_types=["sale.*"])
        attempts: dict[str, list[Json]] = {}
        for endpoint in (refused, silent):
            tested = (await owner.call("POST", f"{ENDPOINTS}{endpoint['id']}/test/")).json()
            await owner.until_deliveries(1, status="exhausted", endpoint_id=endpoint["id"])
            path = f"/api/webhook-deliveries/{tested['delivery_id']}/attempts/"
            attempts[endpoint["id"]] = (await owner.call("GET", path)).json()["items"]
            for filters, count in (("status_code=500", 2), ("error_class=connect", 0)):
                found = (await owner.call("GET", f"{path}?{filters}")).json()["items"]
                assert len(found) == (count if endpoint is refused else 2 - count), filters
        first, second = attempts[refused["id"]]
        assert [one["number"] for one in (first, second)] == [1, 2]
        assert (first["status_code"], first["error_class"], first["address"]) == (500, None, "127.0.0.1")
        assert first["response_body"] == ("no! " * 6000)[:20_000]
        call = receiver.calls[0]
        shown = first["request_headers"]
        assert shown == {name: call.headers[name] for name in shown} | {"webhook-signature": "***"}
        assert {"webhook-id", "webhook-timestamp", "content-type", "x-shop"} <= set(shown)
        nothing = attempts[silent["id"]][0]
        assert (nothing["status_code"], nothing["error_class"], nothing["response_body"]) == (None, "connect", "")
        assert nothing["error"]
        assert all(isinstance(one["duration_ms"], int) for found in attempts.values() for one in found)


async def test_a_receiver_verifies_v1a_with_the_public_key_that_is_served(owner: Owner) -> None:
    from base64 import b64decode

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    async with open_receiver(owner.secrets) as receiver:
        made = await owner.make(receiver.url, signing="v1a")
        await owner.call("POST", f"{ENDPOINTS}{made['id']}/test/")
        (call,) = await receiver.wait_for(1)
        served = (await owner.call("GET", f"{ENDPOINTS}{made['id']}/public-key/")).json()["public_key"]
        headers = {name.lower(): value for name, value in call.headers.items()}
        version, _, signature = headers["webhook-signature"].partition(",")
        content = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), call.body))
        assert version == "v1a"
        Ed25519PublicKey.from_public_bytes(b64decode(served.removeprefix("whpk_"))).verify(
            b64decode(signature), content
        )


async def test_the_command_line_sees_and_mends(owner: Owner) -> None:
    import asyncio
    import json
    import sys

    async def run(*arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub.cli", "webhooks", *arguments, "--url", owner.stage.url, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, env=environment_of(owner.stage.settings) | {"HUB_API_KEY": owner.key.text},
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async with open_receiver(owner.secrets) as receiver:
        made = await owner.make(receiver.url)
        code, out, err = await run("endpoints", "--json")
        assert (code, [one["id"] for one in json.loads(out)]) == (0, [made["id"]]), err
        code, out, err = await run("test", made["id"], "--json")
        assert code == 0, err
        delivery = json.loads(out)[0]["delivery_id"]
        await receiver.wait_for(1)
        await owner.until_deliveries(1, status="delivered")
        code, out, err = await run("deliveries", "--status", "delivered")
        assert (code, delivery in out, "webhook_endpoint.tested" in out) == (0, True, True), err
        code, out, err = await run("attempts", delivery, "--json")
        assert (code, json.loads(out)[0]["status_code"]) == (0, 204), err
        code, out, err = await run("resend", delivery, "--json")
        assert (code, json.loads(out)[0]["status"]) == (0, "pending"), err
        await receiver.wait_for(2)
        code, out, err = await run(
            "replay", made["id"], "--filter", '{"type": "webhook_endpoint.tested"}', "--dry-run", "--json"
        )
        assert (code, json.loads(out)) == (0, {"matched": 1}), err
        code, out, err = await run("replay", made["id"], "--missing")
        assert (code, out) == (0, "1 deliveries\n"), err  # the item that was put on the shelf before
        await owner.until_deliveries(2, status="delivered")
        receiver.answer = lambda _: 500
        assert (await run("test", made["id"]))[0] == 0
        await owner.until_deliveries(1, status="exhausted")
        receiver.answer = lambda _: 204
        code, out, err = await run("recover", made["id"], "--since", "2026-01-01T00:00:00Z", "--json")
        assert (code, json.loads(out)) == (0, {"matched": 1}), err
        await owner.until_deliveries(3, status="delivered")
        code, out, err = await run("replay", made["id"], "--filter", '{"typ": 1}')
        assert (code, out) == (2, "")
        assert "it begins with one of" in err
