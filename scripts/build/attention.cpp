// Attention on the CPU, for many rows that share a prefix. scripts/build/llama-cpp.cmake compiles this
// file into llama.cpp's CPU back end, in place of its `ggml_compute_forward_flash_attn_ext`; it uses
// llama.cpp's internal headers of the version that Cargo.toml pins.
//
// A *row* is one query of one head. A *cell* is one key and value of the KV cache. The result of a row
// is a function of the row and of the cells that it sees, in their order; it does not depend on the
// other rows of the batch, on other cells, or on the number of threads:
//
// - a score is a sum over the components of the key, one after the other,
// - the highest score of a row does not depend on the order in which it is found,
// - a row's weights and its weighted values are added up cell by cell; a cell that the row does not see
//   adds nothing at all or an exact zero.
//
// Rows are the lanes of vectors. So keys and values are converted to 32 bits once for a block of up to
// 64 rows, and a product with a key reads its components as scalars.

#include "ggml-cpu-impl.h"
#include "ggml-cpu.h"
#include "ggml-impl.h"
#include "ops.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

// llama.cpp's own function, which the build renames.
extern "C" void ggml_compute_forward_flash_attn_ext_upstream(const ggml_compute_params * params, ggml_tensor * dst);

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
constexpr int SCORE_CELLS = 8, VALUE_ROWS = 4, VALUE_VECTORS = 4; // of 32 registers
#elif defined(__AVX__)
constexpr int LANES = 8;
constexpr int SCORE_CELLS = 4, VALUE_ROWS = 4, VALUE_VECTORS = 2; // of 16 registers
#elif defined(__aarch64__)
constexpr int LANES = 4;
constexpr int SCORE_CELLS = 8, VALUE_ROWS = 4, VALUE_VECTORS = 4; // of 32 registers
#else
constexpr int LANES = 4;
constexpr int SCORE_CELLS = 4, VALUE_ROWS = 4, VALUE_VECTORS = 2; // of 16 registers
#endif

typedef float   vec  __attribute__((vector_size(LANES * 4)));
typedef float   uvec __attribute__((vector_size(LANES * 4), aligned(4), may_alias)); // in memory, not aligned
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));

inline vec  load(const float * p) { return *(const uvec *) p; }
inline void store(float * p, vec x) { *(uvec *) p = x; }
inline vec  all(float x) { return x - vec{}; }

// a * b + c, rounded once wherever the CPU can: the compiler is not asked, so that all places agree.
inline vec fma(vec a, vec b, vec c) {
#if defined(__AVX512F__)
    return (vec) _mm512_fmadd_ps((__m512) a, (__m512) b, (__m512) c);
#elif defined(__FMA__)
    return (vec) _mm256_fmadd_ps((__m256) a, (__m256) b, (__m256) c);
#elif defined(__aarch64__)
    return (vec) vfmaq_f32((float32x4_t) c, (float32x4_t) a, (float32x4_t) b);
#else
    return a * b + c;
#endif
}

inline vec max(vec a, vec b) { return a > b ? a : b; }

