/* A text's features and the rows of its pieces, a byte a character. What they are is defined by the Python of
 * encoders/, which reads all other texts, and every text where this is not built. No state, no
 * allocation, no Python.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "native.h"

#define LONGEST 100 /* characters of a word that has pieces */
#define MARK 2      /* before a piece that does not begin a word */
#define BLOCK 32 /* bytes, half a cache line: twice as many numbers */
#define AHEAD 8
#define LATER 16 /* words */

static uint32_t hash_of(uint32_t seed, const char *s, int64_t n) {
    for (int64_t i = 0; i < n; i++) seed = (seed ^ (unsigned char)s[i]) * 16777619u;
    return seed;
}
#define IS(c, kind) (kinds[(unsigned char)(c)] & (kind))
#define EMPTY_HASH 2166136261u

#if !defined(PLAIN) && defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* memmem for a few bytes: where the first and the last of them are, 32 places at a time. */
__attribute__((target("avx2"))) static const char *find_avx2(const char *at, const char *end, const char *said,
                                                             int64_t size) {
    __m256i first = _mm256_set1_epi8(said[0]), last = _mm256_set1_epi8(said[size - 1]);
    for (; end - at >= size + 31; at += 32) {
        __m256i begins = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)at), first);
        __m256i ends = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(at + size - 1)), last);
        uint32_t places = (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(begins, ends));
        for (; places; places &= places - 1) {
            const char *place = at + __builtin_ctz(places);
            if (!memcmp(place, said, (size_t)size)) return place;
        }
    }
    return memmem(at, (size_t)(end - at), said, (size_t)size);
}
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define find_avx2(at, end, said, size) NULL
#define HAS_AVX2 0
#endif

/* The first place of what is said, NULL without one. */
static const char *find(const char *at, const char *end, const char *said, int64_t size) {
    return HAS_AVX2 ? find_avx2(at, end, said, size) : memmem(at, (size_t)(end - at), said, (size_t)size);
}

static int has(const char *text, int64_t n, const char *said) {
    return find(text, text + n, said, (int64_t)strlen(said)) != NULL;
}

static int64_t count_of(const char *text, int64_t n, const char *said) {
    int64_t size = (int64_t)strlen(said), found = 0;
    const char *end = text + n, *at = text;
    while ((at = find(at, end, said, size)) != NULL) found++, at += size;
    return found;
}

/* How often a word stands in a text by itself. */
static int64_t whole_words(const uint8_t *kinds, const char *text, int64_t n, const char *word) {
    int64_t size = (int64_t)strlen(word), found = 0;
    const char *end = text + n, *at = text;
    while ((at = find(at, end, word, size)) != NULL) {
        int before = at > text && IS(at[-1], WORD);
        int after = at + size < end && IS(at[size], WORD);
        found += !before && !after;
        at += size;
    }
    return found;
}

/* Words that tell something, in lower case; the order of the first eight is that of CODE. */
static const char TELLING[][10] = {
    "def", "return", "print", "import", "class", "function", "var", "select",
    "only", "alone",
    "explain", "why", "reason", "reasons", "reasoning", "reasoned",
    "write", "compose", "draft", "implement", "translate", "rewrite", "summarise", "summarize",
    "list", "sort", "order", "each", "comma", "separated",
};
static const char *const CODE[] = {"def", "return", "print", "import", "class", "function", "var", "SELECT"};
enum { CODES = 8, ONLY = 8, STEPS = 10, WRITE = 16, LIST = 24, TOLD = 30 };

/* Which of them begin with a letter. */
static const uint32_t BEGIN[26] = {
    ['a' - 'a'] = 1u << 9, ['c' - 'a'] = 1u << 4 | 1u << 17 | 1u << 28, ['d' - 'a'] = 1u << 0 | 1u << 18,
    ['e' - 'a'] = 1u << 10 | 1u << 27, ['f' - 'a'] = 1u << 5, ['i' - 'a'] = 1u << 3 | 1u << 19,
    ['l' - 'a'] = 1u << 24, ['o' - 'a'] = 1u << 8 | 1u << 26, ['p' - 'a'] = 1u << 2,
    ['r' - 'a'] = 1u << 1 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 15 | 1u << 21,
    ['s' - 'a'] = 1u << 7 | 1u << 22 | 1u << 23 | 1u << 25 | 1u << 29, ['t' - 'a'] = 1u << 20,
    ['v' - 'a'] = 1u << 6, ['w' - 'a'] = 1u << 11 | 1u << 16,
};

