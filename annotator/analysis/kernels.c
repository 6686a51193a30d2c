/* The loops that numpy cannot do at the speed of memory. Each has a twin in numpy, which is the
 * reference: see kernels.py, which finds the compiled library, and the tests that compare both.
 *
 * Arrays come from the caller and are contiguous unless strides are named. What is read from a file
 * (ends and labels of runs) is checked before it is used as an index; a function that meets
 * something impossible returns a negative number and the caller takes the way of numpy.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

#define VERSION 4
#define IMPOSSIBLE (-1)
#define NO_MEMORY (-2)

EXPORTED int32_t annotator_version(void) { return VERSION; }

static int lowest_bit(uint64_t word) { return __builtin_ctzll(word); }

/* ---- Slabs as bytes ------------------------------------------------------------------------ */

/* Undo the coding of slabs: distances byte plane by byte plane, from the end `lag` runs before.
 * `content` holds all slabs, slab i at offset[i] .. offset[i + 1]; a slab of n runs is 6 * n bytes,
 * and its last n_filled[i] < n runs are left out. The others go to ends and labels from first[i]. */
EXPORTED void unpack_slabs(const uint8_t *content, const int64_t *offset, const uint8_t *lag,
                           const uint8_t *n_filled, const uint32_t *shift, const int64_t *first, int64_t n_slabs,
                           uint32_t *ends, uint16_t *labels) {
    for (int64_t slab = 0; slab < n_slabs; slab++) {
        const int64_t n = (offset[slab + 1] - offset[slab]) / 6, back = lag[slab];
        const int64_t n_kept = n - n_filled[slab];
        const uint8_t *plane = content + offset[slab];
        uint32_t *own = ends + first[slab];
        const uint32_t add = shift[slab];
        for (int64_t first_of = 0; first_of < back; first_of++) {
            uint32_t sum = 0;
            for (int64_t i = first_of; i < n_kept; i += back) {
                sum += add + ((uint32_t)plane[i] | (uint32_t)plane[n + i] << 8 |
                              (uint32_t)plane[2 * n + i] << 16 | (uint32_t)plane[3 * n + i] << 24);
                own[i] = sum;
            }
        }
        memcpy(labels + first[slab], plane + 4 * n, 2 * (size_t)n_kept);
    }
}

/* ---- Dense voxels to runs ------------------------------------------------------------------ */

#define ENCODE(NAME, TYPE, ONES)                                                                  \
    static int64_t NAME(const TYPE *voxel, int64_t n, uint32_t *ends, uint16_t *labels) {         \
        int64_t at = 0, n_runs = 0;                                                               \
        const int64_t in_word = 8 / (int64_t)sizeof(TYPE);                                        \
        while (at < n) {                                                                          \
            const TYPE value = voxel[at];                                                         \
            const uint64_t alike = (uint64_t)value * ONES;                                        \
            int64_t next = at + 1;                                                                \
            uint64_t word[8], differs = 0;                                                        \
            while (next + 8 * in_word <= n) {                                                     \
                memcpy(word, voxel + next, 64);                                                   \
                if (((word[0] ^ alike) | (word[1] ^ alike) | (word[2] ^ alike) |                  \
                     (word[3] ^ alike) | (word[4] ^ alike) | (word[5] ^ alike) |                  \
                     (word[6] ^ alike) | (word[7] ^ alike)) != 0)                                 \
                    break;                                                                        \
                next += 8 * in_word;                                                              \
            }                                                                                     \
            while (next + in_word <= n) {                                                         \
                memcpy(word, voxel + next, 8);                                                    \
                differs = word[0] ^ alike;                                                        \
                if (differs) break;                                                               \
                next += in_word;                                                                  \
            }                                                                                     \
            if (differs)                                                                          \
                next += lowest_bit(differs) / (8 * (int64_t)sizeof(TYPE));                        \
            else                                                                                  \
                while (next < n && voxel[next] == value) next++;                                  \
            ends[n_runs] = (uint32_t)next;                                                        \
            labels[n_runs++] = (uint16_t)value;                                                   \
            at = next;                                                                            \
        }                                                                                         \
        return n_runs;                                                                            \
    }

ENCODE(encode_bytes, uint8_t, 0x0101010101010101ull)
ENCODE(encode_shorts, uint16_t, 0x0001000100010001ull)