// e to the power of x <= 0, and 0 below -87, for minus infinity too. Reduction and polynomial are those of
// Cephes' expf.
inline vec exp_negative(vec x) {
    const vec  clamped = max(x, all(-87.0f));
    const vec  shift   = all(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer
    const vec  k       = fma(clamped, all(1.44269504f), shift) - shift;
    const vec  r       = fma(k, all(2.12194440e-4f), fma(k, all(-0.693359375f), clamped));
    vec        p       = all(1.9875691500e-4f);
    p = fma(p, r, all(1.3981999507e-3f));
    p = fma(p, r, all(8.3334519073e-3f));
    p = fma(p, r, all(4.1665795894e-2f));
    p = fma(p, r, all(1.6666665459e-1f));
    p = fma(p, r, all(5.0000001201e-1f));
    p = fma(p, r * r, r + all(1.0f));
    const ivec power = (__builtin_convertvector(k, ivec) + 127) << 23;
    return x > all(-87.0f) ? p * (vec) power : vec{};
}

constexpr int     ROWS    = 64; // at most, in a block
constexpr int     TILE    = 64; // cells that are converted together
constexpr int     AHEAD   = 8;  // cells of one head lie far apart in memory, so that no CPU foresees them
constexpr int64_t SCORES  = 1 << 18; // scores that a block may keep: one megabyte

constexpr float NEVER = -std::numeric_limits<float>::infinity();

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Products of VECTORS vectors of rows with SCORE_CELLS keys.
// query: [size][query_stride], keys: [cell][size], scores: [cell][width].
template <int VECTORS>
inline void multiply(const float * query, int64_t query_stride, const float * keys, int64_t size,
                     float * scores, int64_t width) {
    vec sum[SCORE_CELLS][VECTORS] = {};
    for (int64_t d = 0; d < size; ++d) {
        vec q[VECTORS];
        for (int v = 0; v < VECTORS; ++v) { q[v] = load(query + d * query_stride + v * LANES); }
        for (int c = 0; c < SCORE_CELLS; ++c) {
            const vec key = all(keys[c * size + d]);
            for (int v = 0; v < VECTORS; ++v) { sum[c][v] = fma(q[v], key, sum[c][v]); }
        }
    }
    for (int c = 0; c < SCORE_CELLS; ++c) {
        for (int v = 0; v < VECTORS; ++v) { store(scores + c * width + v * LANES, sum[c][v]); }
    }
}

// Products of `width` rows, a multiple of LANES, with `cells` keys, a multiple of SCORE_CELLS.
void score(const float * query, int64_t query_stride, const float * keys, int64_t size, int64_t cells,
           float * scores, int64_t width) {
    int64_t row = 0;
    for (; row + 2 * LANES <= width; row += 2 * LANES) {
        for (int64_t c = 0; c < cells; c += SCORE_CELLS) {
            multiply<2>(query + row, query_stride, keys + c * size, size, scores + c * width + row, width);
        }
    }
    for (; row < width; row += LANES) {
        for (int64_t c = 0; c < cells; c += SCORE_CELLS) {
            multiply<1>(query + row, query_stride, keys + c * size, size, scores + c * width + row, width);
        }
    }
}

// Adds the values of `cells` cells to COUNT rows, from column `column` on, in VECTORS vectors.
// weights: [cell][width], values: [cell][size], output: [row][size].
template <int COUNT, int VECTORS>
inline void add_columns(const float * weights, int64_t width, const float * values, int64_t size,
                        int64_t cells, float * output, int64_t column) {
    vec sum[COUNT][VECTORS];
    for (int r = 0; r < COUNT; ++r) {
        for (int v = 0; v < VECTORS; ++v) { sum[r][v] = load(output + r * size + column + v * LANES); }
    }
    for (int64_t c = 0; c < cells; ++c) {
        vec value[VECTORS];
        for (int v = 0; v < VECTORS; ++v) { value[v] = load(values + c * size + column + v * LANES); }
        for (int r = 0; r < COUNT; ++r) {
            const vec weight = all(weights[c * width + r]);
            for (int v = 0; v < VECTORS; ++v) { sum[r][v] = fma(weight, value[v], sum[r][v]); }
        }
    }
    for (int r = 0; r < COUNT; ++r) {
        for (int v = 0; v < VECTORS; ++v) { store(output + r * size + column + v * LANES, sum[r][v]); }
    }
}

template <int COUNT>
inline void add_values(const float * weights, int64_t width, const float * values, int64_t size,
                       int64_t cells, float * output) {
    int64_t column = 0;
    for (; column + VALUE_VECTORS * LANES <= size; column += VALUE_VECTORS * LANES) {
        add_columns<COUNT, VALUE_VECTORS>(weights, width, values, size, cells, output, column);
    }
    for (; column < size; column += LANES) {
        add_columns<COUNT, 1>(weights, width, values, size, cells, output, column);
    }
}

// Adds the values of `cells` cells, weighted, to `rows` rows.
void add(const float * weights, int64_t width, const float * values, int64_t size, int64_t cells,
         float * output, int64_t rows) {
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        add_values<4>(weights + row, width, values, size, cells, output + row * size);
    }
    switch (rows - row) {
        case 3: add_values<3>(weights + row, width, values, size, cells, output + row * size); break;
        case 2: add_values<2>(weights + row, width, values, size, cells, output + row * size); break;
        case 1: add_values<1>(weights + row, width, values, size, cells, output + row * size); break;
        default: break;
    }
}

