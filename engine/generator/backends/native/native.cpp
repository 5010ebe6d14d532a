// StyleGAN2's, StyleGAN's and PGGAN's layers for a CPU, fp32: each one a single pass over its input and its output.
//
// A 3x3 convolution is done by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", arXiv:1509.09308): 36 multiplications for 16 outputs instead of 144; in a large
// picture by F(6x6, 3x3), 64 for 36 instead of 324. The upsampling one, a transposed 3x3 of stride 2, has even outputs
// of two taps and odd ones of one tap along each axis: four convolutions, by F(4,2) along an even axis, 81
// multiplications for 8x8 outputs instead of 144. Modulation happens while a tile is read; demodulation, noise, bias,
// nonlinearity and clamp while it is written.
//
// Images are [H][W][C], C a multiple of 16 (padded channels carry zero weights). Plain C interface for ctypes.

#include <cmath>
#include <vector>

#include "native_rgb.h"
#include "native_up.h"

extern "C" {

// Columns of a block of the packed weights, for a layer of O outputs.
int vj_block(int O) { return panel_width(O); }

// Whether the filterings in bfloat16 were compiled in.
int vj_bf16() {
#if defined(__AVX512BF16__)
    return 1;
#else
    return 0;
#endif
}

// How a layer is multiplied: minimally filtered, in fp32 or bfloat16, as plain sums over its taps, in fp32, or, a plain
// convolution only, minimally filtered in larger tiles.
enum { MINIMAL = 0, BFLOAT = 1, DIRECT = 2, WIDE = 3 };

// Floats of scratch that conv3 (up = 0) or up3 (up = 1) wants.
long vj_work(int H, int W, int I, int O, int up, int how, int threads) {
    Layer l{};
    l.H = H, l.W = W, l.I = I, l.O = O;
    if (how == DIRECT) return up ? up_direct_floats(l) : border_floats(l);
#if defined(__AVX512BF16__)
    if (how == BFLOAT) return up ? up_floats<LowUp>(l, threads) : conv_floats<LowConv>(l, threads);
#endif
    if (how == WIDE) return conv_floats<WideConv>(l, threads);
    return up ? up_floats<Up>(l, threads) : conv_floats<Conv>(l, threads);
}

// x [H][W][I] -> out [H][W][O]
void vj_conv3(const float *x, int H, int W, int I, const void *weight, int O, const float *style,
              const float *scale, const float *bias, const float *noise, float noise_gain, float slope,
              float clamp, float *out, float *work, int how, int threads) {
    Layer l{x, weight, style, H, W, I, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
    if (how == DIRECT) return panel_width(O) == NR ? conv3_direct<2>(l, work, threads) : conv3_direct<1>(l, work, threads);
#if defined(__AVX512BF16__)
    if (how == BFLOAT) return conv3<LowConv>(l, work, threads);
#endif
    if (how == WIDE) return conv3<WideConv>(l, work, threads);
    conv3<Conv>(l, work, threads);
}

// x [H][W][I] -> out [2H][2W][O]; fir: four vertical and four horizontal taps, gains included; edge: see filter_rows.
void vj_up3(const float *x, int H, int W, int I, const void *weight, int O, const float *style,
            const float *scale, const float *bias, const float *noise, float noise_gain, float slope, float clamp,
            const float *fir, float edge, float *out, float *work, int how, int threads) {
    Layer l{x, weight, style, H, W, I, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
    if (how == DIRECT) return up3_direct(l, fir, edge, work, threads);
#if defined(__AVX512BF16__)
    if (how == BFLOAT) return up3<LowUp>(l, fir, edge, work, threads);
#endif
    up3<Up>(l, fir, edge, work, threads);
}

// One layer of `vj_styles`: what it reads of ws, and where its styles and its scales go.
struct Style {
    const float *weight, *bias, *power;  // [w_dim][I], [I], [O][I] or null for a layer without scales
    float gain;
    int row, I, O, style_at, scale_at;
};

// ws [..][w_dim] -> every layer's styles and scales: an affine of one w, and the demodulation of its squares.
// square: scratch as large as styles.
void vj_styles(const float *ws, int w_dim, const Style *layers, int count, float *styles, float *scales,
               float *square, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int i = 0; i < count; i++) {
        const Style &l = layers[i];
        float *style = styles + l.style_at, *squares = square + l.style_at;
        for (int c = 0; c < l.I; c += L) {
            vec sum = load(l.bias + c);
            for (int d = 0; d < w_dim; d++) sum += ws[(long)l.row * w_dim + d] * load(l.weight + (long)d * l.I + c);
            store(style + c, sum), store(squares + c, sum * sum);
        }
        if (!l.power) continue;
        for (int o = 0; o < l.O; o++) {
            vec sum{};
            for (int c = 0; c < l.I; c += L) sum += load(squares + c) * load(l.power + (long)o * l.I + c);
            scales[l.scale_at + o] = l.gain / std::sqrt(total(sum) + 1e-8f);
        }
    }
}

// x [count][C] * style -> out, bfloat16: what a convolution of oneDNN reads.
void vj_modulate(const float *x, long count, int C, const float *style, uint16_t *out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++)
        for (int c = 0; c < C; c += L) store(out + i * C + c, load(x + i * C + c) * load(style + c));
}

// y [H][W][O] bfloat16, a convolution's bare result -> out, finished.
void vj_finish(const uint16_t *y, int H, int W, int O, const float *scale, const float *bias, const float *noise,
               float noise_gain, float slope, float clamp, float *out, int threads) {
    const After after{scale, bias, noise, noise_gain, slope, clamp};
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < (long)H * W; i++) {
        const vec grain = splat(noise ? noise[i] * noise_gain : 0.0f);
        for (int o = 0; o < O; o += L) store(out + i * O + o, finish(load(y + i * O + o), after, o, grain));
    }
}

