/* The loops over tracings of neurons: reading their files, orders of a tree, what is near what. Each
 * has a twin in Python or numpy, which is the reference; see kernels.c for what holds of all these files.
 * Rows of parents come from a Tree, whose makers keep them within bounds.
 */
#include "kernels.h"

#define NO_PARENT (-1)

typedef unsigned __int128 wide;

/* ---- Text to numbers ----------------------------------------------------------------------- */

static const uint64_t TENS[20] = {1ULL, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL, 10000000ULL,
    100000000ULL, 1000000000ULL, 10000000000ULL, 100000000000ULL, 1000000000000ULL, 10000000000000ULL,
    100000000000000ULL, 1000000000000000ULL, 10000000000000000ULL, 100000000000000000ULL,
    1000000000000000000ULL, 10000000000000000000ULL};
static const double EXACT_TENS[23] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static int width_of(wide value) {
    const uint64_t high = (uint64_t)(value >> 64), low = (uint64_t)value;
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

/* The double nearest to value * 2^power, where bits below value were cut off if `is_more`. */
static double rounded(wide value, int power, int is_more) {
    const int drop = width_of(value) - 53;
    if (drop <= 0) return ldexp((double)(uint64_t)value, power);
    const wide half = (wide)1 << (drop - 1), low = value & ((half << 1) - 1);
    uint64_t kept = (uint64_t)(value >> drop);
    kept += low > half || (low == half && (is_more || (kept & 1)));
    return ldexp((double)kept, power + drop);
}

/* digits * 10^power as the nearest double: 1 where that can be told with words of 128 bits. */
static int scale_by_ten(uint64_t digits, int power, double *value) {
    if (digits == 0) {
        *value = 0.0;
    } else if (digits <= (1ULL << 53) && power >= -22 && power <= 22) {
        *value = power < 0 ? (double)digits / EXACT_TENS[-power] : (double)digits * EXACT_TENS[power];
    } else if (power >= 0 && power <= 19) {
        *value = rounded((wide)digits * TENS[power], 0, 0);
    } else if (power < 0 && power >= -19) {
        const uint64_t by = TENS[-power];
        const int shift = 62 - width_of(digits) + width_of(by);
        const wide whole = (wide)digits << shift;
        *value = rounded(whole / by, -shift, whole % by != 0);
    } else {
        return 0;
    }
    return 1;
}

typedef struct {
    const uint8_t *at, *end;
    uint8_t line_end;
} Text;

typedef struct {
    uint64_t digits;
    int power, is_negative, is_whole;
} Number;

static inline int is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

static inline int parts_fields(const Text *text, uint8_t c) {
    return c == ' ' || c == ',' || (c >= '\t' && c <= '\r' && c != text->line_end);
}

static inline int ends_field(const Text *text) {
    return text->at == text->end || *text->at == text->line_end || *text->at == '#' || parts_fields(text, *text->at);
}

/* Read one number up to the end of its field; 0 where it is odd: more digits than a word holds,
 * no number, a number in words. */
static inline int read_number(Text *text, Number *number) {
    const uint8_t *at = text->at, *const end = text->end;
    uint64_t digits = 0;
    int n_digits = 0, n_seen = 0, power = 0;
    number->is_negative = at < end && *at == '-';
    number->is_whole = 1;
    if (at < end && (*at == '-' || *at == '+')) at++;
    for (; at < end && is_digit(*at); at++, n_seen++) {
        digits = digits * 10 + (uint64_t)(*at - '0');
        n_digits += digits != 0;
    }
    if (at < end && *at == '.') {
        number->is_whole = 0;
        for (at++; at < end && is_digit(*at); at++, n_seen++, power--) {
            digits = digits * 10 + (uint64_t)(*at - '0');
            n_digits += digits != 0;
        }
    }
    if (n_seen == 0 || n_digits > 19) return 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        int more = 0, n_more = 0, is_below = 0;
        number->is_whole = 0;
        at++;
        if (at < end && (*at == '-' || *at == '+')) is_below = *at++ == '-';
        for (; at < end && is_digit(*at) && n_more < 4; at++, n_more++) more = more * 10 + (*at - '0');
        if (n_more == 0 || n_more == 4) return 0;
        power += is_below ? -more : more;
    }
    text->at = at;
    number->digits = digits;
    number->power = power;
    return ends_field(text);
}

static inline int read_real(Text *text, double *value) {
    Number number;
    if (!read_number(text, &number) || !scale_by_ten(number.digits, number.power, value)) return 0;
    if (number.is_negative) *value = -*value;
    return 1;
}

