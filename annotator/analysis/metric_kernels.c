/* The loops of the metrics that compare two tracings as PyNeval does. Each has a twin in numpy and
 * Python, which is the reference and gets what is declined here: places that are no numbers, trees
 * without nodes, loops. Sums are taken in the twin's order: choices hang on the last bit.
 */
#include "kernels.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define NO_PARENT (-1)
#define SLACK 1e-9

/* Room for n items of the size of what it is given to; never of 0 bytes. */
#define MAKE(array, n) ((array) = malloc(((size_t)(n) + 1) * sizeof *(array)))

static inline double square_of(double value) { return value * value; }

static inline double squared_gap(const double *here, const double *there) {
    return square_of(here[0] - there[0]) + square_of(here[1] - there[1]) + square_of(here[2] - there[2]);
}

/* Can these points be counted and placed? */
static int are_plain(const double *points, int64_t n) {
    double sums[3] = {0.0, 0.0, 0.0}; /* one becomes NaN with the first that is no number */
    for (int64_t i = 0; i < n; i++)
        for (int axis = 0; axis < 3; axis++) sums[axis] += points[3 * i + axis] - points[3 * i + axis];
    return n > 0 && n < INT32_MAX && sums[0] + sums[1] + sums[2] == 0.0;
}

/* ---- Orders -------------------------------------------------------------------------------- */

/* Rows from the roots up, each subtree whole, the last child (and root) first. Returns how many;
 * loops, and what hangs below them, are left out. */
EXPORTED int64_t visit_nodes(const int64_t *parents, int64_t n_nodes, int64_t *order) {
    int32_t *lasts, *before;
    int64_t n_visited = 0;
    if (n_nodes >= INT32_MAX) return IMPOSSIBLE;
    MAKE(lasts, n_nodes);
    MAKE(before, n_nodes);
    if (!lasts || !before) {
        n_visited = NO_MEMORY;
        goto end;
    }
    /* Each node's last child, and the sibling before each; those of the roots come at the end. */
    memset(lasts, 0xff, (size_t)(n_nodes + 1) * sizeof *lasts);
    for (int64_t row = 0; row < n_nodes; row++) {
        const int64_t up = parents[row] == NO_PARENT ? n_nodes : parents[row];
        before[row] = lasts[up];
        lasts[up] = (int32_t)row;
    }
    for (int64_t row = lasts[n_nodes]; row >= 0;) {
        order[n_visited++] = row;
        int64_t next = lasts[row];
        while (next < 0 && row != NO_PARENT) {
            next = before[row];
            row = parents[row];
        }
        row = next;
    }
end:
    free(lasts);
    free(before);
    return n_visited;
}

/* ---- Boxes by place ------------------------------------------------------------------------ */

#define FEWEST 3
#define FEW 512
#define MOST_OPEN 64
#define AROUND 6

/* Numbers that are worked on together. */
typedef double Pair __attribute__((vector_size(16)));
typedef int64_t PairBits __attribute__((vector_size(16)));

/* The boxes of the four below a box, side by side. */
typedef union {
    struct {
        double low[3][4], high[3][4];
    };
    struct {
        Pair lows[3][2], highs[3][2];
    };
} Four;

/* Boxes in the order of a curve that fills space, and a heap of the boxes around `FEWEST` or more
 * that follow each other: those below box i are boxes 4i + 1 to 4i + 4, from `n_inner` on leaves. */
typedef struct {
    const double *lows, *highs;
    int64_t n_items, n_inner;
    int32_t *items; /* sorted */
    double *sorted; /* their lows */
    int32_t *firsts; /* the lowest item in each box */
    Four *below; /* of each inner box */
    int shift; /* how many leaves there are, as a power of two */
} Places;

/* Put two bits of 0 before each bit. */
static inline uint64_t spread_bits(uint64_t bits) {
    bits = (bits | bits << 16) & 0xff0000ff;
    bits = (bits | bits << 8) & 0xf00f00f00f;
    bits = (bits | bits << 4) & 0xc30c30c30c3;
    return (bits | bits << 2) & 0x249249249249;
}

static int sort_by_place(Places *places) {
    const int64_t n = places->n_items;
    double low[3] = {INFINITY, INFINITY, INFINITY}, widest = 0.0;
    uint64_t *keys;
    MAKE(keys, n);
    if (!keys) return 0;
    for (int64_t i = 0; i < n; i++)
        for (int axis = 0; axis < 3; axis++)
            if (places->lows[3 * i + axis] < low[axis]) low[axis] = places->lows[3 * i + axis];
    for (int64_t i = 0; i < n; i++)
        for (int axis = 0; axis < 3; axis++)
            if (places->lows[3 * i + axis] - low[axis] > widest) widest = places->lows[3 * i + axis] - low[axis];
    const int n_bits = n < FEW ? 3 : 11; /* of each axis: one turn of sorting, or three */
    const double scale = widest > 0.0 && isfinite(widest) ? ((1 << n_bits) - 1) / widest : 0.0;
    for (int64_t i = 0; i < n; i++) {
        keys[i] = 0;
        for (int axis = 0; axis < 3; axis++) {
            const double cell = (places->lows[3 * i + axis] - low[axis]) * scale;
            keys[i] |= spread_bits(cell < 1 << n_bits ? (uint64_t)cell : 0) << axis;
        }
        places->items[i] = (int32_t)i;
    }
    const int is_done = n == 0 || sort_by_key(&keys, &places->items, n, 3 * n_bits);
    free(keys);
    return is_done;
}

