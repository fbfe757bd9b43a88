/* What the two halves of the compiled decision share: see native.py. */
#ifndef ROUTEWRIGHT_NATIVE_H
#define ROUTEWRIGHT_NATIVE_H

#include <stdint.h>

#define MOST 8000 /* characters: of a longer text the middle is left out, which Python does */
#define FEATURES 24

#if !defined(PLAIN) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* A piece where it is looked for, so that few cache lines are: most pieces fit. */
typedef struct {
    int32_t row;     /* + 1, or 0 where there is none */
    uint8_t size;
    char begin[11];
} Slot;

/* A static embedding's table. */
typedef struct {
    const char *text;       /* the vocabulary's pieces, end to end */
    const int64_t *ends;    /* where each of them ends */
    const Slot *slots;      /* open addressing */
    int64_t mask;           /* slots - 1 */
    int64_t longest;        /* characters of a piece */
    const uint8_t *codes;   /* (rows, width / 2), two in a byte, 8 is nought */
    const float *scales;    /* (rows,) */
    const int32_t *signs;   /* a row for each of 128 characters, or -1 */
} Table;

/* N-grams of words, their weights and directions. */
typedef struct {
    const int32_t *row_of;   /* of each of 2**20 buckets, or -1 */
    const float *weights;    /* (rows,) */
    const float *components; /* (rows, width) */
    int64_t width;           /* 0 where there are none */
} Words;

static inline int is_space(unsigned char c) { return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31); }
static inline int is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
static inline int is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }
static inline int is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }
static inline int is_word(unsigned char c) { return is_digit(c) || is_upper(c) || is_lower(c) || c == '_'; }

/* What is known of each of the 256 characters that a text is written in: Python tells it. */
enum { SPACE = 1, DIGIT = 2, CAPITAL = 4, LETTER = 8, WORD = 16, OPERATOR = 32, QUOTE = 64, ALONE = 128 };

/* The same, with the upper half of them as encoders/wordpiece.py and encoders/hashed.py read them: UTF-8
 * behind the number of its bytes. */
typedef struct {
    uint8_t kinds[256];
    uint8_t pieces[128][16];
    uint8_t folds[128][16];
} Charset;

/* encoders/features.py: FEATURES of a text; 0, or -1 where it is too long. */
int64_t features(const char *text, const uint8_t *kinds, int64_t n, double *out);

/* Rows of a text's pieces and signs, at most MOST; -1 where it is too long. The set is null where the
 * text is ASCII. encoders/static.py. */
int64_t text_rows(const Table *table, const char *text, int64_t n, const Charset *set, int32_t *rows);

/* The sum of rows' vectors (width,). */
void sum_codes(const Table *table, int64_t width, const int32_t *rows, int64_t count, float *restrict out);

/* The vector (width,) of a text, of unit length or nought; -1 where the text is too long, -2 without
 * memory. encoders/hashed.py. */
int64_t words_vector(const Words *words, const char *text, int64_t n, const Charset *set, float *out);

#endif
