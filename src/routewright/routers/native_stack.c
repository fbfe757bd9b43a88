/* Prompts through the stack router: the members' scores, their blend, and the costs. What it
 * computes is defined by the Python of routers/. Sums run along the outputs, never across them, so
 * that the compiler has nothing to reorder: every processor gets the same bits, and so does every
 * prompt, whoever it comes with. Prompts that come together share the way through the matrices, which
 * are larger than what a processor keeps close at hand. No state, no allocation that outlives a call,
 * no Python.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "native_packed.h"

#define VERSION 6
#define FORM 0.6
#define CALM 2.0
#define TIE 1e-6
#define NEAR 10

typedef struct {
    Table table;
    Words words;
    int64_t words_at, table_at, table_width; /* where their vectors stand in that of the text */
    double share;                            /* by which each of them is scaled */
    int64_t width, models, kinds, networks, units, landmarks, knots;
    /* lines: linear in what is seen; ridge and log volume: models + models */
    const double *mean, *scale;            /* of the features */
    double reach;                          /* standard deviations that a feature may go */
    const float *kinds_of;                 /* (width + FEATURES, kinds): small differences of large sums */
    const double *kinds_at_0;              /* (kinds,) */
    const double *mu;                      /* (models,) */
    const float *profiles;                 /* (kinds, models) */
    Packed first;                          /* (width + FEATURES, networks * units + lines) */
    Packed second;                         /* networks times (units, units), one after the other */
    Packed places;                         /* landmarks, (width + FEATURES, landmarks) */
    const float *exact_places;             /* the same to the last bit, or null; a gate may be steep */
    const float *third;                    /* (networks, units, models) */
    const float *first_bias, *second_bias, *third_bias; /* the first of networks and lines */
    const float *near_weights;             /* (landmarks, models) */
    const double *near_at_0;               /* (models,) */
    double near_width;
    const double *weights;                 /* of constant, ridge, kernel, profiles, networks */
    double gate_low, gate_high;
    const double *knot_x, *knot_y, *knot_slope;
    const int64_t *knot_ends;              /* (models + 1,); no knots: scores stay as they are */
    const uint8_t *scored;                 /* (models,) */
    const double *input_size;              /* (3, models) */
    const double *input_usd, *output_usd, *fixed_usd, *smear, *cap;
    const uint8_t *counts_tokens;
} Stack;

int64_t version(void) { return VERSION; }

/* As Floats, of doubles. */
typedef struct {
    double *at;
    int64_t step;
} Doubles;

WIDE static void add_f32(int64_t count, Floats xs, int64_t rows, const float *restrict w, int64_t columns,
                         Floats ys) {
    for (int64_t k = 0; k < count; k++) {
        const float *restrict x = xs.at + k * xs.step;
        float *restrict y = ys.at + k * ys.step;
        for (int64_t i = 0; i < rows; i++) {
            float by = x[i];
            if (by == 0.0f) continue;
            const float *row = w + i * columns;
            for (int64_t j = 0; j < columns; j++) y[j] += by * row[j];
        }
    }
}

WIDE static void add_f64(int64_t count, Doubles xs, int64_t rows, const float *restrict w, int64_t columns,
                         Doubles ys) {
    for (int64_t i = 0; i < rows; i++) {
        const float *row = w + i * columns;
        for (int64_t k = 0; k < count; k++) {
            double by = xs.at[k * xs.step + i], *restrict y = ys.at + k * ys.step;
            for (int64_t j = 0; j < columns; j++) y[j] += by * (double)row[j];
        }
    }
}

static double within(double low, double value, double high) {
    return value < low ? low : value > high ? high : value;
}

