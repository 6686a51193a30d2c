/* What is told of the votes of a case: the loop of a cohort's statistics. See kernels.c for what holds
 * of all these files.
 */
#include "kernels.h"

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
