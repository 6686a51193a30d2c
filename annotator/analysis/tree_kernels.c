/* The loops over tracings of neurons: reading their files, orders of a tree, what is near what. Each
 * has a twin in Python or numpy, which is the reference; see kernels.c for what holds of both files.
 * Rows of parents come from a Tree, whose makers keep them within bounds.
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

#define NO_PARENT (-1)
#define IMPOSSIBLE (-1)
#define NO_MEMORY (-2)

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