/* hidden begins with what the first layer gives; next and last have a step of their widths. */
static void networks(const Stack *s, int64_t count, Floats hidden, Floats next, Floats last, int16_t *codes,
                     Doubles told) {
    int64_t units = s->units, models = s->models;
    for (int64_t k = 0; k < count; k++) {
        float *own = hidden.at + k * hidden.step;
        for (int64_t j = 0; j < s->networks * units; j++) own[j] = own[j] > 0.0f ? own[j] : 0.0f;
        for (int64_t m = 0; m < models; m++) told.at[k * told.step + m] = 0.0;
    }
    for (int64_t n = 0; n < s->networks; n++) {
        for (int64_t k = 0; k < count; k++) {
            memcpy(next.at + k * next.step, s->second_bias + n * units, (size_t)units * sizeof(float));
            memcpy(last.at + k * last.step, s->third_bias + n * models, (size_t)models * sizeof(float));
        }
        add_packed(count, (Floats){hidden.at + n * units, hidden.step}, units, part(s->second, n), codes, next);
        for (int64_t k = 0; k < count; k++)
            for (int64_t j = 0; j < units; j++)
                next.at[k * next.step + j] = next.at[k * next.step + j] > 0.0f ? next.at[k * next.step + j] : 0.0f;
        add_f32(count, next, units, s->third + n * units * models, models, last);
        for (int64_t k = 0; k < count; k++)
            for (int64_t m = 0; m < models; m++)
                told.at[k * told.step + m] +=
                    1.0 / (1.0 + exp(-within(-30.0, (double)last.at[k * last.step + m], 30.0)));
    }
    for (int64_t k = 0; k < count; k++)
        for (int64_t m = 0; m < models; m++) told.at[k * told.step + m] /= (double)s->networks;
}

static double familiarity(const float *similar, int64_t count) {
    float best[NEAR];
    int64_t kept = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = kept;
        if (kept == NEAR) {
            if (similar[i] <= best[NEAR - 1]) continue;
            at = NEAR - 1;
        } else kept++;
        for (; at > 0 && best[at - 1] < similar[i]; at--) best[at] = best[at - 1];
        best[at] = similar[i];
    }
    double sum = 0.0;
    for (int64_t i = 0; i < kept; i++) sum += (double)best[i];
    return kept ? sum / (double)kept : 0.0;
}

static double calibrated(const Stack *s, int64_t m, double raw) {
    double inside = within(0.0, raw, 1.0);
    if (!s->knots) return inside;
    int64_t low = s->knot_ends[m], high = s->knot_ends[m + 1];
    double x = within(s->knot_x[low], raw, s->knot_x[high - 1]);
    while (high - low > 1) { /* the last knot that is not above x */
        int64_t middle = (low + high) / 2;
        if (s->knot_x[middle] <= x) low = middle;
        else high = middle;
    }
    double value = s->knot_slope[low] * (x - s->knot_x[low]) + s->knot_y[low];
    return (value + TIE * inside) / (1.0 + TIE);
}

/* What is seen of a prompt. form: standardised features; vector: the embedding, of unit length; chars,
 * wide: of the whole text, and those outside ASCII; limit: tokens that an answer may have, infinite
 * without one. */
typedef struct {
    const double *form;
    const float *vector;
    double chars, wide, limit;
} Seen;

/* The blend, the calibration and the costs of one prompt, from what its members say. */
static void blended(const Stack *s, const Seen *seen, const float *line, double *kind, const double *net,
                    const float *similar, double *like, double *scores, double *costs) {
    const float *volume = line + s->models;
    double top = -INFINITY, mass = 0.0, g = 1.0, worst = INFINITY;
    for (int64_t i = 0; i < s->landmarks; i++)
        like[i] = (double)expf((float)(s->near_width * ((double)similar[i] - 1.0)));
    for (int64_t k = 0; k < s->kinds; k++) top = kind[k] / CALM > top ? kind[k] / CALM : top;
    for (int64_t k = 0; k < s->kinds; k++) mass += kind[k] = exp(kind[k] / CALM - top);
    if (s->gate_high > s->gate_low)
        g = within(0.0, (familiarity(similar, s->landmarks) - s->gate_low) / (s->gate_high - s->gate_low), 1.0);
    memcpy(scores, s->near_at_0, (size_t)s->models * sizeof(double));
    add_f64(1, (Doubles){like, 0}, s->landmarks, s->near_weights, s->models, (Doubles){scores, 0});
    for (int64_t m = 0; m < s->models; m++) costs[m] = 0.0;
    add_f64(1, (Doubles){kind, 0}, s->kinds, s->profiles, s->models, (Doubles){costs, 0});
    for (int64_t m = 0; m < s->models; m++) {
        const double *w = s->weights;
        double mu = within(0.0, s->mu[m], 1.0);
        double blend = w[0] * mu + w[1] * within(0.0, (double)line[m], 1.0) + w[2] * within(0.0, scores[m], 1.0) +
                       w[3] * within(0.0, costs[m] / mass, 1.0) + w[4] * within(0.0, net[m], 1.0);
        scores[m] = within(0.0, calibrated(s, m, g * blend + (1.0 - g) * mu), 1.0);
        if (s->scored[m] && scores[m] < worst) worst = scores[m];
    }
    for (int64_t m = 0; m < s->models; m++) {
        if (!s->scored[m] && worst < scores[m]) scores[m] = worst;
        double answer = exp(volume[m] < 50.0f ? (double)volume[m] : 50.0) * s->smear[m];
        if (answer > s->cap[m]) answer = s->cap[m];
        if (s->counts_tokens[m] && answer > seen->limit) answer = seen->limit;
        double tokens = s->input_size[m] + (seen->chars * s->input_size[s->models + m] +
                                            seen->wide * s->input_size[2 * s->models + m]);
        costs[m] = tokens * s->input_usd[m] + answer * s->output_usd[m] + s->fixed_usd[m];
    }
}

