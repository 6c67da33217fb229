"""The door of the console: who comes in, who does not, and what ends a session."""

import asyncio
import html
import json
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pyotp
import pytest

from gateway.admin import people
from gateway.admin.sessions import begin, dump_cookie
from gateway.admin.throttle import FREE, MOST_SECONDS, Throttle
from hub import clock
from hub.security import passwords
from hub.security.tokens import Tokens
from tests.conftest import Servers
from tests.kit.console import Person, a_person, link_for, make_operator, portal, signed_in
from tests.kit.in_process import Hub
from tests.kit.processes import environment_of
from tests.kit.wait import until

ROOT = Path(__file__).parents[2]
PASSWORD = "four words and more"


def set_password(person: Person, password: str = PASSWORD) -> None:
    """Set a password at the account page."""
    person.get("/admin/account/")
    done = person.post("/admin/account/password/", {"password": password, "again": password})
    assert "The password is set" in done.text


def sign_in(hub: Hub, username: str, password: str = PASSWORD, code: str = "") -> tuple[Person, httpx.Response]:
    """Try to sign in with a password."""
    person = a_person(hub)
    person.get("/admin/sign-in/")
    return person, person.post("/admin/sign-in/", {"username": username, "password": password, "code": code})


def test_without_a_session_every_page_leads_to_the_door_and_back(hub: Hub) -> None:
    answer = httpx.get(f"{hub.url}/admin/orders/?q=x")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/sign-in/?next=%2Fadmin%2Forders%3Fq%3Dx"
    part = httpx.get(f"{hub.url}/admin/orders/", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/admin/sign-in/?next=%2Fadmin%2Forders")


@pytest.mark.parametrize(
    ("part", "page", "door"),
    [
        ("overview/figures", "/admin/", ""),
        ("overview/figures", "[", ""),
        (
            f"status/{UUID(int=1)}",
            "/admin/orders/?queued=x&q=a%20b",
            "?next=%2Fadmin%2Forders%3Fqueued%3Dx%26q%3Da%2520b",
        ),
    ],
)
def test_without_a_session_a_part_leads_to_the_door_and_back_to_its_page(
    hub: Hub, part: str, page: str, door: str
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{hub.url}{page}"}
    answer = httpx.get(f"{hub.url}/admin/{part}", headers=headers)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, f"/admin/sign-in/{door}")


def test_a_login_link_signs_in_once(hub: Hub) -> None:
    _, name = make_operator(hub)
    link = link_for(hub, name)
    first, second = a_person(hub), a_person(hub)
    pages = [person.get(link) for person in (first, second)]  # looking at it spends nothing
    done = first.post("/admin/sign-in/link/", {"token": first.hidden(pages[0], "token")})
    again = second.post("/admin/sign-in/link/", {"token": second.hidden(pages[1], "token")})
    assert (done.url.path, again.url.path) == ("/admin/account/", "/admin/sign-in/link/")
    assert "used before" in again.text
    assert second.get("/admin/").url.path == "/admin/sign-in/"


def test_an_admin_hands_over_a_login_link_and_the_audit_log_says_who(hub: Hub) -> None:
    admin, (operator_id, name) = signed_in(hub, "admin"), make_operator(hub)
    form = {"csrf": admin.hidden(admin.get(f"/admin/operators/{operator_id}/"), "csrf")}
    shown = admin.post(f"/admin/login-links/{operator_id}/", form)
    link = re.search(r"https?://[^\s\"<]*/admin/sign-in/link/\?token=[^\s\"<]+", html.unescape(shown.text))
    assert link is not None, shown.text
    guest = a_person(hub)
    page = guest.get("/admin/sign-in/link/?token=" + link[0].partition("token=")[2])
    done = guest.post("/admin/sign-in/link/", {"token": guest.hidden(page, "token")})
    assert (done.url.path, name in done.text) == ("/admin/account/", True)

    def lines() -> list[tuple[str, str]]:
        path = f"{hub.url}/api/audit/?action=operator.make_link"
        items = httpx.get(path, headers={"X-API-KEY": hub.operator_key}).json()["items"]
        return [(line["actor"], line["subject"]) for line in items]

    until(lambda: (f"operator:{admin.id}", f"operators/{operator_id}") in lines(), within=15)


def test_a_password_signs_in_and_a_wrong_one_answers_like_an_unknown_name(hub: Hub) -> None:
    person = signed_in(hub)
    set_password(person)
    _, right = sign_in(hub, person.username)
    assert right.url.path == "/admin/"
    _, wrong = sign_in(hub, person.username, "another four words")
    _, nobody = sign_in(hub, f"nobody-{uuid4().hex}")
    assert wrong.status_code == nobody.status_code == 401

    def plain(page: httpx.Response) -> str:
        return re.sub(r'value="[^"]*"|[0-9a-f]{64}', "", page.text)

    assert plain(wrong) == plain(nobody)


def test_the_cookie_is_for_this_place_alone_and_no_script_reads_it(hub: Hub) -> None:
    answer = httpx.get(f"{hub.url}/admin/sign-in/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("hub_console=")
    assert {"Path=/admin", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


def test_signing_in_begins_a_new_session_and_an_older_cookie_is_worth_nothing(hub: Hub) -> None:
    person = a_person(hub)
    person.get("/admin/sign-in/")
    before = person.web.cookies["hub_console"]
    _, name = make_operator(hub)
    page = person.get(link_for(hub, name))
    person.post("/admin/sign-in/link/", {"token": person.hidden(page, "token")})
    assert person.web.cookies["hub_console"] != before
    old = httpx.get(f"{hub.url}/admin/", headers={"cookie": f"hub_console={before}"})
    assert old.status_code == 303


def test_signing_out_ends_the_session_for_a_copy_of_its_cookie_too(hub: Hub) -> None:
    person = signed_in(hub)
    copy = {"cookie": f"hub_console={person.web.cookies['hub_console']}"}
    assert httpx.get(f"{hub.url}/admin/account/", headers=copy).status_code == 200
    assert person.post("/admin/sign-out/", {}).url.path == "/admin/sign-in/"
    assert httpx.get(f"{hub.url}/admin/account/", headers=copy).status_code == 303


@pytest.mark.parametrize(
    ("began", "seen", "status"),
    [(30, 29, 200), (32, 31, 303), (719, 2, 200), (721, 2, 303)],
    ids=["29 minutes idle", "31 minutes idle", "just under 12 hours old", "just over 12 hours old"],
)
def test_a_session_ends_when_nobody_used_it_for_half_an_hour_and_after_twelve_hours_anyway(
    hub: Hub, servers: Servers, began: int, seen: int, status: int
) -> None:
    operator_id, _ = make_operator(hub)
    database = hub.settings.database_url.get_secret_value().rpartition("/")[2]
    epoch = int(servers.sql(f"SELECT epoch FROM operators WHERE id = '{UUID(operator_id)}'", database))
    now = clock.now()
    session = replace(
        begin("operator", operator_id, epoch),
        began=now - timedelta(minutes=began),
        seen=now - timedelta(minutes=seen),
    )
    gateway: Any = SimpleNamespace(tokens=Tokens(hub.settings.secret_key.get_secret_value()), settings=hub.settings)
    cookie = dump_cookie(gateway, session).partition(";")[0]
    answer = httpx.get(f"{hub.url}/admin/account/", headers={"cookie": cookie})
    assert answer.status_code == status
    if status == 200:
        # Having been used it is good for another half an hour, under the same id.
        again = answer.headers["set-cookie"].partition(";")[0]
        assert again != cookie
        assert httpx.get(f"{hub.url}/admin/account/", headers={"cookie": again}).status_code == 200


def test_a_password_is_kept_as_argon2id(hub: Hub, servers: Servers) -> None:
    person = signed_in(hub)
    set_password(person)
    database = hub.settings.database_url.get_secret_value().rpartition("/")[2]
    stored = servers.sql(f"SELECT password FROM operators WHERE id = '{UUID(person.id)}'", database)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_no_password_is_hashed_or_compared_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = passwords._hasher()

    class Seen:
        def hash(self, password: str) -> str:
            threads.append(threading.current_thread().name)
            return real.hash(password)

        def verify(self, stored: str, password: str) -> bool:
            threads.append(threading.current_thread().name)
            return real.verify(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Seen)

    async def work() -> tuple[bool, bool]:
        found = passwords.Passwords()
        stored = await found.hash(PASSWORD)
        return await found.is_right(PASSWORD, stored), await found.is_right("another", stored)

    assert asyncio.run(work()) == (True, False)
    assert len(threads) == 3
    assert threading.main_thread().name not in threads


def test_the_command_line_prints_a_link_that_signs_in_once(hub: Hub) -> None:
    _, name = make_operator(hub)
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", "operator", "login-link", name, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
        env=environment_of(hub.settings),
    )
    link = json.loads(done.stdout)["url"].removeprefix(hub.settings.url)
    for person, place in ((a_person(hub), "/admin/account/"), (a_person(hub), "/admin/sign-in/link/")):
        token = person.hidden(person.get(link), "token")
        assert person.post("/admin/sign-in/link/", {"token": token}).url.path == place


def test_a_new_password_ends_all_other_sessions(hub: Hub) -> None:
    person = signed_in(hub)
    other = a_person(hub)
    page = other.get(link_for(hub, person.username))
    other.post("/admin/sign-in/link/", {"token": other.hidden(page, "token")})
    set_password(person)
    assert person.get("/admin/account/").url.path == "/admin/account/"
    assert other.get("/admin/account/").url.path == "/admin/sign-in/"


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"is_active": False}, None], ids=["role", "stopped", "deleted"])
def test_another_role_a_stop_and_a_deletion_end_the_sessions_at_once(
    hub: Hub, change: dict[str, object] | None
) -> None:
    person = signed_in(hub, "operator")
    headers = {"X-API-KEY": hub.operator_key, "Prefer": "wait=20"}
    address = f"{hub.url}/api/operators/{person.id}/"
    done = (
        httpx.delete(address, headers=headers) if change is None else httpx.patch(address, json=change, headers=headers)
    )
    assert done.status_code in {200, 204}
    assert person.get("/admin/").url.path == "/admin/sign-in/"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "https://evil.example/admin/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/admin/\\evil.example",
        "/admin//evil.example", "/adminevil.example", "@evil.example", "/admin/\r\nX-Evil: 1", "%2f%2fevil.example", " //evil.example", "",
    ],
)  # fmt: skip
def test_the_door_leads_nowhere_but_into_the_console(hub: Hub, target: str) -> None:
    _, key = hub.open_pharmacy()
    person = a_person(hub)
    page = person.web.get("/admin/sign-in/", params={"next": target})
    assert person.hidden(page, "next") == "/admin/"
    person.get("/admin/sign-in/")
    done = person.post("/admin/sign-in/key/", {"api_key": key, "next": target}, follow=False)
    assert (done.status_code, done.headers["location"]) == (303, "/admin/")


