/* What a brush sweeps over between two events, written straight into a mask: the loop of
 * drawing/capsule.py, whose twin in numpy is the reference. See kernels.c for what holds of all
 * these files.
 */
#include "kernels.h"

#define PARALLEL 1e-12

/* Millimetres from the first voxel of the box; `along` is the direction of the way. */
typedef struct {
    double start[3], end[3], along[3], step[3], length, radius;
} Sweep;

typedef struct {
    double lower, upper;
} Span;

static inline void widen(Span *span, double lower, double upper) {
    if (lower < span->lower) span->lower = lower;
    if (upper > span->upper) span->upper = upper;
}

static inline void add_ball(Span *span, const Sweep *sweep, const double *centre, double z, double y) {
    const double dz = z - centre[0], dy = y - centre[1];
    const double left = sweep->radius * sweep->radius - (dz * dz + dy * dy);
    if (left < 0) return;
    const double half = sqrt(left);
    widen(span, centre[2] - half, centre[2] + half);
}

static inline void add_tube(Span *span, const Sweep *sweep, double z, double y) {
    const double dz = z - sweep->start[0], dy = y - sweep->start[1], along = sweep->along[2];
    const double ahead = dz * sweep->along[0] + dy * sweep->along[1];
    const double slope = 1.0 - along * along, inward = ahead * along;
    if (slope < PARALLEL) return;
    const double root =
        inward * inward - slope * (dz * dz + dy * dy - ahead * ahead - sweep->radius * sweep->radius);
    if (root < 0) return;
    const double half = sqrt(root) / slope, middle = inward / slope;
    double lower = middle - half, upper = middle + half;
    if (fabs(along) > PARALLEL) {
        const double here = -ahead / along, there = (sweep->length - ahead) / along;
        const double first = here < there ? here : there, last = here < there ? there : here;
        if (first > lower) lower = first;
        if (last < upper) upper = last;
        if (lower > upper) return;
    } else if (ahead < 0 || ahead > sweep->length) {
        return;
    }
    widen(span, lower + sweep->start[2], upper + sweep->start[2]);
}

static inline Span round_span(const Sweep *sweep, double z, double y) {
    Span span = {INFINITY, -INFINITY};
    add_ball(&span, sweep, sweep->start, z, y);
    if (sweep->length > 0) {
        add_ball(&span, sweep, sweep->end, z, y);
        add_tube(&span, sweep, z, y);
    }
    return span;
}

static inline Span square_span(const Sweep *sweep, double z, double y) {
    const double offset[2] = {z - sweep->start[0], y - sweep->start[1]};
    double first = 0.0, last = 1.0;
    for (int axis = 0; axis < 2; axis++) {
        const double way = sweep->end[axis] - sweep->start[axis];
        if (fabs(way) < PARALLEL) {
            if (fabs(offset[axis]) > sweep->radius) last = -1.0;
            continue;
        }
        const double a = (offset[axis] - sweep->radius) / way, b = (offset[axis] + sweep->radius) / way;
        const double enters = a < b ? a : b, leaves = a < b ? b : a;
        if (enters > first) first = enters;
        if (leaves < last) last = leaves;
    }
    Span span = {INFINITY, -INFINITY};
    if (first > last) return span;
    const double way = sweep->end[2] - sweep->start[2];
    const double a = sweep->start[2] + way * first, b = sweep->start[2] + way * last;
    widen(&span, (a < b ? a : b) - sweep->radius, (a < b ? b : a) + sweep->radius);
    return span;
}

static inline double within(double value, double limit) {
    return value < -1 ? -1 : value > limit ? limit : value;
}

/* Write `value` into the voxels of a box (shape and strides in bytes in `layout`) whose centre the
 * brush comes within reach of. `figures` are those of Sweep. */
EXPORTED int64_t sweep_brush(uint8_t *box, int32_t item_size, int32_t value, const int64_t *layout,
                             const double *figures, int32_t is_square) {
    if (item_size != 1 && item_size != 2) return IMPOSSIBLE;
    Sweep sweep;
    memcpy(&sweep, figures, sizeof sweep);
    const int64_t *const shape = layout, *const strides = layout + 3;
    const double limit = (double)shape[2];
    for (int64_t z = 0; z < shape[0]; z++) {
        for (int64_t y = 0; y < shape[1]; y++) {
            const double mm_z = (double)z * sweep.step[0], mm_y = (double)y * sweep.step[1];
            const Span span = is_square ? square_span(&sweep, mm_z, mm_y) : round_span(&sweep, mm_z, mm_y);
            if (span.lower > span.upper) continue;
            int64_t first = (int64_t)ceil(within(span.lower / sweep.step[2], limit));
            int64_t last = (int64_t)floor(within(span.upper / sweep.step[2], limit));
            if (first < 0) first = 0;
            if (last > shape[2] - 1) last = shape[2] - 1;
            if (first > last) continue;
            uint8_t *at = box + z * strides[0] + y * strides[1] + first * strides[2];
            if (item_size == 1 && strides[2] == 1) {
                memset(at, value, (size_t)(last - first + 1));
            } else {
                for (int64_t x = first; x <= last; x++, at += strides[2]) {
                    if (item_size == 1) *at = (uint8_t)value;
                    else *(uint16_t *)at = (uint16_t)value;
                }
            }
        }
    }
    return 0;
}