static inline int64_t begin_of(const Places *places, int64_t leaf) {
    return (leaf * places->n_items) >> places->shift;
}

/* Note a box and its first item where it hangs. */
static void hang_box(const Places *places, int64_t node, const double *low, const double *high, int32_t first) {
    places->firsts[node] = first;
    if (node == 0) return;
    Four *const above = places->below + (node - 1) / 4;
    for (int axis = 0; axis < 3; axis++) {
        above->low[axis][(node - 1) % 4] = low[axis];
        above->high[axis][(node - 1) % 4] = high[axis];
    }
}

static void bound_leaf(const Places *places, int64_t leaf) {
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    int32_t first = INT32_MAX;
    for (int64_t i = begin_of(places, leaf); i < begin_of(places, leaf + 1); i++) {
        const int64_t item = places->items[i];
        if (item < first) first = (int32_t)item;
        for (int axis = 0; axis < 3; axis++) {
            if (places->lows[3 * item + axis] < low[axis]) low[axis] = places->lows[3 * item + axis];
            if (places->highs[3 * item + axis] > high[axis]) high[axis] = places->highs[3 * item + axis];
        }
    }
    hang_box(places, places->n_inner + leaf, low, high, first);
}

static void bound_inner(const Places *places, int64_t node) {
    const Four *const below = places->below + node;
    double low[3], high[3];
    int32_t first = places->firsts[4 * node + 1];
    for (int axis = 0; axis < 3; axis++) {
        low[axis] = below->low[axis][0];
        high[axis] = below->high[axis][0];
        for (int i = 1; i < 4; i++) {
            if (below->low[axis][i] < low[axis]) low[axis] = below->low[axis][i];
            if (below->high[axis][i] > high[axis]) high[axis] = below->high[axis][i];
        }
    }
    for (int i = 2; i <= 4; i++)
        if (places->firsts[4 * node + i] < first) first = places->firsts[4 * node + i];
    hang_box(places, node, low, high, first);
}

static void forget_places(Places *places) {
    free(places->items);
    free(places->sorted);
    free(places->firsts);
    free(places->below);
}

/* Make boxes (points where lows and highs are the same) ready to be searched; 0 without memory. */
static int place_boxes(Places *places, const double *lows, const double *highs, int64_t n) {
    *places = (Places){.lows = lows, .highs = highs, .n_items = n};
    while ((int64_t)4 * FEWEST << places->shift <= n) {
        places->n_inner = 4 * places->n_inner + 1;
        places->shift += 2;
    }
    const int64_t n_leaves = (int64_t)1 << places->shift;
    MAKE(places->items, n);
    MAKE(places->sorted, 3 * n);
    MAKE(places->firsts, places->n_inner + n_leaves);
    MAKE(places->below, places->n_inner);
    if (!places->items || !places->sorted || !places->firsts || !places->below || !sort_by_place(places)) return 0;
    for (int64_t i = 0; i < n; i++)
        memcpy(places->sorted + 3 * i, lows + 3 * (int64_t)places->items[i], 3 * sizeof *lows);
    for (int64_t leaf = 0; leaf < n_leaves; leaf++) bound_leaf(places, leaf);
    for (int64_t node = places->n_inner - 1; node >= 0; node--) bound_inner(places, node);
    return 1;
}

/* Squared distance to a box: never more, also when rounded, than to any point in it. */
static inline double squared_to_box(const double *low, const double *high, const double *at) {
    double gaps[3];
    for (int axis = 0; axis < 3; axis++) {
        const double below = low[axis] - at[axis], above = at[axis] - high[axis];
        gaps[axis] = below > 0.0 ? below : above > 0.0 ? above : 0.0;
    }
    return gaps[0] * gaps[0] + gaps[1] * gaps[1] + gaps[2] * gaps[2];
}

static inline Pair if_positive(Pair value) {
    const Pair nothing = {0.0, 0.0};
    return (Pair)((PairBits)value & (PairBits)(value > nothing));
}

