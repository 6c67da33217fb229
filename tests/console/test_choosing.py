"""Choosing a pharmacy where there are more than a list can show: by a part of its name, without scripts."""

import re
from uuid import uuid4

import pytest

from gateway.admin import choosing
from tests.kit.console import Person, signed_in
from tests.kit.in_process import Hub


@pytest.fixture
def many(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str, str]:
    """Three pharmacies of which two are alike, where no more than two are listed; their common word and their ids."""
    word = uuid4().hex[:8]
    ids = [str(hub.open_pharmacy(name)[0]) for name in (f"North {word}", f"South {word}", f"South {word} & Sons")]
    monkeypatch.setattr(choosing, "MOST_CHOICES", 2)
    return word, ids[0], ids[1], ids[2]


@pytest.fixture
def admin(hub: Hub) -> Person:
    """An admin."""
    return signed_in(hub)


def hidden(page: str, name: str) -> str:
    """Read a hidden field."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found is not None
    return found[1]


def test_a_part_of_a_name_chooses_the_only_one_and_else_asks_which(
    many: tuple[str, str, str, str], admin: Person
) -> None:
    word, north, south, sons = many
    page = admin.get("/admin/inventory/").text
    assert '<select class="form-select" name="pharmacy"' not in page
    only = admin.get(f"/admin/inventory/?pharmacy=&pharmacy_seen=&pharmacy_q=NORTH+{word}").text
    assert hidden(only, "pharmacy") == north
    several = admin.get(f"/admin/inventory/?pharmacy=&pharmacy_seen=&pharmacy_q={word}").text
    assert "3 pharmacies match" in several
    assert [f"?pharmacy={one}" in several for one in (north, south, sons)] == [True] * 3
    exact = admin.get(f"/admin/inventory/?pharmacy_q=south+{word}").text
    assert hidden(exact, "pharmacy") == south, "the one of exactly this name, though another holds it"
    assert "No pharmacy matches" in admin.get("/admin/inventory/?pharmacy_q=nobody+has+this").text
    assert hidden(admin.get(f"/admin/inventory/?pharmacy_q={sons}").text, "pharmacy") == sons


def test_what_was_chosen_stays_until_another_text_is_typed(many: tuple[str, str, str, str], admin: Person) -> None:
    word, north, south, _ = many
    page = admin.get(f"/admin/inventory/?pharmacy={north}").text
    assert hidden(page, "pharmacy_seen") == f"North {word}"
    kept = {"pharmacy": north, "pharmacy_seen": f"North {word}"}
    same = admin.web.get("/admin/inventory/", params=kept | {"pharmacy_q": f"North {word}"}).text
    assert hidden(same, "pharmacy") == north
    other = admin.web.get("/admin/inventory/", params=kept | {"pharmacy_q": f"South {word}"}).text
    assert hidden(other, "pharmacy") == south
    assert hidden(admin.web.get("/admin/inventory/", params=kept | {"pharmacy_q": ""}).text, "pharmacy") == ""


def test_a_form_keeps_what_was_typed_while_its_pharmacy_is_found(
    many: tuple[str, str, str, str], admin: Person
) -> None:
    word, _, south, _ = many
    admin.get("/admin/inventory/new/")
    form = {"sku": f"s-{word}", "name": "Kept", "price": "1.00", "quantity": "1", "pharmacy_seen": ""}
    asked = admin.post("/admin/inventory/new/", form | {"pharmacy_q": "south", "find_pharmacy": "yes"})
    assert asked.status_code == 200
    assert 'value="Kept"' in asked.text
    assert f'<input class="form-check-input" type="radio" name="pharmacy" value="{south}">' in asked.text
    none = admin.post("/admin/inventory/new/", form | {"pharmacy_q": "nobody has this"})
    assert (none.status_code, "No pharmacy matches" in none.text) == (422, True)
    done = admin.post(
        "/admin/inventory/new/", form | {"pharmacy": south, "pharmacy_q": "south", "pharmacy_seen": "south"}
    )
    assert "was made" in done.text
    assert f"/admin/pharmacies/{south}/" in done.text


@pytest.mark.parametrize("place", ["live", "operations", "import", "event-queue"])
def test_every_page_that_asks_for_a_pharmacy_takes_a_part_of_its_name(
    many: tuple[str, str, str, str], admin: Person, place: str
) -> None:
    word, north, *_ = many
    assert hidden(admin.get(f"/admin/{place}/?pharmacy_q=North+{word}").text, "pharmacy") == north
    assert f'"/admin/{place}/?pharmacy={north}"' in admin.get(f"/admin/{place}/?pharmacy_q={word}").text
