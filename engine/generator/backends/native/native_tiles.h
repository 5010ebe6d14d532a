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

// Along an axis, a kind of filtering looks at ``reach`` inputs, has ``spread`` points of them and ``weights`` of the
// kernel, of which pairs ``meet``, and makes ``covers`` outputs. An ``up`` is transposed, of stride 2.

struct Conv {  // F(4x4, 3x3): points 0, 1, -1, 2, -2 and infinity
    using item = float;
    static constexpr bool up = false;
    static constexpr int reach = 6, spread = 6, weights = 6, meet = 6, covers = 4;
    static constexpr int input_of[meet] = {0, 1, 2, 3, 4, 5}, weight_of[meet] = {0, 1, 2, 3, 4, 5};

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

struct Up {  // F(4,2) for the even outputs: points 0, 1, -1, 2, infinity; the identity for the odd ones
    using item = float;
    static constexpr bool up = true;
    static constexpr int reach = 5, spread = 9, weights = 6, meet = 9, covers = 8;
    static constexpr int input_of[meet] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, weight_of[meet] = {0, 1, 2, 3, 4, 5, 5, 5, 5};

    static inline void forward(const vec *d, vec *v) {
        v[0] = 2.0f * (d[0] - d[2]) - d[1] + d[3];
        v[1] = 2.0f * d[1] + d[2] - d[3];
        v[2] = 3.0f * d[2] - 2.0f * d[1] - d[3];
        v[3] = d[3] - d[1];
        v[4] = 2.0f * (d[1] - d[3]) - d[2] + d[4];
        v[5] = d[1], v[6] = d[2], v[7] = d[3], v[8] = d[4];
    }
    static inline void backward(const vec *m, vec *y) {
        const vec s = m[1] + m[2], t = m[1] - m[2];
        y[0] = m[0] + s + m[3], y[2] = t + 2.0f * m[3], y[4] = s + 4.0f * m[3], y[6] = t + 8.0f * m[3] + m[4];
        y[1] = m[5], y[3] = m[6], y[5] = m[7], y[7] = m[8];
    }
};

#if defined(__AVX512BF16__)
// In bfloat16 only the mildest of these filterings keep enough of the signal, and multiply twice as fast.
struct Conv2 {  // F(2x2, 3x3), 16 multiplications for 4 outputs instead of 36
    using item = uint16_t;
    static constexpr bool up = false;
    static constexpr int reach = 4, spread = 4, weights = 4, meet = 4, covers = 2;
    static constexpr int input_of[meet] = {0, 1, 2, 3}, weight_of[meet] = {0, 1, 2, 3};

    static inline void forward(const vec *d, vec *v) {
        v[0] = d[0] - d[2], v[1] = d[1] + d[2], v[2] = d[2] - d[1], v[3] = d[1] - d[3];
    }
    static inline void backward(const vec *m, vec *y) { y[0] = m[0] + m[1] + m[2], y[1] = m[1] - m[2] - m[3]; }
};

struct Up2 {  // F(2,2) for the even outputs, the identity for the odd ones: 25 multiplications for 16 instead of 36
    using item = uint16_t;
    static constexpr bool up = true;
    static constexpr int reach = 3, spread = 4, weights = 4, meet = 5, covers = 4;
    static constexpr int input_of[meet] = {0, 1, 2, 1, 3}, weight_of[meet] = {0, 1, 2, 3, 3};

