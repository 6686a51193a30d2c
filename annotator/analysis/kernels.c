/* The loops that numpy cannot do at the speed of memory. Each has a twin in numpy, which is the
 * reference: see kernels.py, which finds the compiled library, and the tests that compare both.
 *
 * Arrays come from the caller and are contiguous unless strides are named. What is read from a file
 * (ends and labels of runs) is checked before it is used as an index; a function that meets
 * something impossible returns a negative number and the caller takes the way of numpy.
 */
#include "kernels.h"

#define VERSION 5

EXPORTED int32_t annotator_version(void) { return VERSION; }

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
