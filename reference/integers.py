"""Integers of any kind: NumPy's are taken as the ints that they stand for; a bool or a float is no integer."""

from typing import Any

import numpy as np


def plain_integer(value: Any) -> Any:
    """The int that a NumPy integer stands for; everything else as it is."""
    return int(value) if isinstance(value, np.integer) else value


def is_integer(value: Any) -> bool:
    """Whether `value` is an int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def keep_plain_integers(record: Any) -> None:
    """Turn the NumPy integers among the fields of a dataclass, frozen or not, into ints."""
    for name, value in vars(record).items():
        object.__setattr__(record, name, plain_integer(value))
