void main() {
    isf_vertShaderInit();
    float aspect = RENDERSIZE.x / RENDERSIZE.y;
    vec3 p = vec3((isf_FragNormCoord * 2.0 - 1.0) * vec2(aspect, 1.0), 0.0);
    float a = yaw * 6.28318530718, b = pitch * 6.28318530718;
    p = vec3(cos(a) * p.x, p.y, sin(a) * p.x);
    p = vec3(p.x, cos(b) * p.y - sin(b) * p.z, sin(b) * p.y + cos(b) * p.z);
    float w = 1.0 + depth * p.z / max(aspect, 1.0);
    gl_Position = vec4(p.xy * zoom / vec2(aspect, 1.0), 0.0, w);
}
