"""Templates: Verilog, C++ and the like, each in a file of its own beside the Python that completes it.

``@name@`` stands for a value, as in CMake and Autoconf; whatever else the file holds is written as it is.
"""

import re
from pathlib import Path

_NAME = re.compile(r"@([a-z]\w*)@")


def fill(template: Path, **values: object) -> str:
    """Text of a template file with a value in the place of each name.

    Raises
    ------
    ValueError
        The file has a name without a value, or no place for one of the values.
    """
    text = template.read_text()
    names = set(_NAME.findall(text))
    if names != values.keys():
        raise ValueError(f"{template.name} must be given {sorted(names)}, not {sorted(values)}")
    return _NAME.sub(lambda name: str(values[name[1]]), text)