static uint32_t between(int from, int to) { return (uint32_t)((1ull << to) - (1ull << from)); }

static uint32_t told_by(const uint8_t *kinds, const char *low, int64_t n) {
    uint32_t told = 0;
    for (int64_t at = 0; at < n;) {
        if (!IS(low[at], WORD)) { at++; continue; }
        int64_t start = at;
        while (at < n && IS(low[at], WORD)) at++;
        int64_t size = at - start;
        if (size < 3 || size > 9) continue;
        if (!is_lower((unsigned char)low[start])) continue;
        for (uint32_t left = BEGIN[low[start] - 'a'] & ~told; left; left &= left - 1) {
            int word = __builtin_ctz(left);
            if (!memcmp(TELLING[word], low + start, (size_t)size) && !TELLING[word][size]) told |= 1u << word;
        }
    }
    return told;
}

/* Worked examples: lines that begin with "answer:", "a:" or "output:" and go on. */
static int64_t shots(const uint8_t *kinds, const char *low, int64_t n) {
    static const char *const heads[] = {"answer", "a", "output"};
    int64_t found = 0, at = 0;
    while (at <= n) {
        if (at && low[at - 1] != '\n') { at++; continue; }
        int64_t word = at;
        while (word < n && IS(low[word], SPACE)) word++;
        int64_t end = -1;
        for (int head = 0; head < 3 && end < 0; head++) {
            int64_t size = (int64_t)strlen(heads[head]), next = word + size;
            if (next > n || memcmp(low + word, heads[head], (size_t)size)) continue;
            while (next < n && IS(low[next], SPACE)) next++;
            if (next >= n || low[next] != ':') continue;
            next++;
            while (next < n && IS(low[next], SPACE)) next++;
            if (next < n) end = next + 1;
        }
        if (end >= 0) { found++; at = end; continue; }
        at = word > at ? word : at + 1; /* other lines up to that word would fail likewise */
    }
    return found;
}

static int64_t loops(const uint8_t *kinds, const char *text, int64_t n) {
    int64_t found = 0;
    const char *end = text + n, *at = text;
    while ((at = find(at, end, "for ", 4)) != NULL) {
        const char *next = at + 4;
        while (next < end && IS(*next, WORD)) next++;
        if (next == at + 4 || end - next < 3 || memcmp(next, " in", 3) ||
            (end - next > 3 && IS(next[3], WORD))) { at++; continue; }
        found += !(at > text && IS(at[-1], WORD));
        at = next + 3;
    }
    return found;
}

static int is_option(const char *word, int64_t size) {
    return size == 2 && word[0] >= 'A' && word[0] <= 'J' && (word[1] == ')' || word[1] == '.' || word[1] == ':');
}

/* How many of the words differ; and how many of them are options such as "A)". */
static int64_t distinct(const uint8_t *kinds, const char *text, int64_t n, int64_t *words, int64_t *options, int *last) {
    int64_t count = 0, differ = 0;
    int32_t starts[MOST / 2 + 1], sizes[MOST / 2 + 1];
    *options = 0, *last = 0;
    for (int64_t at = 0; at < n;) {
        if (IS(text[at], SPACE)) { at++; continue; }
        int64_t start = at;
        while (at < n && !IS(text[at], SPACE)) at++;
        starts[count] = (int32_t)start, sizes[count] = (int32_t)(at - start);
        *last = is_option(text + start, at - start);
        *options += *last;
        count++;
    }
    int64_t slots = 16;
    while (slots < 2 * count) slots *= 2;
    int16_t seen[MOST + MOST / 2];
    memset(seen, -1, (size_t)slots * sizeof(int16_t));
    for (int64_t word = 0; word < count; word++) {
        const char *s = text + starts[word];
        int64_t slot = hash_of(EMPTY_HASH, s, sizes[word]) & (slots - 1);
        while (seen[slot] >= 0) {
            int64_t other = seen[slot];
            if (sizes[other] == sizes[word] && !memcmp(text + starts[other], s, (size_t)sizes[word])) break;
            slot = (slot + 1) & (slots - 1);
        }
        if (seen[slot] < 0) seen[slot] = (int16_t)word, differ++;
    }
    *words = count;
    return differ;
}

