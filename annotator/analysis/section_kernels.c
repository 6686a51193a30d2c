/* Signed distances in a slice, and shapes between two slices. */
#include "kernels.h"

typedef struct {
    int64_t *at;    /* columns whose parabolas are lowest somewhere */
    double *begins; /* and from where on */
    double *height;
} Envelope;

/* For each column the least of height[i] + (step * (column - i))², the heights being none where
 * infinite (Felzenszwalb and Huttenlocher, Theory of Computing 8, 2012). Written to places of `wanted`. */
static void lower_envelope(Envelope *low, int64_t n, double step, const uint8_t *is_inside, uint8_t wanted,
                           float sign, float *out) {
    const double square = step * step;
    int64_t last = -1;
    for (int64_t i = 0; i < n; i++) {
        if (low->height[i] == INFINITY) continue;
        double begin = -INFINITY;
        while (last >= 0) {
            const int64_t other = low->at[last];
            begin = ((low->height[i] - low->height[other]) / square + (double)(i * i - other * other)) /
                    (double)(2 * (i - other));
            if (begin > low->begins[last]) break;
            last--;
            begin = -INFINITY;
        }
        low->at[++last] = i;
        low->begins[last] = begin;
    }
    if (last < 0) return;
    for (int64_t i = 0, found = 0; i < n; i++) {
        while (found < last && low->begins[found + 1] < (double)i) found++;
        if (is_inside[i] != wanted) continue;
        const double across = step * (double)(i - low->at[found]);
        out[i] = sign * (float)sqrt(low->height[low->at[found]] + across * across);
    }
}

/* The distance of each pixel to the nearest one on the other side, negative outside. There must be both.
 * NO_MEMORY without it, else 0. */
EXPORTED int64_t section_distances(const uint8_t *is_inside, int64_t rows, int64_t columns, double down,
                                   double right, float *distances) {
    int64_t result = NO_MEMORY;
    Envelope low = {malloc((size_t)columns * sizeof *low.at), malloc((size_t)columns * sizeof *low.begins),
                    malloc((size_t)columns * sizeof *low.height)};
    /* How many rows it is to the other side within the column, both ways. */
    float *const apart = malloc((size_t)(rows * columns) * sizeof *apart);
    if (!low.at || !low.begins || !low.height || !apart) goto end;
    for (int64_t x = 0; x < columns; x++) apart[x] = INFINITY;
    for (int64_t i = columns; i < rows * columns; i++)
        apart[i] = is_inside[i] != is_inside[i - columns] ? 1.0f : apart[i - columns] + 1.0f;
    for (int64_t i = (rows - 1) * columns - 1; i >= 0; i--) {
        const float back = is_inside[i] != is_inside[i + columns] ? 1.0f : apart[i + columns] + 1.0f;
        if (back < apart[i]) apart[i] = back;
    }
    for (int64_t y = 0; y < rows; y++) {
        const uint8_t *const row = is_inside + y * columns;
        int has[2] = {0, 0};
        for (int64_t x = 0; x < columns; x++) has[row[x]] = 1;
        for (uint8_t side = 0; side < 2; side++) {
            if (!has[side]) continue;
            for (int64_t x = 0; x < columns; x++) {
                const double way = row[x] == side ? down * (double)apart[y * columns + x] : 0.0;
                low.height[x] = way * way;
            }
            lower_envelope(&low, columns, right, row, side, side ? 1.0f : -1.0f, distances + y * columns);
        }
    }
    result = 0;
end:
    free(low.at);
    free(low.begins);
    free(low.height);
    free(apart);
    return result;
}

static inline int64_t clamped(int64_t at, int64_t n) { return at < 0 ? 0 : at >= n ? n - 1 : at; }

/* Add `share` of a field, moved by (down, right) pixels, to another; at the rim it goes on as it is there. */
EXPORTED void add_moved(const float *field, int64_t rows, int64_t columns, double down, double right,
                        double share, float *sum) {
    const double whole_down = floor(down), whole_right = floor(right);
    const float part_down = (float)(down - whole_down), part_right = (float)(right - whole_right);
    for (int64_t y = 0; y < rows; y++) {
        const int64_t from = y - (int64_t)whole_down;
        const float *const here = field + clamped(from, rows) * columns;
        const float *const before = field + clamped(from - 1, rows) * columns;
        for (int64_t x = 0; x < columns; x++) {
            const int64_t at = clamped(x - (int64_t)whole_right, columns);
            const int64_t left = clamped(x - (int64_t)whole_right - 1, columns);
            const float upper = before[at] + part_right * (before[left] - before[at]);
            const float lower = here[at] + part_right * (here[left] - here[at]);
            sum[y * columns + x] += (float)share * (lower + part_down * (upper - lower));
        }
    }
}
