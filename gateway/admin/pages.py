"""Pages as HTML: Jinja's environment, loaded with the first page, what every template may use, and whole answers."""

import gzip
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from litestar import Request

from gateway.answers import Answer
from gateway.context import gateway_of
from hub import clock
from hub.domain.problem import CATALOGUE, Problem

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

Asked = Request[Any, Any, Any]

HTML: Final = b"text/html; charset=utf-8"
_HERE: Final = Path(__file__).parent
_ICONS: Final = _HERE.parent / "static/vendor/tabler-icons-3.52.0"
_PATHS: Final = re.compile(r"<(?:path|circle|rect|line|polyline)\b[^>]*/>")
_BREAKS: Final = re.compile(r"(?<=[._/])(?=[^\W\d_]|…)")
_PACKED_BYTES: Final = 1024
_PACKED_LEVEL: Final = 5
_THEMES: Final = frozenset({"light", "dark"})
_UNITS: Final = ((60, "s", 1), (3600, "min", 60), (86_400, "h", 3600), (86_400 * 60, "d", 86_400))


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from gateway.admin.menu import tabs_of
    from gateway.admin.registry import words

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"icon": icon, "tabs_of": tabs_of}
    environment.filters |= {"ago": ago, "moment": moment, "pretty": pretty, "short": short, "ref": ref, "brief": brief}
    environment.filters |= {"words": words, "pieces": pieces, "sentence": sentence}
    environment.tests |= {"flat": is_flat}
    return environment


@cache
def icon(name: str) -> "Markup":
    """Draw an icon of the vendored set, in the colour of its text; screen readers pass over it.

    Raises:
        FileNotFoundError: it is not in the list of tools/vendor.py.
    """
    from markupsafe import Markup

    inner = "".join(_PATHS.findall((_ICONS / f"{name}.svg").read_text()))
    return Markup(  # noqa: S704 -- of a vendored file
        '<svg class="icon" aria-hidden="true" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        f'stroke-linecap="round" stroke-linejoin="round">{inner}</svg>'
    )


def ago(text: str) -> str:
    """Say how long ago a time of the API was."""
    seconds = (clock.now() - datetime.fromisoformat(text)).total_seconds()
    distance = abs(seconds)
    for limit, unit, size in _UNITS:
        if distance < limit:
            said = f"{max(1, round(distance / size))} {unit}"
            return f"{said} ago" if seconds >= 0 else f"in {said}"
    return moment(text)[:10]


def sentence(text: str) -> str:
    """Write a problem's detail as a page says it: the API's begin small and end open.

    >>> sentence("choose a pharmacy first"), sentence("Choose a pharmacy.")
    ('Choose a pharmacy first.', 'Choose a pharmacy.')
    """
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def moment(text: str) -> str:
    """Write a time of the API for people, in UTC, without the parts of a second."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def pretty(value: object) -> str:
    """Write a JSON value over several lines."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def is_flat(value: object) -> bool:
    """Tell whether a JSON value is an object of texts only: such a one reads better as a list than as JSON.

    >>> is_flat({"shelf": "A-12"}), is_flat({"shelf": {"row": 1}}), is_flat(["A-12"])
    (True, False, False)
    """
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def pieces(text: object) -> list[str]:
    """Cut a code where it may break over two lines: behind a dot, an underscore or a slash, but not within a number.

    >>> pieces("webhook_endpoint.create"), pieces("operators/…1bb5df8f"), pieces("127.0.0.1")
    (['webhook_', 'endpoint.', 'create'], ['operators/', '…1bb5df8f'], ['127.0.0.1'])
    """
    return _BREAKS.split(str(text))


def short(text: object, most: int = 8) -> str:
    """Cut a text; of an id the end tells more than the beginning, which is a time."""
    whole = str(text)
    return whole if len(whole) <= most + 1 else f"…{whole[-most:]}"


_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLACES: Final = re.compile(rf"(?:(operator):|([a-z-]+)/)({_ID.pattern})")


def brief(text: str) -> str:
    """Cut the ids inside a text.

    >>> brief("operators/6eed83be-9ca0-8429-864f-ff7a1bb5df8f")
    'operators/…1bb5df8f'
    """
    return _ID.sub(lambda found: short(found[0]), text)


def ref(text: str) -> str:
    """Name the page of what a line of the audit log speaks of; empty where there is none."""
    from gateway.admin.entries import MODELS

    found = _PLACES.fullmatch(text)
    if found is None:
        return ""
    if found[1]:  # a person or a key: the jump box finds out which
        return f"/admin/jump/?q={found[3]}"
    model = MODELS.get(found[2])
    return f"/admin/{found[2]}/{found[3]}/" if model is not None and model.one and not model.needs_pharmacy else ""


def _here(request: Asked) -> str:
    """Name the page to come back to; what a form answered cannot be asked for again."""
    query = request.scope["query_string"].decode("latin-1")
    path = f"{request.url.path.rstrip('/')}/"
    return (f"{path}?{query}" if query else path) if request.scope["method"] == "GET" else "/admin/"


def render(
    request: Asked, template: str, /, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
) -> Answer:
    """Answer with a page; templates find the visitor, the token of forms, the theme and the menu besides."""
    from gateway.admin.menu import menu_of
    from gateway.admin.sessions import csrf_of

    state = request.scope["state"]
    visitor = state["visitor"]
    session = state.get("session") or visitor.session
    theme = request.cookies.get("hub_theme", "auto")
    page = _environment().get_template(template)
    text = page.render(
        visitor=visitor,
        csrf=csrf_of(gateway_of(request), session),
        theme=theme if theme in _THEMES else "auto",
        flash=state.get("flash"),
        menu=menu_of(visitor, request.url.path),
        here=_here(request),
        is_part=bool(request.headers.get("hx-request")) and not request.headers.get("hx-history-restore-request"),
        **values,
    )
    raw = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in (headers or {}).items()]
    body = text.encode()
    if len(body) > _PACKED_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        raw.append((b"content-encoding", b"gzip"))
        body = gzip.compress(body, _PACKED_LEVEL, mtime=0)
    return Answer(status, body, raw, HTML)


def render_problem(request: Asked, problem: Problem, headers: Mapping[str, str]) -> Answer:
    """Answer with a refusal that people can read."""
    kind = CATALOGUE[problem.slug]
    return render(request, "problem.html", kind.status, headers, problem=problem, kind=kind, title=kind.title)


def redirect(request: Asked, where: str) -> Answer:
    """Send the browser to a page of the console; a part of a page asks for the whole one."""
    if request.headers.get("hx-request"):
        return Answer(204, headers=((b"hx-redirect", where.encode("ascii")),))
    return Answer(303, headers=((b"location", where.encode("ascii")),))


def safe_next(text: str) -> str:
    r"""Take an address only if it is a page of the console.

    >>> safe_next("/admin/orders/?q=1"), safe_next("//evil.example/admin/"), safe_next("/admin/\\\\evil")
    ('/admin/orders/?q=1', '/admin/', '/admin/')
    """
    is_ours = re.fullmatch(r"/admin/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*", text) is not None
    return text if is_ours and "//" not in text.partition("?")[0] else "/admin/"