/* Scores and costs (count, 2, models) of so many prompts, at most TOGETHER. Returns 0, or -2 without memory. */
static int64_t decide(const Stack *s, int64_t n, const Seen *seen, double *out) {
    int64_t inputs = s->width + FEATURES, models = s->models;
    Floats design = {0, inputs}, place = {0, inputs}, first = {0, columns_of(s->first)};
    Floats next = {0, columns_of(s->second)}, last = {0, models}, similar = {0, columns_of(s->places)};
    Doubles net = {0, models}, exact = {0, inputs}, kind = {0, s->kinds};
    size_t doubles = (size_t)(n * (models + inputs + s->kinds) + s->landmarks);
    size_t floats = (size_t)(n * (2 * inputs + first.step + next.step + last.step + similar.step));
    size_t whole = (size_t)(n * 2 * most(most(s->first.pairs, s->second.pairs), s->places.pairs));
    char *room = malloc(doubles * sizeof(double) + floats * sizeof(float) + whole * sizeof(int16_t));
    if (!room) return -2;
    net.at = (double *)room;
    exact.at = net.at + n * models;
    kind.at = exact.at + n * inputs;
    double *like = kind.at + n * s->kinds;
    design.at = (float *)(like + s->landmarks);
    place.at = design.at + n * inputs;
    first.at = place.at + n * inputs;
    next.at = first.at + n * first.step;
    last.at = next.at + n * next.step;
    similar.at = last.at + n * last.step;
    int16_t *codes = (int16_t *)(similar.at + n * similar.step);

    double root = sqrt((double)(s->width > 1 ? s->width : 1));
    float unit = (float)(1.0 / hypot(1.0, FORM));
    int64_t known = s->networks * s->units + 2 * models;
    for (int64_t k = 0; k < n; k++) {
        const double *form = seen[k].form;
        double size = 0.0, *own = exact.at + k * inputs;
        float *where = place.at + k * inputs;
        for (int64_t i = 0; i < FEATURES; i++) size += form[i] * form[i];
        size = sqrt(size);
        for (int64_t j = 0; j < s->width; j++) {
            own[j] = (double)seen[k].vector[j] * root;
            where[j] = seen[k].vector[j] * unit;
        }
        for (int64_t i = 0; i < FEATURES; i++) {
            own[s->width + i] = form[i];
            where[s->width + i] = (float)(form[i] / (size > 1e-9 ? size : 1e-9) * FORM) * unit;
        }
        for (int64_t i = 0; i < inputs; i++) design.at[k * inputs + i] = (float)own[i];
        memcpy(first.at + k * first.step, s->first_bias, (size_t)known * sizeof(float));
        memcpy(kind.at + k * s->kinds, s->kinds_at_0, (size_t)s->kinds * sizeof(double));
    }
    for (int64_t i = 0; i < n * similar.step; i++) similar.at[i] = 0.0f;
    add_f64(n, exact, inputs, s->kinds_of, s->kinds, kind);
    add_packed(n, design, inputs, s->first, codes, first);
    networks(s, n, first, next, last, codes, net);
    if (s->exact_places) add_f32(n, place, inputs, s->exact_places, s->landmarks, similar);
    else if (s->weights[2] != 0.0) add_packed(n, place, inputs, s->places, codes, similar);
    for (int64_t k = 0; k < n; k++) {
        double *scores = out + 2 * k * models;
        blended(s, seen + k, first.at + k * first.step + s->networks * s->units, kind.at + k * s->kinds,
                net.at + k * models, similar.at + k * similar.step, like, scores, scores + models);
    }
    free(room);
    return 0;
}