    static inline void forward(const vec *d, vec *v) {
        v[0] = d[0] - d[1], v[1] = d[1], v[2] = d[1] - d[2], v[3] = d[2];
    }
    static inline void backward(const vec *m, vec *y) {
        y[0] = m[0] + m[1], y[1] = m[3], y[2] = m[1] - m[2], y[3] = m[4];
    }
};
#endif

template <class Kind> struct Tiles {
    static constexpr int inputs = Kind::spread * Kind::spread, planes = Kind::meet * Kind::meet;
    static constexpr int step = Kind::covers / (Kind::up ? 2 : 1);  // inputs from one tile to the next

    // An up has one output more than twice its inputs, before the FIR.
    static int outputs(int size) { return Kind::up ? 2 * size + 1 : size; }
    static int rows(const Layer &l) { return (outputs(l.H) + Kind::covers - 1) / Kind::covers; }
    static int columns(const Layer &l) { return (outputs(l.W) + Kind::covers - 1) / Kind::covers; }

    // Which plane of transformed inputs, and which of transformed weights, a plane of products is made from.
    static int input(int plane) {
        return Kind::spread * Kind::input_of[plane / Kind::meet] + Kind::input_of[plane % Kind::meet];
    }
    static int weight(int plane) {
        return Kind::weights * Kind::weight_of[plane / Kind::meet] + Kind::weight_of[plane % Kind::meet];
    }

    // Past the last input a tile holds one even output, and only the first point's products make it.
    static bool vanishes(const Layer &l, int ty, int tx, int plane) {
        return Kind::up && ((step * ty == l.H && plane / Kind::meet != 0) ||
                            (step * tx == l.W && plane % Kind::meet != 0));
    }

    static void read(const Layer &l, int ty, int tx, typename Kind::item *v, long plane) {
        constexpr int N = Kind::reach, P = Kind::spread;
        const float *p[N][N];
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) p[i][j] = pixel(l, step * ty - 1 + i, step * tx - 1 + j);
        for (int c = 0; c < l.I; c += L) {
            const vec s = load(l.style + c);
            vec half[P][N];
#pragma GCC unroll 9
            for (int j = 0; j < N; j++) {
                vec d[N], r[P];
#pragma GCC unroll 9
                for (int i = 0; i < N; i++) d[i] = load(p[i][j] + c) * s;
                Kind::forward(d, r);
#pragma GCC unroll 9
                for (int i = 0; i < P; i++) half[i][j] = r[i];
            }
#pragma GCC unroll 9
            for (int i = 0; i < P; i++) {
                vec r[P];
                Kind::forward(half[i], r);
#pragma GCC unroll 9
                for (int j = 0; j < P; j++) store(v + (i * P + j) * plane + c, r[j]);
            }
        }
    }

    // A plain convolution is finished; an up goes to rows [..][2W+1][O] of `band`, whose first is the image's `top`.
    static void write(const Layer &l, int ty, int tx, const float *m, long plane, float *band, long top) {
        constexpr int N = Kind::covers, P = Kind::meet;
        const int width = outputs(l.W), h = std::min(N, outputs(l.H) - N * ty), w = std::min(N, width - N * tx);
        float noise[N][N] = {};
        if (!Kind::up && l.after.noise)
            for (int i = 0; i < h; i++)
                for (int j = 0; j < w; j++)
                    noise[i][j] = l.after.noise[(long)(N * ty + i) * width + N * tx + j] * l.after.noise_gain;
        for (int o = 0; o < l.O; o += L) {
            vec half[N][P];
#pragma GCC unroll 9
            for (int j = 0; j < P; j++) {
                vec d[P], r[N];
#pragma GCC unroll 9
                for (int i = 0; i < P; i++) d[i] = load(m + (i * P + j) * plane + o);
                Kind::backward(d, r);
#pragma GCC unroll 9
                for (int i = 0; i < N; i++) half[i][j] = r[i];
            }
            for (int i = 0; i < h; i++) {
                vec r[N];
                Kind::backward(half[i], r);
                const long at = ((N * ty + i - (Kind::up ? top : 0)) * width + N * tx) * l.O + o;
                for (int j = 0; j < w; j++)
                    if constexpr (Kind::up) store(band + at + (long)j * l.O, r[j]);
                    else store(l.out + at + (long)j * l.O, finish(r[j], l.after, o, splat(noise[i][j])));
            }
        }
    }

private:
    static inline const float *pixel(const Layer &l, int y, int x) {
        return y < 0 || x < 0 || y >= l.H || x >= l.W ? l.zeros : l.x + ((long)y * l.W + x) * l.I;
    }
};
