/* Products with matrices of 16-bit numbers. Every vector is made whole numbers as well, by its largest;
 * sums of whole numbers are the same in any order, and so on every processor. What is lost is as much
 * as a 15th bit. Vectors that come together share each block while it is close at hand.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "native.h"
#include "native_packed.h"

#define MOST_CODE 32767

#if !defined(PLAIN) && defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* Two rows' products of eight columns at a time. */
__attribute__((target("avx2"))) static void add_block_avx2(const int16_t *codes, const int16_t *x, int64_t pairs,
                                                           int64_t shift, int32_t *sums) {
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    __m128i by = _mm_cvtsi64_si128(shift);
    for (int64_t p = 0; p < pairs; p++) {
        int32_t two;
        memcpy(&two, x + 2 * p, sizeof two);
        __m256i both = _mm256_set1_epi32(two);
        const __m256i *row = (const __m256i *)(codes + p * COLUMNS * 2);
        a = _mm256_add_epi32(a, _mm256_sra_epi32(_mm256_madd_epi16(_mm256_loadu_si256(row), both), by));
        b = _mm256_add_epi32(b, _mm256_sra_epi32(_mm256_madd_epi16(_mm256_loadu_si256(row + 1), both), by));
        c = _mm256_add_epi32(c, _mm256_sra_epi32(_mm256_madd_epi16(_mm256_loadu_si256(row + 2), both), by));
        d = _mm256_add_epi32(d, _mm256_sra_epi32(_mm256_madd_epi16(_mm256_loadu_si256(row + 3), both), by));
    }
    _mm256_storeu_si256((__m256i *)sums, a);
    _mm256_storeu_si256((__m256i *)(sums + 8), b);
    _mm256_storeu_si256((__m256i *)(sums + 16), c);
    _mm256_storeu_si256((__m256i *)(sums + 24), d);
}

#define HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define add_block_avx2 add_block
#define HAS_AVX2 0
#endif

static void add_block(const int16_t *codes, const int16_t *x, int64_t pairs, int64_t shift, int32_t *sums) {
    memset(sums, 0, COLUMNS * sizeof *sums);
    for (int64_t p = 0; p < pairs; p++)
        for (int64_t j = 0; j < COLUMNS; j++) {
            const int16_t *two = codes + (p * COLUMNS + j) * 2;
            sums[j] += ((int32_t)two[0] * x[2 * p] + (int32_t)two[1] * x[2 * p + 1]) >> shift;
        }
}

/* The vector as whole numbers, with noughts up to size; what one of them stands for. */
WIDE static float coded(const float *x, int64_t rows, int64_t size, int16_t *codes) {
    float largest = 0.0f;
    for (int64_t i = 0; i < rows; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    float by = largest > 0.0f ? (float)MOST_CODE / largest : 0.0f;
    for (int64_t i = 0; i < rows; i++) codes[i] = (int16_t)rintf(x[i] * by);
    for (int64_t i = rows; i < size; i++) codes[i] = 0;
    return largest / (float)MOST_CODE;
}

void add_packed(int64_t count, Floats xs, int64_t rows, Packed w, int16_t *codes, Floats ys) {
    int wide = HAS_AVX2;
    float scales[TOGETHER];
    int64_t size = 2 * w.pairs;
    for (int64_t k = 0; k < count; k++)
        scales[k] = ldexpf(coded(xs.at + k * xs.step, rows, size, codes + k * size), (int)w.shift);
    for (int64_t block = 0; block < w.blocks; block++) {
        const int16_t *own = w.codes + block * w.pairs * COLUMNS * 2;
        const float *by = w.scales + block * COLUMNS;
        for (int64_t k = 0; k < count; k++) {
            int32_t sums[COLUMNS];
            if (wide) add_block_avx2(own, codes + k * size, w.pairs, w.shift, sums);
            else add_block(own, codes + k * size, w.pairs, w.shift, sums);
            float *y = ys.at + k * ys.step + block * COLUMNS;
            /* A shift rounds down, by a half of its last bit on average. */
            for (int64_t j = 0; j < COLUMNS; j++)
                y[j] += ((float)sums[j] + (w.shift ? 0.5f * (float)w.pairs : 0.0f)) * (scales[k] * by[j]);
        }
    }
}
