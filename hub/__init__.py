"""What gateway and consumers share: the domain, storage, messaging, security, settings and the command line."""

VERSION = "0.1.0"
"""This release; `pyproject.toml` has it as well, for a checkout is run without being installed."""