/* The same of four boxes. */
static inline void squared_to_four(const Four *boxes, const double *at, double *gaps) {
    for (int half = 0; half < 2; half++) {
        Pair squared[3];
        for (int axis = 0; axis < 3; axis++) {
            const Pair here = {at[axis], at[axis]};
            const Pair gap = if_positive(boxes->lows[axis][half] - here) + if_positive(here - boxes->highs[axis][half]);
            squared[axis] = gap * gap;
        }
        const Pair sum = squared[0] + squared[1] + squared[2];
        gaps[2 * half] = sum[0];
        gaps[2 * half + 1] = sum[1];
    }
}

/* What is nearest of what was looked at: where it is sorted, and its squared distance. */
typedef struct {
    double gap;
    int64_t place;
} Nearest;

/* Look at sorted points; of those that are as near the lowest item is kept. */
static inline void look_at(const Places *places, int64_t begin, int64_t end, const double *at, Nearest *best) {
    for (int64_t i = begin; i < end; i++) {
        const double gap = squared_gap(places->sorted + 3 * i, at);
        if (gap > best->gap || (gap == best->gap && places->items[i] >= places->items[best->place])) continue;
        best->gap = gap;
        best->place = i;
    }
}

/* Find where the item nearest to a point is sorted, the lowest of those that are as near; items are
 * points. `guess` is any such place: the nearer, the less is looked at. */
static int64_t find_nearest_item(const Places *places, const double *at, int64_t guess) {
    double gaps[MOST_OPEN], four[4];
    int64_t nodes[MOST_OPEN], n_open = 1;
    Nearest best = {squared_gap(places->sorted + 3 * guess, at), guess};
    look_at(places, guess > AROUND ? guess - AROUND : 0,
            guess + AROUND < places->n_items ? guess + AROUND : places->n_items, at, &best);
    nodes[0] = 0;
    gaps[0] = 0.0;
    while (n_open > 0) {
        const int64_t node = nodes[--n_open];
        if (gaps[n_open] > best.gap) continue;
        if (gaps[n_open] == best.gap && places->firsts[node] >= places->items[best.place]) continue;
        if (node >= places->n_inner) {
            const int64_t leaf = node - places->n_inner;
            look_at(places, begin_of(places, leaf), begin_of(places, leaf + 1), at, &best);
            continue;
        }
        squared_to_four(places->below + node, at, four);
        for (int i = 0; i < 4; i++) { /* without a choice, which would often be guessed wrong */
            gaps[n_open] = four[i];
            nodes[n_open] = 4 * node + 1 + i;
            n_open += four[i] <= best.gap;
        }
    }
    return best.place;
}

/* Write the items whose box is no farther than this from a point, in no order; returns how many. */
static int64_t list_near(const Places *places, const double *at, double squared_reach, int32_t *found) {
    double four[4];
    int64_t nodes[MOST_OPEN], n_open = 1, n_found = 0;
    nodes[0] = 0;
    while (n_open > 0) {
        const int64_t node = nodes[--n_open];
        if (node < places->n_inner) {
            squared_to_four(places->below + node, at, four);
            for (int i = 4; i > 0; i--)
                if (four[i - 1] <= squared_reach) nodes[n_open++] = 4 * node + i;
            continue;
        }
        const int64_t leaf = node - places->n_inner, end = begin_of(places, leaf + 1);
        for (int64_t i = begin_of(places, leaf); i < end; i++) {
            const int64_t item = places->items[i];
            if (squared_to_box(places->lows + 3 * item, places->highs + 3 * item, at) <= squared_reach)
                found[n_found++] = (int32_t)item;
        }
    }
    return n_found;
}

/* ---- Nodes that lie apart ------------------------------------------------------------------- */

#define ALMOST 1e-6

static inline double length_of_edge(const double *points, const int64_t *parents, int64_t row) {
    return parents[row] == NO_PARENT ? 0.0 : sqrt(squared_gap(points + 3 * row, points + 3 * parents[row]));
}

static inline double parts_of_edge(const double *points, const int64_t *parents, int64_t row, double spacing) {
    const double n_parts = floor(length_of_edge(points, parents, row) / spacing);
    return n_parts > 1.0 ? n_parts : 1.0;
}

/* How many nodes there are when edges are parted; IMPOSSIBLE where too many, or places are no numbers. */
EXPORTED int64_t count_parts(const double *points, const int64_t *parents, int64_t n_nodes, double spacing) {
    double n_parts = 0.0;
    if (!are_plain(points, n_nodes)) return IMPOSSIBLE;
    for (int64_t row = 0; row < n_nodes; row++) n_parts += parts_of_edge(points, parents, row, spacing);
    return n_parts < INT32_MAX ? (int64_t)n_parts : IMPOSSIBLE;
}

static void part_edges(const double *points, const int64_t *parents, int64_t n_nodes, double spacing,
                       double *parts) {
    for (int64_t row = 0; row < n_nodes; row++) {
        const double n_parts = parts_of_edge(points, parents, row, spacing);
        const double *const here = points + 3 * row;
        const double *const there = parents[row] == NO_PARENT ? here : points + 3 * parents[row];
        for (double number = 0.0; number < n_parts; number += 1.0)
            for (int axis = 0; axis < 3; axis++)
                *parts++ = here[axis] + (there[axis] - here[axis]) / n_parts * number;
    }
}

