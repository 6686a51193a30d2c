/* Labels that grow from seeds, each voxel to the seed that is least far: Dijkstra's search on the grid of
 * voxels, and its update after seeds came or went. A search stops and goes on as its caller wants.
 *
 * A voxel's state is one word: its distance (31 bits), the label it has from there (16), whether the
 * search has been on from it (1) and its level, which is the image (16). Of equal distances the lower
 * label counts as the shorter one. The box is padded by one voxel that nothing can improve.
 */
#include "kernels.h"

#define SEEN (1ULL << 16)
#define LEVEL 0xffffULL
#define KEY_AT 17
#define DISTANCE_AT 16
#define UNREACHED ((1ULL << 47) - 1)
#define N_AROUND 26
#define CHUNK 62
#define NO_CHUNK UINT32_MAX

typedef struct {
    uint32_t next, n;
    uint32_t items[CHUNK];
} Chunk;

/* Voxels that the search must go on from, in buckets no wider than the shortest step: what lies in the
 * first bucket cannot be improved any more. */
typedef struct {
    uint64_t *state;
    int64_t size[3]; /* padded */
    int64_t offset[N_AROUND];
    uint64_t length[N_AROUND];
    int shift;
    Chunk *chunks;
    uint32_t *heads;
    int64_t n_chunks, chunk_room, n_buckets, first, n_waiting;
    uint32_t free;
    int is_short; /* of memory */
} Growth;

static inline uint64_t distance_of(uint64_t key) { return key >> DISTANCE_AT; }

static inline uint64_t key_of(uint64_t state) { return state >> KEY_AT; }

/* The key that a voxel gets over one step from a neighbour. */
static inline uint64_t key_over(uint64_t key, uint64_t from, uint64_t to, uint64_t length) {
    const int64_t apart = (int64_t)(from & LEVEL) - (int64_t)(to & LEVEL);
    return key + (((uint64_t)(apart < 0 ? -apart : apart) + length) << DISTANCE_AT);
}

static int make_buckets(Growth *growth, int64_t wanted) {
    int64_t room = growth->n_buckets ? growth->n_buckets : 1024;
    while (room <= wanted) room *= 2;
    uint32_t *const more = realloc(growth->heads, (size_t)room * sizeof *more);
    if (!more) return 0;
    for (int64_t i = growth->n_buckets; i < room; i++) more[i] = NO_CHUNK;
    growth->heads = more;
    growth->n_buckets = room;
    return 1;
}

static uint32_t new_chunk(Growth *growth) {
    if (growth->free != NO_CHUNK) {
        const uint32_t found = growth->free;
        growth->free = growth->chunks[found].next;
        return found;
    }
    if (growth->n_chunks == growth->chunk_room) {
        const int64_t room = growth->chunk_room ? 2 * growth->chunk_room : 1024;
        Chunk *const more = realloc(growth->chunks, (size_t)room * sizeof *more);
        if (!more) return NO_CHUNK;
        growth->chunks = more;
        growth->chunk_room = room;
    }
    return (uint32_t)growth->n_chunks++;
}

static inline void push(Growth *growth, uint64_t distance, int64_t at) {
    const int64_t bucket = (int64_t)(distance >> growth->shift);
    if (bucket >= growth->n_buckets && !make_buckets(growth, bucket)) {
        growth->is_short = 1;
        return;
    }
    uint32_t head = growth->heads[bucket];
    if (head == NO_CHUNK || growth->chunks[head].n == CHUNK) {
        const uint32_t fresh = new_chunk(growth);
        if (fresh == NO_CHUNK) {
            growth->is_short = 1;
            return;
        }
        growth->chunks[fresh].next = head;
        growth->chunks[fresh].n = 0;
        growth->heads[bucket] = head = fresh;
    }
    Chunk *const chunk = growth->chunks + head;
    chunk->items[chunk->n++] = (uint32_t)at;
    if (bucket < growth->first) growth->first = bucket;
    growth->n_waiting++;
}

static inline void improve(Growth *growth, int64_t at, uint64_t key) {
    growth->state[at] = key << KEY_AT | (growth->state[at] & LEVEL);
    push(growth, distance_of(key), at);
}

static void spread(Growth *growth, int64_t at) {
    uint64_t *const state = growth->state;
    const uint64_t here = state[at] |= SEEN, key = key_of(here);
    for (int side = 0; side < N_AROUND; side++) {
        const int64_t to = at + growth->offset[side];
        const uint64_t there = state[to], found = key_over(key, here, there, growth->length[side]);
        if (found < key_of(there)) improve(growth, to, found);
    }
}

