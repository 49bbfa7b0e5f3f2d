"""The two ways in which a run ends without a result, each a single line for the user."""


class BadInput(Exception):
    """Something the user gave cannot be used, or a program that is needed is missing; the message names it, the rule
    and what is legal.  Exit code 2."""


class CheckFailed(Exception):
    """Everything was understood, and something is not as it must be.  Exit code 1."""


def one_line(text: object) -> str:
    """`text` on one line that is safe to print: control characters, which names and values may hold, are escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text))