static inline int read_integer(Text *text, int64_t *value) {
    Number number;
    if (!read_number(text, &number)) return 0;
    if (number.is_whole && number.digits <= INT64_MAX) {
        *value = (int64_t)number.digits;
    } else {
        double real;
        if (!scale_by_ten(number.digits, number.power, &real) || real > 9007199254740992.0) return 0;
        *value = (int64_t)real;
        if ((double)*value != real) return 0;
    }
    if (number.is_negative) *value = -*value;
    return 1;
}

/* Step over what parts fields; 0 where the line ends. Tells commas without, and gaps without one. */
static inline int next_field(Text *text, int *has_tight_comma, int *has_plain_gap) {
    const uint8_t *const from = text->at;
    int n_commas = 0;
    for (; text->at < text->end && parts_fields(text, *text->at); text->at++) n_commas += *text->at == ',';
    *has_tight_comma |= n_commas > 1 || (n_commas == 1 && text->at - from == 1);
    *has_plain_gap |= n_commas == 0;
    return text->at < text->end && *text->at != text->line_end && *text->at != '#';
}

static int read_node(Text *text, int64_t *id, int32_t *type, double *numbers, int64_t *parent) {
    int has_tight_comma = 0, has_plain_gap = 0;
    int64_t kind;
    if (!read_integer(text, id) || !next_field(text, &has_tight_comma, &has_plain_gap)) return 0;
    if (!read_integer(text, &kind) || kind < INT32_MIN || kind > INT32_MAX) return 0;
    *type = (int32_t)kind;
    for (int i = 0; i < 4; i++) {
        if (!next_field(text, &has_tight_comma, &has_plain_gap)) return 0;
        if (!read_real(text, numbers + i)) return 0;
    }
    if (!next_field(text, &has_tight_comma, &has_plain_gap) || !read_integer(text, parent)) return 0;
    /* Commas may be those of decimals where gaps part fields too. */
    return !(has_tight_comma && has_plain_gap);
}

/* How often a byte is there. */
EXPORTED int64_t count_byte(const uint8_t *bytes, int64_t n_bytes, int32_t byte) {
    int64_t n_found = 0;
    for (int64_t begin = 0; begin < n_bytes; begin += 255) {
        const int64_t end = begin + 255 < n_bytes ? begin + 255 : n_bytes;
        uint8_t n_here = 0;
        for (int64_t i = begin; i < end; i++) n_here = (uint8_t)(n_here + (bytes[i] == (uint8_t)byte));
        n_found += n_here;
    }
    return n_found;
}

/* Read the nodes of an SWC file from state[0] on, state[1] lines before it; both are moved on. Every
 * line that is neither empty nor a comment gets a row, those that are not plain are marked odd.
 * Returns the rows filled, at most `n_rows`. */
EXPORTED int64_t parse_swc(const uint8_t *bytes, int64_t n_bytes, int32_t line_end, int64_t *state, int64_t n_rows,
                           int64_t *ids, int32_t *types, double *points, double *radii, int64_t *parents,
                           int64_t *starts, int64_t *lines, uint8_t *is_odd) {
    Text text = {bytes + state[0], bytes + n_bytes, (uint8_t)line_end};
    int64_t row = 0, line = state[1];
    while (text.at < text.end && row < n_rows) {
        const uint8_t *const start = text.at;
        line++;
        while (text.at < text.end && parts_fields(&text, *text.at)) text.at++;
        if (text.at < text.end && *text.at != text.line_end && *text.at != '#') {
            double numbers[4] = {0.0, 0.0, 0.0, 0.0};
            ids[row] = parents[row] = types[row] = 0;
            is_odd[row] = !read_node(&text, ids + row, types + row, numbers, parents + row);
            memcpy(points + 3 * row, numbers, 3 * sizeof(double));
            radii[row] = numbers[3];
            starts[row] = start - bytes;
            lines[row] = line;
            row++;
        }
        if (text.at < text.end && *text.at == text.line_end) {
            text.at++;
        } else {
            const uint8_t *const next =
                text.at < text.end ? memchr(text.at, line_end, (size_t)(text.end - text.at)) : NULL;
            text.at = next ? next + 1 : text.end;
        }
    }
    state[0] = text.at - bytes;
    state[1] = line;
    return row;
}

/* ---- Ids to rows --------------------------------------------------------------------------- */

#define IS_DUPLICATE 1
#define HAS_NO_PARENT_HERE 2

