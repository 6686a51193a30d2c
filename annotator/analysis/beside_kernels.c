/* Paths of a tracing that run beside each other, in space and not along the tree: the loop of
 * structure_beside.py, whose twin in numpy is the reference. See kernels.c for what holds of all
 * these files.
 */
#include "kernels.h"

#define NO_PARENT (-1)

/* Edges of one branch in a row, that are near to others or not together. Places are those from the
 * tree's lowest corner, of the middles of edges. */
typedef struct {
    float low[3], high[3], from_head, to_head;
    int32_t up, first, last, head;
    int16_t n, is_straight_on;
} Stretch;

typedef struct {
    float middle[3], along[3], half, within, from_head;
    int32_t row, up;
} Edge;

typedef struct {
    const double *points, *radii, *lengths;
    const int64_t *parents, *starts, *children;
    int64_t n_nodes;
    double thinnest, thickest, longest, low[3];
    float least_cosine, reach;
    int64_t *partners;
    float *nearest;
    Stretch *stretches;
    int64_t n_stretches, room, work_left;
} Beside;

#define MOST_EDGES 8
/* How many stretches may be asked where they lie, at least; comparing the edges of two takes as long
 * as asking so many. Without an end a heap of nodes takes forever. */
#define MOST_WORK (1LL << 28)
#define WORK_EACH 512
#define AS_LONG 128

int sort_by_key(uint64_t **keys, int32_t **places, int64_t n, int n_bits) {
    enum { BITS = 11, N = 1 << BITS };
    uint64_t *other_keys = malloc((size_t)n * sizeof **keys);
    int32_t *other_places = malloc((size_t)n * sizeof **places);
    if (!other_keys || !other_places) {
        free(other_keys);
        free(other_places);
        return 0;
    }
    for (int shift = 0; shift < n_bits; shift += BITS) {
        int64_t first[N + 1] = {0};
        for (int64_t i = 0; i < n; i++) first[((*keys)[i] >> shift & (N - 1)) + 1]++;
        for (int i = 0; i < N; i++) first[i + 1] += first[i];
        for (int64_t i = 0; i < n; i++) {
            const int64_t to = first[(*keys)[i] >> shift & (N - 1)]++;
            other_keys[to] = (*keys)[i];
            other_places[to] = (*places)[i];
        }
        uint64_t *const swapped_keys = *keys;
        int32_t *const swapped_places = *places;
        *keys = other_keys, *places = other_places;
        other_keys = swapped_keys, other_places = swapped_places;
    }
    free(other_keys);
    free(other_places);
    return 1;
}

static inline int is_compared(const Beside *task, int64_t row) {
    return task->lengths[row] > 0.0 && task->lengths[row] <= task->longest;
}

static inline int has_one_child(const Beside *task, int64_t row) {
    return task->starts[row + 1] - task->starts[row] == 1;
}

/* Does a branch begin with this node's edge? */
static inline int is_head(const Beside *task, int64_t row) {
    const int64_t up = task->parents[row];
    return up == NO_PARENT || task->parents[up] == NO_PARENT || !has_one_child(task, up);
}

static inline void find_middle(const Beside *task, int64_t row, float *middle) {
    const double *const end = task->points + 3 * row, *const begin = task->points + 3 * task->parents[row];
    for (int axis = 0; axis < 3; axis++) middle[axis] = (float)(0.5 * (end[axis] + begin[axis]) - task->low[axis]);
}

static inline void make_edge(const Beside *task, int64_t row, float from_head, Edge *edge) {
    const int64_t up = task->parents[row];
    const double *const end = task->points + 3 * row, *const begin = task->points + 3 * up;
    const double length = task->lengths[row], radius = task->radii[row];
    find_middle(task, row, edge->middle);
    for (int axis = 0; axis < 3; axis++) edge->along[axis] = (float)((end[axis] - begin[axis]) / length);
    edge->half = (float)(0.5 * length);
    edge->within = (float)(!(radius > task->thinnest) || isinf(radius) ? task->thinnest
                           : radius < task->thickest                  ? radius
                                                                      : task->thickest);
    edge->from_head = from_head;
    edge->row = (int32_t)row;
    edge->up = (int32_t)up;
}

