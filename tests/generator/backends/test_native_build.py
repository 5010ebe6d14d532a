"""Compiling native.cpp: what is kept is found again, and nothing stale is."""

from __future__ import annotations

import platform
import re
import shutil

import pytest

from engine.generator.backends.blocks import Unavailable
from engine.generator.backends.native import native_build
from engine.generator.backends.processor import has_fast_bf16
from engine.system import compiled

pytestmark = pytest.mark.skipif(compiled.compiler() is None, reason="no C++ compiler on this machine")


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of the sources that may be changed, compiled quickly and not for speed, and an empty cache."""
    monkeypatch.setattr(native_build, "FLAGS", tuple("-O0" if f == "-O3" else f for f in native_build.FLAGS))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copies = tuple(tmp_path / path.name for path in native_build.SOURCES)
    for own, copy in zip(native_build.SOURCES, copies, strict=True):
        shutil.copy(own, copy)
    monkeypatch.setattr(native_build, "SOURCES", copies)
    return copies


def kept(tmp_path):
    return sorted((tmp_path / "cache").rglob("*.so"))


def test_every_included_file_is_part_of_the_key():
    included = {name for path in native_build.SOURCES for name in re.findall(r'#include "(.+)"', path.read_text())}
    assert included == {path.name for path in native_build.SOURCES[1:]}


def test_a_change_in_any_source_compiles_anew(sources, tmp_path, monkeypatch):
    """The sources are short ones under the names of the real ones: each change is compiled."""
    monkeypatch.setattr(native_build, "SIGNATURES", {"vj_block": native_build.SIGNATURES["vj_block"]})
    for path in sources[1:]:
        path.write_text("#pragma once\n")
    includes = "".join(f'#include "{path.name}"\n' for path in sources[1:])
    sources[0].write_text(includes + 'extern "C" int vj_block(int) { return 8; }\n')
    for count, path in enumerate(("", *sources), start=1):
        if path:
            path.write_text(path.read_text() + "// changed\n")
        assert native_build.load().vj_block(32) == 8
        assert len(kept(tmp_path)) == count
    stamps = [path.stat().st_mtime_ns for path in kept(tmp_path)]
    native_build.load()
    assert [path.stat().st_mtime_ns for path in kept(tmp_path)] == stamps, "compiled again for nothing"


def test_what_does_not_compile_is_said_in_a_line_and_leaves_nothing(sources, tmp_path):
    sources[-1].write_text("no C++ at all")
    with pytest.raises(Unavailable, match="does not compile") as told:
        native_build.load()
    assert "\n" not in str(told.value)
    assert kept(tmp_path) == []


def test_a_damaged_library_is_compiled_anew_at_the_next_start(sources, tmp_path):
    path = compiled.library_path(compiled.compiler(), sources, native_build.FLAGS)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a library")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        native_build.load()
    assert native_build.load().vj_block(32) in (8, 16, 32)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="PyTorch's variable names x86 instructions")
def test_what_holds_pytorch_back_holds_our_layers_back(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(native_build, "SIGNATURES", {"vj_block": native_build.SIGNATURES["vj_block"]})
    wide = "#if defined(__AVX512F__)\n#define N 3\n#elif defined(__AVX2__)\n#define N 2\n#else\n#define N 1\n#endif\n"
    sources[0].write_text(wide + 'extern "C" int vj_block(int) { return N; }\n')
    told = set(compiled.processor().split())
    most = 3 if "avx512f" in told else 2 if "avx2" in told else 1
    for capability, allowed in ((None, 3), ("avx512", 3), ("avx2", 2), ("default", 1)):
        if capability is None:
            monkeypatch.delenv(compiled.CAPABILITY, raising=False)
        else:
            monkeypatch.setenv(compiled.CAPABILITY, capability)
        assert native_build.load().vj_block(0) == min(most, allowed), capability
        assert has_fast_bf16() <= (allowed == 3)
    assert len(kept(tmp_path)) == 3  # one library each; what names all of the processor is the processor's own