// The largest score of each row of `width`, over `cells` cells, into `highest`.
void take_highest(const float * scores, int64_t cells, int64_t width, float * highest) {
    for (int64_t row = 0; row < width; row += LANES) {
        vec top = load(highest + row);
        for (int64_t c = 0; c < cells; ++c) { top = max(load(scores + c * width + row), top); }
        store(highest + row, top);
    }
}

// Turns scores into weights, relative to the highest score of each row, and adds them to `sums`.
void weigh(float * scores, int64_t cells, int64_t width, const float * highest, float * sums) {
    for (int64_t row = 0; row < width; row += LANES) {
        const vec top = load(highest + row);
        vec       sum = load(sums + row);
        for (int64_t c = 0; c < cells; ++c) {
            float * at     = scores + c * width + row;
            const vec here = exp_negative(load(at) - top);
            sum += here;
            store(at, here);
        }
        store(sums + row, sum);
    }
}

// The operation with everything that its blocks have in common.
struct Attention {
    const ggml_tensor * query;
    const ggml_tensor * keys;
    const ggml_tensor * values;
    const ggml_tensor * mask;  // null: every row sees every cell
    const ggml_tensor * sinks; // null: no head has one
    ggml_tensor *       output;

    int64_t key_size, value_size, value_width; // value_width: value_size rounded up to whole vectors
    int64_t cells, tiles;
    float   scale, softcap, slope_base, slope_base_odd;
    int64_t slope_heads; // 0: the mask is added as it is

    explicit Attention(ggml_tensor * dst)
        : query(dst->src[0]), keys(dst->src[1]), values(dst->src[2]), mask(dst->src[3]), sinks(dst->src[4]),
          output(dst), key_size(keys->ne[0]), value_size(values->ne[0]),
          value_width(round_up(value_size, LANES)), cells(keys->ne[1]), tiles((cells + TILE - 1) / TILE) {
        float max_bias;
        memcpy(&scale, dst->op_params, sizeof(float));
        memcpy(&max_bias, dst->op_params + 1, sizeof(float));
        memcpy(&softcap, dst->op_params + 2, sizeof(float));
        if (softcap != 0.0f) { scale /= softcap; }
        slope_heads    = max_bias > 0.0f ? int64_t(1) << int(std::floor(std::log2(double(query->ne[2])))) : 0;
        slope_base     = slope_heads ? std::pow(2.0f, -max_bias / slope_heads) : 1.0f;
        slope_base_odd = slope_heads ? std::pow(2.0f, -max_bias / 2.0f / slope_heads) : 1.0f;
    }

    // The factor of the mask for a head (ALiBi).
    float slope(int64_t head) const {
        if (slope_heads == 0) { return 1.0f; }
        return head < slope_heads ? std::pow(slope_base, float(head + 1))
                                  : std::pow(slope_base_odd, float(2 * (head - slope_heads) + 1));
    }

    static const char * at(const ggml_tensor * t, int64_t i1, int64_t i2, int64_t i3) {
        return (const char *) t->data + i1 * t->nb[1] + i2 * t->nb[2] + i3 * t->nb[3];
    }

    const ggml_fp16_t * mask_of(int64_t token, int64_t stream) const {
        return (const ggml_fp16_t *) at(mask, token, 0, stream % mask->ne[3]);
    }
};

// Rows that are computed together: `heads` heads that share keys and values, of `tokens` tokens.
struct Block {
    int64_t stream, head, heads, token, tokens;
};

