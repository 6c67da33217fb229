"""The real writer on simulated servers under a seeded nemesis: the promises hold in every order of events.

The writer's loop, its window, `settle` and every rule are the real ones. Broker, database, doors, time and the order of
tasks come from one seed: processes die, freeze and are cut off at any await, answers to commits and confirms get lost,
two writers take partitions from each other. A seed that fails is named and replays exactly:

    pytest tests/simulation --seed 4711 -s
    pytest tests/simulation --long           # 5,000 seeds instead of 1,000
"""

import subprocess
import sys
import time

import pytest

from tests.simulation.sabotage import SABOTAGES
from tests.simulation.world import run_seed

SEEDS = 1_000
LONG_SEEDS = 5_000
CPU_SECONDS_A_SEED = 0.12  # a thousand in two minutes of one processor
CHUNKS = 20  # a worker of xdist takes one after the other
SEEDS_TO_BITE = 150


def _one(config: pytest.Config) -> int | None:
    seed: int | None = config.getoption("--seed", default=None)
    return seed


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_promises_hold_for_every_seed(chunk: int, pytestconfig: pytest.Config) -> None:
    if _one(pytestconfig) is not None:
        pytest.skip("one seed is replayed")
    seeds = range(chunk, LONG_SEEDS if pytestconfig.getoption("--long") else SEEDS, CHUNKS)
    began = time.process_time()  # which others on the machine do not stretch
    for seed in seeds:
        result = run_seed(seed)
        assert not result.failures, result.report()
    seconds = time.process_time() - began
    assert seconds < len(seeds) * CPU_SECONDS_A_SEED, f"{len(seeds)} seeds took {seconds:.1f} s of a processor"


def test_one_seed_is_replayed(pytestconfig: pytest.Config) -> None:
    seed = _one(pytestconfig)
    if seed is None:
        pytest.skip("no --seed")
    result = run_seed(seed)
    print("\n".join(result.trace))
    assert not result.failures, result.report()


@pytest.mark.parametrize("name", SABOTAGES)
def test_the_simulation_bites(name: str) -> None:
    failures = next(
        (result.failures for seed in range(SEEDS_TO_BITE) if (result := run_seed(seed, SABOTAGES[name])).failures), []
    )
    assert failures, f"nobody noticed that the writer {name}"


def test_a_seed_replays_exactly_in_another_process() -> None:
    script = "from tests.simulation.world import run_seed; print(run_seed(7).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True, text=True, check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }  # fmt: skip
    assert digests == {f"{run_seed(7).digest}\n"}
