// Checks and times `ggml_flash_attn_ext` of the llama.cpp that gepard is linked with; scripts/bench/attention builds it.
//
//     attention check     for each case: the error against 64-bit sums, and whether threads or company change a bit
//     attention time      for each case: milliseconds with two threads, the fastest of some repetitions

#include "ggml-cpu.h"
#include "ggml.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr float HIDDEN = -std::numeric_limits<float>::infinity();

struct Case {
    const char * name;
    int          key_size, value_size, heads, key_heads, tokens, cells;
    ggml_type    keys, values;
    float        alibi = 0, softcap = 0;
    bool         sinks = false;
};

// Queries, keys, values as [head][token or cell][component]; the mask as [token][cell].
struct Input {
    std::vector<float> query, keys, values, sinks, mask;
};

Input random_input(const Case & c, int seed) {
    std::mt19937                    random(seed);
    std::normal_distribution<float> normal;
    const auto draw = [&](size_t count) {
        std::vector<float> drawn(count);
        for (float & x : drawn) { x = normal(random); }
        return drawn;
    };
    const size_t heads = c.heads, key_heads = c.key_heads;
    return { draw(heads * c.tokens * c.key_size), draw(key_heads * c.cells * c.key_size),
             draw(key_heads * c.cells * c.value_size), draw(heads), std::vector<float>(size_t(c.tokens) * c.cells) };
}

// Every token sees `shared` cells and, behind them, one cell in `tokens`: requests that decode together.
void wave(const Case & c, Input & input, int shared) {
    for (int t = 0; t < c.tokens; ++t) {
        for (int i = 0; i < c.cells; ++i) {
            input.mask[size_t(t) * c.cells + i] = i < shared || (i - shared) % c.tokens == t ? 0 : HIDDEN;
        }
    }
}

// One prompt, of which `before` tokens were computed before.
void causal(const Case & c, Input & input, int before) {
    for (int t = 0; t < c.tokens; ++t) {
        for (int i = 0; i < c.cells; ++i) { input.mask[size_t(t) * c.cells + i] = i <= before + t ? 0 : HIDDEN; }
    }
}

// A third of the cells, other ones for each token; the first token sees none.
void scattered(const Case & c, Input & input) {
    std::mt19937 random(3);
    for (float & m : input.mask) { m = random() % 3 ? HIDDEN : c.alibi > 0 ? -float(random() % 9) : 0; }
    std::fill_n(input.mask.begin(), c.cells, HIDDEN);
}

// As a cache of that type keeps them.
void round_to(std::vector<float> & numbers, ggml_type type, int size) {
    std::vector<uint8_t> block(ggml_row_size(type, size));
    for (size_t i = 0; i < numbers.size(); i += size) {
        ggml_quantize_chunk(type, &numbers[i], block.data(), 0, 1, size, nullptr);
        ggml_get_type_traits(type)->to_float(block.data(), &numbers[i], size);
    }
}

