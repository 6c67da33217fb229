"""How hard the laws are tried: always the same histories, or with `--long` many new ones."""

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure(config: pytest.Config) -> None:
    """Register the profile that `test_laws.py` takes."""
    is_long = bool(config.getoption("--long", default=False))
    settings.register_profile(
        "laws",
        max_examples=500 if is_long else 40,
        derandomize=not is_long,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
