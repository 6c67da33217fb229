"""The log of events page by page, and a day in figures."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.admin.screens import event_log
from tests.kit.console import Person, portal, signed_in
from tests.kit.in_process import Hub


def write(hub: Hub, key: str, count: int) -> None:
    with httpx.Client(base_url=hub.url, headers={"X-API-KEY": key, "Prefer": "wait=20"}, timeout=30) as web:
        for number in range(count):
            item = {"sku": f"logged-{number}", "name": "Logged", "price": "1.00"}
            assert web.post("/api/inventory/", json=item).status_code == 201


def sequences(page: str) -> list[int]:
    """Read which events a page shows, in its order."""
    return [int(text) for text in re.findall(r'<summary>.*?<span class="num">(\d+)</span>', page)]


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return None if found is None else found[1].replace("&amp;", "&")


@pytest.mark.parametrize("who", ["operator", "pharmacy"])
def test_the_log_is_walked_from_its_newest_page_to_its_first_and_back(
    hub: Hub, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "SHOWN", 3)
    pharmacy_id, key = hub.open_pharmacy("Logged")
    write(hub, key, 6)  # and pharmacy.created, which is the first
    person, path = (signed_in(hub, "viewer"), "/admin/event-log/") if who == "operator" else (portal(hub, key), "")
    suffix = f"pharmacy={pharmacy_id}" if who == "operator" else ""
    page = person.get(f"/admin/event-log/?{suffix}").text
    assert (sequences(page), link(page, "next")) == ([5, 6, 7], None)
    assert "logged-5" in page, "an event is there whole"
    walked = []
    while (older := link(page, "prev")) is not None:
        page = person.get(f"/admin/event-log/{older}").text
        walked.append(sequences(page))
    assert walked == [[2, 3, 4], [1, 2, 3]], path
    newer = link(page, "next")
    assert newer is not None
    assert sequences(person.get(f"/admin/event-log/{newer}").text) == [4, 5, 6]


def test_the_log_is_narrowed_to_a_type_and_says_why_it_shows_nothing(hub: Hub) -> None:
    pharmacy_id, key = hub.open_pharmacy("Narrowed")
    write(hub, key, 2)
    person = signed_in(hub, "viewer")
    page = person.get(f"/admin/event-log/?pharmacy={pharmacy_id}&type=inventory.created").text
    assert sequences(page) == [2, 3]
    assert sequences(person.get(f"/admin/event-log/?pharmacy={pharmacy_id}&after=2").text) == [3]
    assert (
        "No <code>sale.recorded</code>"
        in person.get(f"/admin/event-log/?pharmacy={pharmacy_id}&type=sale.recorded").text
    )
    beyond = person.get(f"/admin/event-log/?pharmacy={pharmacy_id}&after=99")
    assert (beyond.status_code, 'role="alert"' in beyond.text) == (400, True)
    assert person.get(f"/admin/event-log/?pharmacy={pharmacy_id}&after=x").status_code == 400


def test_a_pharmacys_log_is_its_own(hub: Hub) -> None:
    theirs, _ = hub.open_pharmacy("Theirs")
    _, key = hub.open_pharmacy("Ours")
    person = portal(hub, key)
    page = person.get(f"/admin/event-log/?pharmacy={theirs}").text
    assert "Theirs" not in page
    assert sequences(page) == [1]


@pytest.mark.parametrize("who", ["operator", "pharmacy"])
def test_a_day_is_shown_in_figures_and_the_day_before_is_a_click_away(hub: Hub, who: str) -> None:
    pharmacy_id, key = hub.open_pharmacy("Counted")
    write(hub, key, 4)
    person: Person = signed_in(hub, "viewer") if who == "operator" else portal(hub, key)
    suffix = f"&pharmacy={pharmacy_id}" if who == "operator" else ""
    today = datetime.now(UTC).date()
    page = person.get(f"/admin/reconciliation/?day={today}{suffix}").text
    # The four, and the making of the pharmacy itself.
    assert figures(page) == {
        "Writes taken in": 5,
        "Applied": 5,
        "Rejected": 0,
        "Parked": 0,
        "Pending": 0,
        "Events in the log": 5,
    }
    assert "Every write that was taken in is applied or refused." in page
    assert link(page, "next") is None
    before = link(page, "prev")
    assert before == f"?day={today - timedelta(days=1)}{suffix}"
    page = person.get(f"/admin/reconciliation/{before}").text
    assert figures(page)["Writes taken in"] == 0
    assert link(page, "next") == f"?day={today}{suffix}"
    wrong = person.get("/admin/reconciliation/?day=yesterday")
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (400, True)


def test_an_operator_who_names_no_pharmacy_sees_all_of_them_added_up(hub: Hub) -> None:
    _, key = hub.open_pharmacy("Added")
    person = signed_in(hub, "viewer")
    before = figures(person.get("/admin/reconciliation/").text)["Writes taken in"]
    write(hub, key, 3)
    assert figures(person.get("/admin/reconciliation/").text)["Writes taken in"] >= before + 3


def figures(page: str) -> dict[str, int]:
    """Read the figures that stand large."""
    found = re.findall(
        r'<span class="stat-label">(?:<span[^>]*>)?([^<]+)<.*?<strong>([\d,]+)</strong>', page, re.DOTALL
    )
    return {name: int(number.replace(",", "")) for name, number in found}