def test_whatever_stands_for_a_name_and_a_password_is_the_same_refusal(hub: Hub) -> None:
    _, name = make_operator(hub)
    for username, password in (
        ("a\0b", "c\0d"), (name, "x" * 900_000), ("x" * 100_000, "a wrong one"), ("\u202e\U0001f48a", "e\u0301 ☃"), ("' OR 1=1--", "<script>alert(1)</script>"),
    ):  # fmt: skip
        _, refused = sign_in(hub, username, password)
        assert refused.status_code == 401
        assert "That did not match" in refused.text
        assert "<script>alert" not in refused.text
        assert password not in refused.text
    _, refused = sign_in(hub, name, "x" * 1_048_577)
    assert refused.status_code == 413


def test_a_second_factor_is_asked_for_and_each_code_is_good_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    person = signed_in(hub)
    set_password(person)
    page = person.get("/admin/account/?totp=new")
    secret = re.search(r'<code class="cut">([A-Z2-7]{32})</code>', page.text)
    assert secret is not None
    code = pyotp.TOTP(secret[1]).now()
    sealed = person.hidden(page, "sealed")
    assert "takes a code as well" in person.post("/admin/account/totp/", {"sealed": sealed, "code": code}).text
    for tried in ("", "000000", code):
        _, refused = sign_in(hub, person.username, code=tried)
        assert refused.status_code == 401
    next_one = pyotp.TOTP(secret[1]).at(time.time() + 30)
    _, right = sign_in(hub, person.username, code=next_one)
    assert right.url.path == "/admin/"
    # Another gateway, or this one after a restart, has seen none of these codes.
    monkeypatch.setattr(
        "gateway.admin.sign_in.find_code", lambda _desk, *others: people.find_code(people.Desk(), *others)
    )
    _, again = sign_in(hub, person.username, code=next_one)
    assert (again.status_code, "That did not match" in again.text) == (401, True)


