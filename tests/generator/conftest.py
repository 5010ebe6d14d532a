"""What the tests of the generator share: the original programs' checkpoints, built."""

from __future__ import annotations

import pytest

from engine.generator.checkpoints import checkpoint
from tests.builders.originals import CASES, case, reference


@pytest.fixture(scope="module", params=CASES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    path = case(request.param, tmp_path_factory.mktemp("case"))
    return checkpoint.build(checkpoint.load(path, cache=False)), reference(request.param)