/* Encode slabs from *next on, up to `last`, as long as a whole slab's worth of runs has room.
 * Slabs lie in the grid as in SlabGrid: `bands` in a slice of `plane` voxels, `band` voxels each.
 * Returns the number of slabs that hold anything; *next is the slab to go on with. */
EXPORTED int64_t encode_slabs(const void *voxels, int32_t item_size, int64_t plane, int64_t band,
                              int64_t bands, int64_t *next, int64_t last, int64_t capacity,
                              uint32_t *ends, uint16_t *labels, int64_t *number, int64_t *first) {
    int64_t n_found = 0, n_runs = 0;
    first[0] = 0;
    for (; *next < last; (*next)++) {
        const int64_t begin = *next % bands * band;
        const int64_t size = begin + band < plane ? band : plane - begin;
        const int64_t offset = *next / bands * plane + begin;
        if (n_runs + size > capacity) break;
        const int64_t own =
            item_size == 1
                ? encode_bytes((const uint8_t *)voxels + offset, size, ends + n_runs, labels + n_runs)
                : encode_shorts((const uint16_t *)voxels + offset, size, ends + n_runs,
                                labels + n_runs);
        if (own == 0 || (own == 1 && labels[n_runs] == 0)) continue;
        n_runs += own;
        number[n_found++] = *next;
        first[n_found] = n_runs;
    }
    return n_found;
}

/* Write slabs into a dense mask of zeros, items of 1 or 2 bytes. Returns IMPOSSIBLE where a slab lies
 * beyond the grid or its runs do not end where it ends. */
EXPORTED int64_t decode_slabs(const int64_t *number, const int64_t *first, int64_t n_slabs,
                              const uint32_t *ends, const uint16_t *labels, int32_t item_size,
                              int64_t plane, int64_t band, int64_t bands, int64_t n_grid_slabs,
                              void *out) {
    for (int64_t slab = 0; slab < n_slabs; slab++) {
        if (number[slab] < 0 || number[slab] >= n_grid_slabs) return IMPOSSIBLE;
        const int64_t begin = number[slab] % bands * band;
        const int64_t size = begin + band < plane ? band : plane - begin;
        const int64_t offset = number[slab] / bands * plane + begin;
        int64_t at = 0;
        for (int64_t run = first[slab]; run < first[slab + 1]; run++) {
            const int64_t end = ends[run];
            if (end <= at || end > size) return IMPOSSIBLE;
            if (item_size == 1)
                memset((uint8_t *)out + offset + at, (uint8_t)labels[run], (size_t)(end - at));
            else
                for (uint16_t *to = (uint16_t *)out + offset; at < end; at++) to[at] = labels[run];
            at = end;
        }
        if (at != size) return IMPOSSIBLE;
    }
    return 0;
}

/* ---- Runs of several raters to vote patterns ----------------------------------------------- */

#define WINDOW 4096
#define MAX_GROUPS 64

/* Distinct codes of `n_groups` words each, numbered as they turn up. Small codes are looked up in a
 * table, others by hash. */
typedef struct {
    uint64_t *codes; /* the caller's */
    int64_t n_codes, n_groups;
    int32_t *table; /* number + 1 by code, or by hash; 0 is empty */
    uint64_t mask;  /* slots - 1 of the hash; 0 where codes are looked up directly */
} Codes;

static uint64_t hash_of(const uint64_t *code, int64_t n_groups) {
    uint64_t hash = 0;
    for (int64_t g = 0; g < n_groups; g++) {
        hash = (hash ^ code[g]) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 29;
    }
    return hash;
}

static int grow(Codes *known) {
    const uint64_t slots = 2 * (known->mask + 1);
    int32_t *table = calloc(slots, sizeof(int32_t));
    if (!table) return NO_MEMORY;
    for (int64_t i = 0; i < known->n_codes; i++) {
        uint64_t at = hash_of(known->codes + i * known->n_groups, known->n_groups) & (slots - 1);
        while (table[at]) at = (at + 1) & (slots - 1);
        table[at] = (int32_t)i + 1;
    }
    free(known->table);
    known->table = table;
    known->mask = slots - 1;
    return 0;
}

