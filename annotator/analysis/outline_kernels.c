/* Outlines of what is drawn on a slice: the loop of outline.py, whose twin in numpy is the reference.
 * See kernels.c for what holds of all these files.
 *
 * A slice comes with a rim of background, one pixel wide. Sides of pixels are walked with the label at
 * the right: right, down, left, up, each a right turn from the one before. A side begins at a corner of
 * pixels; corner (1, 1) is the upper left one of pixel (1, 1).
 */
#include "kernels.h"

typedef struct {
    const void *section;
    int32_t item_size;
    int64_t n_wide;
    uint8_t *walked;
} Slice;

static inline uint64_t label_at(const Slice *slice, int64_t at) {
    return slice->item_size == 1 ? ((const uint8_t *)slice->section)[at]
                                 : item(slice->section, slice->item_size, at);
}

/* Walk around from one side; returns how many points were written, the first once more at the end.
 * A point is the middle of a side; those on a straight line are left out. */
static int64_t walk(const Slice *slice, int64_t row, int64_t column, int way, double *points) {
    const int64_t wide = slice->n_wide;
    const int64_t step[4] = {1, wide, -1, -wide};
    /* From the corner where a side ends to the pixels ahead of it, at the right and at the left. */
    const int64_t right[4] = {0, -1, -wide - 1, -wide}, left[4] = {-wide, 0, -1, -wide - 1};
    static const int row_step[4] = {0, 1, 0, -1}, column_step[4] = {1, 0, -1, 0};
    const int64_t first = row * wide + column;
    const int first_way = way;
    int64_t at = first, n_points = 0;
    int before = -1, second = way;
    const uint64_t label = label_at(slice, way == 0 ? first : first - 1);
    do {
        const double middle_row = (double)row + 0.5 * row_step[way] - 1.5;
        const double middle_column = (double)column + 0.5 * column_step[way] - 1.5;
        slice->walked[at] |= (uint8_t)(1 << way);
        at += step[way];
        row += row_step[way];
        column += column_step[way];
        int next = way;
        if (label_at(slice, at + right[way]) != label) /* to the right where it can: parts stay apart */
            next = (way + 1) & 3;
        else if (label_at(slice, at + left[way]) == label)
            next = (way + 3) & 3;
        if (before < 0) second = next; /* whether the first point stays is known at the last side */
        if (before < 0 || next != before) {
            points[2 * n_points] = middle_row;
            points[2 * n_points + 1] = middle_column;
            n_points++;
        }
        before = way;
        way = next;
    } while (at != first || way != first_way);
    if (before == second) {
        n_points--;
        memmove(points, points + 2, 2 * (size_t)n_points * sizeof *points);
    }
    memcpy(points + 2 * n_points, points, 2 * sizeof *points);
    return n_points + 1;
}

/* How many sides of pixels lie between a label and something else; rows and columns with the rim. */
EXPORTED int64_t count_sides(const void *section, int32_t item_size, int64_t n_rows, int64_t n_columns) {
    const Slice slice = {section, item_size, n_columns, NULL};
    int64_t n_sides = 0;
    for (int64_t row = 1; row < n_rows; row++)
        for (int64_t at = row * n_columns + 1; at < (row + 1) * n_columns; at++) {
            const uint64_t here = label_at(&slice, at);
            const uint64_t above = label_at(&slice, at - n_columns), beside = label_at(&slice, at - 1);
            n_sides += (here != above) * ((here != 0) + (above != 0));
            n_sides += (here != beside) * ((here != 0) + (beside != 0));
        }
    return n_sides;
}

/* Write the outlines one after another, in pixels without the rim; outline i ends before point ends[i].
 * `walked` is zero for every pixel, `points` has room for 5 points for 4 sides. Returns how many there
 * are. */
EXPORTED int64_t trace_outlines(const void *section, int32_t item_size, int64_t n_rows, int64_t n_columns,
                                uint8_t *walked, double *points, int64_t *ends, int64_t *labels) {
    const Slice slice = {section, item_size, n_columns, walked};
    int64_t n_points = 0, n_outlines = 0;
    for (int64_t row = 1; row < n_rows; row++)
        for (int64_t column = 1; column < n_columns; column++) {
            const int64_t at = row * n_columns + column;
            const uint64_t here = label_at(&slice, at), above = label_at(&slice, at - n_columns);
            const uint64_t beside = label_at(&slice, at - 1);
            /* The first corner of a way around has a side to the right, or down. */
            for (int way = 0; way < 2; way++) {
                const uint64_t label = way == 0 ? here : beside;
                if (!label || label == (way == 0 ? above : here) || walked[at] & (1 << way)) continue;
                n_points += walk(&slice, row, column, way, points + 2 * n_points);
                labels[n_outlines] = (int64_t)label;
                ends[n_outlines++] = n_points;
            }
        }
    return n_outlines;
}
