"""A form of the console as its page, and the command that it sends: once, however often the form comes."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from litestar import Request, Response

from gateway.admin.forms import Field
from gateway.admin.frame import field, form_of, is_kept
from gateway.admin.inside import Said, ask
from gateway.admin.pages import render
from gateway.admin.registry import Model
from gateway.auth import Caller
from hub import clock
from hub.domain.problem import CATALOGUE, Problem

Asked = Request[Any, Any, Any]

_FAULTS_OF_THE_HUB: Final = 500


def key_of(page: str, *sent: bytes) -> str:
    """Make the `Idempotency-Key` of a form: what one page sends twice is one operation, and another page's is another one.

    Args:
        page: the key that the page carries; empty: none, so that nothing is ever the same.
        sent: what is asked for; from the same page something else is another operation.
    """
    return sha256(b"\0".join(((page or str(clock.new_id())).encode(), *sent))).hexdigest()


async def send(
    request: Asked, caller: Caller, method: str, path: str, body: object, headers: Mapping[str, str] | None = None
) -> Said:
    """Send the command of the form that came: a page that is loaded again repeats its answer, secrets and all.

    Args:
        body: a JSON value; None: there is no body.
    """
    key = key_of(field(form_of(request), "key"), method.encode(), path.encode(), orjson.dumps(body))
    return await ask(request, caller, method, path, body=body, headers={"idempotency-key": key, **(headers or {})})


def page_key(request: Asked, problem: Problem | None = None) -> str:
    """Give the key that a page's form carries.

    It stays while it is not known what became of the form. What was refused is over: the same again is a new attempt.
    """
    sent = field(form_of(request), "key") if request.scope["method"] == "POST" else ""
    is_over = problem is not None and CATALOGUE[problem.slug].status < _FAULTS_OF_THE_HUB
    return str(clock.new_id()) if is_over or not sent else sent


def render_form(
    request: Asked, model: Model, fields: Sequence[Field], hidden: Mapping[str, str], **values: object
) -> Response[Any]:
    """Answer with the page of a form.

    Args:
        hidden: what travels in the form unseen, beside its key.
        values: `title`, `back`, `button` and `action_path`; `status`, `problem` and `faults` where it was refused.
    """
    shown: dict[str, Any] = {"status": 200, "problem": None, "faults": [], "choice": None, "intro": "", "danger": False}
    shown |= values
    return render(
        request,
        "form.html",
        shown.pop("status"),
        model=model,
        fields=fields,
        hidden={"key": page_key(request, shown["problem"]), **hidden},
        is_kept=is_kept(request),
        **shown,
    )