static int make_edges(const Beside *task, const Stretch *stretch, Edge *edges) {
    int64_t row = stretch->first;
    double from_head = stretch->from_head;
    for (int i = 0; i < stretch->n; i++) {
        if (i > 0) row = task->children[task->starts[row]], from_head += task->lengths[row];
        make_edge(task, row, (float)from_head, edges + i);
    }
    return stretch->n;
}

static Stretch *new_stretch(Beside *task) {
    if (task->n_stretches == task->room) {
        Stretch *const more = realloc(task->stretches, 2 * (size_t)task->room * sizeof *more);
        if (!more) return NULL;
        task->stretches = more;
        task->room *= 2;
    }
    return task->stretches + task->n_stretches++;
}

/* Take an edge into a stretch, if it keeps small. */
static int extend(Stretch *stretch, const float *middle, float from_head, float widest) {
    float low[3], high[3];
    if (stretch->n == MOST_EDGES || from_head - stretch->from_head > widest) return 0;
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = stretch->low[axis] < middle[axis] ? stretch->low[axis] : middle[axis];
        high[axis] = stretch->high[axis] > middle[axis] ? stretch->high[axis] : middle[axis];
        if (high[axis] - low[axis] > widest) return 0;
    }
    memcpy(stretch->low, low, sizeof low);
    memcpy(stretch->high, high, sizeof high);
    return 1;
}

/* Part the branch that begins with this node's edge into stretches; 0 without memory. */
static int part_branch(Beside *task, int64_t head) {
    Stretch *stretch = NULL;
    double from_head = 0.0;
    for (int64_t row = head;; row = task->children[task->starts[row]]) {
        /* What follows a root is a branch of its own. */
        const int is_last = !has_one_child(task, row) || task->parents[row] == NO_PARENT;
        if (row != head && task->lengths[row] > 0.0) from_head += task->lengths[row];
        if (is_compared(task, row)) {
            float middle[3];
            find_middle(task, row, middle);
            if (!stretch || !extend(stretch, middle, (float)from_head, 4.0f * task->reach)) {
                stretch = new_stretch(task);
                if (!stretch) return 0;
                memcpy(stretch->low, middle, sizeof middle);
                memcpy(stretch->high, middle, sizeof middle);
                stretch->from_head = (float)from_head;
                stretch->first = (int32_t)row;
                stretch->up = (int32_t)task->parents[row];
                stretch->head = (int32_t)head;
                stretch->n = 0;
            }
            stretch->to_head = (float)from_head;
            stretch->last = (int32_t)row;
            stretch->n++;
        } else {
            stretch = NULL;
        }
        if (is_last) break;
    }
    return 1;
}

/* Does the middle of `one` lie within `other`, and how far from its line? */
static float distance_to(const Edge *one, const Edge *other, float within, float reach) {
    float square = 0.0f, forth = 0.0f;
    for (int axis = 0; axis < 3; axis++) {
        const float step = one->middle[axis] - other->middle[axis];
        square += step * step;
        forth += step * other->along[axis];
    }
    const float room = other->half + 0.5f * (within < other->half ? within : other->half);
    if (square > reach * reach || fabsf(forth) > room) return INFINITY;
    const float beside = square - forth * forth;
    return beside <= within * within ? beside : INFINITY;
}

static void keep_nearer(const Beside *task, const Edge *one, const Edge *other, float distance) {
    float *const least = task->nearest + one->row;
    int64_t *const partner = task->partners + one->row;
    if (distance < *least || (distance == *least && distance < INFINITY && other->row < *partner))
        *least = distance, *partner = other->row;
}