/* Round as Python does, by the exact value: 0.125 is a half, 0.145 is a little less than one. */
static void round_all(const double *values, int64_t n, double scale, double *rounded) {
    for (int64_t i = 0; i < n; i++) {
        const double scaled = values[i] * scale, below = floor(scaled);
        double nearest = rint(scaled);
        if (fabs(scaled - below - 0.5) < ALMOST) {
            const double more = fma(values[i], scale, -(below + 0.5));
            if (more != 0.0) nearest = more > 0.0 ? below + 1.0 : below;
        }
        rounded[i] = nearest / scale;
    }
}

/* In the order of the curve, where the one before tells about where the next one's nearest is. */
static void measure_gaps(const Places *own, const double *points, const Places *others, const double *other_points,
                         double *gaps) {
    int64_t place = 0;
    for (int64_t i = 0; i < own->n_items; i++) {
        const double *const here = points + 3 * (int64_t)own->items[i];
        place = find_nearest_item(others, own->sorted + 3 * i, place);
        gaps[own->items[i]] = sqrt(squared_gap(here, other_points + 3 * (int64_t)others->items[place]));
    }
}

/* Part the edges of two trees, and measure from each node to the other tree's that is nearest when
 * places are rounded (the first of them); `n_parts` of each tree are those of `count_parts`. */
EXPORTED int64_t measure_apart(const double *points, const int64_t *parents, int64_t n_nodes, int64_t n_parts,
                               const double *other_points, const int64_t *other_parents, int64_t n_other_nodes,
                               int64_t n_other_parts, double spacing, double scale, double *gaps,
                               double *other_gaps) {
    int64_t result = NO_MEMORY;
    double *parts, *rounded;
    const int64_t n_all = n_parts + n_other_parts;
    Places own = {0}, others = {0};
    MAKE(parts, 3 * n_all);
    MAKE(rounded, 3 * n_all);
    if (!parts || !rounded) goto end;
    double *const other_parts = parts + 3 * n_parts, *const other_rounded = rounded + 3 * n_parts;
    part_edges(points, parents, n_nodes, spacing, parts);
    part_edges(other_points, other_parents, n_other_nodes, spacing, other_parts);
    round_all(parts, 3 * n_all, scale, rounded);
    if (!place_boxes(&own, rounded, rounded, n_parts)) goto end;
    if (!place_boxes(&others, other_rounded, other_rounded, n_other_parts)) goto end;
    measure_gaps(&own, parts, &others, other_parts, gaps);
    measure_gaps(&others, other_parts, &own, parts, other_gaps);
    result = 0;
end:
    forget_places(&own);
    forget_places(&others);
    free(parts);
    free(rounded);
    return result;
}

/* ---- Forks and tips ------------------------------------------------------------------------- */

/* Write the places of forks, then of tips, both in the order of visiting; returns how many. */
static int64_t find_critical(const double *points, const int64_t *parents, int64_t n_nodes, double *found) {
    int64_t *order, n_found = 0;
    int32_t *n_children;
    MAKE(order, n_nodes);
    MAKE(n_children, n_nodes);
    const int64_t n_visited = order && n_children ? visit_nodes(parents, n_nodes, order) : NO_MEMORY;
    if (n_visited < 0) {
        n_found = n_visited;
        goto end;
    }
    memset(n_children, 0, (size_t)n_nodes * sizeof *n_children);
    for (int64_t row = 0; row < n_nodes; row++)
        if (parents[row] != NO_PARENT) n_children[parents[row]]++;
    int64_t n_tips = 0;
    for (int64_t i = 0; i < n_visited; i++) {
        const int64_t row = order[i];
        const int is_root = parents[row] == NO_PARENT, n = n_children[row];
        if (n == 1 && !is_root) continue;
        if (n > 1 + is_root) memcpy(found + 3 * n_found++, points + 3 * row, 3 * sizeof *found);
        if (n < 2) order[n_tips++] = row; /* where nobody looks any more */
    }
    for (int64_t i = 0; i < n_tips; i++) memcpy(found + 3 * n_found++, points + 3 * order[i], 3 * sizeof *found);
end:
    free(order);
    free(n_children);
    return n_found;
}

/* Who may be paired with whom: those of number i are near[bounds[i]] to near[bounds[i + 1]]. */
typedef struct {
    int64_t *bounds;
    int32_t *near;
    int32_t *partners; /* of theirs; -1 where there is none */
    int32_t *seen, *path; /* of ours */
    int64_t *asked; /* where in `near` each of ours, of the path, has got to */
} Pairing;

static int by_number(const void *one, const void *other) {
    const int32_t first = *(const int32_t *)one, second = *(const int32_t *)other;
    return (first > second) - (first < second);
}