// Consecutive tiles that are treated alike.
struct Run {
    bool    together;    // all rows over all cells; else each token over the cells that it sees
    int64_t first, last; // tiles, last excluded
};

void to_floats(const ggml_tensor * tensor, const char * from, float * to, int64_t size) {
    switch (tensor->type) {
        case GGML_TYPE_F32:  memcpy(to, from, size * sizeof(float)); break;
        case GGML_TYPE_F16:  ggml_cpu_fp16_to_fp32((const ggml_fp16_t *) from, to, size); break;
        case GGML_TYPE_BF16: ggml_cpu_bf16_to_fp32((const ggml_bf16_t *) from, to, size); break;
        default:             ggml_get_type_traits(tensor->type)->to_float(from, to, size); break;
    }
}

// Computes one block after the other, in memory that it keeps.
class Worker {
    std::vector<float>    query, highest, sums, scores, own_scores, tile, result;
    std::vector<uint64_t> seen;               // [token][tile], a bit for each cell
    std::vector<uint8_t>  biased;             // [tile], whether the mask has a value other than 0 and -inf
    std::vector<Run>      runs;
    std::vector<std::vector<int32_t>> own;    // [token], the cells of runs that are not together
    std::vector<std::vector<int64_t>> starts; // [token][run], where the run's cells begin in `own`

    const Attention * op = nullptr;
    Block             block{};
    int64_t rows = 0, width = 0, stride = 0, own_width = 0, own_stride = 0;

    void read_queries() {
        query.assign(op->key_size * stride, 0.0f);
        for (int64_t t = 0; t < block.tokens; ++t) {
            for (int64_t h = 0; h < block.heads; ++h) {
                const float * from =
                    (const float *) Attention::at(op->query, block.token + t, block.head + h, block.stream);
                float * to = query.data() + t * block.heads + h;
                for (int64_t d = 0; d < op->key_size; ++d) { to[d * stride] = from[d] * op->scale; }
            }
        }
    }

    void read_mask() {
        constexpr ggml_fp16_t HIDDEN = 0xFC00, ZERO = 0, MINUS_ZERO = 0x8000;
        seen.assign(block.tokens * op->tiles, 0);
        biased.assign(op->tiles, 0);
        for (int64_t t = 0; t < block.tokens; ++t) {
            const ggml_fp16_t * mask = op->mask ? op->mask_of(block.token + t, block.stream) : nullptr;
            for (int64_t i = 0; i < op->tiles; ++i) {
                const int64_t first = i * TILE, count = std::min<int64_t>(TILE, op->cells - first);
                uint64_t bits = 0;
                bool     bias = false;
                for (int64_t c = 0; c < count; ++c) {
                    const ggml_fp16_t value = mask ? mask[first + c] : ZERO;
                    bits |= uint64_t(value != HIDDEN) << c;
                    bias |= value != HIDDEN && value != ZERO && value != MINUS_ZERO;
                }
                seen[t * op->tiles + i] = bits;
                biased[i] |= bias;
            }
        }
    }

    // Decides for each tile how it is computed, by the number of products; the result is the same.
    void plan_runs() {
        const int64_t reading       = 2 * (op->key_size + op->value_width); // converting a key and a value
        const int64_t cell_together = width * op->key_size + rows * op->value_width + reading;
        const int64_t cell_own      = own_width * op->key_size + block.heads * op->value_width + reading;
        runs.clear();
        own.resize(std::max<size_t>(own.size(), block.tokens));
        starts.resize(std::max<size_t>(starts.size(), block.tokens));
        for (int64_t t = 0; t < block.tokens; ++t) { own[t].clear(); starts[t].clear(); }
        for (int64_t i = 0; i < op->tiles; ++i) {
            int64_t pairs = 0;
            for (int64_t t = 0; t < block.tokens; ++t) {
                pairs += __builtin_popcountll(seen[t * op->tiles + i]);
            }
            if (pairs == 0) { continue; }
            const bool together = pairs * cell_own >= TILE * cell_together;
            if (runs.empty() || runs.back().together != together || (together && runs.back().last != i)) {
                runs.push_back({ together, i, i });
                for (int64_t t = 0; t < block.tokens; ++t) { starts[t].push_back(own[t].size()); }
            }
            runs.back().last = i + 1;
            if (together) { continue; }
            for (int64_t t = 0; t < block.tokens; ++t) {
                for (uint64_t bits = seen[t * op->tiles + i]; bits != 0; bits &= bits - 1) {
                    own[t].push_back(i * TILE + __builtin_ctzll(bits));
                }
            }
        }
        for (int64_t t = 0; t < block.tokens; ++t) { starts[t].push_back(own[t].size()); }
    }