/* Find the rows of parents by a table of the ids from `low` on, `n_ids` of them. */
EXPORTED int64_t link_nodes(const int64_t *ids, const int64_t *parent_ids, int64_t n_nodes, int64_t low,
                            int64_t n_ids, int64_t *parents, uint8_t *state) {
    int32_t *const rows = malloc((size_t)n_ids * sizeof *rows);
    if (!rows) return NO_MEMORY;
    memset(rows, 0xff, (size_t)n_ids * sizeof *rows);
    for (int64_t row = 0; row < n_nodes; row++) {
        int32_t *const place = rows + (ids[row] - low);
        state[row] = *place < 0 ? 0 : IS_DUPLICATE;
        if (*place < 0) *place = (int32_t)row;
    }
    for (int64_t row = 0; row < n_nodes; row++) {
        const int64_t id = parent_ids[row];
        const int is_there = id != NO_PARENT && id >= low && (uint64_t)id - (uint64_t)low < (uint64_t)n_ids &&
                             rows[id - low] >= 0;
        parents[row] = is_there ? rows[id - low] : NO_PARENT;
        if (!is_there && id >= 0) state[row] |= HAS_NO_PARENT_HERE;
    }
    free(rows);
    return 0;
}

/* ---- Orders -------------------------------------------------------------------------------- */

#define UNKNOWN (-2)
#define ON_THE_WAY (-3)

/* Edges from each node to its root; -1 in and below a loop. Returns the greatest. */
EXPORTED int64_t measure_depths(const int64_t *parents, int64_t n_nodes, int64_t *depths) {
    int64_t deepest = -1;
    for (int64_t row = 0; row < n_nodes; row++) depths[row] = UNKNOWN;
    for (int64_t first = 0; first < n_nodes; first++) {
        int64_t row = first, n_steps = 0;
        while (row != NO_PARENT && depths[row] == UNKNOWN) {
            depths[row] = ON_THE_WAY;
            row = parents[row];
            n_steps++;
        }
        const int64_t above = row == NO_PARENT ? -1 : depths[row];
        const int is_loop = row != NO_PARENT && above < 0;
        int64_t depth = above + n_steps;
        if (!is_loop && depth > deepest) deepest = depth;
        for (row = first; n_steps > 0; n_steps--, depth--) {
            depths[row] = is_loop ? -1 : depth;
            row = parents[row];
        }
    }
    return deepest;
}

/* Rows by depth, those of one depth as they come; without depth they are left out. Returns how many. */
EXPORTED int64_t order_by_depth(const int64_t *depths, int64_t n_nodes, int64_t deepest, int64_t *order) {
    int64_t *const first = calloc((size_t)deepest + 2, sizeof *first);
    if (!first) return NO_MEMORY;
    for (int64_t row = 0; row < n_nodes; row++)
        if (depths[row] >= 0) first[depths[row] + 1]++;
    for (int64_t depth = 0; depth <= deepest; depth++) first[depth + 1] += first[depth];
    const int64_t n_found = first[deepest + 1];
    for (int64_t row = 0; row < n_nodes; row++)
        if (depths[row] >= 0) order[first[depths[row]]++] = row;
    free(first);
    return n_found;
}

/* Add to each node what its children hold, the deepest first, children in the order of rows. */
EXPORTED void add_upwards(const int64_t *parents, const int64_t *depths, const int64_t *order, int64_t n_ordered,
                          double *sums) {
    int64_t end = n_ordered;
    while (end > 0 && depths[order[end - 1]] > 0) {
        int64_t first = end - 1;
        while (first > 0 && depths[order[first - 1]] == depths[order[end - 1]]) first--;
        for (int64_t i = first; i < end; i++) sums[parents[order[i]]] += sums[order[i]];
        end = first;
    }
}

/* Number subtrees as ranges, `sizes` nodes each; the order has parents first. */
EXPORTED void number_subtrees(const int64_t *parents, const int64_t *order, int64_t n_ordered, const double *sizes,
                              int64_t *firsts, int64_t *lasts) {
    int64_t n_numbered = 0;
    /* Until its last is known, a node has there what its next child gets. */
    for (int64_t i = 0; i < n_ordered; i++) {
        const int64_t row = order[i], size = (int64_t)sizes[row];
        int64_t *const next = parents[row] == NO_PARENT ? &n_numbered : lasts + parents[row];
        firsts[row] = *next;
        lasts[row] = *next + 1;
        *next += size;
    }
    for (int64_t i = 0; i < n_ordered; i++) lasts[order[i]] = firsts[order[i]] + (int64_t)sizes[order[i]] - 1;
}

