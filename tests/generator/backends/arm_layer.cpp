// One compiled layer on files, for a processor that is emulated: numbers in from stdin, the layer's result to stdout.
#include <cstdio>

#include "native.cpp"

template <class T> static std::vector<T> take(size_t count) {
    std::vector<T> values(count);
    if (std::fread(values.data(), sizeof(T), count, stdin) != count) std::exit(1);
    return values;
}

int main() {
    const auto size = take<int>(8);  // H, W, I, O, up, how, threads, floats of the packed weight
    const int H = size[0], W = size[1], I = size[2], O = size[3], up = size[4], how = size[5], threads = size[6];
    if (vj_block(O) != 8) return 2;
    const int rows = up ? 2 * H : H, columns = up ? 2 * W : W;
    const auto x = take<float>((size_t)H * W * I), weight = take<float>(size[7]), style = take<float>(I);
    const auto scale = take<float>(O), bias = take<float>(O), noise = take<float>((size_t)rows * columns);
    const auto fir = take<float>(8);
    std::vector<float> out((size_t)rows * columns * O), work(vj_work(H, W, I, O, up, how, threads));
    if (up)
        vj_up3(x.data(), H, W, I, weight.data(), O, style.data(), scale.data(), bias.data(), noise.data(), 1, 0.2f, -1,
               fir.data(), 0, out.data(), work.data(), how, threads);
    else
        vj_conv3(x.data(), H, W, I, weight.data(), O, style.data(), scale.data(), bias.data(), noise.data(), 1, 0.2f,
                 -1, out.data(), work.data(), how, threads);
    return std::fwrite(out.data(), sizeof(float), out.size(), stdout) != out.size();
}
