"""How often Python looks for cycles."""

import gc

_ROUNDS = 20


def collect_rarely(young_objects: int) -> None:
    """Look for cycles after so many new objects instead of 700, and never again at what is loaded by now.

    A window of commands makes tens of thousands of objects that die by their count; with the default, looking through
    them took 28 % of the writer's time. Call it once, when a process has imported what it needs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young_objects, _ROUNDS, _ROUNDS)
