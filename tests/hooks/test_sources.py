"""Sources as a resource: registered, changed, rotated and removed, their secrets sealed."""

import json

import asyncpg
import pytest

from tests.conftest import Servers
from tests.kit.hooks import PUBLIC, Shop
from tests.kit.http import assert_problem
from tests.kit.senders import SECRET, SIGN, STANDARD_SECRET, a_source, secret_of


@pytest.mark.parametrize("scheme", SIGN)
def test_a_source_of_every_scheme_answers_with_its_address_and_not_with_the_secret_it_was_given(
    shop: Shop, scheme: str
) -> None:
    answer = shop.ask("POST", "/api/sources/", a_source(scheme))
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert made["url"] == f"{PUBLIC}/hooks/{made['id']}"
    assert secret_of(scheme) not in answer.text
    assert "secret" not in made
    shown = shop.ask("GET", f"/api/sources/{made['id']}/")
    assert (shown.json(), shown.headers["etag"]) == (made, '"1"')
    assert shop.items("/api/sources/") == [made]


def test_an_operator_registers_a_source_for_a_pharmacy_as_well(shop: Shop) -> None:
    acting = {"X_API_KEY": shop.hub.operator_key, "X_Pharmacy_Id": shop.pharmacy_id}
    made = shop.ask("POST", "/api/sources/", a_source("github"), **acting).json()
    assert shop.items("/api/sources/") == [made]
    assert shop.deliver(made, {"zen": 1})["source_id"] == made["id"]


def test_without_a_secret_one_is_minted_and_shown_to_a_repeat_only(shop: Shop) -> None:
    body = {"name": "Till", "scheme": "standard"}
    first = shop.ask("POST", "/api/sources/", body, Idempotency_Key="s1").json()
    assert first["secret"].startswith("whsec_")
    again = shop.ask("POST", "/api/sources/", body, Idempotency_Key="s1").json()
    assert again == first
    assert "secret" not in shop.ask("GET", f"/api/sources/{first['id']}/").json()


def test_the_same_key_with_another_secret_is_another_request(shop: Shop) -> None:
    assert shop.ask("POST", "/api/sources/", a_source("github"), Idempotency_Key="s1").status_code == 201
    again = shop.ask("POST", "/api/sources/", a_source("github"), Idempotency_Key="s1")
    assert again.status_code == 201
    other = shop.ask("POST", "/api/sources/", a_source("github", secret="another secret"), Idempotency_Key="s1")
    assert assert_problem(other, 422)["type"] == "/problems/idempotency-mismatch"