/* Take the best way from any neighbour that was reached. */
static void take_from_neighbours(Growth *growth, int64_t at) {
    const uint64_t here = growth->state[at];
    uint64_t best = key_of(here);
    for (int side = 0; side < N_AROUND; side++) {
        const uint64_t there = growth->state[at + growth->offset[side]], key = key_of(there);
        if (key == 0 || key == UNREACHED) continue; /* 0 is the padding */
        const uint64_t found = key_over(key, there, here, growth->length[side]);
        if (found < best) best = found;
    }
    if (best < key_of(here)) improve(growth, at, best);
}

static inline int64_t row_start(const Growth *growth, int64_t z, int64_t y) {
    return ((z + 1) * growth->size[1] + y + 1) * growth->size[2] + 1;
}

/* Give each voxel its level, and no distance yet. `shape` is without the padding, as everywhere. */
EXPORTED void grow_fill(const uint16_t *levels, const int64_t *shape, uint64_t *state) {
    const int64_t rows = shape[1] + 2, columns = shape[2] + 2;
    memset(state, 0, (size_t)((shape[0] + 2) * rows * columns) * sizeof *state);
    for (int64_t z = 0; z < shape[0]; z++)
        for (int64_t y = 0; y < shape[1]; y++) {
            uint64_t *const row = state + ((z + 1) * rows + y + 1) * columns + 1;
            for (int64_t x = 0; x < shape[2]; x++) row[x] = UNREACHED << KEY_AT | *levels++;
        }
}

EXPORTED void grow_labels(const uint64_t *state, const int64_t *shape, int32_t item_size, void *labels) {
    const int64_t rows = shape[1] + 2, columns = shape[2] + 2;
    int64_t at = 0;
    for (int64_t z = 0; z < shape[0]; z++)
        for (int64_t y = 0; y < shape[1]; y++) {
            const uint64_t *const row = state + ((z + 1) * rows + y + 1) * columns + 1;
            if (item_size == 1)
                for (int64_t x = 0; x < shape[2]; x++) ((uint8_t *)labels)[at++] = (uint8_t)(row[x] >> KEY_AT);
            else
                for (int64_t x = 0; x < shape[2]; x++) ((uint16_t *)labels)[at++] = (uint16_t)(row[x] >> KEY_AT);
        }
}

EXPORTED void grow_close(Growth *growth) {
    if (!growth) return;
    free(growth->chunks);
    free(growth->heads);
    free(growth);
}

/* Begin a search over a state; `lengths` of steps to the 27 voxels around, itself among them, all above
 * zero but that one. NULL without memory. */
EXPORTED Growth *grow_open(uint64_t *state, const int64_t *shape, const int32_t *lengths) {
    Growth *const growth = calloc(1, sizeof *growth);
    if (!growth) return NULL;
    growth->state = state;
    growth->free = NO_CHUNK;
    growth->first = INT64_MAX;
    for (int axis = 0; axis < 3; axis++) growth->size[axis] = shape[axis] + 2;
    int side = 0, shortest = INT32_MAX;
    for (int place = 0; place < 27; place++) {
        if (place == 13) continue;
        growth->offset[side] = ((place / 9 - 1) * growth->size[1] + place / 3 % 3 - 1) * growth->size[2] + place % 3 - 1;
        growth->length[side++] = (uint64_t)lengths[place];
        if (lengths[place] < shortest) shortest = lengths[place];
    }
    while (2 << growth->shift <= shortest) growth->shift++;
    return growth;
}

typedef struct {
    uint64_t key;
    int64_t at;
} Lost;

typedef struct {
    Lost *items;
    int64_t n, room;
} LostList;

/* Take a voxel's way from it; 0 without memory. */
static int lose(Growth *growth, LostList *lost, int64_t at) {
    if (lost->n == lost->room) {
        const int64_t room = lost->room ? 2 * lost->room : 1024;
        Lost *const more = realloc(lost->items, (size_t)room * sizeof *more);
        if (!more) return 0;
        lost->items = more;
        lost->room = room;
    }
    lost->items[lost->n++] = (Lost){key_of(growth->state[at]), at};
    growth->state[at] = UNREACHED << KEY_AT | (growth->state[at] & LEVEL);
    return 1;
}

