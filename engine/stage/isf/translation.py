"""An ISF file's GLSL, which is of version 1.2 or of the web's, as GLSL 3.3 with what the format promises declared.

Names are replaced one by one, comments go and lines stay lines, so that what a compiler says is true of the file
as its author sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import moderngl

from engine.stage.isf.files import Shader
from engine.stage.isf.header import Header
from engine.stage.isf.inputs import KINDS
from engine.stage.passes.source import ShaderError

_TOKEN = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|[A-Za-z_]\w*|\.?\d[\w.]*", re.DOTALL)
_DROPPED = re.compile(r"^[ \t]*#[ \t]*(?:version|extension)\b[^\n]*", re.MULTILINE)
_IMAGE_PART = re.compile(r"_(\w+)_(imgRect|imgSize|flip)")  # what older programs declared for each image
VERSION = "#version 330 core"
LENIENT = 420  # of GLSL; it also takes a whole number where a function returns a fraction, as many drivers do
FILE, DECLARED, VERTEX = 0, 1, 2  # numbers of sources in a compiler's messages

_BOTH = {  # older names, and what they are called now
    "vv_FragNormCoord": "isf_FragNormCoord",
    "vv_vertShaderInit": "isf_vertShaderInit",
    "texture2D": "texture",
    "texture2DRect": "isf_textureRect",
    "texture2DProj": "textureProj",
    "texture2DLod": "textureLod",
    "texture2DLodEXT": "textureLod",
    "texture2DGrad": "textureGrad",
    "texture2DGradEXT": "textureGrad",
    "texture2DGradARB": "textureGrad",
    "attribute": "in",
}
_FRAGMENT = {**_BOTH, "varying": "in", "gl_FragColor": "isf_FragColor"}
_VERTEX = {
    **_BOTH,
    "varying": "out",
    "gl_Vertex": "isf_vertex",
    "ftransform": "isf_place",
    "gl_MultiTexCoord0": "isf_coordinate",
    "gl_ModelViewProjectionMatrix": "isf_identity",
}

_UNIFORMS = """uniform int PASSINDEX;
uniform vec2 RENDERSIZE;
uniform float TIME;
uniform float TIMEDELTA;
uniform vec4 DATE;
uniform int FRAMEINDEX;"""

_FUNCTIONS = """vec4 IMG_NORM_PIXEL(sampler2D image, vec2 at) { return texture(image, at); }
vec4 IMG_PIXEL(sampler2D image, vec2 at) { return texture(image, at / vec2(textureSize(image, 0))); }
vec4 IMG_THIS_NORM_PIXEL(sampler2D image) { return texture(image, isf_FragNormCoord); }
vec4 IMG_THIS_PIXEL(sampler2D image) { return texture(image, isf_FragNormCoord); }
vec2 IMG_SIZE(sampler2D image) { return vec2(textureSize(image, 0)); }
vec4 isf_textureRect(sampler2D image, vec2 at) { return texture(image, at / vec2(textureSize(image, 0))); }"""

_CORNERS = """out vec2 isf_FragNormCoord;
vec4 isf_vertex, isf_coordinate;
const mat4 isf_identity = mat4(1.0);
void isf_vertShaderInit() {
    isf_FragNormCoord = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    isf_coordinate = vec4(isf_FragNormCoord, 0.0, 1.0);
    isf_vertex = vec4(isf_FragNormCoord * 2.0 - 1.0, 0.0, 1.0);
    gl_Position = isf_vertex;
}
vec4 isf_place() { return isf_vertex; }"""

_USUAL_VERTEX = "void main() { isf_vertShaderInit(); }\n"


@dataclass(frozen=True, slots=True)
class Translation:
    """Both shaders in GLSL 3.3, and which name each line of the declarations is about."""

    vertex: str
    fragment: str
    declared: Mapping[int, str]


def translate(shader: Shader) -> Translation:
    """Return the GLSL 3.3 of an ISF file."""
    header = shader.header
    lines = shader.text.split("\n")
    code = "\n".join(lines[header.line - 1 :])
    code = code[code.index("*/") + 2 :] if "*/" in lines[header.line - 1] else code
    code = _replaced(code, _FRAGMENT, header)
    uniforms, names = _uniforms(header)
    fragment = ["in vec2 isf_FragNormCoord;"]
    if re.search(r"\bisf_FragColor\b", code):
        fragment.append("out vec4 isf_FragColor;")
    elif "gl_FragData" in code:
        fragment.append("out vec4 isf_FragData[1];")
        code = re.sub(r"\bgl_FragData\b", "isf_FragData", code)
    vertex_code = _USUAL_VERTEX if shader.vertex is None else _replaced(shader.vertex[1], _VERTEX, header)
    return Translation(
        vertex=_assembled(uniforms, _CORNERS.split("\n"), vertex_code, 1, VERTEX),
        fragment=_assembled(uniforms, fragment, code, header.line, FILE),
        declared=names,
    )


def _uniforms(header: Header) -> tuple[list[str], dict[int, str]]:
    """Return the declarations of uniforms, a line each, and the names that the lines are about."""
    pairs = [(KINDS[each.kind], each.name) for each in header.inputs]
    pairs += [("sampler2D", name) for name, _ in header.imported]
    pairs += [("sampler2D", name) for name in header.buffers]
    lines = [f"uniform {kind} {name};" for kind, name in pairs]
    return lines, {number: name for number, (_, name) in enumerate(pairs, 1)}


def _assembled(uniforms: Iterable[str], own: Iterable[str], code: str, line: int, source: int) -> str:
    """Return a shader: the version, what is declared (numbered from 1 as source 1), the code as its file has it."""
    declared = [*uniforms, *_UNIFORMS.split("\n"), *own, *_FUNCTIONS.split("\n")]
    return "\n".join([VERSION, f"#line 1 {DECLARED}", *declared, f"#line {line} {source}", code, ""])


def _replaced(code: str, names: Mapping[str, str], header: Header) -> str:
    """Return the code with other names and without comments; every line keeps its number."""
    images = {each.name for each in header.inputs if KINDS[each.kind] == "sampler2D"}
    images |= {name for name, _ in header.imported} | set(header.buffers)

    def one(match: re.Match[str]) -> str:
        token = match[0]
        if token.startswith("/"):  # Mesa miscounts lines in a comment
            return " " + "\n" * token.count("\n")
        if token.startswith("_") and (part := _IMAGE_PART.fullmatch(token)) and part[1] in images:
            size = f"vec2(textureSize({part[1]}, 0))"
            return {"imgRect": f"vec4(0.0, 0.0, {size})", "imgSize": size, "flip": "false"}[part[2]]
        return names.get(token, token)

    return _TOKEN.sub(one, _DROPPED.sub("", code))


# Mesa says 0:12(5): error, NVIDIA 0(12) : error, Apple and AMD ERROR: 0:12:. The first number is the source.
_PLACE = re.compile(r"\b(\d+)[:(](\d+)\b\)?")


def link(ctx: moderngl.Context, shader: Shader) -> moderngl.Program:
    """Return the program of an ISF file; ShaderError with the file and the line as its author counts them."""
    translation = translate(shader)
    try:
        return ctx.program(vertex_shader=translation.vertex, fragment_shader=translation.fragment)
    except (moderngl.Error, KeyError) as error:  # KeyError: an #include
        if ctx.version_code >= LENIENT:
            newer = f"#version {LENIENT} core"
            both = (each.replace(VERSION, newer, 1) for each in (translation.vertex, translation.fragment))
            with suppress(moderngl.Error, KeyError):
                vertex, fragment = both
                return ctx.program(vertex_shader=vertex, fragment_shader=fragment)
        raise ShaderError(_explain(str(error), shader, translation)) from error


def _explain(message: str, shader: Shader, translation: Translation) -> str:
    """Return one line from a driver's log."""
    log = [line.strip() for line in message.splitlines() if line.strip(" =-")]
    for line in [line for line in log if "error" in line.lower()] or log:
        place = _PLACE.search(line)
        if place is None:
            continue
        what = line[place.end() :].lstrip("(): 0123456789") or line
        number = int(place[2])
        if int(place[1]) == VERTEX and shader.vertex is not None:
            return f"{shader.vertex[0]}:{number}: {what}"
        if int(place[1]) == DECLARED:
            name = translation.declared.get(number)
            return f"{shader.path}: {f'{name!r} cannot be declared: ' if name else ''}{what}"
        return f"{shader.path}:{number}: {what}"
    return f"{shader.path}: {log[-1] if log else 'does not compile'}"
