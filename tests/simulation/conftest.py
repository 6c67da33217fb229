"""`pytest tests/simulation --seed N` replays one seed; `--long` lives through five thousand."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know `--seed`."""
    parser.addoption("--seed", type=int, help="the simulation: live through this one seed and print its trace")
