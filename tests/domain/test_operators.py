"""Who may sign in at the console, and what ends a session."""

from typing import Any
from uuid import UUID, uuid4

import jsonschema_rs
import pytest

from gateway.event_schemas import event_schema
from hub.domain.ids import HUB_ID
from hub.domain.outcome import Accepted, Outcome, Rejected
from tests.kit.builders import History, id_of

LATER = "2026-11-25T12:00:00Z"


def made(history: History, **members: str) -> UUID:
    """Make an operator."""
    body = {"username": "ann", "role": "operator", **members}
    return id_of(history.accept("operator.create", body, pharmacy=HUB_ID))


def slug(outcome: Outcome) -> str:
    """Name why a command was refused."""
    assert isinstance(outcome, Rejected)
    return outcome.problem.slug


def do(history: History, command: str, of: UUID, body: dict[str, Any] | None = None, **envelope: Any) -> Outcome:
    """Send a command about an operator."""
    return history.do(command, body or {}, of=of, pharmacy=HUB_ID, **envelope)


def sign_in(history: History, of: UUID, epoch: int = 1, **members: Any) -> Outcome:
    """Sign in."""
    return do(history, "operator.sign_in", of, {"method": "password", "epoch": epoch, **members})


def test_every_event_of_operators_fits_its_schema_and_none_holds_a_secret() -> None:
    history = History()
    ann = made(history)
    sign_in(history, ann)
    do(history, "operator.set_password", ann, minted={"password": "a hash nobody sees"})
    do(history, "operator.enable_totp", ann, minted={"totp": "a ciphertext nobody sees"})
    do(history, "operator.disable_totp", ann)
    do(history, "operator.update", ann, {"role": "admin", "name": "Ann"})
    do(history, "operator.delete", ann)
    log = [event for events in history.events.values() for event in events]
    assert [event["type"] for event in log] == [
        "operator.created", "operator.signed_in", *["operator.updated"] * 4, "operator.deleted",
    ]  # fmt: skip
    for event in log:
        jsonschema_rs.validator_for(event_schema(event["type"])).validate(event)
        assert "nobody sees" not in str(event)
    assert log[2]["data"]["changed"] == {"has_password": False}


def test_a_user_name_is_one_persons_until_they_are_deleted() -> None:
    history = History()
    ann = made(history)
    again = history.do("operator.create", {"username": "ann"}, of=uuid4(), pharmacy=HUB_ID)
    assert slug(again) == "duplicate"
    do(history, "operator.delete", ann)
    assert isinstance(history.do("operator.create", {"username": "ann"}, of=uuid4(), pharmacy=HUB_ID), Accepted)


@pytest.mark.parametrize(
    ("command", "body", "minted"),
    [
        ("operator.set_password", {}, {"password": "x"}),
        ("operator.enable_totp", {}, {"totp": "x"}),
        ("operator.disable_totp", {}, {}),
        ("operator.update", {"role": "viewer"}, {}),
        ("operator.update", {"is_active": False}, {}),
        ("operator.delete", {}, {}),
    ],
    ids=["password", "totp", "no totp", "role", "stop", "delete"],
)
def test_what_changes_how_or_whether_somebody_signs_in_ends_their_sessions(
    command: str, body: dict[str, Any], minted: dict[str, str]
) -> None:
    history = History()
    ann = made(history)
    assert isinstance(sign_in(history, ann, epoch=1), Accepted)
    do(history, command, ann, body, minted=minted)
    assert slug(sign_in(history, ann, epoch=1)) == "unauthorized"


def test_a_name_ends_no_session() -> None:
    history = History()
    ann = made(history)
    do(history, "operator.update", ann, {"name": "Ann"})
    assert isinstance(sign_in(history, ann, epoch=1), Accepted)


@pytest.mark.parametrize(
    ("command", "body"),
    [("operator.update", {"role": "viewer"}), ("operator.update", {"is_active": False}), ("operator.delete", {})],
    ids=["role", "stop", "delete"],
)
def test_nobody_takes_their_own_rights_away(command: str, body: dict[str, Any]) -> None:
    history = History()
    ann = made(history, role="admin")
    assert slug(do(history, command, ann, body, actor=f"operator:{ann}")) == "immutable"
    assert isinstance(do(history, command, ann, body, actor=f"operator:{uuid4()}"), Accepted)


def test_a_login_link_is_spent_by_its_first_use() -> None:
    history = History()
    ann = made(history)
    link: dict[str, Any] = {"method": "link", "link_id": str(uuid4()), "link_expires_at": LATER}
    assert isinstance(sign_in(history, ann, **link), Accepted)
    assert slug(sign_in(history, ann, **link)) == "unauthorized"
    assert isinstance(sign_in(history, ann, **(link | {"link_id": str(uuid4())})), Accepted)


def test_a_code_of_a_second_factor_is_good_once_whichever_door_has_compared_it() -> None:
    history = History()
    ann, ben = made(history), made(history, username="ben")
    assert isinstance(sign_in(history, ann, half_minute=59_000_000), Accepted)
    assert slug(sign_in(history, ann, half_minute=59_000_000)) == "unauthorized"
    assert isinstance(sign_in(history, ann, half_minute=59_000_001), Accepted)
    assert isinstance(sign_in(history, ben, half_minute=59_000_000), Accepted)


def test_a_sign_out_is_kept_and_a_repeat_changes_nothing() -> None:
    history = History()
    session = uuid4()
    first = do(history, "operator.sign_out", session, {"expires_at": LATER})
    again = do(history, "operator.sign_out", session, {"expires_at": LATER})
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert ([type(row).__name__ for row in first.changes], again.changes) == (["EndedSession"], ())


@pytest.mark.parametrize("name", ["", "Ann", "a b", "-ann", "ann\n", "ä", "a" * 129])
def test_a_user_name_is_plain(name: str) -> None:
    from pydantic import ValidationError

    from hub.domain.operators import CreateOperator

    with pytest.raises(ValidationError):
        CreateOperator.model_validate({"username": name}, strict=True)
