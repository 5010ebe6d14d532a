// Minimal filtering: what is read for a tile of outputs, and how its products become the tile.
//
// A transform turns the inputs that a tile looks at into points; at every point the channels are a matrix product of
// their own with a transformed weight; a second transform turns the products into outputs. Along both axes the same.
#pragma once

#include <algorithm>

#include "native_vectors.h"

struct Layer {
    const float *x;      // [H][W][I]
    const void *weight;  // [planes][O/n][I][n] floats, or bfloat16 [planes][O/n][I/2][n][2]; n = panel_width(O)
    const float *style;  // [I]
    int H, W, I, O;
    const float *zeros;  // [I], what lies outside the image
    float *out;
    After after;
};

// An axis of a filtering looks at ``reach`` inputs, from ``lead`` before the tile, and has ``spread`` points of them.
// Of ``weights`` kernels in memory some ``meet`` points, and their products make ``covers`` outputs, which lie
// ``stride`` apart from ``at`` on. A ``tail`` has one output in a tile past the last input: its first product's alone.

struct Conv4 {  // F(4, 3): points 0, 1, -1, 2, -2 and infinity
    static constexpr bool tail = false;
    static constexpr int reach = 6, lead = 1, step = 4, spread = 6, weights = 6, meet = 6, covers = 4;
    static constexpr int stride = 1, at = 0, input_of[meet] = {0, 1, 2, 3, 4, 5}, weight_of[meet] = {0, 1, 2, 3, 4, 5};
    static int outputs(int size) { return size; }