/* Scores (models,) and costs (models,) of what is seen of one prompt: routers/stack.py. */
int64_t decided(const Stack *s, const double *form, const float *vector, double chars, double wide,
                double limit, double *out) {
    Seen seen = {form, vector, chars, wide, limit};
    return decide(s, 1, &seen, out);
}

/* Where in what Python sends a text is, and what is known of it: see native_bytes.py. */
typedef struct {
    int64_t text, chars; /* a byte a character */
    int64_t set;         /* of its characters */
    int64_t plain;       /* ASCII: only their kinds are there */
    int64_t limit;       /* tokens, or -1 */
} Span;

/* Standardised features and the vector of a text. Returns as ``expected``. */
static int64_t look(const Stack *s, const char *sent, Span at, double *form, float *vector, int32_t *rows,
                    Seen *seen) {
    int64_t n = at.chars, failed = 0;
    const char *text = sent + at.text;
    const Charset *all = (const Charset *)(sent + at.set), *set = at.plain ? NULL : all;
    if (n < 0 || n > MOST) return -1;
    float share = (float)s->share;
    features(text, all->kinds, n, form);
    double wide = 0.0;
    for (int64_t i = 0; i < n; i++) wide += (unsigned char)text[i] >= 128;
    for (int64_t i = 0; i < FEATURES; i++)
        form[i] = within(-s->reach, ((double)(float)form[i] - s->mean[i]) / s->scale[i], s->reach);
    if (s->words.width) failed = words_vector(&s->words, text, n, set, vector + s->words_at);
    if (s->table_width) {
        float *sum = vector + s->table_at;
        double length = 0.0;
        int64_t count = text_rows(&s->table, text, n, set, rows);
        if (count < 0) return -1;
        sum_codes(&s->table, s->table_width, rows, count, sum);
        for (int64_t j = 0; j < s->table_width; j++) length += (double)sum[j] * (double)sum[j];
        length = sqrt(length);
        for (int64_t j = 0; j < s->table_width; j++)
            sum[j] = length > 1e-12 ? (float)((double)sum[j] / length) : 0.0f;
    }
    for (int64_t j = 0; j < s->width; j++) vector[j] *= share;
    *seen = (Seen){form, vector, (double)n, wide, at.limit < 0 ? INFINITY : (double)at.limit};
    return failed;
}

/* Scores and costs (count, 2, models) of the texts that spans (count,) find in what was sent. -1 where
 * one of them is too long, -2 without memory. */
int64_t expected(const Stack *s, int64_t count, const char *sent, const char *spans, double *out) {
    int64_t room_for = count < TOGETHER ? count : TOGETHER;
    size_t each = sizeof(Seen) + FEATURES * sizeof(double) + (size_t)s->width * sizeof(float);
    char *room = malloc((size_t)room_for * each + MOST * sizeof(int32_t));
    if (!room) return -2;
    Seen *seen = (Seen *)room;
    double *form = (double *)(seen + room_for);
    float *vector = (float *)(form + room_for * FEATURES);
    int32_t *rows = (int32_t *)(vector + room_for * s->width);
    int64_t failed = 0;
    for (int64_t from = 0; from < count && !failed; from += TOGETHER) {
        int64_t n = count - from < TOGETHER ? count - from : TOGETHER;
        for (int64_t k = 0; k < n && !failed; k++) {
            Span at;
            memcpy(&at, spans + (from + k) * (int64_t)sizeof at, sizeof at);
            failed = look(s, sent, at, form + k * FEATURES, vector + k * s->width, rows, seen + k);
        }
        if (!failed) failed = decide(s, n, seen, out + 2 * from * s->models);
    }
    free(room);
    return failed;
}