/* Return the number of a code; negative where memory ran out. */
static int64_t number_of(Codes *known, const uint64_t *code) {
    int32_t *slot;
    if (!known->mask) {
        slot = known->table + code[0];
    } else {
        const size_t size = (size_t)known->n_groups * sizeof(uint64_t);
        uint64_t at = hash_of(code, known->n_groups) & known->mask;
        while (known->table[at] &&
               memcmp(known->codes + (known->table[at] - 1) * known->n_groups, code, size) != 0)
            at = (at + 1) & known->mask;
        slot = known->table + at;
    }
    if (*slot) return *slot - 1;
    memcpy(known->codes + known->n_codes * known->n_groups, code,
           (size_t)known->n_groups * sizeof(uint64_t));
    *slot = (int32_t)++known->n_codes;
    if (known->mask && 2 * (uint64_t)known->n_codes > known->mask && grow(known) < 0)
        return NO_MEMORY;
    return known->n_codes - 1;
}

/* One rater's mask: its slabs, and how far it has been read. */
typedef struct {
    const int64_t *number, *first;
    const uint32_t *ends;
    const uint16_t *labels;
    int64_t n_slabs, slab;
    int64_t run, last; /* the run of this slab that holds, and the end of its runs */
    uint64_t weight;
    uint64_t *change; /* of the window, of the rater's group */
    int32_t now;      /* place of the label that holds, among all labels */
} Reader;

/* The changes within some voxels: by how much each group's code moves (group, WINDOW), where that
 * is, and which words of `seen` are not 0. */
typedef struct {
    uint64_t *change;
    uint64_t seen[WINDOW / 64];
    uint64_t words;
} Window;

_Static_assert(WINDOW == 64 * 64, "a word of bits for the words of bits");

/* Note the changes of a rater's label before voxel `high` of a slab. */
static int read_window(Window *window, Reader *rater, const int32_t *place, int64_t low,
                       int64_t high) {
    const uint32_t *ends = rater->ends;
    const uint16_t *labels = rater->labels;
    const int64_t last = rater->last;
    int64_t run = rater->run;
    int32_t now = rater->now;
    /* A change stands at the end of a run that another one follows. */
    while (run + 1 < last && ends[run] < high) {
        const int64_t at = (int64_t)ends[run] - low;
        const int32_t next = place[labels[++run]];
        if (at < 0 || next < 0 || ends[run] <= ends[run - 1]) return IMPOSSIBLE;
        rater->change[at] += (uint64_t)((int64_t)next - now) * rater->weight;
        window->seen[at >> 6] |= (uint64_t)(next != now) << (at & 63);
        window->words |= 1ull << (at >> 6);
        now = next;
    }
    rater->run = run;
    rater->now = now;
    return 0;
}

/* Go to a slab; returns whether the rater has anything to say of it. */
static int enter_slab(Window *window, Reader *rater, const int32_t *place, int64_t slab,
                      int64_t size) {
    uint16_t label = 0;
    int speaks = 0;
    rater->run = rater->last = 0;
    if (rater->slab < rater->n_slabs && rater->number[rater->slab] == slab) {
        rater->run = rater->first[rater->slab];
        rater->last = rater->first[++rater->slab];
        if (rater->last <= rater->run || rater->ends[rater->last - 1] != (uint64_t)size)
            return IMPOSSIBLE;
        label = rater->labels[rater->run];
        speaks = 1;
    }
    const int32_t next = place[label];
    if (next < 0) return IMPOSSIBLE;
    if (next == rater->now) return speaks;
    rater->change[0] += (uint64_t)((int64_t)next - rater->now) * rater->weight;
    window->seen[0] |= 1;
    window->words |= 1;
    rater->now = next;
    return 1;
}

/* Merge masks into runs of equal codes, from slab `begin` to slab `end` of the grid. A code is the
 * sum of place * weight over the raters of a group; `place` is the place of each of 65536 label
 * values, or -1, and `start` that of each rater's label before the first slab. Arrays of pointers
 * are one entry a rater; n_read slabs of each are passed over. Room is needed for as many runs as
 * masks have runs and slabs, and one more; for as many codes, and one more; `counts` must be 0.
 * Code 0 (all background) is number 0. Returns the number of runs; *n_codes is set. */
