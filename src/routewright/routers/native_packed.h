/* Matrices in 16 bits, and products with them in whole numbers: see native_packed.c. */
#ifndef ROUTEWRIGHT_NATIVE_PACKED_H
#define ROUTEWRIGHT_NATIVE_PACKED_H

#include <stdint.h>

#define COLUMNS 32  /* of a block */
#define TOGETHER 16 /* vectors at most */

/* A matrix (rows, columns), with noughts around it: each column's numbers by that column's scale. */
typedef struct {
    const int16_t *codes; /* (blocks, pairs of rows, COLUMNS, 2) */
    const float *scales;  /* (blocks * COLUMNS,) */
    int64_t pairs, blocks;
    int64_t shift; /* by which a pair's product is made smaller, so that the sum of all has room */
} Packed;

/* A step (count, width) for each prompt, and where the first is. */
typedef struct {
    float *at;
    int64_t step;
} Floats;

static inline int64_t columns_of(Packed w) { return w.blocks * COLUMNS; }

static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* One of several matrices of a shape that lie one after the other. */
static inline Packed part(Packed w, int64_t n) {
    w.codes += n * w.blocks * w.pairs * COLUMNS * 2;
    w.scales += n * columns_of(w);
    return w;
}

/* Add the products of xs (count, rows) with w to ys (count, columns); codes: room for (count, 2 pairs).
 * At most TOGETHER of them. */
void add_packed(int64_t count, Floats xs, int64_t rows, Packed w, int16_t *codes, Floats ys);

#endif
