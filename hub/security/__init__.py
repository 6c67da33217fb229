"""Secrets, signatures and destinations: in come an installation's secret and bytes, out go keys, seals and verdicts."""