/* How often each character is there; and the text in lower case, with a nought at its end. */
static void count_all(const char *text, int64_t n, int32_t *counts, char *low) {
    int32_t others[3][256];
    memset(counts, 0, 256 * sizeof *counts);
    memset(others, 0, sizeof others);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) { /* apart, or the same character again would have to wait for itself */
        counts[(unsigned char)text[i]]++;
        others[0][(unsigned char)text[i + 1]]++;
        others[1][(unsigned char)text[i + 2]]++;
        others[2][(unsigned char)text[i + 3]]++;
    }
    for (; i < n; i++) counts[(unsigned char)text[i]]++;
    for (int c = 0; c < 256; c++) counts[c] += others[0][c] + others[1][c] + others[2][c];
    for (i = 0; i < n; i++) low[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    low[n] = 0;
}

/* Signs for a difference rather than for a hyphen. */
static int64_t minuses(const uint8_t *kinds, const char *text, int64_t n) {
    int64_t found = 0;
    const char *end = text + n, *at = text;
    for (; at < end && (at = memchr(at, '-', (size_t)(end - at))) != NULL; at++) {
        if (at == text || at + 1 == end) continue;
        found += (IS(at[1], SPACE | DIGIT) || at[1] == '(') && (at[-1] == ')' || IS(at[-1], SPACE | DIGIT));
    }
    return found;
}

/* Options in brackets, such as "(A) ". */
static int64_t inner_options(const uint8_t *kinds, const char *text, int64_t n) {
    int64_t found = 0;
    const char *end = text + n, *at = text;
    for (; at < end && (at = memchr(at, '(', (size_t)(end - at))) != NULL; at++)
        found += end - at > 3 && is_option(at + 1, 2) && IS(at[3], SPACE);
    return found;
}

int64_t features(const char *text, const uint8_t *kinds, int64_t n, double *out) {
    if (n < 0 || n > MOST) return -1;
    char low[MOST + 1];
    int32_t counts[256];
    int64_t letters = 0, capitals = 0, spaces = 0, digits = 0, operators = 0, quotes = 0, wide = 0;
    int64_t numbers = 0, number = 0, longest = 0;
    count_all(text, n, counts, low);
    for (int c = 0; c < 256; c++) {
        letters += IS(c, LETTER) ? counts[c] : 0;
        capitals += IS(c, CAPITAL) ? counts[c] : 0;
        spaces += IS(c, SPACE) ? counts[c] : 0;
        digits += IS(c, DIGIT) ? counts[c] : 0;
        if (c < 128) continue;
        wide += counts[c];
        operators += IS(c, OPERATOR) ? counts[c] : 0;
        quotes += IS(c, QUOTE) ? counts[c] : 0;
    }
    for (int64_t i = 0; digits && i < n; i++) {
        if (IS(text[i], DIGIT)) {
            numbers += number == 0;
            if (++number > longest) longest = number;
        } else number = 0;
    }
    operators += counts['+'] + counts['*'] + counts['/'] + counts['<'] + counts['>'] + counts['^'] + counts['%'];
    operators += counts['='];
    if (counts['-']) operators += minuses(kinds, text, n);
    quotes += counts['"'] + counts['`'];
    int64_t questions = counts['?'], semicolons = counts[';'], equals = counts['='], colons = counts[':'];
    int64_t braces = counts['{'] + counts['}'], brackets = counts['['] + counts[']'];
    int64_t inner = counts['('] ? inner_options(kinds, text, n) : 0;
    int64_t begin = 0, end = n, lines = counts['\n'];
    while (begin < end && IS(text[begin], SPACE)) lines -= text[begin++] == '\n';
    while (end > begin && IS(text[end - 1], SPACE)) lines -= text[--end] == '\n';
    int64_t last_line = begin;
    if (lines) last_line = (const char *)memrchr(text + begin, '\n', (size_t)(end - begin)) + 1 - text;
    int64_t words, options;
    int last_is_option;
    int64_t differ = distinct(kinds, text, n, &words, &options, &last_is_option);
    if (last_is_option && !IS(text[n - 1], SPACE)) options--;
    options += inner;
    uint32_t told = told_by(kinds, low, n);
    int64_t code = braces + semicolons + loops(kinds, text, n);
    if (equals > 1) code += count_of(text, n, "==");
    for (int word = 0; word < CODES; word++)
        if (told >> word & 1) code += whole_words(kinds, text, n, CODE[word]);
    double chars = n > 0 ? (double)n : 1.0;
    int64_t json = braces + brackets + (quotes ? count_of(text, n, "\":") : 0);
    int only = (told & between(ONLY, STEPS)) || has(low, n, "just the ") || has(low, n, "nothing else") ||
               has(low, n, "no explanation") || has(low, n, "without explan") || has(low, n, "single word") ||
               has(low, n, "single letter");
    int steps = (told & between(STEPS, WRITE)) || has(low, n, "step by step") || has(low, n, "show your work");
    int list = (told & between(LIST, TOLD)) || has(low, n, "all of");
    int few = colons > 1 && memchr(text, '\n', (size_t)n) != NULL && shots(kinds, low, n) > 1;
    const double told_all[FEATURES] = {
        log1p((double)n), log1p((double)words), log1p((double)(lines + 1)),
        (double)(n - spaces) / (double)(words > 0 ? words : 1),
        (double)digits / chars, (double)capitals / chars, (double)wide / chars,
        (double)(n - letters - spaces - digits) / chars,
        log1p((double)numbers), (double)(longest < 30 ? longest : 30), log1p((double)operators),
        log1p((double)questions), log1p((double)code),
        has(text, n, "```") || has(text, n, "\n    "),
        log1p((double)options), log1p((double)json), log1p((double)quotes),
        only, steps, (told & between(WRITE, LIST)) != 0, few, list,
        log1p((double)(end - last_line)), log1p((double)differ),
    };
    memcpy(out, told_all, sizeof told_all);
    return 0;
}