EXPORTED int64_t merge_runs(int64_t n_raters, const int64_t *const *number,
                            const int64_t *const *first, const int64_t *n_slabs,
                            const int64_t *n_read, const uint32_t *const *ends,
                            const uint16_t *const *labels, const int64_t *group,
                            const uint64_t *weight, const int32_t *start, int64_t n_groups,
                            uint64_t table_size, const int32_t *place, int64_t plane, int64_t band,
                            int64_t bands, int64_t begin, int64_t end, int64_t *run_ends,
                            int32_t *run_index, uint64_t *codes, int64_t *counts,
                            int64_t *n_codes) {
    if (n_groups < 1 || n_groups > MAX_GROUPS) return IMPOSSIBLE;
    int64_t n_runs = NO_MEMORY;
    uint64_t code[MAX_GROUPS] = {0};
    Codes known = {codes, 0, n_groups, NULL, table_size ? 0 : 1023};
    Window window = {calloc((size_t)n_groups * WINDOW, sizeof(uint64_t)), {0}, 0};
    Reader *readers = calloc((size_t)n_raters, sizeof(Reader));
    known.table = calloc(table_size ? table_size : 1024, sizeof(int32_t));
    if (!window.change || !readers || !known.table) goto done;
    n_runs = IMPOSSIBLE;
    int64_t now = number_of(&known, code), found = 0, begun = 0, until = 0;
    for (int64_t r = 0; r < n_raters; r++) {
        if (group[r] < 0 || group[r] >= n_groups) goto done;
        readers[r] = (Reader){number[r], first[r],   ends[r], labels[r], n_slabs[r],
                              n_read[r], 0,          0,       weight[r], window.change + group[r] * WINDOW,
                              start[r]};
        code[group[r]] += (uint64_t)start[r] * weight[r];
    }
    now = number_of(&known, code);
    begun = until = begin / bands * plane + begin % bands * band;
    for (int64_t slab = begin; slab < end; slab++) {
        const int64_t in_slice = slab % bands * band;
        const int64_t size = in_slice + band < plane ? band : plane - in_slice;
        const int64_t offset = until;
        until += size;
        int any = 0;
        for (int64_t r = 0; r < n_raters; r++) {
            const int speaks = enter_slab(&window, readers + r, place, slab, size);
            if (speaks < 0) goto done;
            any |= speaks;
        }
        for (int64_t low = 0; any && low < size; low += WINDOW) {
            const int64_t high = low + WINDOW < size ? low + WINDOW : size;
            for (int64_t r = 0; r < n_raters; r++)
                if (read_window(&window, readers + r, place, low, high) < 0) goto done;
            for (; window.words; window.words &= window.words - 1) {
                const int64_t word = lowest_bit(window.words);
                uint64_t seen = window.seen[word];
                window.seen[word] = 0;
                for (; seen; seen &= seen - 1) {
                    const int64_t in_window = 64 * word + lowest_bit(seen);
                    const int64_t at = offset + low + in_window;
                    if (at > begun) {
                        run_ends[found] = at;
                        run_index[found++] = (int32_t)now;
                        counts[now] += at - begun;
                        begun = at;
                    }
                    for (int64_t g = 0; g < n_groups; g++) {
                        code[g] += window.change[g * WINDOW + in_window];
                        window.change[g * WINDOW + in_window] = 0;
                    }
                    now = number_of(&known, code);
                    if (now < 0) goto done;
                }
            }
        }
        for (int64_t r = 0; r < n_raters; r++)
            if (readers[r].run + 1 < readers[r].last) goto done;
    }
    if (until > begun) {
        run_ends[found] = until;
        run_index[found++] = (int32_t)now;
        counts[now] += until - begun;
    }
    *n_codes = known.n_codes;
    n_runs = found;
done:
    free(window.change);
    free(readers);
    free(known.table);
    return n_runs;
}

/* ---- Vote patterns to masks and dense arrays ----------------------------------------------- */

/* Write the mask in which a run has its pattern's value. Room is needed for n_runs + n_grid_slabs
 * runs and for n_grid_slabs + 1 slabs. Returns the number of slabs that hold anything. */
EXPORTED int64_t spread_runs(const int64_t *run_ends, const int32_t *run_index, int64_t n_runs,
                             const uint16_t *values, int64_t plane, int64_t band, int64_t bands,
                             int64_t n_grid_slabs, uint32_t *ends, uint16_t *labels,
                             int64_t *number, int64_t *first) {
    int64_t run = 0, n_found = 0, n_kept = 0;
    first[0] = 0;
    for (int64_t slab = 0; slab < n_grid_slabs; slab++) {
        const int64_t in_slice = slab % bands * band;
        const int64_t size = in_slice + band < plane ? band : plane - in_slice;
        const int64_t start = slab / bands * plane + in_slice, stop = start + size;
        int64_t at = n_kept;
        while (run < n_runs) {
            const int64_t end = run_ends[run] < stop ? run_ends[run] : stop;
            const uint16_t label = values[run_index[run]];
            if (at > n_kept && labels[at - 1] == label) at--;
            ends[at] = (uint32_t)(end - start);
            labels[at++] = label;
            if (run_ends[run] <= stop) run++;
            if (end == stop) break;
        }
        if (at == n_kept || (at == n_kept + 1 && labels[n_kept] == 0)) continue;
        n_kept = at;
        number[n_found++] = slab;
        first[n_found] = n_kept;
    }
    return n_found;
}

