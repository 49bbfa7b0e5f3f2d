"""JUnit reports: the form in which CI systems show what passed and what did not."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from convstream.sim.errors import one_line


@dataclass(frozen=True)
class Case:
    """One check: `failure` says why it failed, or is None."""

    name: str
    seconds: float
    failure: str | None


def write_junit(path: Path, suite: str, cases: list[Case]) -> None:
    """Write the cases of one suite."""
    failures = sum(case.failure is not None for case in cases)
    suite = one_line(suite)  # XML knows no control characters
    root = ElementTree.Element("testsuite", name=suite, tests=str(len(cases)), failures=str(failures), errors="0")
    for case in cases:
        element = ElementTree.SubElement(root, "testcase", classname=suite, name=case.name, time=f"{case.seconds:.3f}")
        if case.failure is not None:
            ElementTree.SubElement(element, "failure", message=one_line(case.failure))
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
