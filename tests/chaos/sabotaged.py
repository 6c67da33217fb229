"""Start a part of the hub with something made wrong in it: `python -m tests.chaos.sabotaged uvicorn ...`.

The mistake is planted from outside, in this process alone; the hub's own code knows nothing of it.
"""

import os
import runpy
import sys

from tests.chaos.sabotages import SABOTAGES

if __name__ == "__main__":
    SABOTAGES[os.environ["CHAOS_SABOTAGE"]].plant()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