/* Children of row r are children[starts[r]] .. children[starts[r + 1] - 1], in the order of rows. */
EXPORTED void list_children(const int64_t *parents, int64_t n_nodes, int64_t *starts, int64_t *children) {
    memset(starts, 0, (size_t)(n_nodes + 1) * sizeof *starts);
    for (int64_t row = 0; row < n_nodes; row++)
        if (parents[row] != NO_PARENT) starts[parents[row] + 1]++;
    for (int64_t row = 0; row < n_nodes; row++) starts[row + 1] += starts[row];
    for (int64_t row = 0; row < n_nodes; row++)
        if (parents[row] != NO_PARENT) children[starts[parents[row]]++] = row;
    for (int64_t row = n_nodes; row > 0; row--) starts[row] = starts[row - 1];
    starts[0] = 0;
}

/* ---- What checks of a tree look at --------------------------------------------------------- */

/* Lengths of edges (0 for roots, NaN where a place is none), and how straight each goes on from its
 * parent's edge: the cosine of the turn, NaN where there is none. */
EXPORTED void measure_edges(const double *points, const int64_t *parents, int64_t n_nodes, double *lengths,
                            double *cosines) {
    for (int64_t row = 0; row < n_nodes; row++) {
        const int64_t up = parents[row];
        lengths[row] = 0.0;
        if (up == NO_PARENT) continue;
        const double x = points[3 * row] - points[3 * up], y = points[3 * row + 1] - points[3 * up + 1],
                     z = points[3 * row + 2] - points[3 * up + 2];
        const double length = sqrt(x * x + y * y + z * z);
        lengths[row] = isfinite(length) ? length : NAN;
    }
    for (int64_t row = 0; row < n_nodes; row++) {
        const int64_t up = parents[row], over = up == NO_PARENT ? NO_PARENT : parents[up];
        cosines[row] = NAN;
        if (over == NO_PARENT || !(lengths[row] > 0.0) || !(lengths[up] > 0.0)) continue;
        double sum = 0.0;
        for (int axis = 0; axis < 3; axis++)
            sum += (points[3 * row + axis] - points[3 * up + axis]) * (points[3 * up + axis] - points[3 * over + axis]);
        cosines[row] = sum / (lengths[row] * lengths[up]);
    }
}

enum {
    NOT_FINITE = 1, NO_RADIUS = 2, ZERO_LENGTH = 4, GAP = 8, MULTIFURCATION = 16, SPUR = 32, TYPE_CHANGE = 64,
    RADIUS_JUMP = 128, BACK_TRACK = 256, KINK = 512, SOMA_BEGINS = 1024, IS_ROOT = 2048
};
enum { AT_ZERO, AT_CHILDREN, AT_SPUR, AT_JUMP, AT_BACK, AT_RETRACE, AT_KINK, AT_THIN };
#define SOMA 1
#define N_NAMED 5

/* What a radius may be that was measured to a step of `thin`. */
static inline double at_most(double radius, double thin) { return radius + fmin(radius, thin); }

/* Whether another child of the parent goes on straighter, or is not known to go on less straight. */
static int goes_aside(int64_t row, int64_t up, const int64_t *starts, const int64_t *children, const double *cosines) {
    for (int64_t i = starts[up]; i < starts[up + 1]; i++)
        if (children[i] != row && !(cosines[children[i]] <= cosines[row])) return 1;
    return 0;
}