/* List who is near whom, in ascending order; 0 without memory. */
static int list_partners(Pairing *pairing, const double *ours, int64_t n_ours, const double *theirs,
                         int64_t n_theirs, double reach) {
    Places places = {0};
    int64_t room = 4 * n_ours + n_theirs, n_near = 0;
    int is_done = 0;
    MAKE(pairing->near, room);
    if (!pairing->near || !place_boxes(&places, theirs, theirs, n_theirs)) goto end;
    for (int64_t one = 0; one < n_ours; one++) {
        if (room < n_near + n_theirs) {
            room = 2 * room + n_theirs;
            int32_t *const more = realloc(pairing->near, ((size_t)room + 1) * sizeof *more);
            if (!more) goto end;
            pairing->near = more;
        }
        pairing->bounds[one] = n_near;
        const int64_t n_found = list_near(&places, ours + 3 * one, reach * reach, pairing->near + n_near);
        if (n_found > 1) qsort(pairing->near + n_near, (size_t)n_found, sizeof *pairing->near, by_number);
        n_near += n_found;
    }
    pairing->bounds[n_ours] = n_near;
    is_done = 1;
end:
    forget_places(&places);
    return is_done;
}

/* Pair one more, by giving others another partner where it must be; tell whether it went. */
static int augment(Pairing *pairing, int32_t one, int32_t turn) {
    int64_t n_path = 0;
    for (;;) {
        pairing->seen[one] = turn;
        for (int64_t i = pairing->bounds[one]; i < pairing->bounds[one + 1]; i++) {
            if (pairing->partners[pairing->near[i]] >= 0) continue;
            pairing->partners[pairing->near[i]] = one;
            while (n_path-- > 0) {
                one = pairing->path[n_path];
                pairing->partners[pairing->near[pairing->asked[one] - 1]] = one;
            }
            return 1;
        }
        pairing->asked[one] = pairing->bounds[one];
        pairing->path[n_path++] = one;
        int32_t next = -1;
        while (n_path > 0 && next < 0) {
            const int32_t last = pairing->path[n_path - 1];
            while (next < 0 && pairing->asked[last] < pairing->bounds[last + 1]) {
                const int32_t other = pairing->partners[pairing->near[pairing->asked[last]++]];
                if (pairing->seen[other] != turn) next = other;
            }
            if (next < 0) n_path--;
        }
        if (next < 0) return 0;
        one = next;
    }
}

/* Pair as many as can be (Kuhn), in the order of the lists. */
static void pair_all(Pairing *pairing, int64_t n_ours, int32_t *open) {
    int64_t n_open = n_ours, n_before = -1;
    for (int64_t one = 0; one < n_ours; one++) open[one] = (int32_t)one;
    for (int32_t turn = 1; n_open != n_before; turn++) {
        n_before = n_open;
        n_open = 0;
        for (int64_t i = 0; i < n_before; i++)
            if (!augment(pairing, open[i], turn)) open[n_open++] = open[i];
    }
}

/* Pair forks and tips of two trees that are no farther apart than `reach`. Writes how many each tree has,
 * then the distances of pairs in the order of ours; returns how many pairs. */
EXPORTED int64_t pair_critical(const double *our_points, const int64_t *our_parents, int64_t n_our_nodes,
                               const double *their_points, const int64_t *their_parents, int64_t n_their_nodes,
                               double reach, double *found) {
    if (!are_plain(our_points, n_our_nodes) || !are_plain(their_points, n_their_nodes)) return IMPOSSIBLE;
    int64_t n_pairs = NO_MEMORY, n_ours, n_theirs;
    double *ours, *theirs;
    int32_t *open = NULL;
    Pairing pairing = {0};
    MAKE(ours, 3 * n_our_nodes);
    MAKE(theirs, 3 * n_their_nodes);
    if (!ours || !theirs) goto end;
    n_ours = find_critical(our_points, our_parents, n_our_nodes, ours);
    n_theirs = find_critical(their_points, their_parents, n_their_nodes, theirs);
    if (n_ours < 0 || n_theirs < 0) goto end;
    MAKE(open, n_ours);
    MAKE(pairing.bounds, n_ours);
    MAKE(pairing.partners, n_theirs);
    MAKE(pairing.seen, n_ours);
    MAKE(pairing.path, n_ours);
    MAKE(pairing.asked, n_ours);
    if (!open || !pairing.bounds || !pairing.partners || !pairing.seen || !pairing.path || !pairing.asked) goto end;
    if (!list_partners(&pairing, ours, n_ours, theirs, n_theirs, reach)) goto end;
    memset(pairing.partners, 0xff, (size_t)n_theirs * sizeof *pairing.partners);
    memset(pairing.seen, 0, (size_t)n_ours * sizeof *pairing.seen);
    pair_all(&pairing, n_ours, open);
    for (int64_t one = 0; one < n_ours; one++) open[one] = -1;
    for (int64_t other = 0; other < n_theirs; other++)
        if (pairing.partners[other] >= 0) open[pairing.partners[other]] = (int32_t)other;
    n_pairs = 0;
    found[0] = (double)n_ours;
    found[1] = (double)n_theirs;
    for (int64_t one = 0; one < n_ours; one++)
        if (open[one] >= 0) found[2 + n_pairs++] = sqrt(squared_gap(ours + 3 * one, theirs + 3 * open[one]));
end:
    free(ours);
    free(theirs);
    free(open);
    free(pairing.bounds);
    free(pairing.near);
    free(pairing.partners);
    free(pairing.seen);
    free(pairing.path);
    free(pairing.asked);
    return n_pairs;
}