/* Whatever may have its way over a lost voxel is lost as well; 0 without memory. */
static int lose_all(Growth *growth, LostList *lost) {
    for (int64_t i = 0; i < lost->n; i++) {
        const Lost from = lost->items[i];
        for (int side = 0; side < N_AROUND; side++) {
            const int64_t to = from.at + growth->offset[side];
            const uint64_t there = growth->state[to];
            if (key_over(from.key, growth->state[from.at], there, growth->length[side]) == key_of(there) &&
                key_of(there) != UNREACHED && !lose(growth, lost, to))
                return 0;
        }
    }
    return 1;
}

/* Tell a search which seeds there are now (0 where none): it finds itself which came and which went.
 * How many did. IMPOSSIBLE, with nothing done, where some went and the search is not at its end: what
 * came from them cannot be told then. NO_MEMORY leaves a state of no use. */
EXPORTED int64_t grow_seeds(Growth *growth, const void *seeds, int32_t item_size) {
    LostList lost = {NULL, 0, 0};
    int64_t result = NO_MEMORY, n = 0;
    for (int is_second = 0; is_second < 2; is_second++) {
        int64_t i = 0;
        for (int64_t z = 0; z < growth->size[0] - 2; z++)
            for (int64_t y = 0; y < growth->size[1] - 2; y++) {
                const int64_t start = row_start(growth, z, y);
                for (int64_t x = 0; x < growth->size[2] - 2; x++, i++) {
                    const uint64_t key = key_of(growth->state[start + x]), wanted = item(seeds, item_size, i);
                    if (distance_of(key) == 0 ? key == wanted : wanted == 0) continue;
                    if (is_second) {
                        improve(growth, start + x, wanted);
                        n++;
                    } else if (distance_of(key) == 0) {
                        if (growth->n_waiting) return IMPOSSIBLE;
                        if (!lose(growth, &lost, start + x)) goto end;
                        n += wanted == 0;
                    }
                }
            }
        if (!is_second && !lose_all(growth, &lost)) goto end;
    }
    for (int64_t i = 0; i < lost.n; i++) take_from_neighbours(growth, lost.items[i].at);
    if (!growth->is_short) result = n;
end:
    free(lost.items);
    return result;
}

/* Go on into what lies around an inner box, from its first to before its last voxel, that was searched. */
EXPORTED void grow_around(Growth *growth, const int64_t *first, const int64_t *last) {
    int64_t from[3], to[3];
    for (int axis = 0; axis < 3; axis++) {
        from[axis] = first[axis] > 0 ? first[axis] - 1 : 0;
        to[axis] = last[axis] < growth->size[axis] - 2 ? last[axis] + 1 : last[axis];
    }
    for (int64_t z = from[0]; z < to[0]; z++)
        for (int64_t y = from[1]; y < to[1]; y++) {
            const int is_beside = z < first[0] || z >= last[0] || y < first[1] || y >= last[1];
            for (int64_t x = from[2]; x < to[2]; x++) {
                if (!is_beside && x == first[2]) x = last[2];
                if (x < to[2]) take_from_neighbours(growth, row_start(growth, z, y) + x);
            }
        }
}

/* Go on from up to about `most` voxels. How many are waiting then, 0 where it is done, or NO_MEMORY. */
EXPORTED int64_t grow_on(Growth *growth, int64_t most) {
    while (growth->n_waiting && most > 0) {
        while (growth->heads[growth->first] == NO_CHUNK) growth->first++;
        const int64_t bucket = growth->first;
        const uint32_t head = growth->heads[bucket];
        const uint32_t n = growth->chunks[head].n;
        uint32_t items[CHUNK];
        memcpy(items, growth->chunks[head].items, n * sizeof *items);
        growth->heads[bucket] = growth->chunks[head].next;
        growth->chunks[head].next = growth->free;
        growth->free = head;
        growth->n_waiting -= n;
        most -= n;
        for (uint32_t i = 0; i < n; i++) {
            if (i + 4 < n)
                for (int side = 1; side < N_AROUND; side += 3) /* one of each row around */
                    __builtin_prefetch(growth->state + items[i + 4] + growth->offset[side]);
            const uint64_t here = growth->state[items[i]];
            if (!(here & SEEN) && (int64_t)(distance_of(key_of(here)) >> growth->shift) == bucket)
                spread(growth, items[i]);
        }
    }
    return growth->is_short ? NO_MEMORY : growth->n_waiting;
}
