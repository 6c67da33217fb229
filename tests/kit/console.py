"""A person at the console, without a browser: pages are read as text, forms are sent as a browser sends them."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from hub.domain.operators import Role
from hub.security.login_links import seal_login_link
from hub.security.tokens import Tokens
from tests.kit.in_process import Hub

_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_INPUT = re.compile(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


@dataclass(slots=True)
class Person:
    """A browser's cookies and the address of the hub."""

    hub: Hub
    web: httpx.Client
    username: str = ""
    id: str = ""
    token: str = field(default="", init=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page; redirects are followed."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._seen(self.web.get(path, headers=named, follow_redirects=True))

    def post(
        self, path: str, form: Mapping[str, str | Sequence[str]], *, follow: bool = True, **headers: str
    ) -> httpx.Response:
        """Send a form with the token of the page that was seen last."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"csrf": self.token, **form}
        return self._seen(self.web.post(path, data=sent, headers=named, follow_redirects=follow))

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if (found := _TOKEN.search(answer.text)) is not None:
            self.token = found[1]
        return answer

    def hidden(self, page: httpx.Response, name: str) -> str:
        """Read a field that a page holds."""
        return html.unescape(dict(_INPUT.findall(page.text))[name])

    def shown(self, page: httpx.Response, name: str) -> str:
        """Read a secret that a page shows this once."""
        found = re.search(rf'id="s-{name}" readonly value="([^"]+)"', page.text)
        assert found is not None, page.text
        return html.unescape(found[1])


def a_person(hub: Hub) -> Person:
    """Open a browser; nobody has signed in."""
    # Nothing is kept alive, so that nobody has to close it.
    limits = httpx.Limits(max_keepalive_connections=0)
    return Person(hub, httpx.Client(base_url=hub.url, timeout=30, limits=limits))


def link_for(hub: Hub, username: str) -> str:
    """Make a login link as `hub operator login-link` does."""
    tokens = Tokens(hub.settings.secret_key.get_secret_value())
    return seal_login_link(tokens, hub.url, username)[0].removeprefix(hub.url)


def make_operator(hub: Hub, role: Role = "admin", username: str = "") -> tuple[str, str]:
    """Make an operator through the front door; hand back the id and the user name."""
    name = username or f"op-{uuid4().hex[:12]}"
    answer = httpx.post(
        f"{hub.url}/api/operators/",
        json={"username": name, "role": role},
        headers={"X-API-KEY": hub.operator_key, "Prefer": "wait=20"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], name


def signed_in(hub: Hub, role: Role = "admin") -> Person:
    """Make an operator and sign them in with a login link."""
    operator_id, name = make_operator(hub, role)
    person = a_person(hub)
    person.username, person.id = name, operator_id
    page = person.get(link_for(hub, name))
    done = person.post("/admin/sign-in/link/", {"token": person.hidden(page, "token")})
    assert done.status_code == 200
    assert done.url.path == "/admin/account/", done.url
    return person


def portal(hub: Hub, key: str) -> Person:
    """Sign a pharmacy in with its key."""
    person = a_person(hub)
    person.get("/admin/sign-in/")
    done = person.post("/admin/sign-in/key/", {"api_key": key})
    assert done.url.path == "/admin/"
    return person