/* The first run that ends behind a voxel. */
static int64_t run_at(const int64_t *run_ends, int64_t n_runs, int64_t voxel) {
    int64_t low = 0, high = n_runs;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (run_ends[middle] <= voxel)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#define FILL(TYPE)                                                                                 \
    {                                                                                              \
        const TYPE value = ((const TYPE *)values)[run_index[run]];                                 \
        TYPE *to = (TYPE *)out + row_out;                                                          \
        for (int64_t i = at - begin; i < stop - begin; i++) to[i] = value;                         \
    }

/* Write the value of each run's pattern into a box of a dense array, items of 1, 2, 4 or 8 bytes.
 * Rows of `width` voxels begin at origin + z * step_z + y * step_y in the flattened grid, and at
 * z * out_z + y * out_y in the output, in items. Returns IMPOSSIBLE where runs end too early. */
EXPORTED int64_t paint_runs(const int64_t *run_ends, const int32_t *run_index, int64_t n_runs,
                            const void *values, int32_t item_size, int64_t origin, int64_t n_z,
                            int64_t step_z, int64_t n_y, int64_t step_y, int64_t width, void *out,
                            int64_t out_z, int64_t out_y) {
    for (int64_t z = 0; z < n_z; z++) {
        int64_t run = run_at(run_ends, n_runs, origin + z * step_z);
        for (int64_t y = 0; y < n_y; y++) {
            const int64_t begin = origin + z * step_z + y * step_y, end = begin + width;
            const int64_t row_out = z * out_z + y * out_y;
            int64_t at = begin;
            while (run < n_runs && run_ends[run] <= begin) run++;
            while (at < end) {
                if (run >= n_runs) return IMPOSSIBLE;
                const int64_t stop = run_ends[run] < end ? run_ends[run] : end;
                if (item_size == 1)
                    memset((uint8_t *)out + row_out + at - begin,
                           ((const uint8_t *)values)[run_index[run]], (size_t)(stop - at));
                else if (item_size == 2)
                    FILL(uint16_t)
                else if (item_size == 4)
                    FILL(uint32_t)
                else
                    FILL(uint64_t)
                at = stop;
                if (run_ends[run] <= end) run++;
            }
        }
    }
    return 0;
}

/* Set the bits first .. stop - 1 of a row. */
static void set_bits(uint64_t *row, int64_t first, int64_t stop) {
    const int64_t low = first >> 6, high = (stop - 1) >> 6;
    const uint64_t from = ~0ull << (first & 63), to = ~0ull >> (63 - ((stop - 1) & 63));
    if (low == high) {
        row[low] |= from & to;
        return;
    }
    row[low] |= from;
    for (int64_t word = low + 1; word < high; word++) row[word] = ~0ull;
    row[high] |= to;
}

/* Grow a bit field by `margin` along an axis; `n` lines of `n_words` words, `step` words apart. */
static void grow_lines(const uint64_t *from, uint64_t *to, int64_t n, int64_t n_words,
                       int64_t step, int64_t margin) {
    for (int64_t line = 0; line < n; line++) {
        const int64_t low = line < margin ? 0 : line - margin;
        const int64_t high = line + margin < n ? line + margin : n - 1;
        uint64_t *own = to + line * step;
        memcpy(own, from + low * step, (size_t)n_words * 8);
        for (int64_t other = low + 1; other <= high; other++) {
            const uint64_t *near = from + other * step;
            for (int64_t word = 0; word < n_words; word++) own[word] |= near[word];
        }
    }
}

/* The box around all voxels of the chosen patterns: low and high (z y x), high exclusive. Returns 0
 * where there are none. */
EXPORTED int64_t bound_runs(const int64_t *run_ends, const int32_t *run_index, int64_t n_runs,
                            const uint8_t *chosen, int64_t n_rows, int64_t n_columns, int64_t *low,
                            int64_t *high) {
    int64_t begin = 0, n_found = 0, row = 0, row_begin = 0;
    low[0] = low[1] = low[2] = INT64_MAX;
    high[0] = high[1] = high[2] = 0;
    for (int64_t run = 0; run < n_runs; begin = run_ends[run++]) {
        if (!chosen[run_index[run]]) continue;
        const int64_t last = run_ends[run] - 1;
        if (begin >= row_begin + n_columns) {
            row = begin / n_columns;
            row_begin = row * n_columns;
        }
        const int64_t last_row = last < row_begin + n_columns ? row : last / n_columns;
        const int64_t z = row / n_rows, last_z = last_row == row ? z : last_row / n_rows;
        int64_t y0 = row - z * n_rows, y1 = last_row - last_z * n_rows;
        int64_t x0 = begin - row_begin, x1 = last - last_row * n_columns;
        if (last_row != row) x0 = 0, x1 = n_columns - 1;
        if (last_z != z) y0 = 0, y1 = n_rows - 1;
        if (!n_found++) low[0] = z;
        if (last_z >= high[0]) high[0] = last_z + 1;
        if (y0 < low[1]) low[1] = y0;
        if (y1 >= high[1]) high[1] = y1 + 1;
        if (x0 < low[2]) low[2] = x0;
        if (x1 >= high[2]) high[2] = x1 + 1;
    }
    return n_found;
}

/* Count the voxels of a box (low .. high, z y x) within `margin` of a voxel whose pattern is drawn.
 * Nothing may be drawn beyond the box. */
EXPORTED int64_t count_near_runs(const int64_t *run_ends, const int32_t *run_index, int64_t n_runs,
                                 const uint8_t *is_drawn, int64_t n_rows, int64_t n_columns,
                                 const int64_t *low, const int64_t *high, int64_t margin) {
    const int64_t n_z = high[0] - low[0], n_y = high[1] - low[1], n_x = high[2] - low[2];
    const int64_t n_words = (n_x + 63) / 64, slice = n_y * n_words;
    int64_t begin = 0, n_near = NO_MEMORY;
    uint64_t *drawn = calloc((size_t)(n_z * slice), 8), *grown = malloc((size_t)(n_z * slice) * 8);
    if (!drawn || !grown) goto done;
    for (int64_t run = 0; run < n_runs; begin = run_ends[run++]) {
        if (!is_drawn[run_index[run]]) continue;
        const int64_t first = begin;
        while (run + 1 < n_runs && is_drawn[run_index[run + 1]]) run++;
        const int64_t last = run_ends[run] - 1;
        for (int64_t row = first / n_columns; row <= last / n_columns; row++) {
            const int64_t z = row / n_rows - low[0], y = row % n_rows - low[1];
            int64_t x0 = (row == first / n_columns ? first - row * n_columns : 0) - low[2] - margin;
            int64_t x1 = (row == last / n_columns ? last - row * n_columns + 1 : n_columns) -
                         low[2] + margin;
            if (x0 < 0) x0 = 0;
            if (x1 > n_x) x1 = n_x;
            if (z < 0 || z >= n_z || y < 0 || y >= n_y || x0 >= x1) {
                n_near = IMPOSSIBLE;
                goto done;
            }
            set_bits(drawn + z * slice + y * n_words, x0, x1);
        }
    }
    for (int64_t z = 0; z < n_z; z++)
        grow_lines(drawn + z * slice, grown + z * slice, n_y, n_words, n_words, margin);
    grow_lines(grown, drawn, n_z, slice, slice, margin);
    n_near = 0;
    for (int64_t word = 0; word < n_z * slice; word++)
        n_near += __builtin_popcountll(drawn[word]);
done:
    free(drawn);
    free(grown);
    return n_near;
}

/* ---- Surfaces of up to 64 raters at once, a bit each --------------------------------------- */

/* Mark where a bit's voxels meet the outside: at voxels (`neighbours` 1 along each named axis), or
 * at the corner before each voxel where `corners` is set. Fields are (n_z, n_y, n_x) with a rim of
 * zeros that is at least one voxel wide along every axis with a step. */
#define SURFACE(NAME, TYPE)                                                                        \
    static void NAME(const TYPE *bits, TYPE *surface, int64_t begin, int64_t end,                  \
                     const int64_t *step, int32_t corners) {                                       \
        const int64_t z = step[0], y = step[1], x = step[2];                                       \
        if (!corners)                                                                              \
            for (int64_t i = begin; i < end; i++)                                                  \
                surface[i] = bits[i] & ~(bits[i - z] & bits[i + z] & bits[i - y] & bits[i + y] &   \
                                         bits[i - x] & bits[i + x]);                               \
        else                                                                                       \
            for (int64_t i = begin; i < end; i++) {                                                \
                const TYPE *at = bits + i;                                                         \
                const TYPE any = at[0] | at[-x] | at[-y] | at[-y - x] | at[-z] | at[-z - x] |      \
                                 at[-z - y] | at[-z - y - x];                                      \
                const TYPE all = at[0] & at[-x] & at[-y] & at[-y - x] & at[-z] & at[-z - x] &      \
                                 at[-z - y] & at[-z - y - x];                                      \
                surface[i] = any & ~all;                                                           \
            }                                                                                      \
    }

SURFACE(surface_8, uint8_t)
SURFACE(surface_16, uint16_t)
SURFACE(surface_32, uint32_t)
SURFACE(surface_64, uint64_t)

/* Mark the surfaces of voxels begin .. end - 1; an axis that does not count has step 0. */
EXPORTED void mark_surfaces(const void *bits, void *surface, int32_t item_size, int64_t begin,
                            int64_t end, const int64_t *step, int32_t corners) {
    if (item_size == 1) surface_8(bits, surface, begin, end, step, corners);
    if (item_size == 2) surface_16(bits, surface, begin, end, step, corners);
    if (item_size == 4) surface_32(bits, surface, begin, end, step, corners);
    if (item_size == 8) surface_64(bits, surface, begin, end, step, corners);
}

static uint64_t item(const void *field, int32_t item_size, int64_t at) {
    if (item_size == 1) return ((const uint8_t *)field)[at];
    if (item_size == 2) return ((const uint16_t *)field)[at];
    if (item_size == 4) return ((const uint32_t *)field)[at];
    return ((const uint64_t *)field)[at];
}

#define NEAREST(NAME, TYPE)                                                                        \
    static void NAME(const TYPE *field, const int64_t *position, int64_t n, const int64_t *offset, \
                     int64_t n_offsets, uint64_t wanted, int64_t n_raters, uint16_t *rank) {       \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const TYPE *at = field + position[i];                                                  \
            uint16_t *own = rank + i * n_raters;                                                   \
            TYPE left = (TYPE)wanted;                                                              \
            for (int64_t k = 0; k < n_offsets && left; k++) {                                      \
                const TYPE met = at[offset[k]] & left;                                             \
                if (!met) continue;                                                                \
                left &= (TYPE)~met;                                                                \
                for (uint64_t hit = met; hit; hit &= hit - 1) own[lowest_bit(hit)] = (uint16_t)k;  \
            }                                                                                      \
        }                                                                                          \
    }

