"""Codes that name a product: GTIN, NDC, PZN. Their form and check digit are checked; they are kept as sent."""

import re
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hub.domain.fields import Body, Reference

_NDC = re.compile(
    r"[0-9]{4}-[0-9]{4}-[0-9]{2}|[0-9]{5}-[0-9]{3}-[0-9]{2}|[0-9]{5}-[0-9]{4}-[0-9]{1,2}|[0-9]{11}|[0-9]{6}-[0-9]{4}-[0-9]{2}|[0-9]{12}"
)
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_PZN = re.compile(r"(?:PZN-?)?([0-9]{8}|[0-9]{7})")


def is_gtin(value: str) -> bool:
    """Check a GTIN-8, -12, -13 or -14 and its check digit (GS1 General Specifications, 7.9).

    >>> is_gtin("00304720400301"), is_gtin("00304720400302")
    (True, False)
    """
    if not _GTIN.fullmatch(value):
        return False
    digits = [int(digit) for digit in reversed(value)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def is_ndc(value: str) -> bool:
    """Check a National Drug Code: 10 digits in one of the FDA's three layouts, or 11 digits 5-4-2, or 12 from 2033 on.

    Ten digits without hyphens do not say which layout they have, so they are refused (21 CFR 207.33).

    >>> is_ndc("0002-0800-01"), is_ndc("0002080001")
    (True, False)
    """
    return _NDC.fullmatch(value) is not None


def is_pzn(value: str) -> bool:
    """Check a German Pharmazentralnummer of 7 or 8 digits (IFA: weights 1.. or 2.., modulo 11; 10 is never given out).

    >>> is_pzn("03752864"), is_pzn("03752865")
    (True, False)
    """
    match = _PZN.fullmatch(value)
    if match is None:
        return False
    digits = [int(digit) for digit in match[1].zfill(8)]
    return sum(weight * digit for weight, digit in enumerate(digits[:7], 1)) % 11 == digits[7]


_CHECKS = {"gtin": is_gtin, "ndc": is_ndc, "pzn": is_pzn}


class Identifier(Body):
    """A code of a product: `gtin`, `ndc` and `pzn` are checked, other schemes are kept unread."""

    scheme: Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    value: Reference

    @model_validator(mode="after")
    def _check(self) -> Self:
        check = _CHECKS.get(self.scheme)
        if check is not None and not check(self.value):
            raise PydanticCustomError(
                "identifier", "the value is no {scheme}: its form or check digit is wrong", {"scheme": self.scheme}
            )
        return self
