"""`/hooks/<source id>`: genuine messages become facts, everything else is one and the same 401 and leaves nothing behind."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from uuid import uuid4

import pytest
import standardwebhooks

from tests.kit.hooks import Json, Shop
from tests.kit.http import assert_problem
from tests.kit.senders import (
    SECRET,
    SETTINGS,
    SIGN,
    SIGNATURE_HEADERS,
    STANDARD_SECRET,
    Headers,
    a_source,
    hmac_hex,
    standard,
    stripe,
)

BODY = b'{"type": "till.ping",  "id": "evt_1", "event_id": "sq_1", "n": 1.50}'
TYPES = {"shopify": "app/ping", "woocommerce": "action.ping", "github": "ping"}
IDS = {
    "standard": "msg_1", "hmac": "m-1", "shopify": "e-1", "woocommerce": "d-1", "square": "sq_1", "stripe": "evt_1", "github": "g-1",
    "basic": "b-1", "api_key": "k-1",
}  # fmt: skip


@pytest.mark.parametrize("scheme", SIGN)
def test_a_genuine_message_of_every_scheme_is_stored_with_its_type_and_id(shop: Shop, scheme: str) -> None:
    source = shop.register(scheme)
    stored = shop.deliver(source, BODY)
    assert stored["payload"] == json.loads(BODY)
    assert (stored["event_type"], stored["message_id"]) == (TYPES.get(scheme, "till.ping"), IDS[scheme])
    assert (stored["source_id"], stored["commands"], stored["reason"]) == (source["id"], [], None)


class Bad(NamedTuple):
    """A message that is not genuine: its body, its headers, and whose secret it is made with."""

    name: str
    make: Callable[[Json], tuple[bytes, Headers]]
    scheme: str = "standard"


def _with(headers: Headers, name: str, value: str) -> Headers:
    return [(one, value if one == name else old) for one, old in headers]


def _twice(place: str) -> Callable[[Json], tuple[bytes, Headers]]:
    def make(source: Json) -> tuple[bytes, Headers]:
        good = SIGN[source["scheme"]](BODY, source["url"])
        junk = [(SIGNATURE_HEADERS[source["scheme"]], "junk")]
        return BODY, [*good, *junk] if place == "first" else [*junk, *good]

    return make


def _at(offset: float) -> Callable[[Json], tuple[bytes, Headers]]:
    return lambda _: (BODY, standard(BODY, "", at=time.time() + offset))


def _stamped(stamp: str) -> Callable[[Json], tuple[bytes, Headers]]:
    """Sign with any text for a timestamp, as a sender that is wrong in this one thing would."""

    def make(_: Json) -> tuple[bytes, Headers]:
        from base64 import b64decode, b64encode
        from hashlib import sha256
        from hmac import digest

        key = b64decode(STANDARD_SECRET.removeprefix("whsec_"))
        signature = b64encode(digest(key, b".".join((b"msg_1", stamp.encode(), BODY)), sha256)).decode()
        return BODY, [("webhook-id", "msg_1"), ("webhook-timestamp", stamp), ("webhook-signature", f"v1,{signature}")]

    return make


def _signature(value: str) -> Callable[[Json], tuple[bytes, Headers]]:
    return lambda _: (BODY, _with(standard(BODY, ""), "webhook-signature", value))


_GOOD = "K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
_OTHERS = standardwebhooks.Webhook("whsec_" + "QUJD" * 10)

BAD = (
    Bad("30 no signature", lambda _: (BODY, standard(BODY, "")[:2])),
    Bad("30 wrong", _signature(f"v1,{_GOOD}")),
    Bad("30 right for another body", lambda _: (b'{"type": "other"}', standard(BODY, ""))),
    Bad("30 v1 empty", _signature("v1,")),
    Bad("30 fifty signatures", lambda _: (BODY, _with(h := standard(BODY, ""), "webhook-signature", " ".join([f"v1,{_GOOD}"] * 49 + [h[2][1]])))),
    Bad("30 base64 junk", _signature("v1,%%%%")),
    Bad("30 not ascii", _signature("v1,\xff\xfe")),
    Bad("30 v1a with a wrong key", _signature(f"v1a,{_GOOD}")),
    Bad("30 secret of another source", lambda _: (BODY, standard(BODY, "", "whsec_" + "QUJD" * 10))),
    Bad("31 six minutes old", _at(-360)),
    Bad("31 six minutes ahead", _at(360)),
    *(Bad(f"31 timestamp {stamp}", _stamped(stamp)) for stamp in ("0", "1e9", "1764000000.5", "01764000000", "-1", "", "١")),
    Bad("31 no timestamp", lambda _: (BODY, [pair for pair in standard(BODY, "") if pair[0] != "webhook-timestamp"])),
    Bad("31 no id", lambda _: (BODY, standard(BODY, "")[1:])),
    Bad("31 stripe six minutes old", lambda _: (BODY, stripe(BODY, "", at=time.time() - 360)), "stripe"),
    Bad("31 stripe without t", lambda _: (BODY, [("Stripe-Signature", stripe(BODY, "")[0][1].split(",")[1])]), "stripe"),
    Bad("31 stripe with two t", lambda _: (BODY, [("Stripe-Signature", "t=1," + stripe(BODY, "")[0][1])]), "stripe"),
    *(
        Bad(f"34 spaces changed on the way, {scheme}", lambda source: (json.dumps(json.loads(BODY)).encode(), SIGN[source["scheme"]](BODY, source["url"])), scheme)
        for scheme in SIGN if scheme not in {"basic", "api_key"}
    ),
    *(
        Bad(f"36 signature twice, the good one {place}, {scheme}", _twice(place), scheme)
        for scheme in SIGN for place in ("first", "last")
    ),
    *(
        Bad(f"36 the same signature twice, {scheme}", lambda source: (BODY, (h := SIGN[source["scheme"]](BODY, source["url"])) + h[:1]), scheme)
        for scheme in ("shopify", "stripe", "basic", "api_key")
    ),
    *(
        Bad(f"30 wrong secret, {scheme}", lambda source: (BODY, SIGN[source["scheme"]](BODY, source["url"], "another secret")), scheme)
        for scheme in SIGN if scheme != "standard"
    ),
    *(Bad(f"30 nothing at all, {scheme}", lambda _: (BODY, []), scheme) for scheme in SIGN),
    Bad("30 square signed for another address", lambda source: (BODY, SIGN["square"](BODY, source["url"] + "x")), "square"),
    Bad("30 hmac without its prefix", lambda _: (BODY, _with(hmac_hex(BODY, ""), "X-Signature", hmac_hex(BODY, "")[0][1][5:])), "hmac"),
    Bad("30 bearer for basic", lambda _: (BODY, [("Authorization", f"Bearer {SECRET}")]), "basic"),
    Bad("30 basic junk", lambda _: (BODY, [("Authorization", "Basic %%%")]), "basic"),
)  # fmt: skip


@pytest.fixture(scope="module")
def standing(hub: object) -> object:
    """One pharmacy with a source of every scheme, for what leaves nothing behind."""
    from tests.kit.hooks import open_shop

    with open_shop(hub) as shop:  # type: ignore[arg-type]
        yield shop, {scheme: shop.register(scheme) for scheme in SIGN}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_is_not_genuine_is_one_and_the_same_401(standing: tuple[Shop, dict[str, Json]], bad: Bad) -> None:
    shop, sources = standing
    source = sources[bad.scheme]
    content, headers = bad.make(source)
    answer = shop.post(source, content, headers)
    unknown = shop.post({"id": str(uuid4())}, content, headers)
    assert_problem(answer, 401)
    assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
    drop = {"date"}
    assert {k: v for k, v in answer.headers.items() if k not in drop} == {
        k: v for k, v in unknown.headers.items() if k not in drop
    }


def test_after_all_that_nothing_is_stored_and_the_genuine_are_still_taken(
    standing: tuple[Shop, dict[str, Json]],
) -> None:
    shop, sources = standing
    stored = shop.deliver(sources["github"], BODY)
    # What came before in the same pharmacy would have been applied before.
    assert [event["id"] for event in shop.items("/api/webhook-events/")] == [stored["id"]]


def test_unknown_disabled_deleted_and_misspelt_sources_answer_alike(shop: Shop) -> None:
    sources = {name: shop.register("github") for name in ("disabled", "deleted")}
    shop.ask("PATCH", f"/api/sources/{sources['disabled']['id']}/", {"enabled": False})
    shop.ask("DELETE", f"/api/sources/{sources['deleted']['id']}/")
    content, headers = BODY, SIGN["github"](BODY, "")
    for source in sources.values():
        shop.until(lambda source=source: shop.post(source, content, headers), lambda seen: seen.status_code == 401)  # type: ignore[misc]
    names = [
        *(source["id"] for source in sources.values()),
        str(uuid4()),
        "no-id",
        "x" * 300,
        "%00",
        "..%2e",
        "%E2%80%AE",
    ]
    answers = [shop.post({"id": name}, content, headers) for name in names]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    for path in ("/hooks/../api/inventory/", "/hooks/..%2fapi/inventory/", "/hooks/%2e%2e/api"):
        answer = shop.web.post(path, content=content, headers=headers)
        assert answer.status_code in {401, 404}, path


def test_a_pharmacy_that_is_stopped_takes_nothing_in(shop: Shop) -> None:
    source = shop.register("github")
    headers = SIGN["github"](BODY, "")
    assert shop.post(source, BODY, headers).status_code == 200
    shop.ask("DELETE", f"/api/pharmacies/{shop.pharmacy_id}/", X_API_KEY=shop.hub.operator_key)
    shop.until(lambda: shop.post(source, BODY, headers), lambda seen: seen.status_code == 401)


@pytest.mark.parametrize("scheme", SIGN)
def test_a_vendors_repeat_is_stored_once(shop: Shop, scheme: str) -> None:
    source = shop.register(scheme)
    first = shop.deliver(source, BODY)
    assert shop.deliver(source, BODY)["id"] == first["id"]
    assert len(shop.items("/api/webhook-events/")) == 1
    types = [event["type"] for event in shop.items("/api/events/")]
    assert types.count("webhook_event.received") == 1


def test_a_message_that_comes_many_times_at_once_is_stored_once(shop: Shop) -> None:
    source = shop.register("square")
    headers = SIGN["square"](BODY, source["url"])
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: shop.post(source, BODY, headers), range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["operation_id"] for answer in answers}) == 1
    shop.deliver(source, BODY)  # behind them all
    assert len(shop.items("/api/webhook-events/")) == 1


def test_the_same_id_with_another_body_leaves_the_first_and_is_audited(shop: Shop) -> None:
    """Row 33."""
    source = shop.register("github")
    first = shop.deliver(source, {"n": 1})
    assert shop.deliver(source, {"n": 2})["payload"] == {"n": 1}
    shop.deliver(source, {"n": 2})
    lines = shop.until(
        lambda: shop.web.get(
            f"/api/audit/?pharmacy_id={shop.pharmacy_id}&action=webhook_event.receive", headers={"X-API-KEY": shop.hub.operator_key}
        ),
        lambda seen: len(seen.json()["items"]) >= 1,
    ).json()["items"]  # fmt: skip
    assert {(line["actor"], line["subject"], line["outcome"]) for line in lines} == {
        (f"source:{source['id']}", f"webhook-events/{first['id']}", "rejected")
    }


def test_messages_without_an_id_are_all_kept(shop: Shop) -> None:
    source = shop.register("hmac", settings={"header": "X-Signature", "prefix": "sha1=", "algorithm": "sha1"})
    assert shop.deliver(source, BODY)["id"] != shop.deliver(source, BODY)["id"]


def test_one_act_at_shopify_may_cause_several_messages_with_one_event_id(shop: Shop) -> None:
    source = shop.register("shopify")
    ids = {
        shop.deliver(source, body, topic=topic)["id"]
        for topic, body in (
            ("orders/create", {"id": 1}),
            ("orders/paid", {"id": 1}),
            ("inventory_levels/update", {"inventory_item_id": 1}),
            ("inventory_levels/update", {"inventory_item_id": 2}),
        )
    }
    assert len(ids) == 4
    assert shop.deliver(source, {"id": 1}, topic="orders/create")["id"] in ids


def test_woocommerces_messages_of_one_second_share_their_id_and_are_all_kept(shop: Shop) -> None:
    source = shop.register("woocommerce")
    messages = [
        ("order.created", {"id": 1}),
        ("order.created", {"id": 2}),
        ("order.updated", {"id": 1}),
        ("order.updated", {"id": 1, "status": "completed"}),
    ]
    ids = [shop.deliver(source, body, topic=topic)["id"] for topic, body in messages]
    assert len(set(ids)) == 4
    assert [shop.deliver(source, body, topic=topic)["id"] for topic, body in messages] == ids


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"a=b", 400), (b'{"a": NaN}', 400), (b'{"a": 1, "a": 2}', 400), (b'{"a": "\\u0000"}', 422), (b'{"a": 1e308}', 422), (b"[" * 100, 400)],
    ids=repr,
)  # fmt: skip
def test_a_genuine_body_that_is_no_json_is_refused_as_everywhere(shop: Shop, content: bytes, status: int) -> None:
    source = shop.register("github")
    assert_problem(shop.post(source, content, SIGN["github"](content, "")), status)


def test_a_body_of_a_mebibyte_is_taken_and_a_byte_more_is_413(shop: Shop) -> None:
    source = shop.register("github", event_type_path="")
    content = json.dumps(["x" * 9000] * 116).encode()
    content = b" " * (1_048_576 - len(content)) + content
    assert shop.post(source, content, SIGN["github"](content, "")).status_code == 200
    content += b" "
    assert_problem(shop.post(source, content, SIGN["github"](content, "")), 413)
    assert_problem(shop.post({"id": str(uuid4())}, content, SIGN["github"](content, "")), 413)


def test_a_type_that_cannot_be_stored_is_called_unknown(shop: Shop) -> None:
    source = shop.register("stripe")
    for number, payload in enumerate(
        ({"a": 1}, {"type": 5}, {"type": " "}, {"type": "x" * 200}, {"type": "a\u202eb"}, [])
    ):
        if isinstance(payload, dict):
            payload["id"] = f"evt_{number}"
        assert shop.deliver(source, payload)["event_type"] == "unknown"
    nested = shop.register("api_key", event_type_path="/a/0/b~1c")
    assert shop.deliver(nested, {"a": [{"b/c": "found"}]})["event_type"] == "found"


def test_a_vendor_gets_the_answer_that_it_wants(shop: Shop) -> None:
    wanted = {"status": 201, "content_type": "application/json", "body": '{"ok":true}'}
    source = shop.register("github", settings={"answer": wanted})
    answer = shop.post(source, BODY, SIGN["github"](BODY, ""))
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (
        201,
        {"ok": True},
        "application/json",
    )


def test_a_challenge_by_post_is_answered_and_not_stored_if_it_is_genuine(shop: Shop) -> None:
    source = shop.register("hmac", settings=SETTINGS["hmac"] | {"challenge_path": "/challenge"})
    content = b'{"type": "url_verification", "challenge": "abc<1>"}'
    answer = shop.post(source, content, SIGN["hmac"](content, ""))
    assert (answer.status_code, answer.text) == (200, "abc<1>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert shop.post(source, content, []).status_code == 401
    assert shop.deliver(source, {"type": "x"})["event_type"] == "x"
    assert len(shop.items("/api/webhook-events/")) == 1


def test_a_challenge_by_get_is_answered_to_who_knows_the_secret(shop: Shop) -> None:
    source = shop.register("github", settings={"challenge_query": "hub.challenge", "token_query": "hub.verify_token"})
    plain = shop.register("github")
    path = f"/hooks/{source['id']}"

    def ask(where: str, token: str) -> tuple[int, str]:
        answer = shop.web.get(where, params={"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": token})
        return answer.status_code, answer.text

    assert ask(path, SECRET) == (200, "42")
    wrong = ask(path, "wrong")
    assert wrong[0] == 401
    assert wrong == ask(f"/hooks/{plain['id']}", SECRET) == ask(f"/hooks/{uuid4()}", SECRET)


def test_woocommerces_first_try_of_an_address_is_answered_to_all_alike(shop: Shop) -> None:
    source = shop.register("woocommerce")
    for name in (source["id"], str(uuid4())):
        answer = shop.post({"id": name}, b"webhook_id=27", [("Content-Type", "application/x-www-form-urlencoded")])
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_strangers_key_changes_nothing_at_this_door(shop: Shop) -> None:
    """An API key is no signature."""
    source = shop.register("github")
    assert shop.post(source, BODY, [("X-API-KEY", shop.key)]).status_code == 401
    assert shop.post(source, BODY, [("X-API-KEY", shop.hub.operator_key)]).status_code == 401


def test_a_new_source_is_known_at_once(shop: Shop) -> None:
    for _ in range(5):
        source = shop.make("/api/sources/", a_source("github"))
        assert shop.post(source, BODY, SIGN["github"](BODY, "")).status_code == 200