NEAREST(nearest_8, uint8_t)
NEAREST(nearest_16, uint16_t)
NEAREST(nearest_32, uint32_t)
NEAREST(nearest_64, uint64_t)

/* Look around each position, in the order of `offset`, until every wanted bit was met, and note in
 * rank (n, n_raters) which offset met it; what is not met is left as it is. The caller vouches that
 * no offset leads out of the field. */
EXPORTED void find_nearest(const void *field, int32_t item_size, const int64_t *position,
                           int64_t n, const int64_t *offset, int64_t n_offsets, uint64_t wanted,
                           int64_t n_raters, uint16_t *rank) {
    if (item_size == 1)
        nearest_8(field, position, n, offset, n_offsets, wanted, n_raters, rank);
    if (item_size == 2)
        nearest_16(field, position, n, offset, n_offsets, wanted, n_raters, rank);
    if (item_size == 4)
        nearest_32(field, position, n, offset, n_offsets, wanted, n_raters, rank);
    if (item_size == 8)
        nearest_64(field, position, n, offset, n_offsets, wanted, n_raters, rank);
}

/* Sum over the surface of one rater, by the other rater and by rank, how much surface lies that far
 * from the other: (n_raters, n_ranks). Each element counts 1, or, where `areas` is given, the area
 * of the code that its rater's 8 voxels of `bits` at `corner` make, the first the highest. Ranks
 * from n_ranks on are left out. */
