"""One version everywhere: what users are told is what is released."""

import tomllib
from pathlib import Path

from hub import VERSION
from hub.asyncapi import asyncapi_document
from tests.kit.document import DOCUMENT

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_the_project_and_both_documents_bear_the_version_of_the_code() -> None:
    assert PROJECT["version"] == VERSION
    assert DOCUMENT["info"]["version"] == VERSION
    assert asyncapi_document()["info"]["version"] == VERSION
