"""`./run chaos`: the history check from the command line."""

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.chaos.faults import FAULTS
from tests.chaos.run import Plan, Result, run
from tests.chaos.sabotages import SABOTAGES
from tests.chaos.stage import open_servers

_SHOWN = 12


def main() -> int:
    """Run and judge; 0: nothing is wrong."""
    asked = _arguments()
    for name in ("aio_pika", "aiormq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # that connections break is what this is about
    place = Path(tempfile.mkdtemp(prefix="pharmacy-hub-chaos-"))
    place.chmod(0o711)  # demoted servers walk through it
    plan = _plan(asked)
    history = place / "history.jsonl"
    is_clean = False
    try:
        with open_servers(place) as servers:
            result = uvloop.run(run(servers, plan, history))
        is_clean = result.findings.is_clean
        _tell(result)
    finally:
        if is_clean and not asked.keep:
            shutil.rmtree(place, ignore_errors=True)
        else:
            for data in place.glob("servers/*"):
                if data.is_dir() and data.name != "logs":
                    shutil.rmtree(data, ignore_errors=True)
            print(f"history: {history}, logs beside it", file=sys.stderr)
    return 0 if is_clean else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run chaos", description="Break a hub while clients write, and compare.")
    parser.add_argument("--refs", type=int, default=2_000, help="commands with a unique ref (2000)")
    parser.add_argument("--seed", type=int, default=1, help="of commands and faults (1)")
    parser.add_argument("--faults", type=int, help="how many (one for every 1600 refs, five at least)")
    parser.add_argument("--fault", action="append", choices=[*FAULTS], help="only this fault; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, help="of how long faults last (1.0)")
    parser.add_argument("--sabotage", default="", choices=["", *SABOTAGES], help="make the hub wrong in this way")
    parser.add_argument("--keep", action="store_true", help="keep the history of a run that passes as well")
    parser.add_argument("--yes", "-y", action="store_true", help="install what is missing without asking")
    return parser.parse_args()


def _plan(asked: argparse.Namespace) -> Plan:
    """Make the plan; a sabotage brings the faults that let it do harm, in their order, unless others are asked for."""
    names: list[str] = asked.fault or []
    faults: int | None = asked.faults
    if asked.sabotage and not names:
        names = [*SABOTAGES[asked.sabotage].faults]
        faults = len(names) if faults is None else faults
    return Plan(
        seed=asked.seed, refs=asked.refs, faults=faults, names=names, scale=asked.scale, sabotage=asked.sabotage
    )  # fmt: skip


def _tell(result: Result) -> None:
    for name, seconds in sorted(result.well.items()):
        said = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"  {name}: next receipt after {said} s", file=sys.stderr)
    for what, count in sorted(result.evidence.did.items()):
        print(f"  {what}: came about {count} times", file=sys.stderr)
    for neighbour in result.evidence.neighbours:
        print(
            f"  poison: an outcome after {neighbour.before:.2f} s before, {neighbour.behind:.2f} s behind",
            file=sys.stderr,
        )
    late = [seconds for _, seconds in result.story.late]
    print(
        f"  clients waited for their turn: {sum(late):.1f} s in all, {max(late, default=0.0):.2f} s at most",
        file=sys.stderr,
    )
    for end in result.ends:
        print(f"  {end}", file=sys.stderr)
    for category, sentences in result.findings.found.items():
        for sentence in sentences[:_SHOWN]:
            print(f"  {category}: {sentence}", file=sys.stderr)
        if len(sentences) > _SHOWN:
            print(f"  {category}: and {len(sentences) - _SHOWN} more", file=sys.stderr)
    print(result.verdict)


if __name__ == "__main__":
    sys.exit(main())