EXPORTED void sum_by_rank(const void *surface, const void *bits, int32_t item_size,
                          const int64_t *position, int64_t n, const uint16_t *rank,
                          int64_t n_raters, int64_t rater, const int64_t *corner,
                          const double *areas, int64_t n_ranks, double *sums) {
    for (int64_t i = 0; i < n; i++) {
        if (!(item(surface, item_size, position[i]) >> rater & 1)) continue;
        double weight = 1.0;
        if (areas) {
            unsigned code = 0;
            for (int c = 0; c < 8; c++)
                code = code << 1 |
                       (unsigned)(item(bits, item_size, position[i] + corner[c]) >> rater & 1);
            weight = areas[code];
        }
        const uint16_t *own = rank + i * n_raters;
        for (int64_t other = 0; other < n_raters; other++)
            if (own[other] < n_ranks) sums[other * n_ranks + own[other]] += weight;
    }
}

/* ---- Cohorts ------------------------------------------------------------------------------- */

/* Mean Dice over labels but the first and pairs of raters where it is defined, Fleiss' kappa and
 * mean entropy in bits, of vote patterns: `place` is (n_patterns, n_raters), the place of the label
 * among `n_labels`. NaN where undefined, as in overlap.py. Returns IMPOSSIBLE on a place beyond the
 * labels, NO_MEMORY, or 0. */
