"""What a show listens to is said whole, or refused: an address without a port would hear nothing and say nothing."""

from __future__ import annotations

import contextlib

import pytest

from engine.borders.errors import UserError
from engine.borders.options import StageOptions
from engine.show.open_inputs import open_dmx, open_osc


def test_an_address_without_what_listens_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"--osc-host 0\.0\.0\.0: nothing listens there.*--osc-port"):
        open_osc(StageOptions(osc_host="0.0.0.0"), print)
    with contextlib.ExitStack() as stack, pytest.raises(UserError, match=r"--dmx-host 0\.0\.0\.0: .*--dmx-in"):
        open_dmx(StageOptions(dmx_host="0.0.0.0"), print, stack)


def test_a_show_that_asks_for_neither_hears_neither() -> None:
    with contextlib.ExitStack() as stack:
        assert open_dmx(StageOptions(), print, stack) is None
    assert open_osc(StageOptions(), print) is None
