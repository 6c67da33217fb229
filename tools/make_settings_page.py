#!/usr/bin/env python3
"""Write docs/settings.md from hub/settings.py; tests/docs/test_settings_page.py fails while the two differ.

.venv/bin/python tools/make_settings_page.py
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from hub.settings import Settings  # noqa: E402 (the tool runs without an installed hub)

PAGE = REPOSITORY / "docs/settings.md"
HEAD = """\
# Settings

<!-- written by tools/make_settings_page.py from hub/settings.py: change it there -->

A setting is read from the environment, else from the file `hub.env` in the data dir (`HUB_NAME=value`, one a line). `./run`
writes `hub.env` on its first start with what has no default: the two addresses and the secret. A wrong value stops the
start with a sentence that names the variable and what is allowed. `hub doctor` prints what is in force, without secrets.

| variable | kind | default | meaning |
|---|---|---|---|
"""
KINDS = {
    "bool": "true or false",
    "int": "integer",
    "float": "number",
    "str": "text",
    "Path": "path",
    "IPv4Address": "IP address",
    "SecretStr": "secret",
}


def kind(annotation: object, field: FieldInfo) -> str:
    """Name the values that are allowed."""
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return kind(next(part for part in get_args(annotation) if part is not type(None)), field)
    if origin is tuple:
        return "comma-separated list"
    name = KINDS[getattr(annotation, "__name__", "")]
    bounds = {key: getattr(rule, key) for rule in field.metadata for key in ("ge", "le") if hasattr(rule, key)}
    if {"ge", "le"} <= bounds.keys():
        return f"{name}, {bounds['ge']} to {bounds['le']}"
    return f"{name}, {bounds['ge']} or more" if "ge" in bounds else name


def default(field: FieldInfo) -> str:
    """Write the default as it would stand in the environment."""
    if field.is_required():
        return "none: required"
    if field.default is None or field.default == ():
        return "empty"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, tuple):
        return f"`{','.join(_short(part) for part in field.default)}`"
    return f"`{_short(field.default)}`"


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def rows() -> Iterator[str]:
    """Yield a line of the table for each setting, in the order of the code."""
    for name, field in Settings.model_fields.items():
        cells = (f"`HUB_{name.upper()}`", kind(field.annotation, field), default(field), field.description or "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def render() -> str:
    """Render the whole page."""
    return HEAD + "".join(rows())


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