// The rest of an upsampling layer whose transposed convolution came in four parts, bfloat16, from elsewhere:
// even rows and columns [H+1][W+1][O], even rows and odd columns [H+1][W], odd and even [H][W+1], odd [H][W].
void vj_filter(const uint16_t *ee, const uint16_t *eo, const uint16_t *oe, const uint16_t *oo, int H, int W, int O,
               const float *scale, const float *bias, const float *noise, float noise_gain, float slope,
               float clamp, const float *fir, float *out, float *work, int threads) {
    const Layer l{nullptr, nullptr, nullptr, H, W, 0, O, work, out, {scale, bias, noise, noise_gain, slope, clamp}};
    std::memset(work, 0, (W + 1L) * O * sizeof(float));
    const uint16_t *zeros = (const uint16_t *)work;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int y = 0; y < 2 * H; y += 2) {
        Row<uint16_t> rows[5];
        for (int i = 0; i < 5; i++) {
            const int at = y - 1 + i;
            const long r = at >> 1;
            if (at < 0 || at > 2 * H) rows[i] = {{zeros, zeros}, O};
            else if (at & 1) rows[i] = {{oe + r * (W + 1) * O, oo + r * W * O}, O};
            else rows[i] = {{ee + r * (W + 1) * O, eo + r * W * O}, O};
        }
        filter_rows(l, rows, fir, y);
    }
}

