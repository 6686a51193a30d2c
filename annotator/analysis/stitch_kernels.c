/* Windows of a network to volumes: the loops of stitch_kernels.py. See kernels.c for what holds of all
 * these files.
 */
#include "kernels.h"

/* Wider registers where the processor has them: a loop over rows of floats is twice as fast. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline)) /* or it is not WIDE */
#define PREFETCH(place) __builtin_prefetch(place)
#else
#define INLINE static inline
#define PREFETCH(place) ((void)(place))
#endif
#define AT_ONCE 256

/* A row of what a network gave, of `next` to read after it. */
typedef struct {
    const float *values;
    int64_t next;
    float weight[AT_ONCE];
} given_row;

INLINE void weigh_row(given_row *row, float both, const float *along_x, float least, int64_t n) {
    for (int64_t x = 0; x < n; x++) {
        const float own = both * along_x[x];
        row->weight[x] = own > least ? own : least;
    }
}

/* Add one row, or two at once where there is a second. */
INLINE void add_rows(float *restrict sum, int64_t next, const given_row *one,
                     const given_row *other, int64_t label_at, int64_t n) {
    const float *restrict first = one->values + label_at;
    const float *restrict of_first = one->weight;
    for (int64_t x = 0; x < n; x += 16) {
        PREFETCH(first + one->next + x);
        PREFETCH(sum + next + x);
    }
    if (!other) {
        for (int64_t x = 0; x < n; x++) sum[x] += first[x] * of_first[x];
        return;
    }
    const float *restrict second = other->values + label_at;
    const float *restrict of_second = other->weight;
    for (int64_t x = 0; x < n; x += 16) PREFETCH(second + other->next + x);
    for (int64_t x = 0; x < n; x++) sum[x] += first[x] * of_first[x] + second[x] * of_second[x];
}

/* Sum rows of windows, (label, z, y, x) with x contiguous and strides in floats, each weighed by
 * max(z * y * x, least). Each of `spans` is columns of the windows, from and to, and where they lie
 * in `sums` and in `source`. Sums go on from those of `source` (where they may lie as well), or from
 * nothing where that is -1. A row of sums is read and written once for all windows. */
WIDE EXPORTED void sum_windows(const float *const *given, const float *const *weight_z,
                               const float *const *weight_y, int32_t n_given, const int64_t *from,
                               float *sums, const int64_t *to, const float *source,
                               const int64_t *come, const int64_t *spans, int32_t n_spans,
                               const int64_t *size, const float *weight_x, float least) {
    given_row rows[2];
    for (int64_t z = 0; z < size[1]; z++)
        for (int64_t y = 0; y < size[2]; y++)
            for (int32_t part = 0; part < n_spans; part++) {
                const int64_t *span = spans + 4 * part;
                for (int64_t x = span[0]; x < span[1]; x += AT_ONCE) {
                    const int64_t n = span[1] - x < AT_ONCE ? span[1] - x : AT_ONCE;
                    float *sum = sums + z * to[1] + y * to[2] + span[2] + x - span[0];
                    const float *old = source + z * come[1] + y * come[2] + span[3] + x - span[0];
                    for (int32_t i = 0; i == 0 || i < n_given; i += 2) {
                        const int32_t n_rows = n_given - i < 2 ? n_given - i : 2;
                        for (int32_t k = 0; k < n_rows; k++) {
                            const float both = weight_z[i + k][z] * weight_y[i + k][y];
                            weigh_row(rows + k, both, weight_x + x, least, n);
                            rows[k].values = given[i + k] + z * from[1] + y * from[2] + x;
                            rows[k].next = from[2];
                        }
                        for (int64_t label = 0; label < size[0]; label++) {
                            float *own = sum + label * to[0];
                            if (i == 0 && span[3] < 0)
                                memset(own, 0, n * sizeof *own);
                            else if (i == 0 && old + label * come[0] != own)
                                memcpy(own, old + label * come[0], n * sizeof *own);
                            if (n_rows)
                                add_rows(own, to[2], rows, n_rows > 1 ? rows + 1 : NULL,
                                         label * from[0], n);
                        }
                    }
                }
            }
}

/* Write which sum, (label, a, b, c) with c contiguous, is highest, the first of equals; where
 * `is_open`, one more than that, and 0 where none is above `floor`. */
WIDE EXPORTED void choose_highest(const float *sums, const int64_t *from, const int64_t *size,
                                  int32_t is_open, float floor, uint8_t *chosen, const int64_t *to) {
    float best[AT_ONCE];
    int32_t label_of[AT_ONCE];
    for (int64_t a = 0; a < size[1]; a++)
        for (int64_t b = 0; b < size[2]; b++)
            for (int64_t first = 0; first < size[3]; first += AT_ONCE) {
                const int64_t n = size[3] - first < AT_ONCE ? size[3] - first : AT_ONCE;
                const float *row = sums + a * from[1] + b * from[2] + first;
                uint8_t *out = chosen + a * to[0] + b * to[1] + first * to[2];
                for (int64_t c = 0; c < n; c++) {
                    best[c] = is_open ? floor : row[c];
                    label_of[c] = 0;
                }
                for (int64_t label = is_open ? 0 : 1; label < size[0]; label++) {
                    const float *restrict value = row + label * from[0];
                    const int32_t own = (int32_t)label + (is_open ? 1 : 0);
                    for (int64_t c = 0; c < n; c++) {
                        const int32_t is_higher = value[c] > best[c];
                        label_of[c] = is_higher ? own : label_of[c];
                        best[c] = is_higher ? value[c] : best[c];
                    }
                }
                for (int64_t c = 0; c < n; c++) out[c * to[2]] = (uint8_t)label_of[c];
            }
}
