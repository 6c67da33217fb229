"""A person at the console with a browser that tells on itself: what it was refused, popped up, or asked elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kit.console import Person
from tests.kit.in_process import Hub

AXE = (Path(__file__).parents[1] / "vendor/axe-core-4.14.1/axe.min.js").read_text()
_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
)


@dataclass(slots=True)
class Sight:
    """A page, and what went wrong with it."""

    page: Any
    faults: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page and wait until its scripts have run."""
        self.page.goto(path)

    def axe(self) -> list[str]:
        """Name what axe finds that keeps people out: its rule and the place."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{self.page.url} {one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]

    def overflow(self) -> int:
        """Say by how many pixels the page is wider than the window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return wide


@contextmanager
def a_sight(browser: Any, hub: Hub, person: Person | None = None, **options: Any) -> Iterator[Sight]:
    """Open a window, signed in as a person; at the end nothing may have gone wrong."""
    context = browser.new_context(base_url=hub.url, **{"viewport": {"width": 1280, "height": 800}, **options})
    if person is not None:
        cookie = {
            "name": "hub_console",
            "value": person.web.cookies["hub_console"],
            "domain": "127.0.0.1",
            "path": "/admin",
        }
        context.add_cookies([cookie])
    context.add_init_script(_VIOLATIONS)
    page = context.new_page()
    sight = Sight(page)

    def note(text: str) -> None:
        sight.faults.append(text)

    def dismiss(dialog: Any) -> None:
        note(f"dialog {dialog.message}")
        dialog.dismiss()

    # A problem's page has its status: the browser says so on its console, which is no fault of the page.
    page.on(
        "console", lambda line: note(line.text) if line.type == "error" and "status of 4" not in line.text else None
    )
    page.on("pageerror", lambda error: note(str(error)))
    page.on("dialog", dismiss)
    page.on("request", lambda asked: None if asked.url.startswith((hub.url, "data:")) else note(f"asked {asked.url}"))
    page.set_default_timeout(15_000)
    try:
        yield sight
        assert sight.faults == [], sight.faults
    finally:
        context.close()