    // Converts rows of the cache into `tile`, each `size` long, and fills up to a multiple of SCORE_CELLS
    // rows with zeros.
    template <class CellAt>
    int64_t read_cells(const ggml_tensor * from, int64_t count, int64_t size, CellAt cell_at) {
        const int64_t filled = round_up(count, SCORE_CELLS), head = block.head / (op->query->ne[2] / from->ne[2]);
        const int64_t stream = block.stream / (op->query->ne[3] / from->ne[3]);
        const size_t  bytes  = ggml_row_size(from->type, from->ne[0]);
        for (int64_t c = 0; c < count; ++c) {
            float * to = tile.data() + c * size;
            if (c + AHEAD < count) {
                const char * next = Attention::at(from, cell_at(c + AHEAD), head, stream);
                for (size_t line = 0; line < bytes; line += 64) { __builtin_prefetch(next + line); }
            }
            to_floats(from, Attention::at(from, cell_at(c), head, stream), to, from->ne[0]);
            std::fill(to + from->ne[0], to + size, 0.0f);
        }
        std::fill(tile.data() + count * size, tile.data() + filled * size, 0.0f);
        return filled;
    }

    void cap(float * at, int64_t count) const {
        if (op->softcap == 0.0f) { return; }
        for (int64_t i = 0; i < count; ++i) { at[i] = op->softcap * std::tanh(at[i]); }
    }

    // Adds the mask to the scores of one tile for all rows, and hides what a row does not see.
    void mask_tile(float * at, int64_t i) const {
        cap(at, TILE * width);
        for (int64_t t = 0; t < block.tokens; ++t) {
            const uint64_t bits = seen[t * op->tiles + i];
            if (bits == ~uint64_t(0) && !biased[i]) { continue; }
            const ggml_fp16_t * mask = biased[i] ? op->mask_of(block.token + t, block.stream) + i * TILE : nullptr;
            for (int64_t c = 0; c < TILE; ++c) {
                float * to = at + c * width + t * block.heads;
                if (!(bits >> c & 1)) {
                    std::fill(to, to + block.heads, NEVER);
                } else if (mask) {
                    const float bias = ggml_fp16_to_fp32(mask[c]);
                    for (int64_t h = 0; h < block.heads; ++h) { to[h] += op->slope(block.head + h) * bias; }
                }
            }
        }
    }

    float * own_at(int64_t t, int64_t index) { return own_scores.data() + (t * own_stride + index) * own_width; }

    void score_own(int64_t t, int64_t from, int64_t to) {
        for (int64_t first = from; first < to; first += TILE) {
            const int64_t   count = std::min<int64_t>(TILE, to - first);
            const int32_t * cells = own[t].data() + first;
            float *         at    = own_at(t, first);
            const int64_t   filled =
                read_cells(op->keys, count, op->key_size, [&](int64_t c) { return int64_t(cells[c]); });
            score(query.data() + t * block.heads, stride, tile.data(), op->key_size, filled, at, own_width);
            cap(at, count * own_width);
            for (int64_t c = 0; c < count; ++c) {
                if (!biased[cells[c] / TILE]) { continue; }
                const float bias = ggml_fp16_to_fp32(op->mask_of(block.token + t, block.stream)[cells[c]]);
                for (int64_t h = 0; h < block.heads; ++h) {
                    at[c * own_width + h] += op->slope(block.head + h) * bias;
                }
            }
        }
    }

