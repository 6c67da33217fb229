"""Paths into a message: the part of JSONPath (RFC 9535) that costs no more than reading the message once.

Members (`.name`, `['name']`), indexes (`[0]`, `[-1]`) and `[*]` or `.*`; no descent, no filter, no slice. `$` is the whole
message, `@` an element of it. A library would find the same values (a test holds that), but could not say when it is enough.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

STEP: Final = r"""(\.[A-Za-z_][A-Za-z0-9_-]*|\.\*|\[\*\]|\[-?[0-9]{1,4}\]|\['[^'\\]+'\]|\["[^"\\]+"\])"""
PATH: Final = re.compile(f"[$@]{STEP}{{0,20}}")
_STEP: Final = re.compile(STEP)
MAX_STEPS: Final = 200_000
"""Values that all paths of a source's rules may touch in one message: some tens of milliseconds."""


class TooManySteps(Exception):
    """The rules touch more of a message than they may."""


@dataclass(slots=True)
class Reader:
    """Reads one message by paths, and counts what that costs.

    >>> Reader({"lines": [{"sku": "A"}, {"sku": "B"}]}).find_all("$.lines[*].sku", None)
    ['A', 'B']
    """

    message: Any
    steps: int = 0

    def find_all(self, path: str, element: Any) -> list[Any]:  # noqa: ANN401 -- JSON values
        """List the values at a path.

        Raises:
            TooManySteps: this message has cost enough.
        """
        return list(self._walk(self._root(path, element), _steps_of(path)))

    def find_first(self, path: str, element: Any) -> Any:  # noqa: ANN401 -- JSON values
        """Give the first value at a path; None: there is none.

        Raises:
            TooManySteps: this message has cost enough.
        """
        return next(self._walk(self._root(path, element), _steps_of(path)), None)

    def _root(self, path: str, element: Any) -> Any:  # noqa: ANN401 -- JSON values
        return self.message if path[0] == "$" else element

    def _walk(self, value: Any, steps: tuple[str | int | None, ...]) -> Iterator[Any]:  # noqa: ANN401 -- JSON values
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooManySteps
        if not steps:
            yield value
            return
        match steps[0], value:
            case None, dict():
                for inner in value.values():
                    yield from self._walk(inner, steps[1:])
            case None, list():
                for inner in value:
                    yield from self._walk(inner, steps[1:])
            case str() as name, dict() if name in value:
                yield from self._walk(value[name], steps[1:])
            case int() as index, list() if -len(value) <= index < len(value):
                yield from self._walk(value[index], steps[1:])


@lru_cache(4096)
def _steps_of(path: str) -> tuple[str | int | None, ...]:
    """Part a path: a name, an index, or None for all."""
    return tuple(_step(text) for text in _STEP.findall(path))


def _step(text: str) -> str | int | None:
    if text in {".*", "[*]"}:
        return None
    if text[0] == ".":
        return text[1:]
    return text[2:-2] if text[1] in "'\"" else int(text[1:-1])
