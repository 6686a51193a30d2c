/* The cheapest ways from one pixel of a slice to all others: the loop of path_tree.py, whose twin in
 * scipy is the reference. See kernels.c for what holds of all these files.
 */
#include "kernels.h"

#define N_WAYS 8
#define AT_SEED 8
#define NOT_REACHED 9
#define NOBODY (-1)
#define MOST_BUCKETS (1 << 16)

/* Pixels lie in a grid with a rim, which costs nothing to reach, so that nobody steps over the edge.
 * Those that wait are chained in buckets by what the way to them costs. */
typedef struct {
    double spent;
    int32_t next, before;
    float cost;
    uint8_t turns, came_by;
} Pixel;

typedef struct {
    Pixel *pixels;
    int32_t *first;
    int64_t n_buckets, n_waiting;
    double per_cost;
} Waiting;

static inline int64_t bucket_of(const Waiting *waiting, double spent) {
    return (int64_t)(spent * waiting->per_cost) & (waiting->n_buckets - 1);
}

static inline void put(Waiting *waiting, int32_t at, double spent) {
    int32_t *const first = waiting->first + bucket_of(waiting, spent);
    Pixel *const pixel = waiting->pixels + at;
    pixel->spent = spent;
    pixel->next = *first;
    pixel->before = NOBODY;
    if (*first != NOBODY) waiting->pixels[*first].before = at;
    *first = at;
    waiting->n_waiting++;
}

static inline void take_out(Waiting *waiting, int32_t at) {
    const Pixel *const pixel = waiting->pixels + at;
    if (pixel->before == NOBODY)
        waiting->first[bucket_of(waiting, pixel->spent)] = pixel->next;
    else
        waiting->pixels[pixel->before].next = pixel->next;
    if (pixel->next != NOBODY) waiting->pixels[pixel->next].before = pixel->before;
    waiting->n_waiting--;
}

/* Buckets for all that waits at once: from the cheapest of it to that and the longest step. */
static int make_buckets(Waiting *waiting, double shortest, double longest) {
    double width = shortest;
    if (longest / width > MOST_BUCKETS / 2) width = longest / (MOST_BUCKETS / 2);
    waiting->n_buckets = 4;
    while ((double)waiting->n_buckets < longest / width + 2.0) waiting->n_buckets *= 2;
    waiting->per_cost = 1.0 / width;
    waiting->n_waiting = 0;
    waiting->first = malloc((size_t)waiting->n_buckets * sizeof *waiting->first);
    if (!waiting->first) return 0;
    for (int64_t i = 0; i < waiting->n_buckets; i++) waiting->first[i] = NOBODY;
    return 1;
}

static void fill_grid(Pixel *pixels, const float *cost, const uint8_t *turns, int64_t n_rows, int64_t n_columns) {
    const int64_t n_wide = n_columns + 2;
    for (int64_t row = -1; row <= n_rows; row++)
        for (int64_t column = -1; column <= n_columns; column++) {
            Pixel *const pixel = pixels + (row + 1) * n_wide + column + 1;
            const int is_rim = row < 0 || row == n_rows || column < 0 || column == n_columns;
            const int64_t from = row * n_columns + column;
            pixel->spent = is_rim ? -1.0 : INFINITY;
            pixel->cost = is_rim ? 0.0f : cost[from];
            pixel->turns = is_rim || !turns ? 0 : turns[from];
            pixel->came_by = NOT_REACHED;
        }
}

static inline void settle(Waiting *waiting, int64_t here, const int64_t *step, const double *half,
                          const float *across) {
    const Pixel *const pixel = waiting->pixels + here;
    const double so_far = pixel->spent;
    for (int way = 0; way < N_WAYS; way++) {
        Pixel *const other = waiting->pixels + here + step[way];
        if (other->spent <= so_far) continue;
        const float begin = pixel->cost + across[4 * pixel->turns + (way & 3)];
        const float end = other->cost + across[4 * other->turns + (way & 3)];
        const double sum = so_far + half[way & 3] * ((double)begin + (double)end);
        if (sum >= other->spent) continue;
        if (other->spent < INFINITY) take_out(waiting, (int32_t)(here + step[way]));
        other->came_by = (uint8_t)way;
        put(waiting, (int32_t)(here + step[way]), sum);
    }
}

/* Dijkstra's algorithm on the 8 neighbours, with buckets no wider than the cheapest step (Dial 1969;
 * Denardo and Fox 1979): no pixel of a bucket makes another one of it cheaper. Where buckets must be
 * wider, a pixel that becomes cheaper waits once more.
 *
 * A step costs its length times the mean of `cost` of both pixels, to which each adds what `across` has
 * in its row `turns` for the direction, of 4. `shortest` and `longest` bound what a step costs. `spent`
 * and `came_by` are filled: cost from the seed, and the step that leads to a pixel. */
EXPORTED int64_t grow_tree(const float *cost, const uint8_t *turns, const float *across, int64_t n_rows,
                           int64_t n_columns, double row_mm, double column_mm, double shortest, double longest,
                           int64_t seed, double *spent, uint8_t *came_by) {
    const int64_t n_wide = n_columns + 2, n_pixels = (n_rows + 2) * n_wide;
    const double diagonal = sqrt(row_mm * row_mm + column_mm * column_mm);
    const double half[4] = {0.5 * column_mm, 0.5 * diagonal, 0.5 * row_mm, 0.5 * diagonal};
    const int64_t step[N_WAYS] = {1, n_wide + 1, n_wide, n_wide - 1, -1, -n_wide - 1, -n_wide, -n_wide + 1};
    const int64_t start = (seed / n_columns + 1) * n_wide + seed % n_columns + 1;
    if (n_pixels > INT32_MAX || !(shortest > 0.0) || !(longest >= shortest)) return IMPOSSIBLE;
    Waiting waiting = {0};
    waiting.pixels = malloc((size_t)n_pixels * sizeof *waiting.pixels);
    if (!waiting.pixels || !make_buckets(&waiting, shortest, longest)) {
        free(waiting.pixels);
        return NO_MEMORY;
    }
    fill_grid(waiting.pixels, cost, turns, n_rows, n_columns);
    waiting.pixels[start].came_by = AT_SEED;
    put(&waiting, (int32_t)start, 0.0);
    for (int64_t bucket = 0; waiting.n_waiting > 0; bucket = (bucket + 1) & (waiting.n_buckets - 1))
        while (waiting.first[bucket] != NOBODY) {
            const int32_t here = waiting.first[bucket];
            take_out(&waiting, here);
            settle(&waiting, here, step, half, across);
        }
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t column = 0; column < n_columns; column++) {
            const Pixel *const pixel = waiting.pixels + (row + 1) * n_wide + column + 1;
            spent[row * n_columns + column] = pixel->spent;
            came_by[row * n_columns + column] = pixel->came_by;
        }
    free(waiting.pixels);
    free(waiting.first);
    return n_rows * n_columns;
}