// x [count][C] -> out, not x: y = lrelu(x + noise * strength + bias), brought to mean 0 and variance 1 along all
// pixels, times scale, plus shift (StyleGAN's AdaIN). noise [count] or null; the others [C].
void vj_adain(const float *x, long count, int C, const float *noise, const float *strength, const float *bias,
              float slope, float eps, const float *scale, const float *shift, float *out, int threads) {
    // What is summed up is the distance from the first pixel: a map far from 0 keeps its digits.
    std::vector<float> first(C), gain(C), rest(C);
    std::vector<double> sums(2L * C * threads);
    const float before = noise ? noise[0] : 0.0f;
    for (int c = 0; c < C; c++) {
        const float y = x[c] + (before * strength[c] + bias[c]);
        first[c] = y > 0 ? y : y * slope;
    }
#pragma omp parallel num_threads(threads)
    {
        double *own = sums.data() + 2L * C * omp_get_thread_num();
        constexpr long STEP = 64;  // pixels that are summed up in fp32
#pragma omp for schedule(static)
        for (long from = 0; from < count; from += STEP)
            for (int c = 0; c < C; c += L) {
                const vec b = load(bias + c), s = load(strength + c), f = load(first.data() + c);
                vec sum{}, square{};
                for (long i = from; i < std::min(from + STEP, count); i++) {
                    vec y = load(x + i * C + c) + (noise ? noise[i] * s + b : b);
                    const vec scaled = y * slope;
                    y = y > 0.0f ? y : scaled;
                    store(out + i * C + c, y);
                    sum += y - f, square += (y - f) * (y - f);
                }
                for (int k = 0; k < L; k++) own[c + k] += sum[k], own[C + c + k] += square[k];
            }
#pragma omp single
        for (int c = 0; c < C; c++) {
            double sum = 0, square = 0;
            for (int t = 0; t < threads; t++) sum += sums[2L * C * t + c], square += sums[2L * C * t + C + c];
            const double mean = sum / count, variance = std::max(0.0, square / count - mean * mean);
            gain[c] = scale[c] / std::sqrt(variance + eps);
            rest[c] = shift[c] - (float)(mean + first[c]) * gain[c];
        }
#pragma omp for schedule(static)
        for (long i = 0; i < count; i++)
            for (int c = 0; c < C; c += L)
                store(out + i * C + c, load(out + i * C + c) * load(gain.data() + c) + load(rest.data() + c));
    }
}

// x [count][C], in place: every pixel's channels brought to a mean square of 1 (`own` of them count, the others are
// padding), then lrelu. PGGAN's pixel norm.
void vj_pixel_norm(float *x, long count, int C, int own, float eps, float slope, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++) {
        vec square{};
        for (int c = 0; c < C; c += L) square += load(x + i * C + c) * load(x + i * C + c);
        const float gain = 1 / std::sqrt(total(square) / own + eps);
        for (int c = 0; c < C; c += L) {
            const vec y = load(x + i * C + c) * gain, scaled = y * slope;
            store(x + i * C + c, y > 0.0f ? y : scaled);
        }
    }
}

// Adds the RGB of x [H][W][I] to the upsampled image so far: previous [H/2][W/2][4] or null, out [H][W][4].
// weight [4][I] is modulated already; rgba [H][W][4] bytes or null; gray spreads the first channel, a
// fourth one is alpha.
void vj_rgb(const float *x, int H, int W, int I, const float *weight, const float *bias, float clamp,
            int channels, const float *previous, const float *fir, float *out, uint8_t *rgba, int threads) {
    const int w2 = W / 2, h2 = H / 2;
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> line(4 * (w2 + 2L));  // a row of the image so far, filtered downwards, with its border
#pragma omp for schedule(dynamic, 8)
        for (int y = 0; y < H; y++) {
            if (previous) row_before(previous, w2, h2, fir, y, line.data() + 4);
            for (int xx = 0; xx < W; xx++) {
                const long at = ((long)y * W + xx) * 4;
                four rgb = rgb_of(x + ((long)y * W + xx) * I, I, weight) + *(const four *)bias;
                if (clamp > 0) {
                    const four high = clamp - four{}, low = -high;
                    rgb = rgb < low ? low : rgb;
                    rgb = rgb > high ? high : rgb;
                }
                if (previous) {  // zero-stuffed and filtered: two taps of each axis meet samples
                    const float *near = line.data() + 4 * (xx / 2 + (xx & 1));
                    rgb += *(const four *)near * fir[4 + (xx & 1)] + *(const four *)(near + 4) * fir[6 + (xx & 1)];
                }
                *(four *)(out + at) = rgb;
                if (rgba) put_bytes(rgb, channels, rgba + at);
            }
        }
    }
}

}  // extern "C"
