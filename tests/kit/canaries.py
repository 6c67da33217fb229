"""Canaries: words that stand nowhere else, each made for one place, and secrets that were shown once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

_SHAPE = re.compile(r"canary[0-9]{3}x[0-9a-f]{12}", re.IGNORECASE)


@dataclass
class Cage:
    """Makes canaries, and finds them again."""

    birds: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def bird(self, where: str) -> str:
        """Make a canary for a place."""
        name = f"canary{next(self._numbers):03d}x{uuid4().hex[:12]}"
        self.birds[name] = where
        return name

    def escaped(self, text: str) -> list[str]:
        """Name the places whose canaries are in a text, and the kinds of secrets; another cage's canaries are not counted."""
        seen = {self.birds[found] for found in map(str.lower, _SHAPE.findall(text)) if found in self.birds}
        seen |= {kind for kind, secret in self.secrets.items() if secret in text}
        return sorted(seen)