/* ---- Edges found again ---------------------------------------------------------------------- */

#define POINT_LIKE 1e-7
#define OPEN_END 0.001

/* Where an end of a gold edge comes down on a test edge, which is named by its row; how far from the
 * end, and from the ends of the test edge. */
typedef struct {
    double gap, place[3], to_node, to_parent;
    int32_t row, rank;
} Foot;

/* A stretch of a test edge that is used; -1 ends the list. */
typedef struct {
    double low, high;
    int64_t next;
} Part;

typedef struct {
    const double *points, *lengths;
    const int64_t *parents, *ids;
    int64_t n_nodes;
    int32_t *ranks, *depths; /* place in the order of visiting, edges to the root */
    Foot *feet; /* of point n: bounds[n] to bounds[n + 1], the nearest first */
    int64_t *bounds, n_feet, feet_room;
    uint8_t *is_passed; /* edges that were passed whole */
    int64_t *used; /* first part used of each edge */
    Part *parts;
    int64_t n_parts, parts_room;
    int32_t *between; /* the edges passed whole by the way that is looked at */
    int64_t n_between;
} Ways;

static int by_gap(const void *one, const void *other) {
    const Foot *const first = one, *const second = other;
    if (first->gap != second->gap) return first->gap < second->gap ? -1 : 1;
    return (first->rank > second->rank) - (first->rank < second->rank);
}

/* Find the foot of a point on a test edge, with sums in PyNeval's order. */
static void find_foot(const Ways *ways, const double *at, int64_t row, Foot *foot) {
    const double *const start = ways->points + 3 * row, *const end = ways->points + 3 * ways->parents[row];
    const double x = end[0] - start[0], y = end[1] - start[1], z = end[2] - start[2];
    const double squared = x * x + y * y + z * z;
    const double along =
        -((start[0] - at[0]) * x + (start[1] - at[1]) * y + (start[2] - at[2]) * z) / squared;
    const double place[3] = {along * x + start[0], along * y + start[1], along * z + start[2]};
    int is_on = 1;
    for (int axis = 0; axis < 3; axis++) {
        const int is_up = start[axis] < end[axis];
        is_on &= (is_up ? start[axis] : end[axis]) <= place[axis];
        is_on &= place[axis] <= (is_up ? end[axis] : start[axis]);
    }
    const int is_nearer = sqrt(squared_gap(at, start)) < sqrt(squared_gap(at, end));
    memcpy(foot->place, is_on ? place : is_nearer ? start : end, sizeof foot->place);
    foot->gap = sqrt(squared_gap(at, foot->place));
    foot->to_node = sqrt(squared_gap(foot->place, start));
    foot->to_parent = sqrt(squared_gap(foot->place, end));
    foot->row = (int32_t)row;
    foot->rank = ways->ranks[row];
}

static void sort_feet(Foot *feet, int64_t n) {
    if (n > 16) {
        qsort(feet, (size_t)n, sizeof *feet, by_gap);
        return;
    }
    for (int64_t i = 1; i < n; i++) {
        const Foot foot = feet[i];
        int64_t place = i;
        for (; place > 0 && by_gap(&foot, feet + place - 1) < 0; place--) feet[place] = feet[place - 1];
        feet[place] = foot;
    }
}

/* Find the feet of all points on the edges of `rows`; 0 without memory. */
static int find_feet(Ways *ways, const Places *places, const int32_t *rows, const double *points,
                     const double *reaches, int64_t n_points, double slack, int32_t *near) {
    for (int64_t point = 0; point < n_points; point++) {
        const double *const at = points + 3 * point;
        const double reach = reaches[point] * (1.0 + SLACK) + slack;
        const int64_t begin = ways->n_feet, n_near = list_near(places, at, reach * reach, near);
        ways->bounds[point] = begin;
        if (ways->feet_room < begin + n_near) {
            ways->feet_room = 2 * ways->feet_room + n_near;
            Foot *const more = realloc(ways->feet, (size_t)ways->feet_room * sizeof *more);
            if (!more) return 0;
            ways->feet = more;
        }
        for (int64_t i = 0; i < n_near; i++) {
            Foot *const foot = ways->feet + ways->n_feet;
            find_foot(ways, at, rows[near[i]], foot);
            ways->n_feet += foot->gap <= reaches[point];
        }
        sort_feet(ways->feet + begin, ways->n_feet - begin);
    }
    ways->bounds[n_points] = ways->n_feet;
    return 1;
}

