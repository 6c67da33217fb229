"""docs/settings.md says what hub/settings.py says."""

from pathlib import Path

from hub.settings import Settings
from tools import make_settings_page

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert written == make_settings_page.render(), "run .venv/bin/python tools/make_settings_page.py"


def test_every_setting_has_a_help_sentence() -> None:
    assert [
        name for name, field in Settings.model_fields.items() if not (field.description or "").endswith((".", "`"))
    ] == []