    static inline void forward(const vec *d, vec *v) {
        const vec a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
        v[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
        v[1] = a + b, v[2] = a - b, v[3] = c + e, v[4] = c - e;
        v[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
    }
    static inline void backward(const vec *m, vec *y) {
        const vec s = m[1] + m[2], t = m[1] - m[2], u = m[3] + m[4], w = m[3] - m[4];
        y[0] = m[0] + s + u, y[1] = t + 2.0f * w, y[2] = s + 4.0f * u, y[3] = t + 8.0f * w + m[5];
    }
};

struct Conv6 {  // F(6, 3): points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity
    static constexpr bool tail = false;
    static constexpr int reach = 8, lead = 1, step = 6, spread = 8, weights = 8, meet = 8, covers = 6;
    static constexpr int stride = 1, at = 0;
    static constexpr int input_of[meet] = {0, 1, 2, 3, 4, 5, 6, 7}, weight_of[meet] = {0, 1, 2, 3, 4, 5, 6, 7};
    static int outputs(int size) { return size; }

    static inline void forward(const vec *d, vec *v) {
        const vec a = d[2] + d[6] - 4.25f * d[4], b = d[1] + d[5] - 4.25f * d[3];
        const vec c = d[6] + 0.25f * d[2] - 1.25f * d[4], e = 0.5f * d[1] - 2.5f * d[3] + 2.0f * d[5];
        const vec f = d[6] + 4.0f * d[2] - 5.0f * d[4], g = 2.0f * d[1] - 2.5f * d[3] + 0.5f * d[5];
        v[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
        v[1] = a + b, v[2] = a - b, v[3] = c + e, v[4] = c - e, v[5] = f + g, v[6] = f - g;
        v[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
    }
    static inline void backward(const vec *m, vec *y) {
        const vec s1 = m[1] + m[2], t1 = m[1] - m[2], s2 = m[3] + m[4], t2 = m[3] - m[4];
        const vec s3 = m[5] + m[6], t3 = m[5] - m[6];  // the points 1/2 and -1/2
        y[0] = m[0] + s1 + s2 + s3, y[1] = t1 + 2.0f * t2 + 0.5f * t3;
        y[2] = s1 + 4.0f * s2 + 0.25f * s3, y[3] = t1 + 8.0f * t2 + 0.125f * t3;
        y[4] = s1 + 16.0f * s2 + 0.0625f * s3, y[5] = t1 + 32.0f * t2 + 0.03125f * t3 + m[7];
    }
};

// A transposed kernel of stride 2 makes the even outputs of two taps each, and the odd ones of one.
struct Even4 {  // F(4, 2): points 0, 1, -1, 2, infinity
    static constexpr bool tail = true;
    static constexpr int reach = 5, lead = 1, step = 4, spread = 5, weights = 6, meet = 5, covers = 4;
    static constexpr int stride = 2, at = 0, input_of[meet] = {0, 1, 2, 3, 4}, weight_of[meet] = {0, 1, 2, 3, 4};
    static int outputs(int size) { return size + 1; }

    static inline void forward(const vec *d, vec *v) {
        v[0] = 2.0f * (d[0] - d[2]) - d[1] + d[3];
        v[1] = 2.0f * d[1] + d[2] - d[3];
        v[2] = 3.0f * d[2] - 2.0f * d[1] - d[3];
        v[3] = d[3] - d[1];
        v[4] = 2.0f * (d[1] - d[3]) - d[2] + d[4];
    }
    static inline void backward(const vec *m, vec *y) {
        const vec s = m[1] + m[2], t = m[1] - m[2];
        y[0] = m[0] + s + m[3], y[1] = t + 2.0f * m[3], y[2] = s + 4.0f * m[3], y[3] = t + 8.0f * m[3] + m[4];
    }
};

struct Odd1 {
    static constexpr bool tail = false;
    static constexpr int reach = 1, lead = 0, step = 1, spread = 1, weights = 6, meet = 1, covers = 1;
    static constexpr int stride = 2, at = 1, input_of[meet] = {0}, weight_of[meet] = {5};
    static int outputs(int size) { return size; }

    static inline void forward(const vec *d, vec *v) { v[0] = d[0]; }
    static inline void backward(const vec *m, vec *y) { y[0] = m[0]; }
};

template <class R, class C, bool UP, class T = float> struct Kind {
    using Rows = R;
    using Columns = C;
    using item = T;
    static constexpr bool up = UP;
};

using Conv = Kind<Conv4, Conv4, false>;  // 36 multiplications for 16 outputs instead of 144
using WideConv = Kind<Conv6, Conv6, false>;  // 64 for 36 instead of 324

struct Up {  // 81 multiplications for 64 outputs instead of 144
    static constexpr int unit = Even4::step;
    template <class Each> static void parts(Each each) {
        each(Kind<Even4, Even4, true>()), each(Kind<Even4, Odd1, true>());
        each(Kind<Odd1, Even4, true>()), each(Kind<Odd1, Odd1, true>());
    }
};

#if defined(__AVX512BF16__)
// In bfloat16 only the mildest of these filterings keep enough of the signal, and multiply twice as fast.
struct Conv2 {  // F(2, 3)
    static constexpr bool tail = false;
    static constexpr int reach = 4, lead = 1, step = 2, spread = 4, weights = 4, meet = 4, covers = 2;
    static constexpr int stride = 1, at = 0, input_of[meet] = {0, 1, 2, 3}, weight_of[meet] = {0, 1, 2, 3};
    static int outputs(int size) { return size; }

    static inline void forward(const vec *d, vec *v) {
        v[0] = d[0] - d[2], v[1] = d[1] + d[2], v[2] = d[2] - d[1], v[3] = d[1] - d[3];
    }
    static inline void backward(const vec *m, vec *y) { y[0] = m[0] + m[1] + m[2], y[1] = m[1] - m[2] - m[3]; }
};

struct Both2 {  // F(2, 2) for the even outputs, the identity for the odd ones
    static constexpr bool tail = true;
    static constexpr int reach = 3, lead = 1, step = 2, spread = 4, weights = 4, meet = 5, covers = 4;
    static constexpr int stride = 1, at = 0, input_of[meet] = {0, 1, 2, 1, 3}, weight_of[meet] = {0, 1, 2, 3, 3};
    static int outputs(int size) { return 2 * size + 1; }

    static inline void forward(const vec *d, vec *v) {
        v[0] = d[0] - d[1], v[1] = d[1], v[2] = d[1] - d[2], v[3] = d[2];
    }
    static inline void backward(const vec *m, vec *y) {
        y[0] = m[0] + m[1], y[1] = m[3], y[2] = m[1] - m[2], y[3] = m[4];
    }
};

using LowConv = Kind<Conv2, Conv2, false, uint16_t>;  // 16 multiplications for 4 outputs instead of 36

struct LowUp {  // 25 multiplications for 16 outputs instead of 36
    static constexpr int unit = Both2::step;
    template <class Each> static void parts(Each each) { each(Kind<Both2, Both2, true, uint16_t>()); }
};
#endif

constexpr long LARGE = 6 << 20, NEAR = 48;  // numbers of a picture; channels that the processor does not fetch by itself

template <class Kind> struct Tiles {
    using R = typename Kind::Rows;
    using C = typename Kind::Columns;
    static constexpr int inputs = R::spread * C::spread, planes = R::meet * C::meet;

    static int rows(const Layer &l) { return (R::outputs(l.H) + R::covers - 1) / R::covers; }
    static int columns(const Layer &l) { return (C::outputs(l.W) + C::covers - 1) / C::covers; }

    // Which plane of transformed inputs, and which of transformed weights, a plane of products is made from.
    static int input(int plane) { return C::spread * R::input_of[plane / C::meet] + C::input_of[plane % C::meet]; }
    static int weight(int plane) { return C::weights * R::weight_of[plane / C::meet] + C::weight_of[plane % C::meet]; }

    // Whether the last row, or column, of tiles is such a tail, where all but the first point's products vanish.
    static bool low_tail(const Layer &l) { return R::tail && R::step * (rows(l) - 1) == l.H; }
    static bool right_tail(const Layer &l) { return C::tail && C::step * (columns(l) - 1) == l.W; }

    static void read(const Layer &l, int ty, int tx, typename Kind::item *v, long plane) {
        const int y = R::step * ty - R::lead, x = C::step * tx - C::lead;
        const long row = (long)l.W * l.I;
        if (y >= 0 && x >= 0 && y + R::reach <= l.H && x + C::reach <= l.W) {
            const float *corner = l.x + y * row + (long)x * l.I;
            if (l.I <= NEAR && large(l))
                for (int i = 0; i < R::reach; i++)
                    for (long c = 0; c < (long)C::step * l.I; c += 16)
                        __builtin_prefetch(corner + i * row + (long)C::reach * l.I + c);
            return transform(l, v, plane, [=](int i, int j) { return corner + i * row + (long)j * l.I; });
        }
        const float *p[R::reach][C::reach];
        for (int i = 0; i < R::reach; i++)
            for (int j = 0; j < C::reach; j++) p[i][j] = pixel(l, y + i, x + j);
        transform(l, v, plane, [&](int i, int j) { return p[i][j]; });
    }

    // Whether a picture is so large that it leaves the caches before the next layer reads it: what it is written with
    // goes past them, in whole lines of 64 bytes, and what it is read from is fetched a tile ahead.
    static bool large(const Layer &l) { return !Kind::up && STREAMS && (long)l.H * l.W * l.O > LARGE; }

    // A plain convolution is finished; an up goes to rows [..][2W+1][O] of `band`, whose first is the image's `top`.
    static void write(const Layer &layer, int ty, int tx, const float *m, long plane, float *band, long top) {
        const Layer l = layer;  // a copy: what is stored could lie over the layer, as far as a compiler can tell
        constexpr int N = R::covers, M = C::covers;
        const int h = std::min(N, R::outputs(l.H) - N * ty), w = std::min(M, C::outputs(l.W) - M * tx);
        const long width = Kind::up ? 2L * l.W + 1 : l.W, row = (long)N * ty * R::stride + R::at - (Kind::up ? top : 0);
        const long first = row * width + (long)M * tx * C::stride + C::at;
        const bool past = large(l) && (uintptr_t)l.out % 64 == 0 && l.O % 16 == 0;
        vec before[N][M];  // the first half of lines, where a register is half of one
        float noise[N][M] = {};
        if (!Kind::up && l.after.noise)
            for (int i = 0; i < h; i++)
                for (int j = 0; j < w; j++) noise[i][j] = l.after.noise[first + i * width + j] * l.after.noise_gain;
        for (int o = 0; o < l.O; o += L) {
            vec half[N][C::meet];
#pragma GCC unroll 9
            for (int j = 0; j < C::meet; j++) {
                vec d[R::meet], r[N];
#pragma GCC unroll 9
                for (int i = 0; i < R::meet; i++) d[i] = load(m + (i * C::meet + j) * plane + o);
                R::backward(d, r);
#pragma GCC unroll 9
                for (int i = 0; i < N; i++) half[i][j] = r[i];
            }
            for (int i = 0; i < h; i++) {
                vec r[M];
                C::backward(half[i], r);
                const long at = (first + i * R::stride * width) * l.O + o;
                for (int j = 0; j < w; j++)
                    if constexpr (Kind::up) store(band + at + (long)j * C::stride * l.O, r[j]);
                    else {
                        float *to = l.out + at + (long)j * l.O;
                        const vec y = finish(r[j], l.after, o, splat(noise[i][j]));
                        if (!past) store(to, y);
                        else if (L == 16) stream(to, y);
                        else if (o % 16 == 0) before[i][j] = y;
                        else stream(to - L, before[i][j]), stream(to, y);
                    }
            }
        }
    }

private:
    // The points of a tile whose inputs ``at`` finds, styled, into planes of v.
    template <class At>
    static inline void transform(const Layer &l, typename Kind::item *v, long plane, const At &at) {
        for (int c = 0; c < l.I; c += L) {
            const vec s = load(l.style + c);
            vec half[R::spread][C::reach];
#pragma GCC unroll 9
            for (int j = 0; j < C::reach; j++) {
                vec d[R::reach], r[R::spread];
#pragma GCC unroll 9
                for (int i = 0; i < R::reach; i++) d[i] = load(at(i, j) + c) * s;
                R::forward(d, r);
#pragma GCC unroll 9
                for (int i = 0; i < R::spread; i++) half[i][j] = r[i];
            }
#pragma GCC unroll 9
            for (int i = 0; i < R::spread; i++) {
                vec r[C::spread];
                C::forward(half[i], r);
#pragma GCC unroll 9
                for (int j = 0; j < C::spread; j++) store(v + (i * C::spread + j) * plane + c, r[j]);
            }
        }
    }

    static inline const float *pixel(const Layer &l, int y, int x) {
        return y < 0 || x < 0 || y >= l.H || x >= l.W ? l.zeros : l.x + ((long)y * l.W + x) * l.I;
    }
};