EXPORTED int64_t summarise_votes(const void *place, int32_t item_size, const int64_t *counts,
                                 int64_t n_patterns, int64_t n_raters, int64_t n_labels,
                                 double *summary) {
    const int64_t square = n_raters * n_raters;
    const double n = (double)n_raters;
    int64_t state = NO_MEMORY;
    int64_t *shared = calloc((size_t)(n_labels * square), sizeof(int64_t));
    int64_t *tally = calloc((size_t)n_labels, sizeof(int64_t));
    double *total = calloc((size_t)n_labels, sizeof(double));
    double *bits = calloc((size_t)n_raters + 1, sizeof(double));
    uint16_t *said = calloc((size_t)n_raters, sizeof(uint16_t));
    int64_t *drew = calloc((size_t)n_raters, sizeof(int64_t));
    if (!shared || !tally || !total || !bits || !said || !drew) goto done;
    state = IMPOSSIBLE;
    for (int64_t k = 1; k <= n_raters; k++) bits[k] = -(double)k / n * log2((double)k / n);
    double n_voxels = 0, alike = 0, entropy = 0;
    for (int64_t p = 0; p < n_patterns; p++) {
        const double weight = (double)counts[p];
        int64_t n_drew = 0; /* who gave a label but the first, without a branch for each */
        for (int64_t i = 0; i < n_raters; i++) {
            said[i] = (uint16_t)item(place, item_size, p * n_raters + i);
            if (said[i] >= n_labels) goto done;
            tally[said[i]]++;
            drew[n_drew] = i;
            n_drew += said[i] != 0;
        }
        for (int64_t i = 0; i < n_drew; i++) {
            const uint16_t label = said[drew[i]];
            int64_t *own = shared + label * square + drew[i] * n_raters;
            for (int64_t j = i; j < n_drew; j++)
                own[drew[j]] += counts[p] & -(int64_t)(said[drew[j]] == label);
        }
        double squares = 0, uneven = 0;
        for (int64_t label = 0; label < n_labels; label++) {
            const int64_t votes = tally[label];
            tally[label] = 0;
            squares += (double)(votes * votes);
            uneven += bits[votes];
            total[label] += weight * (double)votes;
        }
        n_voxels += weight;
        alike += weight * (squares - n);
        entropy += weight * uneven;
    }
    double dice = 0, n_pairs = 0, expected = 0;
    for (int64_t label = 1; label < n_labels; label++)
        for (int64_t i = 0; i < n_raters; i++)
            for (int64_t j = i + 1; j < n_raters; j++) {
                const int64_t *own = shared + label * square;
                const int64_t both = own[i * n_raters + i] + own[j * n_raters + j];
                if (!both) continue;
                dice += 2.0 * (double)own[i * n_raters + j] / (double)both;
                n_pairs++;
            }
    for (int64_t label = 0; label < n_labels; label++) {
        const double share = total[label] / (n_voxels * n);
        expected += share * share;
    }
    summary[0] = n_pairs > 0 ? dice / n_pairs : NAN;
    summary[1] = n_raters > 1 && expected < 1.0
                     ? (alike / (n * (n - 1)) / n_voxels - expected) / (1.0 - expected)
                     : NAN;
    summary[2] = entropy / n_voxels;
    state = 0;
done:
    free(shared);
    free(tally);
    free(total);
    free(bits);
    free(said);
    free(drew);
    return state;
}

/* ---- Windows of a network to volumes -------------------------------------------------------- */

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