async def test_no_row_and_no_event_holds_a_secret_in_the_clear(shop: Shop, servers: Servers) -> None:
    made = shop.register("github", secret="kept in the vault only")
    shop.ask("POST", f"/api/sources/{made['id']}/rotate-secret/", {"secret": "kept there as well"})
    connection = await asyncpg.connect(shop.hub.settings.database_url.get_secret_value())
    try:
        rows = await connection.fetch(
            "SELECT to_json(s)::text FROM sources s UNION ALL SELECT to_json(o)::text FROM operations o "
            "UNION ALL SELECT body FROM events UNION ALL SELECT to_json(a)::text FROM audit_log a"
        )
    finally:
        await connection.close()
    text = "".join(row[0] for row in rows)
    assert made["id"] in text
    assert "kept" not in text


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"scheme": "hmac", "settings": {}}, "#/settings"),
        ({"scheme": "hmac"}, "#/settings"),
        ({"scheme": "basic"}, "#/settings"),
        ({"scheme": "stripe", "settings": {"header": "X-Y"}}, "#/settings"),
        ({"scheme": "github", "settings": {"challenge_query": "c"}}, "#/settings"),
        ({"scheme": "hmac", "settings": {"header": "X Y"}}, "#/settings/header"),
        ({"scheme": "hmac", "settings": {"header": "X", "algorithm": "md5"}}, "#/settings/algorithm"),
        ({"scheme": "standard", "secret": "not a whsec"}, "#/secret"),
        ({"scheme": "github", "secret": "short"}, "#/secret"),
        ({"scheme": "paypal"}, "#/scheme"),
        ({"scheme": "github", "event_type_path": "type"}, "#/event_type_path"),
        ({"scheme": "github", "mapping": {"adapter": "github"}}, "#/mapping/adapter"),
        ({"scheme": "github", "more": 1}, "#/more"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_its_place(shop: Shop, body: dict[str, object], pointer: str) -> None:
    problem = assert_problem(shop.ask("POST", "/api/sources/", {"name": "Till"} | body), 422)
    assert pointer in {error["pointer"] for error in problem["errors"]}
    assert shop.items("/api/sources/") == []


def test_a_source_changes_in_all_but_its_scheme(shop: Shop) -> None:
    made = shop.register("hmac")
    path = f"/api/sources/{made['id']}/"
    after = shop.ask("PATCH", path, {"name": "New", "enabled": False}).json()
    assert (after["name"], after["enabled"], after["version"]) == ("New", False, 2)
    assert shop.ask("PATCH", path, {"name": "New"}).json() == after
    assert_problem(shop.ask("PATCH", path, {"settings": {"username": "x"}}), 422)
    assert_problem(shop.ask("PATCH", path, {"name": "x"}, If_Match='"1"'), 412)
    whole = {"name": "Whole", "scheme": "hmac", "settings": {"header": "X-Other"}}
    assert shop.ask("PUT", path, whole).json()["settings"] == {"header": "X-Other"}
    assert_problem(shop.ask("PUT", path, whole | {"scheme": "github", "settings": {}}), 409)
    assert shop.ask("DELETE", path).status_code == 204
    assert_problem(shop.ask("GET", path), 404)
    types = [event["type"] for event in shop.items("/api/events/")]
    assert types[1:] == ["source.created", "source.updated", "source.updated", "source.deleted"]


def test_a_rotated_secret_is_good_beside_the_old_one_until_the_overlap_ends(shop: Shop) -> None:
    made = shop.register("github")
    content = b'{"zen": 1}'
    path = f"/api/sources/{made['id']}/rotate-secret/"
    rotated = shop.ask("POST", path, {"secret": "the second secret"})
    assert rotated.status_code == 200
    assert rotated.json()["previous_valid_until"] > rotated.json()["updated_at"]
    assert "secret" not in rotated.json()

    def status(secret: str, message_id: str) -> int:
        return shop.post(made, content, SIGN["github"](content, "", secret, message_id=message_id)).status_code

    shop.until(lambda: shop.post(made, content, SIGN["github"](content, "", "the second secret")), lambda seen: seen.status_code == 200)  # fmt: skip
    assert status(SECRET, "old-1") == 200
    minted = shop.ask("POST", path, {"overlap_seconds": 0}).json()["secret"]
    shop.until(lambda: shop.post(made, content, SIGN["github"](content, "", minted)), lambda seen: seen.status_code == 200)  # fmt: skip
    assert status(SECRET, "old-2") == 401
    assert status("the second secret", "old-3") == 401
    assert_problem(shop.ask("POST", path, {"overlap_seconds": 604_801}), 422)


def test_a_standard_secret_is_checked_when_it_is_rotated_as_well(shop: Shop) -> None:
    made = shop.register("standard")
    path = f"/api/sources/{made['id']}/rotate-secret/"
    assert_problem(shop.ask("POST", path, {"secret": "not a whsec"}), 422)
    assert shop.ask("POST", path, {"secret": STANDARD_SECRET}).status_code == 200
    assert shop.ask("POST", path, {}).json()["secret"].startswith("whsec_")


def test_whoever_lacks_the_scope_write_has_no_say_in_what_messages_change(shop: Shop) -> None:
    narrow = shop.make(f"/api/pharmacies/{shop.pharmacy_id}/keys/", {"name": "n", "scopes": ["webhooks"]})["api_key"]
    adapter = {"mapping": {"adapter": "shopify"}}
    plain = shop.register("shopify")
    made = shop.register("shopify", **adapter)
    off = shop.register("shopify", enabled=False, **adapter)
    refused = [
        shop.ask("POST", "/api/sources/", a_source("shopify", **adapter), X_API_KEY=narrow),
        shop.ask("PATCH", f"/api/sources/{plain['id']}/", adapter, X_API_KEY=narrow),
        *(
            shop.ask("POST", f"/api/sources/{one['id']}/rotate-secret/", {"secret": "known to me"}, X_API_KEY=narrow)
            for one in (made, off)
        ),
        shop.ask("PATCH", f"/api/sources/{off['id']}/", {"enabled": True}, X_API_KEY=narrow),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert shop.ask("POST", "/api/sources/", a_source("github"), X_API_KEY=narrow).status_code == 201
    assert json.loads(shop.ask("GET", f"/api/sources/{off['id']}/").text) == off
