"""A mistake in a TOML file is named with its line."""

from __future__ import annotations

import pytest

from engine.control.toml.lines import line_of


def test_lines_are_found_in_tables_arrays_and_at_the_top() -> None:
    text = 'name = "x"\n[a]\nkey = 1\n[[r]]\nkey = 2\n[[r]]\n"key" = 3\n[a.b]\nother = 1\n'
    assert line_of(text, "", "name") == 1
    assert line_of(text, "a", "key") == 3
    assert line_of(text, "r", "key", 2) == 7
    assert line_of(text, "a.b", "missing") == 8
    assert line_of(text, "c", "key") is None


@pytest.mark.parametrize(
    ("written", "table", "key"),
    [
        ("[params.slitscann]\nlayer = 8", "params", "slitscann"),
        ("[ params . 'slitscann' ]\nlayer = 8", "params", "slitscann"),
        ("[params.slitscann.more]\nlayer = 8", "params", "slitscann"),
        ("[parmas]\nspeed = 1", "", "parmas"),
        ("[parmas.slitscan]\nspeed = 1", "", "parmas"),
        ("[[routse]]\nsource = 1", "", "routse"),
        ("params.slitscan.layr = 8", "params.slitscan", "layr"),
        ('"params" . slitscann.layer = 8', "params", "slitscann"),
    ],
)
def test_a_key_that_is_a_table_is_found_at_its_header(written: str, table: str, key: str) -> None:
    assert line_of(f'name = "x"\n{written}\n[params.other]\nlayer = 8\n', table, key) == 2


def test_the_header_of_another_table_whose_name_begins_alike_is_not_meant() -> None:
    text = "[params]\nspeed = 1\n[params.slitscan]\nlayer = 8\n[params.slit]\nlayer = 8\n"
    assert line_of(text, "params", "slit") == 5
    assert line_of(text, "params", "sli") == 1


def test_a_key_with_dots_and_quotes_is_found() -> None:
    text = '[commands]\n"note.1.40" = "panic"\n[bindings]\npicture.zoom = "cc.1.2"\n'
    assert line_of(text, "commands", "note.1.40") == 2
    assert line_of(text, "bindings", "picture.zoom") == 4


def test_a_key_is_sought_in_its_own_table_of_an_array() -> None:
    text = "[[routes]]\nx = 1\n[[routes]]\ny = 1\n[[routes]]\nx = 1\n"
    assert line_of(text, "routes", "x", 3) == 6
    assert line_of(text, "routes", "x", 2) == 3
    assert line_of(text, "routes", "y", 1) == 1