static void compare_edges(const Beside *task, const Edge *one, const Edge *other, int are_of_one) {
    if (are_of_one && !(fabsf(one->from_head - other->from_head) > 4.0f * task->reach)) return;
    if (one->up == other->row || other->up == one->row) return;
    const float cosine = one->along[0] * other->along[0] + one->along[1] * other->along[1] +
                         one->along[2] * other->along[2];
    if (!(fabsf(cosine) >= task->least_cosine)) return;
    const float within = one->within > other->within ? one->within : other->within;
    keep_nearer(task, one, other, distance_to(one, other, within, task->reach));
    keep_nearer(task, other, one, distance_to(other, one, within, task->reach));
}

/* Does a stretch go on from another one, both so straight that no two places further apart along the
 * branch than 4 * reach lie within reach? The way from end to end is no longer than what lies before,
 * between and after two places. */
static int goes_on_straight(const Beside *task, const Stretch *stretch, const Stretch *before) {
    if (stretch->up != before->last || stretch->head != before->head) return 0;
    const double *const begin = task->points + 3 * task->parents[before->first];
    const double *const end = task->points + 3 * (int64_t)stretch->last;
    const double x = end[0] - begin[0], y = end[1] - begin[1], z = end[2] - begin[2];
    const double whole = task->lengths[before->first] + stretch->to_head - before->from_head;
    return whole - sqrt(x * x + y * y + z * z) < 2.9 * task->reach - 0.5 * task->longest;
}

/* May edges of both be beside each other? */
static inline int may_be_beside(const Beside *task, const Stretch *one, const Stretch *other) {
    for (int axis = 0; axis < 3; axis++)
        if (one->low[axis] - other->high[axis] > task->reach || other->low[axis] - one->high[axis] > task->reach)
            return 0;
    if (one->head != other->head) return 1;
    const float back = one->to_head - other->from_head, forth = other->to_head - one->from_head;
    if (!((back > forth ? back : forth) > 4.0f * task->reach)) return 0;
    return !(one->is_straight_on && one->up == other->last) && !(other->is_straight_on && other->up == one->last);
}

typedef struct {
    Edge edges[MOST_EDGES];
    int n;
} Made;

static void compare_stretches(Beside *task, const Stretch *one, const Stretch *other, Made *made) {
    if (task->work_left-- <= 0 || !may_be_beside(task, one, other)) return;
    Edge others[MOST_EDGES];
    const int n_others = make_edges(task, other, others);
    if (made->n == 0) made->n = make_edges(task, one, made->edges);
    task->work_left -= AS_LONG;
    for (int i = 0; i < made->n; i++)
        for (int j = 0; j < n_others; j++)
            compare_edges(task, made->edges + i, others + j, one->head == other->head);
}

/* Stretches come in the order of the keys of their cells. */
static void compare_near(Beside *task, const uint64_t *keys, const Stretch *all, int64_t n, const int *bits) {
    const uint64_t row_step = 1ULL << bits[0], plane_step = 1ULL << (bits[0] + bits[1]);
    const uint64_t steps[4] = {row_step, plane_step - row_step, plane_step, plane_step + row_step};
    int64_t behind[4] = {0, 0, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        Made made;
        made.n = 0;
        for (int64_t j = i + 1; j < n && task->work_left > 0 && keys[j] <= keys[i] + 1; j++)
            compare_stretches(task, all + i, all + j, &made);
        for (int side = 0; side < 4; side++) {
            const uint64_t wanted = keys[i] + steps[side];
            while (behind[side] < n && keys[behind[side]] < wanted - 1) behind[side]++;
            for (int64_t j = behind[side]; j < n && task->work_left > 0 && keys[j] <= wanted + 1; j++)
                compare_stretches(task, all + i, all + j, &made);
        }
    }
}

