"""What one key may ask of the console, and how often an address may try keys that are none."""

import time
from collections.abc import Iterator

import httpx
import pytest

from gateway import limits
from gateway.admin.throttle import FREE
from tests.conftest import Servers
from tests.kit.console import a_person, portal, signed_in
from tests.kit.in_process import Hub, running_hub
from tests.kit.place import own_place
from tests.kit.wait import until

BURST = 12


@pytest.fixture(scope="module")
def narrow(servers: Servers, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub whose keys may ask little."""
    place = tmp_path_factory.mktemp("narrow")
    limits = {"rate_limit_per_second": 0.5, "rate_limit_burst": BURST}
    with own_place(servers, template_database, place, **limits) as settings, running_hub(settings) as running:
        yield running


def test_a_portal_s_pages_count_as_requests_of_its_key_and_an_operator_s_do_not(narrow: Hub) -> None:
    _, key = narrow.open_pharmacy()
    _, calm = narrow.open_pharmacy()
    person, other = portal(narrow, key), portal(narrow, calm)
    answers = [person.get("/admin/inventory/") for _ in range(2 * BURST)]
    assert answers[0].status_code == 200
    page = answers[-1]
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) >= 1
    assert page.headers["content-type"].startswith("text/html")
    assert "may send 0.5 requests a second" in page.text
    assert httpx.get(f"{narrow.url}/api/sales/", headers={"X-API-KEY": key}).status_code == 429, "it is one bucket"
    assert other.get("/admin/inventory/").status_code == 200
    operator = signed_in(narrow, "viewer")
    assert {operator.get("/admin/inventory/").status_code for _ in range(2 * BURST)} == {200}


def test_a_portal_that_asks_on_waits_for_its_refusals(narrow: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROMPT_REFUSALS", 1)
    person = portal(narrow, narrow.open_pharmacy()[1])

    until(lambda: person.get("/admin/inventory/").status_code == 429)
    took = []
    for _ in range(4):
        began = time.monotonic()
        if person.get("/admin/inventory/").status_code == 429:  # a second held back brings half a request
            took.append(time.monotonic() - began)
    assert max(took) >= limits.HELD_SECONDS


def test_whoever_tries_keys_waits_leaves_few_lines_and_keeps_nobody_out(narrow: Hub, servers: Servers) -> None:
    _, key = narrow.open_pharmacy()
    database = narrow.settings.database_url.get_secret_value().rpartition("/")[2]
    entered = "SELECT count(*) FROM audit_log WHERE subject LIKE 'keys/%' AND outcome = 'applied'"
    before = int(servers.sql(entered, database))
    person = a_person(narrow)
    person.get("/admin/sign-in/")
    guesses = 2 * FREE["address"]
    answers = [person.post("/admin/sign-in/key/", {"api_key": f"phk_{number:028}"}) for number in range(guesses)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "Too many attempts" in answers[-1].text
    assert portal(narrow, key).get("/admin/").status_code == 200, "from the same address, with a right key"
    count = "SELECT count(*) FROM audit_log WHERE action = 'operator.sign_in' AND outcome = 'rejected'"
    assert until(lambda: int(servers.sql(entered, database)), lambda lines: lines > before)
    lines = until(lambda: int(servers.sql(count, database)), lambda lines: lines >= FREE["address"])
    assert lines < guesses
