"""The pages for users: their examples run, their links lead somewhere, and their commands are there."""

import doctest
import re
from pathlib import Path

import pytest

from convstream.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_examples_of_the_library_page():
    result = doctest.testfile(str(ROOT / "docs" / "library.md"), module_relative=False)
    assert result.attempted > 5
    assert not result.failed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link.split("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_in_the_text_exist(page):
    folders = "reference|fixedpoint|hdl|sim|convstream|tests|examples|benchmarks|docs"
    paths = re.findall(rf"`((?:{folders})/[\w/.]*)`", page.read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_command_of_the_readme_is_there_and_every_command_is_in_the_readme():
    named = set(re.findall(r"^    convstream (\w+) ", PAGES[0].read_text(), re.MULTILINE))
    assert named == set(cli.list_commands(None))
