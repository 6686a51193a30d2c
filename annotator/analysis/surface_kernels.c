/* Surfaces of up to 64 raters at once, a bit each: the loops of surface distances. See kernels.c for
 * what holds of all these files.
 */
#include "kernels.h"

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
