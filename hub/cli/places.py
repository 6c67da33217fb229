"""The options that most commands share: which instance they mean, and whether they print JSON."""

import os
from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where the instance keeps everything; default: HUB_DATA_DIR, else .hub, as root /var/lib/pharmacy-hub.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def place_of(data_dir: Path | None) -> Path:
    """Choose the data dir; a relative one starts where the command does.

    A data dir that somebody stands in, or that has an instance of this folder, comes before the default.
    """
    from hub.settings import default_data_dir

    if data_dir is not None:
        return data_dir.expanduser().absolute()
    if "HUB_DATA_DIR" not in os.environ:
        for place in (Path.cwd(), Path.cwd() / ".hub"):
            if (
                (place / "logs").is_dir()
                and (place / "hub.env").is_file()
                and (place / "hub.env").stat().st_uid == os.geteuid()
            ):
                return place
    return default_data_dir().absolute()