    // Runs `apply(scores, cells, width, highest, sums)` over all scores, run by run. The rows of one token are
    // copied out and back, because their last vector reaches into the rows of the next token.
    template <class Apply>
    void over_scores(Apply apply) {
        float   lanes[2][ROWS];
        int64_t done = 0;
        for (size_t r = 0; r < runs.size(); ++r) {
            if (runs[r].together) {
                const int64_t count = (runs[r].last - runs[r].first) * TILE;
                apply(scores.data() + done * width, count, width, highest.data(), sums.data());
                done += count;
                continue;
            }
            for (int64_t t = 0; t < block.tokens; ++t) {
                const int64_t from = starts[t][r], to = starts[t][r + 1], row = t * block.heads;
                if (from == to) { continue; }
                memcpy(lanes[0], highest.data() + row, own_width * sizeof(float));
                memcpy(lanes[1], sums.data() + row, own_width * sizeof(float));
                apply(own_at(t, from), to - from, own_width, lanes[0], lanes[1]);
                memcpy(highest.data() + row, lanes[0], block.heads * sizeof(float));
                memcpy(sums.data() + row, lanes[1], block.heads * sizeof(float));
            }
        }
    }

    void compute_scores() {
        int64_t together = 0, longest = 0;
        for (const Run & run : runs) { together += run.together ? (run.last - run.first) * TILE : 0; }
        for (int64_t t = 0; t < block.tokens; ++t) { longest = std::max<int64_t>(longest, own[t].size()); }
        own_stride = longest + TILE; // the last keys of a run are filled up
        scores.resize(std::max<size_t>(scores.size(), together * width));
        own_scores.resize(std::max<size_t>(own_scores.size(), longest ? block.tokens * own_stride * own_width : 0));

        float * at = scores.data();
        for (size_t r = 0; r < runs.size(); ++r) {
            if (!runs[r].together) {
                for (int64_t t = 0; t < block.tokens; ++t) { score_own(t, starts[t][r], starts[t][r + 1]); }
                continue;
            }
            for (int64_t i = runs[r].first; i < runs[r].last; ++i, at += TILE * width) {
                const int64_t count = std::min<int64_t>(TILE, op->cells - i * TILE);
                const int64_t filled =
                    read_cells(op->keys, count, op->key_size, [&](int64_t c) { return i * TILE + c; });
                score(query.data(), stride, tile.data(), op->key_size, filled, at, width);
                mask_tile(at, i);
            }
        }
    }

    void compute_weights() {
        highest.assign(width + LANES, NEVER);
        sums.assign(width + LANES, 0.0f);
        over_scores([](float * at, int64_t count, int64_t wide, float * top, float *) {
            take_highest(at, count, wide, top);
        });
        const float * sinks = op->sinks ? (const float *) op->sinks->data + block.head : nullptr;
        for (int64_t r = 0; r < rows; ++r) {
            if (sinks) { highest[r] = std::max(highest[r], sinks[r % block.heads]); }
            if (highest[r] == NEVER) { highest[r] = 0.0f; } // sees nothing: all its weights are 0
        }
        over_scores([](float * at, int64_t count, int64_t wide, float * top, float * sum) {
            weigh(at, count, wide, top, sum);
        });
        if (sinks) {
            for (int64_t r = 0; r < rows; ++r) { sums[r] += std::exp(sinks[r % block.heads] - highest[r]); }
        }
    }