/* ---- the static embedding ---- */

static int is_in(const Table *table, const Slot *slot, const char *s, int64_t size) {
    if (slot->size != size) return 0;
    if (size <= (int64_t)sizeof slot->begin) return !memcmp(slot->begin, s, (size_t)size);
    return !memcmp(table->text + (table->ends[slot->row - 1] - size), s, (size_t)size);
}

/* Fill the slots (mask + 1 of them, noughts) with the rows of the pieces. */
void list_pieces(Table *table, Slot *slots, int64_t rows) {
    for (int64_t row = 0, start = 0; row < rows; start = table->ends[row++]) {
        const char *s = table->text + start;
        int64_t size = table->ends[row] - start;
        int64_t at = hash_of(EMPTY_HASH, s, size) & table->mask;
        while (slots[at].row && !is_in(table, slots + at, s, size)) at = (at + 1) & table->mask;
        slots[at].row = (int32_t)(row + 1);
        slots[at].size = (uint8_t)size;
        memcpy(slots[at].begin, s, (size_t)size < sizeof slots[at].begin ? (size_t)size : sizeof slots[at].begin);
    }
}

static int32_t row_of(const Table *table, const char *s, int64_t size, uint32_t hash) {
    int64_t at = hash & table->mask;
    for (; table->slots[at].row; at = (at + 1) & table->mask)
        if (is_in(table, table->slots + at, s, size)) return table->slots[at].row - 1;
    return -1;
}

/* encoders/wordpiece.py: rows of a word's pieces; none where a part of it is in no piece. Before the
 * word there is room for the mark of a piece that does not begin it. */
static int64_t pieces(const Table *table, char *word, int64_t size, uint32_t hash, int32_t *rows) {
    int64_t count = 0, start = 0;
    if (size <= table->longest && (rows[0] = row_of(table, word, size, hash)) >= 0) return 1; /* nearly always */
    while (start < size) {
        int64_t begin = start ? start - MARK : 0, end = begin + table->longest;
        char before[MARK] = {0};
        int32_t row = -1;
        if (end > size) end = size;
        if (start) memcpy(before, word + begin, MARK), memset(word + begin, '#', MARK);
        for (; end > start; end--)
            if ((row = row_of(table, word + begin, end - begin, hash_of(EMPTY_HASH, word + begin, end - begin))) >= 0)
                break;
        if (start) memcpy(word + begin, before, MARK);
        if (row < 0) return 0;
        rows[count++] = row;
        start = end;
    }
    return count;
}

