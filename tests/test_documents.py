"""The documents say what is: params.md is the table, links lead somewhere, the README is short."""

from __future__ import annotations

import argparse
import importlib.util
import re
from pathlib import Path

import pytest

from engine.cli.main import COMMANDS, parser
from engine.show.table import standard
from tests.builders.show import ROOT

DOCS = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
PAGES = ("README.md", "CONTRIBUTING.md", "examples/README.md", *DOCS)


def test_params_md_is_the_table() -> None:
    spec = importlib.util.spec_from_file_location("params_page", ROOT / "docs/make/params.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    page = (ROOT / "docs/params.md").read_text(encoding="utf-8")
    assert page == made.page(standard()), "run  python docs/make/params.py"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 210


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_of_a_command_is_on_the_page_of_commands(name: str) -> None:
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    subs = next(action for action in parser(name)._actions if isinstance(action, argparse._SubParsersAction))
    flags = {flag for action in subs.choices[name]._actions for flag in action.option_strings}
    assert sorted(flag for flag in flags - {"--help", "-h"} if flag not in page) == []


def test_every_folder_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tree = text[text.index("```\nengine/") : text.index("shaders/  presets/")]
    for name in re.findall(r"^  (\w+)/", tree, re.MULTILINE):
        assert (ROOT / "engine" / name).is_dir(), name
    assert {p.name for p in (ROOT / "engine").iterdir() if p.is_dir() and not p.name.startswith("_")} == set(
        re.findall(r"^  (\w+)/", tree, re.MULTILINE)
    )
    assert Path(ROOT / "engine/loop.py").is_file()
