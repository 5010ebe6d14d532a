varying vec2 taps[5];

void main() {
    isf_vertShaderInit();
    vec2 way = PASSINDEX == 0 ? vec2(RENDERSIZE.y / RENDERSIZE.x, 0.0) : vec2(0.0, 1.0);
    for (int i = 0; i < 5; i++) taps[i] = isf_FragNormCoord + way * (float(i) - 2.0) * radius * 0.02;
}
