/* What the files of compiled loops share. */
#ifndef ANNOTATOR_KERNELS_H
#define ANNOTATOR_KERNELS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

#define IMPOSSIBLE (-1)
#define NO_MEMORY (-2)

static inline int lowest_bit(uint64_t word) { return __builtin_ctzll(word); }

/* One of an array of items of 1, 2, 4 or 8 bytes. */
static inline uint64_t item(const void *field, int32_t item_size, int64_t at) {
    if (item_size == 1) return ((const uint8_t *)field)[at];
    if (item_size == 2) return ((const uint16_t *)field)[at];
    if (item_size == 4) return ((const uint32_t *)field)[at];
    return ((const uint64_t *)field)[at];
}

/* Sort places by their keys' lowest bits, those of one key as they come; both arrays are changed for
 * others. 0 without memory. */
int sort_by_key(uint64_t **keys, int32_t **places, int64_t n, int n_bits);

#endif