/* Search the edges of the test tree by place, and find the feet of all points; 0 without memory. */
static int search_edges(Ways *ways, const double *points, const double *reaches, int64_t n_points) {
    Places places = {0};
    double *lows, *highs, largest = 0.0;
    int32_t *rows, *near;
    int64_t n_edges = 0;
    int is_done = 0;
    MAKE(lows, 3 * ways->n_nodes);
    MAKE(highs, 3 * ways->n_nodes);
    MAKE(rows, ways->n_nodes);
    MAKE(near, ways->n_nodes);
    if (!lows || !highs || !rows || !near) goto end;
    for (int64_t row = 0; row < ways->n_nodes; row++) {
        if (ways->parents[row] == NO_PARENT) continue;
        const double *const here = ways->points + 3 * row, *const there = ways->points + 3 * ways->parents[row];
        if (!(squared_gap(there, here) >= POINT_LIKE)) continue;
        for (int axis = 0; axis < 3; axis++) {
            const int is_up = here[axis] < there[axis];
            lows[3 * n_edges + axis] = is_up ? here[axis] : there[axis];
            highs[3 * n_edges + axis] = is_up ? there[axis] : here[axis];
            largest = fmax(largest, fmax(fabs(here[axis]), fabs(there[axis])));
        }
        rows[n_edges++] = (int32_t)row;
    }
    if (!place_boxes(&places, lows, highs, n_edges)) goto end;
    is_done = find_feet(ways, &places, rows, points, reaches, n_points, SLACK * largest, near);
end:
    forget_places(&places);
    free(lows);
    free(highs);
    free(rows);
    free(near);
    return is_done;
}

static int is_free(const Ways *ways, int64_t row, double low, double high) {
    if (ways->is_passed[row]) return 0;
    if (low >= high) return 1;
    for (int64_t part = ways->used[row]; part >= 0; part = ways->parts[part].next)
        if (!(high < ways->parts[part].low || ways->parts[part].high < low)) return 0;
    return 1;
}

/* Note that a stretch is used; there is room for two more. */
static void mark(Ways *ways, int64_t row, double low, double high) {
    if (low >= high) return;
    ways->parts[ways->n_parts] = (Part){low, high, ways->used[row]};
    ways->used[row] = ways->n_parts++;
}

static int use_part(Ways *ways, const Foot *first, const Foot *second) {
    const double one = first->to_node / ways->lengths[first->row], other = second->to_node / ways->lengths[first->row];
    const double low = one < other ? one : other, high = (one < other ? other : one) - OPEN_END;
    if (!is_free(ways, first->row, low, high)) return 0;
    mark(ways, first->row, low, high);
    return 1;
}

static int use_way(Ways *ways, const Foot *first, const Foot *second, int64_t turn) {
    double lows[2], highs[2];
    for (int64_t i = 0; i < ways->n_between; i++)
        if (ways->is_passed[ways->between[i]] || ways->used[ways->between[i]] >= 0) return 0;
    for (int end = 0; end < 2; end++) {
        const Foot *const foot = end ? second : first;
        const double at = foot->to_node / ways->lengths[foot->row];
        lows[end] = foot->row == turn ? 0.0 : at;
        highs[end] = (foot->row == turn ? at : 1.0) - OPEN_END;
        if (!is_free(ways, foot->row, lows[end], highs[end])) return 0;
    }
    mark(ways, first->row, lows[0], highs[0]);
    mark(ways, second->row, lows[1], highs[1]);
    for (int64_t i = 0; i < ways->n_between; i++) ways->is_passed[ways->between[i]] = 1;
    return 1;
}

/* Go from foot to foot: the way's length (negative where there is none within the limit), the edges
 * between, and the node where it turns. */
static double find_way(Ways *ways, const Foot *first, const Foot *second, double limit, int64_t *turn) {
    int64_t one = first->row, other = second->row;
    double way = 0.0;
    ways->n_between = 0;
    while (one != other) {
        int64_t *const lower = ways->depths[one] >= ways->depths[other] ? &one : &other;
        const int64_t row = *lower;
        *lower = ways->parents[row];
        if (row != first->row && row != second->row) {
            ways->between[ways->n_between++] = (int32_t)row;
            way += ways->lengths[row];
        }
        if (way > limit || *lower == NO_PARENT) return -1.0;
    }
    if (ways->ids[one] < 1) return -1.0;
    way += first->row == one ? first->to_node : first->to_parent;
    way += second->row == one ? second->to_node : second->to_parent;
    *turn = one;
    return way;
}