// The result as [token][head][component].
std::vector<float> compute(const Case & c, const Input & input, int threads, int repeat = 0, double * best = nullptr) {
    ggml_context * ctx   = ggml_init({ size_t(512) << 20, nullptr, false });
    ggml_tensor *  query = ggml_new_tensor_3d(ctx, GGML_TYPE_F32, c.key_size, c.tokens, c.heads);
    ggml_tensor *  mask  = ggml_new_tensor_2d(ctx, GGML_TYPE_F16, c.cells, c.tokens);
    memcpy(query->data, input.query.data(), ggml_nbytes(query));
    for (size_t i = 0; i < input.mask.size(); ++i) {
        ((ggml_fp16_t *) mask->data)[i] = ggml_fp32_to_fp16(input.mask[i]);
    }
    // The cache holds the heads of a cell side by side.
    const auto cache = [&](const std::vector<float> & numbers, ggml_type type, int size) {
        ggml_tensor * stored = ggml_new_tensor_3d(ctx, type, size, c.key_heads, c.cells);
        for (int i = 0; i < c.cells; ++i) {
            for (int h = 0; h < c.key_heads; ++h) {
                ggml_quantize_chunk(type, &numbers[(size_t(h) * c.cells + i) * size],
                                    (char *) stored->data + i * stored->nb[2] + h * stored->nb[1], 0, 1, size, nullptr);
            }
        }
        return ggml_permute(ctx, stored, 0, 2, 1, 3);
    };
    ggml_tensor * result =
        ggml_flash_attn_ext(ctx, query, cache(input.keys, c.keys, c.key_size), cache(input.values, c.values, c.value_size),
                            mask, 1.0f / std::sqrt(float(c.key_size)), c.alibi, c.softcap);
    if (c.sinks) {
        ggml_tensor * sinks = ggml_new_tensor_1d(ctx, GGML_TYPE_F32, c.heads);
        memcpy(sinks->data, input.sinks.data(), ggml_nbytes(sinks));
        ggml_flash_attn_ext_add_sinks(result, sinks);
    }
    ggml_cgraph * graph = ggml_new_graph(ctx);
    ggml_build_forward_expand(graph, result);
    ggml_cplan           plan = ggml_graph_plan(graph, threads, nullptr);
    std::vector<uint8_t> work(plan.work_size + 64);
    plan.work_data = work.data();
    ggml_graph_compute(graph, &plan);
    for (int i = 0; i < repeat; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        ggml_graph_compute(graph, &plan);
        *best = std::min(*best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
    }
    std::vector<float> found((float *) result->data, (float *) result->data + ggml_nelements(result));
    ggml_free(ctx);
    return found;
}

// The same in 64 bits, by the definition.
std::vector<double> reference(const Case & c, const Input & input) {
    std::vector<double> result(size_t(c.tokens) * c.heads * c.value_size);
    const int    sharing = c.heads / c.key_heads, low = 1 << int(std::floor(std::log2(c.heads)));
    const double even = std::pow(2, -c.alibi / low), odd = std::pow(2, -c.alibi / 2 / low);
    for (int t = 0; t < c.tokens; ++t) {
        for (int h = 0; h < c.heads; ++h) {
            const double slope = c.alibi == 0 ? 1 : h < low ? std::pow(even, h + 1) : std::pow(odd, 2 * (h - low) + 1);
            const float * query = &input.query[(size_t(h) * c.tokens + t) * c.key_size];
            std::vector<double> scores(c.cells, HIDDEN);
            double              highest = c.sinks ? input.sinks[h] : HIDDEN, sum = 0;
            for (int i = 0; i < c.cells; ++i) {
                const float m = input.mask[size_t(t) * c.cells + i];
                if (m == HIDDEN) { continue; }
                const float * key = &input.keys[(size_t(h / sharing) * c.cells + i) * c.key_size];
                double        dot = 0;
                for (int d = 0; d < c.key_size; ++d) { dot += double(query[d]) * key[d]; }
                dot /= std::sqrt(double(c.key_size));
                if (c.softcap != 0) { dot = c.softcap * std::tanh(dot / c.softcap); }
                scores[i] = dot + slope * m;
                highest   = std::max(highest, scores[i]);
            }
            double * row = &result[(size_t(t) * c.heads + h) * c.value_size];
            for (int i = 0; i < c.cells; ++i) {
                if (scores[i] == HIDDEN) { continue; }
                const double weight = std::exp(scores[i] - highest);
                sum += weight;
                const float * value = &input.values[(size_t(h / sharing) * c.cells + i) * c.value_size];
                for (int d = 0; d < c.value_size; ++d) { row[d] += weight * value[d]; }
            }
            if (c.sinks) { sum += std::exp(input.sinks[h] - highest); }
            for (int d = 0; d < c.value_size && sum > 0; ++d) { row[d] /= sum; }
        }
    }
    return result;
}

double relative_error(const std::vector<float> & found, const std::vector<double> & wanted) {
    double wrong = 0, norm = 0;
    for (size_t i = 0; i < found.size(); ++i) {
        wrong += (found[i] - wanted[i]) * (found[i] - wanted[i]);
        norm += wanted[i] * wanted[i];
    }
    return norm == 0 ? std::sqrt(wrong) : std::sqrt(wrong / norm);
}

// Computes a token alone, over its own cells in other places, and returns whether a bit is different.
bool differs_alone(const Case & c, const Input & input, int token, const std::vector<float> & together) {
    std::vector<int> own;
    for (int i = 0; i < c.cells; ++i) {
        if (input.mask[size_t(token) * c.cells + i] != HIDDEN) { own.push_back(i); }
    }
    const int offset = token % 5;
    Case      alone  = c;
    alone.tokens     = 1;
    alone.cells      = int(own.size()) + offset + 1;
    Input small      = random_input(alone, 11);
    small.sinks      = input.sinks;
    std::fill(small.mask.begin(), small.mask.end(), HIDDEN);
    for (int h = 0; h < c.heads; ++h) {
        memcpy(&small.query[size_t(h) * c.key_size], &input.query[(size_t(h) * c.tokens + token) * c.key_size],
               c.key_size * sizeof(float));
    }
    for (size_t j = 0; j < own.size(); ++j) {
        small.mask[j + offset] = input.mask[size_t(token) * c.cells + own[j]];
        for (int h = 0; h < c.key_heads; ++h) {
            const size_t to = size_t(h) * alone.cells + j + offset, from = size_t(h) * c.cells + own[j];
            memcpy(&small.keys[to * c.key_size], &input.keys[from * c.key_size], c.key_size * sizeof(float));
            memcpy(&small.values[to * c.value_size], &input.values[from * c.value_size], c.value_size * sizeof(float));
        }
    }
    const std::vector<float> found = compute(alone, small, 2);
    return memcmp(found.data(), &together[size_t(token) * c.heads * c.value_size], found.size() * sizeof(float)) != 0;
}

constexpr ggml_type F16 = GGML_TYPE_F16, BF16 = GGML_TYPE_BF16, Q8 = GGML_TYPE_Q8_0;

int check() {
    const Case cases[] = {
        { "Qwen2.5 0.5B", 64, 64, 14, 2, 37, 700, F16, BF16 },
        { "SmolLM2 135M", 64, 64, 9, 3, 64, 256, F16, BF16 },
        { "Qwen3 0.6B", 128, 128, 16, 8, 5, 300, F16, BF16 },
        { "odd sizes", 80, 72, 4, 4, 3, 130, F16, F16 },
        { "soft cap (Gemma 2)", 256, 256, 4, 1, 33, 512, F16, BF16, 0, 30 },
        { "ALiBi", 64, 64, 12, 12, 33, 512, F16, BF16, 8 },
        { "sinks (gpt-oss)", 64, 64, 8, 1, 33, 512, BF16, BF16, 0, 0, true },
        { "71 heads share one", 64, 64, 71, 1, 9, 333, F16, BF16 },
        { "one token", 64, 64, 14, 2, 1, 900, F16, BF16 },
        { "one token, nothing shared", 128, 128, 32, 32, 1, 900, F16, F16 },
        { "8-bit cache", 64, 64, 14, 2, 12, 700, Q8, Q8 },
        { "latent attention", 576, 512, 16, 1, 7, 300, F16, F16 },
    };
    const char * kinds[] = { "all cells", "wave", "prompt", "scattered" };
    int          wrong   = 0;
    for (const Case & c : cases) {
        for (int kind = 0; kind < 4; ++kind) {
            Input input = random_input(c, 7);
            round_to(input.keys, c.keys, c.key_size);
            round_to(input.values, c.values, c.value_size);
            if (kind == 1) { wave(c, input, c.cells * 2 / 3); }
            if (kind == 2) { causal(c, input, std::max(0, c.cells - c.tokens)); }
            if (kind == 3) { scattered(c, input); }
            const std::vector<float> found = compute(c, input, 2);
            const double             error = relative_error(found, reference(c, input));
            int                      other = 0;
            for (const int threads : { 1, 7 }) {
                other += memcmp(found.data(), compute(c, input, threads).data(), found.size() * sizeof(float)) != 0;
            }
            for (int t = 0; t < c.tokens; ++t) { other += differs_alone(c, input, t, found); }
            const bool good = error < 3e-6 && other == 0;
            wrong += !good;
            std::printf("%-28s %-10s error %.1e, %d differ%s\n", c.name, kinds[kind], error, other, good ? "" : "  WRONG");
        }
    }
    return wrong == 0 ? 0 : 1;
}

int time() {
    struct Timed {
        Case c;
        int  shared;
        bool prompt;
    };
    const Timed cases[] = {
        { { "0.5B: 64 tokens behind 79", 64, 64, 14, 2, 64, 256, F16, BF16 }, 79, false },
        { { "0.5B: 64 tokens behind 600", 64, 64, 14, 2, 64, 768, F16, BF16 }, 600, false },
        { { "0.5B: 64 tokens behind 1500", 64, 64, 14, 2, 64, 1792, F16, BF16 }, 1500, false },
        { { "0.5B: 64 tokens behind 2200", 64, 64, 14, 2, 64, 2560, F16, BF16 }, 2200, false },
        { { "0.5B: 32 answers behind 1500", 64, 64, 14, 2, 32, 2816, F16, BF16 }, 1500, false },
        { { "0.5B: a prompt of 256", 64, 64, 14, 2, 256, 256, F16, BF16 }, 0, true },
        { { "0.5B: 256 of a prompt, from 1280", 64, 64, 14, 2, 256, 1536, F16, BF16 }, 1280, true },
        { { "0.5B: one token at 1500", 64, 64, 14, 2, 1, 1536, F16, BF16 }, 1500, false },
        { { "135M: 32 answers behind 79", 64, 64, 9, 3, 32, 768, F16, BF16 }, 79, false },
        { { "8B: 32 tokens behind 1500", 128, 128, 32, 8, 32, 1792, F16, BF16 }, 1500, false },
        { { "8B: one token at 1500", 128, 128, 32, 8, 1, 1536, F16, BF16 }, 1500, false },
        { { "32 heads, none shared: 8 answers", 128, 128, 32, 32, 8, 1600, F16, BF16 }, 0, false },
        { { "32 heads, none shared: one token", 128, 128, 32, 32, 1, 1536, F16, BF16 }, 1500, false },
    };
    for (const Timed & timed : cases) {
        Input input = random_input(timed.c, 5);
        timed.prompt ? causal(timed.c, input, timed.shared) : wave(timed.c, input, timed.shared);
        double best = std::numeric_limits<double>::infinity();
        compute(timed.c, input, 2, 12, &best);
        std::printf("%s\t%.4f\n", timed.c.name, best);
    }
    return 0;
}

} // namespace

int main(int count, char ** arguments) {
    return count > 1 && std::string(arguments[1]) == "time" ? time() : check();
}