/* Part all branches; 0 without memory. */
static int part_branches(Beside *task) {
    for (int axis = 0; axis < 3; axis++) task->low[axis] = INFINITY;
    for (int64_t row = 0; row < task->n_nodes; row++)
        for (int axis = 0; axis < 3; axis++) {
            const double place = task->points[3 * row + axis];
            if (place < task->low[axis] && isfinite(place)) task->low[axis] = place;
        }
    task->room = task->n_nodes / 4 + 64;
    task->n_stretches = 0;
    task->stretches = malloc((size_t)task->room * sizeof *task->stretches);
    if (!task->stretches) return 0;
    for (int64_t row = 0; row < task->n_nodes; row++)
        if (is_head(task, row) && !part_branch(task, row)) return 0;
    return 1;
}

/* For each edge (named for its outer node) the nearest parallel one of another branch, or further than
 * 4 * `reach` along the same, whose line its middle lies beside by no more than the greater radius of
 * both, which is taken between `thinnest` and `thickest`; -1 where there is none. Edges no longer than
 * `longest` are compared, whose middles lie within `reach` of each other. Of loops without a fork none. */
EXPORTED int64_t pair_edges(const double *points, const int64_t *parents, const double *radii,
                            const double *lengths, const int64_t *starts, const int64_t *children,
                            int64_t n_nodes, double thinnest, double thickest, double longest,
                            double least_cosine, double reach, int64_t *partners) {
    Beside task = {.points = points, .radii = radii, .lengths = lengths, .parents = parents, .starts = starts,
                   .children = children, .n_nodes = n_nodes, .thinnest = thinnest, .thickest = thickest,
                   .longest = longest, .least_cosine = (float)least_cosine, .reach = (float)reach,
                   .partners = partners};
    int64_t result = NO_MEMORY;
    uint64_t *keys = NULL;
    int32_t *places = NULL;
    Stretch *sorted = NULL;
    task.nearest = malloc((size_t)(n_nodes + 1) * sizeof *task.nearest);
    for (int64_t row = 0; row < n_nodes; row++) partners[row] = -1;
    if (!task.nearest || !part_branches(&task)) goto end;
    for (int64_t row = 0; row < n_nodes; row++) task.nearest[row] = INFINITY;
    const int64_t n = task.n_stretches;
    task.work_left = MOST_WORK + WORK_EACH * n;
    keys = malloc((size_t)(n + 1) * sizeof *keys);
    places = malloc((size_t)(n + 1) * sizeof *places);
    sorted = malloc((size_t)(n + 1) * sizeof *sorted);
    if (!keys || !places || !sorted) goto end;
    float top[3] = {0.0f, 0.0f, 0.0f};
    for (int64_t i = 0; i < n; i++)
        for (int axis = 0; axis < 3; axis++) top[axis] = fmaxf(top[axis], task.stretches[i].high[axis]);
    int bits[3];
    const float cell = 5.0f * task.reach;
    for (int axis = 0; axis < 3; axis++) {
        if (!(top[axis] / cell < 1e6f)) { /* such trees are left to others */
            result = IMPOSSIBLE;
            goto end;
        }
        bits[axis] = 64 - __builtin_clzll((uint64_t)(top[axis] / cell) + 3);
    }
    for (int64_t i = 0; i < n; i++) {
        Stretch *const one = task.stretches + i;
        uint64_t at[3];
        one->is_straight_on = i > 0 && goes_on_straight(&task, one, one - 1);
        for (int axis = 0; axis < 3; axis++)
            at[axis] = (uint64_t)(0.5f * (one->low[axis] + one->high[axis]) / cell) + 1;
        keys[i] = (at[2] << bits[1] | at[1]) << bits[0] | at[0];
        places[i] = (int32_t)i;
    }
    if (!sort_by_key(&keys, &places, n, bits[0] + bits[1] + bits[2])) goto end;
    for (int64_t i = 0; i < n; i++) {
        __builtin_prefetch(task.stretches + places[i + 16 < n ? i + 16 : i]);
        sorted[i] = task.stretches[places[i]];
    }
    compare_near(&task, keys, sorted, n, bits);
    result = 0;
end:
    free(task.nearest);
    free(task.stretches);
    free(keys);
    free(places);
    free(sorted);
    return result;
}