    void compute_values() {
        result.assign(rows * op->value_width, 0.0f);
        const float * at = scores.data();
        for (size_t r = 0; r < runs.size(); ++r) {
            if (runs[r].together) {
                for (int64_t i = runs[r].first; i < runs[r].last; ++i, at += TILE * width) {
                    const int64_t count = std::min<int64_t>(TILE, op->cells - i * TILE);
                    read_cells(op->values, count, op->value_width, [&](int64_t c) { return i * TILE + c; });
                    add(at, width, tile.data(), op->value_width, count, result.data(), rows);
                }
                continue;
            }
            for (int64_t t = 0; t < block.tokens; ++t) {
                for (int64_t first = starts[t][r]; first < starts[t][r + 1]; first += TILE) {
                    const int64_t count = std::min<int64_t>(TILE, starts[t][r + 1] - first);
                    read_cells(op->values, count, op->value_width, [&](int64_t c) { return int64_t(own[t][first + c]); });
                    add(own_at(t, first), own_width, tile.data(), op->value_width, count,
                        result.data() + t * block.heads * op->value_width, block.heads);
                }
            }
        }
    }

    void write() const {
        const ggml_tensor * out = op->output;
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t token = block.token + r / block.heads, head = block.head + r % block.heads;
            const float   factor = sums[r] == 0.0f ? 0.0f : 1.0f / sums[r];
            const float * from   = result.data() + r * op->value_width;
            float * to = (float *) ((char *) out->data + head * out->nb[1] + token * out->nb[2] + block.stream * out->nb[3]);
            for (int64_t d = 0; d < op->value_size; ++d) { to[d] = from[d] * factor; }
        }
    }

  public:
    void compute(const Attention & attention, const Block & which) {
        op         = &attention;
        block      = which;
        rows       = block.heads * block.tokens;
        width      = round_up(rows, LANES);
        stride     = width + LANES;
        own_width  = round_up(block.heads, LANES);
        tile.resize(std::max<size_t>(tile.size(), TILE * std::max(op->key_size, op->value_width)));
        read_queries();
        read_mask();
        plan_runs();
        compute_scores();
        compute_weights();
        compute_values();
        write();
    }
};

} // namespace

void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst) {
    const Attention op(dst);
    const auto readable = [](const ggml_tensor * t) {
        return t->nb[0] == ggml_type_size(t->type) &&
               (t->type == GGML_TYPE_F32 || ggml_get_type_traits(t->type)->to_float != nullptr);
    };
    // One mask for all heads, and 32-bit queries, are all that llama.cpp builds.
    if (op.query->type != GGML_TYPE_F32 || !readable(op.keys) || !readable(op.values) ||
        (op.mask && (op.mask->type != GGML_TYPE_F16 || op.mask->ne[2] != 1))) {
        ggml_compute_forward_flash_attn_ext_upstream(params, dst);
        return;
    }

    // Heads that share keys and values, in parts that give each thread about two blocks.
    const int64_t tokens = op.query->ne[1], streams = op.query->ne[3];
    const int64_t sharing = op.query->ne[2] / std::max(op.keys->ne[2], op.values->ne[2]);
    const int64_t groups = op.query->ne[2] / sharing * streams, wanted = (2 * params->nth + groups - 1) / groups;
    const int64_t room  = std::clamp<int64_t>(SCORES / std::max<int64_t>(1, op.cells), LANES, ROWS);
    int64_t heads = std::min(sharing, room);
    const int64_t few = std::max<int64_t>(1, std::min(room / heads, (tokens + wanted - 1) / wanted));
    const int64_t token_parts = (tokens + few - 1) / few;
    if (token_parts < wanted) { // too few tokens for the threads: heads are divided too
        const int64_t parts = std::min(heads, (wanted + token_parts - 1) / token_parts);
        heads = (heads + parts - 1) / parts;
    }
    const int64_t head_parts = (sharing + heads - 1) / heads;
    const int64_t blocks = groups * head_parts * token_parts;

    if (params->ith == 0) { ggml_threadpool_chunk_set(params->threadpool, params->nth); }
    ggml_barrier(params->threadpool);

    thread_local Worker worker;
    for (int64_t i = params->ith; i < blocks; i = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        const int64_t token = i % token_parts * few, part = i / token_parts % head_parts * heads;
        const int64_t group = i / token_parts / head_parts;
        const int64_t per_stream = groups / streams;
        worker.compute(op, { group / per_stream, group % per_stream * sharing + part,
                             std::min(heads, sharing - part), token, std::min(few, tokens - token) });
    }
}
