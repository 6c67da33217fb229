"""Pages as a browser without scripts has them: the links they hold, and forms that are filled and sent as they stand.

A form is sent to its own address with its own fields. What a test types into a field that the page does not have, or
chooses where it is not offered, is a failure.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

import httpx

from tests.kit.console import Person

Attributes = Mapping[str, str]
_NO_END = frozenset({"input", "br", "img", "meta", "link", "hr"})


@dataclass(slots=True)
class Element:
    """An element of a page."""

    tag: str
    attributes: Attributes
    children: list["Element | str"] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator["Element"]:
        """Walk the elements inside, of these tags or of any, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    @property
    def text(self) -> str:
        """The text inside, with one space between words."""
        return " ".join(
            "".join(child if isinstance(child, str) else f" {child.text} " for child in self.children).split()
        )

    @property
    def marks(self) -> tuple[str, ...]:
        """What its elements are, point to and stand for: all but the text, which tells how long ago something was."""
        return tuple(value for one in self.all() for value in one.attributes.values())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(made)
        if tag not in _NO_END:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert tag in {one.tag for one in self._open}, f"</{tag}> closes nothing"
        while self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


@dataclass(slots=True)
class Page:
    """A page that a person without scripts looks at."""

    person: Person
    answer: httpx.Response
    root: Element

    @property
    def rows(self) -> list[Element]:
        """The rows of the list."""
        tables = [table for table in self.root.all("table") if "rows" in table.attributes.get("class", "").split()]
        return [row for table in tables for body in table.all("tbody") for row in body.all("tr")]

    def find(self, tag: str, is_it: Callable[[Element], bool], inside: Element | None = None) -> Element:
        """Find the first such element.

        Raises:
            AssertionError: the page has none.
        """
        found = next((one for one in (inside or self.root).all(tag) if is_it(one)), None)
        assert found is not None, f"{self.answer.url} has no such <{tag}>"
        return found

    @property
    def marks(self) -> list[tuple[str, ...]]:
        """What tells the rows of the list apart."""
        return [row.marks for row in self.rows]

    @property
    def search(self) -> Element:
        """The form that narrows the list."""
        return self.find("form", lambda one: one.attributes.get("aria-label") == "Narrow the list")

    @property
    def form(self) -> Element:
        """The form of a row, or of something to be done with it."""
        return self.find("form", lambda one: "form" in one.attributes.get("class", "").split())

    @property
    def next(self) -> "Page | None":
        """The next page of the list."""
        has_one = any(one.attributes.get("rel") == "next" for one in self.root.all("a"))
        return self.follow(lambda one: one.attributes.get("rel") == "next") if has_one else None

    def follow(self, is_it: Callable[[Element], bool], inside: Element | None = None) -> "Page":
        """Follow the first such link."""
        link = self.find("a", lambda one: "href" in one.attributes and is_it(one), inside)
        return look(self.person, self._whole(link.attributes["href"]))

    def send(self, form: Element, values: Mapping[str, str | Sequence[str]], button: str = "") -> "Page":
        """Fill a form and press Enter, which is its first button, or the button of a name."""
        buttons = [one for one in form.all("button") if one.attributes.get("type", "submit") == "submit"]
        buttons = [one for one in buttons if not button or one.attributes.get("name") == button]
        assert buttons, f"a form of {self.answer.url} has no such button"
        sent = [*_filled(form, values)]
        if buttons[0].attributes.get("name"):
            sent.append((buttons[0].attributes["name"], buttons[0].attributes.get("value", "")))
        address = self._whole(form.attributes.get("action", "") or str(self.answer.url).partition("?")[0])
        if form.attributes.get("method", "get").lower() == "get":
            return look(self.person, f"{address.partition('?')[0]}?{urlencode(sent)}")
        named = {"content-type": "application/x-www-form-urlencoded"}
        return _page(
            self.person,
            self.person.web.post(address, content=urlencode(sent), headers=named, follow_redirects=True),
        )

    def _whole(self, address: str) -> str:
        return urljoin(str(self.answer.url), address)


def look(person: Person, path: str) -> Page:
    """Open a page."""
    return _page(person, person.web.get(path, follow_redirects=True))


def _page(person: Person, answer: httpx.Response) -> Page:
    reader = _Reader()
    reader.feed(answer.text)
    reader.close()
    return Page(person, answer, reader.root)


def _filled(form: Element, values: Mapping[str, str | Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Name what a browser sends: of a field that is not named what it holds."""
    left = {name: [value] if isinstance(value, str) else [*value] for name, value in values.items()}
    offered = set()
    for one in form.all("input", "select", "textarea"):
        name, kind = one.attributes.get("name", ""), one.attributes.get("type", "text")
        if not name or "disabled" in one.attributes:
            continue
        offered.add(name)
        if kind in {"checkbox", "radio"}:
            value = one.attributes.get("value", "on")
            if (value in left[name]) if name in left else "checked" in one.attributes:
                yield name, value
                if name in left:
                    left[name].remove(value)
        elif one.tag == "select":
            choices = [
                (choice.attributes.get("value", choice.text), "selected" in choice.attributes)
                for choice in one.all("option")
            ]
            chosen = (
                left.pop(name)[0] if name in left else next((value for value, is_on in choices if is_on), choices[0][0])
            )
            assert chosen in {value for value, _ in choices}, f"{name} does not offer {chosen}"
            yield name, chosen
        else:
            held = _typed(one) if one.tag == "textarea" else one.attributes.get("value", "")
            yield name, left.pop(name)[0] if name in left else held
    missing = {name: value for name, value in left.items() if value}
    assert not missing, f"the form has no such fields: {missing}; it has {sorted(offered)}"


def _typed(area: Element) -> str:
    """Read what a text area holds: a browser leaves its first line break out."""
    return "".join(child for child in area.children if isinstance(child, str)).removeprefix("\n")