/* A word on its way to its pieces, or a sign's row. */
typedef struct {
    int32_t start, size; /* no size: the start is a row */
    uint32_t hash;
} Token;

/* The text with its upper half in UTF-8, at most MOST; -1 where that has no room. */
static int64_t written_out(const Charset *set, const char *text, int64_t n, char *out) {
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        int64_t more = c < 128 ? 1 : set->pieces[c - 128][0];
        if (size + more > MOST) return -1;
        if (c < 128) out[size] = text[i];
        else memcpy(out + size, set->pieces[c - 128] + 1, (size_t)more);
        size += more;
    }
    return size;
}

/* Words are cut a few behind where they are read: their slots lie far apart and are called for in
 * advance. */
static int64_t rows_of(const Table *table, const char *text, int64_t n, int32_t *rows) {
    int64_t count = 0, read = 0, cut = 0;
    char room[MARK + MOST], *low = room + MARK;
    Token tokens[LATER];
    for (int64_t at = 0; at < n || cut < read;) {
        if (at >= n || read - cut == LATER) {
            Token next = tokens[cut++ % LATER];
            if (next.size) count += pieces(table, low + next.start, next.size, next.hash, rows + count);
            else rows[count++] = next.start;
            continue;
        }
        unsigned char c = (unsigned char)text[at];
        if (c == '_' || is_word(c) || c >= 128) {
            int64_t start = at, letters = 0;
            uint32_t hash = EMPTY_HASH;
            do {
                char small = (char)(is_upper(c) ? c + 32 : c);
                low[at] = small;
                hash = (hash ^ (unsigned char)small) * 16777619u;
                letters += (c & 0xC0) != 0x80;
                c = ++at < n ? (unsigned char)text[at] : ' ';
            } while (text[start] != '_' && c != '_' && (is_word(c) || c >= 128));
            if (letters > LONGEST) continue;
            __builtin_prefetch(table->slots + (hash & table->mask));
            tokens[read++ % LATER] = (Token){(int32_t)start, (int32_t)(at - start), hash};
        } else {
            if (table->signs[c] >= 0) tokens[read++ % LATER] = (Token){table->signs[c], 0, 0};
            at++;
        }
    }
    return count;
}

int64_t text_rows(const Table *table, const char *text, int64_t n, const Charset *set, int32_t *rows) {
    char out[MOST];
    if (n < 0 || n > MOST) return -1;
    if (!set) return rows_of(table, text, n, rows);
    int64_t size = written_out(set, text, n, out);
    return size < 0 ? -1 : rows_of(table, out, size, rows);
}

/* In blocks that stay in registers; the rows lie far apart, so they are called for in advance. */
WIDE void sum_codes(const Table *table, int64_t width, const int32_t *rows, int64_t count,
                           float *restrict out) {
    int64_t bytes = width / 2;
    for (int64_t from = 0; from < bytes; from += BLOCK) {
        int64_t size = bytes - from < BLOCK ? bytes - from : BLOCK;
        float even[BLOCK] = {0.0f}, odd[BLOCK] = {0.0f};
        for (int64_t i = 0; i < count; i++) {
            const uint8_t *code = table->codes + (int64_t)rows[i] * bytes + from;
            float scale = table->scales[rows[i]];
            if (i + AHEAD < count) __builtin_prefetch(table->codes + (int64_t)rows[i + AHEAD] * bytes + from);
            if (size == BLOCK)
                for (int j = 0; j < BLOCK; j++) {
                    even[j] += scale * (float)((int)(code[j] >> 4) - 8);
                    odd[j] += scale * (float)((int)(code[j] & 15) - 8);
                }
            else
                for (int j = 0; j < (int)size; j++) {
                    even[j] += scale * (float)((int)(code[j] >> 4) - 8);
                    odd[j] += scale * (float)((int)(code[j] & 15) - 8);
                }
        }
        for (int j = 0; j < (int)size; j++) out[2 * (from + j)] = even[j], out[2 * (from + j) + 1] = odd[j];
    }
}
