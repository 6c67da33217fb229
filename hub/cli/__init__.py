"""The command `hub`. In comes a command line; out goes a line for people, or JSON with `--json`, and an exit code."""
