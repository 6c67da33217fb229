"""What can go wrong while measuring."""


class BenchFault(Exception):
    """A figure cannot be had. The sentence says what was seen and what to do."""