/* Use the first way between feet of both that is free and about as long; returns its length, or -1. */
static double take_way(Ways *ways, int64_t node, int64_t parent, double length, double tolerance) {
    for (int64_t i = ways->bounds[node]; i < ways->bounds[node + 1]; i++)
        for (int64_t j = ways->bounds[parent]; j < ways->bounds[parent + 1]; j++) {
            const Foot *const first = ways->feet + i, *const second = ways->feet + j;
            if (first->row == second->row) {
                const double way = sqrt(squared_gap(first->place, second->place));
                if (fabs(way - length) < tolerance && use_part(ways, first, second)) return way;
                continue;
            }
            int64_t turn = NO_PARENT;
            const double way = find_way(ways, first, second, length + tolerance, &turn);
            if (way >= 0.0 && fabs(way - length) < tolerance && use_way(ways, first, second, turn)) return way;
        }
    return -1.0;
}

/* Take ways for all gold edges, in the order of visiting; 0 without memory. */
static int take_ways(Ways *ways, const int64_t *parents, const double *lengths, const int64_t *order,
                     int64_t n_ordered, double length_tolerance, double *found) {
    for (int64_t i = 0; i < n_ordered; i++) {
        const int64_t row = order[i];
        if (parents[row] == NO_PARENT) continue;
        if (ways->parts_room < ways->n_parts + 2) {
            ways->parts_room = 2 * ways->parts_room + 1024;
            Part *const more = realloc(ways->parts, (size_t)ways->parts_room * sizeof *more);
            if (!more) return 0;
            ways->parts = more;
        }
        const double way = take_way(ways, row, parents[row], lengths[row], lengths[row] * length_tolerance);
        if (way < 0.0) continue;
        found[0] += lengths[row];
        found[1] += way;
    }
    return 1;
}

/* Make the orders of the test tree; how many nodes there are in them, or NO_MEMORY. */
static int64_t order_test(Ways *ways, int64_t *order) {
    const int64_t n = ways->n_nodes, n_visited = visit_nodes(ways->parents, n, order);
    for (int64_t i = 0; i < n_visited; i++) {
        const int64_t row = order[i];
        ways->ranks[row] = (int32_t)i;
        ways->depths[row] = ways->parents[row] == NO_PARENT ? 0 : ways->depths[ways->parents[row]] + 1;
    }
    memset(ways->is_passed, 0, (size_t)n);
    memset(ways->used, 0xff, (size_t)n * sizeof *ways->used);
    return n_visited;
}

/* Find the edges of the gold tree again along the test tree. Writes both trees' lengths of edges, and the
 * cable found: of the gold, of the test. IMPOSSIBLE where the test tree has loops. */
EXPORTED int64_t take_edges(const double *points, const int64_t *parents, const int64_t *ids, int64_t n_nodes,
                            const double *gold_points, const int64_t *gold_parents, const double *reaches,
                            int64_t n_gold, double length_tolerance, double *lengths, double *gold_lengths,
                            double *found) {
    if (!are_plain(points, n_nodes) || !are_plain(gold_points, n_gold)) return IMPOSSIBLE;
    int64_t result = NO_MEMORY, *order, n_ordered;
    Ways ways = {.points = points, .lengths = lengths, .parents = parents, .ids = ids, .n_nodes = n_nodes};
    MAKE(order, n_nodes > n_gold ? n_nodes : n_gold);
    MAKE(ways.ranks, n_nodes);
    MAKE(ways.depths, n_nodes);
    MAKE(ways.bounds, n_gold);
    MAKE(ways.is_passed, n_nodes);
    MAKE(ways.used, n_nodes);
    MAKE(ways.between, n_nodes);
    if (!order || !ways.ranks || !ways.depths || !ways.bounds || !ways.is_passed || !ways.used || !ways.between)
        goto end;
    for (int64_t row = 0; row < n_nodes; row++) lengths[row] = length_of_edge(points, parents, row);
    for (int64_t row = 0; row < n_gold; row++) gold_lengths[row] = length_of_edge(gold_points, gold_parents, row);
    n_ordered = order_test(&ways, order);
    if (n_ordered >= 0 && n_ordered < n_nodes) result = IMPOSSIBLE;
    if (n_ordered != n_nodes || !search_edges(&ways, gold_points, reaches, n_gold)) goto end;
    n_ordered = visit_nodes(gold_parents, n_gold, order);
    found[0] = found[1] = 0.0;
    if (n_ordered >= 0 && take_ways(&ways, gold_parents, gold_lengths, order, n_ordered, length_tolerance, found))
        result = 0;
end:
    free(order);
    free(ways.ranks);
    free(ways.depths);
    free(ways.feet);
    free(ways.bounds);
    free(ways.is_passed);
    free(ways.used);
    free(ways.parts);
    free(ways.between);
    return result;
}
