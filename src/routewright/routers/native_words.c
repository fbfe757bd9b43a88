/* A text's word n-grams → tf-idf → their directions: encoders/hashed.py without letters. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define BUCKET_BITS 20
#define SPREAD 0x9E3779B97F4A7C15ull
#define BASE 0x100000001B3ull
#define AHEAD 4

/* Four bits at a time, as the polynomial of zlib's crc32 has it. */
static uint32_t crc32_on(uint32_t crc, unsigned char c) {
    static const uint32_t by[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    crc ^= c;
    crc = crc >> 4 ^ by[crc & 15];
    return crc >> 4 ^ by[crc & 15];
}

/* Of a word with digits as 0 and capitals as small letters. */
static uint32_t crc32_of(const char *s, int64_t n, const Charset *set) {
    uint32_t crc = 0xffffffffu;
    for (int64_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (set && c >= 128) {
            const uint8_t *fold = set->folds[c - 128];
            for (int64_t k = 1; k <= fold[0]; k++) crc = crc32_on(crc, fold[k]);
        } else if (is_digit(c)) crc = crc32_on(crc, '0');
        else crc = crc32_on(crc, (unsigned char)(is_upper(c) ? c + 32 : c));
    }
    return ~crc;
}

/* White space within a line of tokens, where Python's pattern knows ASCII alone. */
static int parts_tokens(unsigned char c) { return c == ' ' || (c >= 9 && c <= 13); }

/* Hashes of the words and signs of an ASCII text. */
static int64_t tokens_of(const char *text, int64_t n, uint64_t *tokens) {
    int64_t count = 0, at = 0;
    while (at < n && is_space((unsigned char)text[at])) at++;
    while (n > at && is_space((unsigned char)text[n - 1])) n--;
    while (at < n) {
        int64_t start = at;
        if (is_word((unsigned char)text[at])) {
            while (at < n && is_word((unsigned char)text[at])) at++;
        } else if (parts_tokens((unsigned char)text[at++])) continue;
        tokens[count++] = crc32_of(text + start, at - start, NULL);
    }
    return count;
}

/* The same of any other, whose patterns know all white space, and scripts that put none between words. */
static int64_t tokens_in(const Charset *set, const char *text, int64_t n, uint64_t *tokens) {
    int64_t count = 0, at = 0;
    while (at < n) {
        int64_t start = at;
        int kind = set->kinds[(unsigned char)text[at++]];
        if (kind & SPACE) continue;
        if ((kind & (WORD | ALONE)) == WORD)
            while (at < n && (set->kinds[(unsigned char)text[at]] & (WORD | ALONE)) == WORD) at++;
        tokens[count++] = crc32_of(text + start, at - start, set);
    }
    return count;
}

static int64_t bucket(uint64_t value) {
    value ^= value >> 29;
    return (int64_t)(value * SPREAD >> (64 - BUCKET_BITS));
}

WIDE static void add_rows(const Words *words, const int32_t *rows, const float *values, int64_t count,
                          float *restrict out) {
    int64_t width = words->width;
    for (int64_t i = 0; i < count; i++) {
        const float *row = words->components + (int64_t)rows[i] * width;
        if (i + AHEAD < count)
            for (int64_t j = 0; j < width; j += 16)
                __builtin_prefetch(words->components + (int64_t)rows[i + AHEAD] * width + j);
        for (int64_t j = 0; j < width; j++) out[j] += values[i] * row[j];
    }
}

int64_t words_vector(const Words *words, const char *text, int64_t n, const Charset *set, float *out) {
    int64_t width = words->width;
    for (int64_t j = 0; j < width; j++) out[j] = 0.0f;
    if (n < 0 || n > MOST) return -1;
    int64_t slots = 32;
    while (slots < 4 * n + 4) slots *= 2; /* two n-grams a character at most, half of the slots free */
    char *room = malloc((size_t)n * (sizeof(uint64_t) + 2 * sizeof(int32_t) + 2 * sizeof(float)) +
                        (size_t)slots * sizeof(int32_t) + 64);
    if (!room) return -2;
    uint64_t *tokens = (uint64_t *)room;
    int32_t *rows = (int32_t *)(tokens + n), *seen = rows + 2 * n;
    float *values = (float *)(seen + slots);
    int64_t count = set ? tokens_in(set, text, n, tokens) : tokens_of(text, n, tokens);
    int64_t known = 0, mask = 32 - 1;
    while (mask + 1 < 4 * count) mask = 2 * mask + 1;
    memset(seen, -1, (size_t)(mask + 1) * sizeof(int32_t));
    for (int64_t size = 1; size <= 2; size++) {
        for (int64_t i = 0; i + size <= count; i++) {
            uint64_t value = (uint64_t)size;
            for (int64_t k = 0; k < size; k++) value = (value + tokens[i + k]) * BASE;
            int32_t row = words->row_of[bucket(value)];
            if (row < 0) continue;
            int64_t slot = (int64_t)((uint32_t)row * 2654435761u) & mask;
            while (seen[slot] >= 0 && rows[seen[slot]] != row) slot = (slot + 1) & mask;
            if (seen[slot] < 0) {
                seen[slot] = (int32_t)known;
                rows[known] = row;
                values[known++] = 0.0f;
            }
            values[seen[slot]] += 1.0f;
        }
    }
    float size = 0.0f, length = 0.0f;
    for (int64_t i = 0; i < known; i++) {
        values[i] = (1.0f + logf(values[i])) * words->weights[rows[i]];
        size += values[i] * values[i];
    }
    size = sqrtf(size);
    for (int64_t i = 0; i < known; i++) values[i] /= size > 1e-12f ? size : 1e-12f;
    add_rows(words, rows, values, known, out);
    free(room);
    for (int64_t j = 0; j < width; j++) length += out[j] * out[j];
    length = sqrtf(length);
    for (int64_t j = 0; j < width; j++) out[j] = length > 1e-6f ? out[j] / length : 0.0f;
    return 0;
}
