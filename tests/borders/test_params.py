"""The table of parameters, and values that fit it."""

from __future__ import annotations

import pytest

from tests.builders.params import TABLE, Params


def test_the_table_of_parameters_is_sound() -> None:
    for name, param in TABLE.items():
        assert param.low <= param.default <= param.high, name
        assert param.help, name
    with pytest.raises(KeyError):
        Params({"sped": 1.0})