def test_a_wrong_code_leaves_the_second_factor_that_is_being_set_up_as_it_is(hub: Hub) -> None:
    person, other = signed_in(hub), signed_in(hub)
    shown = re.compile(r'<code class="cut">([A-Z2-7]{32})</code>')
    page = person.get("/admin/account/?totp=new")
    foreign = other.hidden(other.get("/admin/account/?totp=new"), "sealed")
    (secret,) = shown.findall(page.text)
    wrong = person.post("/admin/account/totp/", {"sealed": person.hidden(page, "sealed"), "code": "000000"})
    assert wrong.status_code == 422
    assert shown.findall(wrong.text) == [secret]
    assert 'id="code-fault"' in wrong.text
    for planted in (foreign, secret, person.hidden(wrong, "sealed")[:-1]):
        code = pyotp.TOTP(secret).now()
        assert person.post("/admin/account/totp/", {"sealed": planted, "code": code}).status_code == 400
    right = {"sealed": person.hidden(wrong, "sealed"), "code": pyotp.TOTP(secret).now()}
    person.get("/admin/account/")
    assert "takes a code as well" in person.post("/admin/account/totp/", right).text


def test_a_form_without_the_sessions_token_or_from_another_site_changes_nothing(hub: Hub) -> None:
    person, other = signed_in(hub), signed_in(hub)
    form = {"password": PASSWORD, "again": PASSWORD}
    own, foreign = person.token, "https://evil.example"
    for token, site, origin in (("", "", ""), (other.token, "", ""), (own, "cross-site", ""), (own, "", foreign)):
        headers = {name: value for name, value in (("Sec-Fetch-Site", site), ("Origin", origin)) if value}
        refused = person.web.post("/admin/account/password/", data={"csrf": token, **form}, headers=headers)
        assert refused.status_code == 403, (token, headers)
    assert "Set a password" in person.get("/admin/account/").text
    assert "The password is set" in person.post("/admin/account/password/", form, Origin=hub.url).text


