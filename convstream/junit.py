"""JUnit reports: the form in which CI systems show what passed and what did not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from convstream.sim.errors import one_line


@dataclass(frozen=True)
class Case:
    """One check: `failure` says why it failed, or is None; `properties` are under which conditions, and what it saw."""

    name: str
    seconds: float
    failure: str | None
    properties: Mapping[str, object]


def write_junit(path: Path, suites: Sequence[tuple[str, Sequence[Case]]]) -> None:
    """Write suites of cases, each with its name."""
    root = ElementTree.Element("testsuites")
    for name, cases in suites:
        name = one_line(name)  # XML knows no control characters
        suite = ElementTree.SubElement(root, "testsuite", name=name, **_totals(cases))
        for case in cases:
            element = ElementTree.SubElement(
                suite, "testcase", classname=name, name=case.name, time=f"{case.seconds:.3f}"
            )
            properties = ElementTree.SubElement(element, "properties")
            for key, value in case.properties.items():
                ElementTree.SubElement(properties, "property", name=key, value=one_line(value))
            if case.failure is not None:
                ElementTree.SubElement(element, "failure", message=one_line(case.failure))
    for key, value in _totals([case for _, cases in suites for case in cases]).items():
        root.set(key, value)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _totals(cases: Sequence[Case]) -> dict[str, str]:
    failures = sum(case.failure is not None for case in cases)
    seconds = sum(case.seconds for case in cases)
    return {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": f"{seconds:.3f}"}