/* Mark each node with what is noticed there; `limits` and `gaps` (by type) as structure.py sets them. */
EXPORTED void mark_nodes(const double *points, const int64_t *parents, const int32_t *types, const double *radii,
                         const int64_t *starts, const int64_t *children, const double *lengths,
                         const double *cosines, int64_t n_nodes, const double *limits, const double *gaps,
                         uint32_t *marks) {
    const double jump = limits[AT_JUMP], thin = limits[AT_THIN];
    for (int64_t row = 0; row < n_nodes; row++) {
        const int64_t up = parents[row], first = starts[row], end = starts[row + 1], n_children = end - first;
        const int is_root = up == NO_PARENT, is_soma = types[row] == SOMA;
        const int is_below_soma = !is_root && types[up] == SOMA;
        uint32_t mark = is_root ? IS_ROOT : 0;
        if (!isfinite(points[3 * row]) || !isfinite(points[3 * row + 1]) || !isfinite(points[3 * row + 2]))
            mark |= NOT_FINITE;
        if (!(radii[row] > 0.0) || isinf(radii[row])) mark |= NO_RADIUS;
        if (is_soma && !is_below_soma) mark |= SOMA_BEGINS;
        if ((double)n_children > limits[AT_CHILDREN] && !is_root && !is_soma) mark |= MULTIFURCATION;
        if (is_root) {
            marks[row] = mark;
            continue;
        }
        const int32_t kind = types[row] > 0 && types[row] < N_NAMED ? types[row] : 0;
        if (lengths[row] <= limits[AT_ZERO]) mark |= ZERO_LENGTH;
        const int64_t n_beside = starts[up + 1] - starts[up];
        const double inside = n_beside > 1 ? fmin(fmax(radii[up], 0.0), lengths[row] / 2) : 0.0;
        if (lengths[row] > gaps[kind] + inside && !is_below_soma) mark |= GAP;
        if (n_children == 0 && n_beside > 1 && !is_below_soma && parents[up] != NO_PARENT &&
            lengths[row] < fmax(limits[AT_SPUR], radii[up]) && goes_aside(row, up, starts, children, cosines))
            mark |= SPUR;
        if (types[row] != types[up] && kind > SOMA && types[up] > SOMA && types[up] < N_NAMED && n_beside == 1)
            mark |= TYPE_CHANGE;
        int n_thinner = 0, n_thicker = 0, goes_back = 0;
        double straightest = NAN;
        for (int64_t i = first; i < end; i++) {
            const double other = radii[children[i]], cosine = cosines[children[i]];
            n_thinner += at_most(other, thin) * jump < radii[row];
            n_thicker += other > at_most(radii[row], thin) * jump;
            straightest = fmax(straightest, cosine);
            if (n_children == 1 && cosine < limits[AT_BACK] && !is_below_soma) {
                goes_back |= cosine < limits[AT_RETRACE];
                for (int64_t j = starts[children[i]]; j < starts[children[i] + 1]; j++)
                    goes_back |= starts[children[i] + 1] - starts[children[i]] == 1 && cosines[children[j]] < limits[AT_BACK];
            }
        }
        if (n_children > 0 && !is_soma && !is_below_soma &&
            ((radii[row] > at_most(radii[up], thin) * jump && n_thinner == n_children) ||
             (at_most(radii[row], thin) * jump < radii[up] && n_thicker == n_children)))
            mark |= RADIUS_JUMP;
        if (goes_back) mark |= BACK_TRACK;
        const double bend = (isnan(cosines[row]) ? 0.0 : 1.0 - cosines[row]) +
                            (isnan(straightest) ? 0.0 : 1.0 - straightest);
        if (bend > limits[AT_KINK] && !is_below_soma) mark |= KINK;
        marks[row] = mark;
    }
}

static uint64_t mixed(uint64_t value) {
    value ^= value >> 31;
    value *= 0x7fb5d329728ea185ULL;
    value ^= value >> 27;
    return value;
}

#define AHEAD 16

static inline uint64_t hash_place(const double *point, double *place) {
    uint64_t hash = 0, bits;
    for (int axis = 0; axis < 3; axis++) {
        place[axis] = point[axis] + 0.0; /* -0 is 0 */
        memcpy(&bits, place + axis, sizeof bits);
        hash = mixed((hash + bits) * 0x9e3779b97f4a7c15ULL);
    }
    return hash ^ hash >> 32;
}

/* The first row at exactly the place of each, -1 where it is the first itself or has no place. */
EXPORTED int64_t find_same_places(const double *points, int64_t n_nodes, int64_t *same) {
    uint64_t size = 64, hashes[AHEAD] = {0};
    while (size < 2 * (uint64_t)n_nodes) size *= 2;
    int32_t *const rows = malloc(size * sizeof *rows);
    if (!rows) return NO_MEMORY;
    memset(rows, 0xff, size * sizeof *rows);
    for (int64_t row = -AHEAD; row < n_nodes; row++) {
        double place[3];
        const uint64_t hash = hashes[row & (AHEAD - 1)];
        if (row + AHEAD < n_nodes) {
            hashes[row & (AHEAD - 1)] = hash_place(points + 3 * (row + AHEAD), place);
            __builtin_prefetch(rows + (hashes[row & (AHEAD - 1)] & (size - 1)));
        }
        if (row < 0) continue;
        same[row] = -1;
        const double *const own = points + 3 * row;
        if (!(isfinite(own[0]) && isfinite(own[1]) && isfinite(own[2]))) continue;
        for (uint64_t at = hash & (size - 1);; at = (at + 1) & (size - 1)) {
            if (rows[at] < 0) {
                rows[at] = (int32_t)row;
                break;
            }
            const double *const other = points + 3 * (int64_t)rows[at];
            if (other[0] == own[0] && other[1] == own[1] && other[2] == own[2]) {
                same[row] = rows[at];
                break;
            }
        }
    }
    free(rows);
    return 0;
}