def test_a_pharmacy_comes_in_with_its_key_and_a_revoked_key_is_out_at_once(hub: Hub) -> None:
    pharmacy_id, key = hub.open_pharmacy("Portal")
    person = portal(hub, key)
    assert "Portal" in person.get("/admin/").text
    headers = {"X-API-KEY": key, "Prefer": "wait=20"}
    keys = httpx.get(f"{hub.url}/api/pharmacies/{pharmacy_id}/keys/", headers=headers).json()["items"]
    httpx.delete(f"{hub.url}/api/pharmacies/{pharmacy_id}/keys/{keys[0]['id']}/", headers=headers)
    for _ in range(200):
        if person.get("/admin/").url.path == "/admin/sign-in/":
            return
    pytest.fail("the session outlived its key")


@pytest.mark.parametrize("key", ["phk_nonsense", "schlüssel ☃", "", "operator"])
def test_any_other_key_opens_nothing(hub: Hub, key: str) -> None:
    person = a_person(hub)
    person.get("/admin/sign-in/")
    done = person.post("/admin/sign-in/key/", {"api_key": hub.operator_key if key == "operator" else key})
    assert (done.status_code, "opens nothing" in done.text) == (401, True)


def test_whoever_guesses_waits_twice_as_long_each_time_and_locks_out_nobody_else() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(FREE["name"]):
        assert throttle.wait_seconds("1.2.3.4", "ann") == 0
        throttle.note_failure("1.2.3.4", "ann")
    waits = []
    for _ in range(12):
        waits.append(throttle.wait_seconds("1.2.3.4", "ann"))
        now[0] += waits[-1]
        assert throttle.wait_seconds("1.2.3.4", "ann") == 0
        throttle.note_failure("1.2.3.4", "ann")
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) <= MOST_SECONDS
    assert throttle.wait_seconds("5.6.7.8", "ann") == 0
    throttle.note_success("1.2.3.4", "ann")
    assert throttle.wait_seconds("5.6.7.8", "ann") == 0
