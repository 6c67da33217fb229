"""What could be wrong with this installation, and how it is set: `hub doctor` and the settings, without their secrets."""

from typing import Any, Final

from litestar import Request, Response, get
from pydantic import SecretStr

from gateway.admin.pages import render
from gateway.context import gateway_of
from hub.settings import Settings
from hub.up.examine import examine

Asked = Request[Any, Any, Any]


@get("/doctor", opt={"console": "viewer"})
async def show_doctor(request: Asked) -> Response[Any]:
    """Look at everything `hub doctor` looks at, from this process; nothing is changed."""
    settings = gateway_of(request).settings
    findings = await examine(settings.data_dir)
    return render(request, "doctor.html", title="Doctor", findings=findings, settings=_shown(settings))


def _shown(settings: Settings) -> list[tuple[str, str, str]]:
    """List the settings: the variable, its value, and what it is for."""
    found = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, SecretStr) or "key" in name or "password" in name:
            text = "not set" if value is None else "set; a secret"
        elif isinstance(value, tuple):
            text = ", ".join(str(one) for one in value)
        else:
            text = "not set" if value is None else str(value)
        found.append((f"HUB_{name.upper()}", text, field.description or ""))
    return found


HANDLERS: Final = (show_doctor,)
