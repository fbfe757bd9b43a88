/* One prompt through the stack router: the members' scores, their blend, and the costs. What it
 * computes is defined by the Python of routers/. Sums run along the outputs, never across them, so
 * that the compiler has nothing to reorder: every processor gets the same bits. No state, no
 * allocation that outlives a call, no Python.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define VERSION 4
#define FORM 0.6
#define CALM 2.0
#define TIE 1e-6
#define NEAR 10

/* Numbers in 16 bits, by a row's own scale: half the memory to go through for every prompt. */
typedef struct {
    const int16_t *codes; /* (rows, columns) */
    const float *scales;  /* (rows,) */
} Coded;

typedef struct {
    Table table;
    Words words;
    int64_t words_at, table_at, table_width; /* where their vectors stand in that of the text */
    double share;                            /* by which each of them is scaled */
    int64_t width, models, kinds, networks, units, landmarks, knots;
    const double *mean, *scale;            /* of the features */
    double reach;                          /* standard deviations that a feature may go */
    const double *linear;                  /* (width + FEATURES, models + kinds + models) */
    const double *linear_at_0;             /* ridge, kinds, log volume */
    const double *mu;                      /* (models,) */
    const double *profiles;                /* (kinds, models) */
    Coded first;                           /* (width + FEATURES, networks * units) */
    Coded second;                          /* (networks * units, units) */
    Coded places;                          /* landmarks, (width + FEATURES, landmarks) */
    const float *exact_places;             /* the same to the last bit, or null; a gate may be steep */
    const float *third;                    /* (networks, units, models) */
    const float *first_bias, *second_bias, *third_bias;
    const double *near_weights, *near_at_0; /* (landmarks, models) */
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

WIDE static void add_f32(const float *restrict x, int64_t rows, const float *restrict w, int64_t columns,
                         float *restrict y) {
    for (int64_t i = 0; i < rows; i++) {
        float by = x[i];
        if (by == 0.0f) continue;
        const float *row = w + i * columns;
        for (int64_t j = 0; j < columns; j++) y[j] += by * row[j];
    }
}

/* Four rows at a time, each sum in the order of the rows as if it were one. */
WIDE static void add_coded(const float *restrict x, int64_t rows, Coded w, int64_t from, int64_t columns,
                           float *restrict y) {
    int64_t i = 0;
    const float *scales = w.scales + from;
    for (; i + 4 <= rows; i += 4) {
        float a = x[i] * scales[i], b = x[i + 1] * scales[i + 1];
        float c = x[i + 2] * scales[i + 2], d = x[i + 3] * scales[i + 3];
        const int16_t *p = w.codes + (from + i) * columns, *q = p + columns, *r = q + columns, *t = r + columns;
        for (int64_t j = 0; j < columns; j++) {
            float sum = y[j] + a * (float)p[j];
            sum = sum + b * (float)q[j];
            sum = sum + c * (float)r[j];
            y[j] = sum + d * (float)t[j];
        }
    }
    for (; i < rows; i++) {
        float by = x[i] * scales[i];
        const int16_t *row = w.codes + (from + i) * columns;
        for (int64_t j = 0; j < columns; j++) y[j] += by * (float)row[j];
    }
}

WIDE static void add_f64(const double *restrict x, int64_t rows, const double *restrict w, int64_t columns,
                         double *restrict y) {
    for (int64_t i = 0; i < rows; i++) {
        double by = x[i];
        if (by == 0.0) continue;
        const double *row = w + i * columns;
        for (int64_t j = 0; j < columns; j++) y[j] += by * row[j];
    }
}

static double within(double low, double value, double high) {
    return value < low ? low : value > high ? high : value;
}

static void networks(const Stack *s, const float *x, float *hidden, float *next, float *last, double *told) {
    int64_t all = s->networks * s->units;
    memcpy(hidden, s->first_bias, (size_t)all * sizeof(float));
    add_coded(x, s->width + FEATURES, s->first, 0, all, hidden);
    for (int64_t m = 0; m < s->models; m++) told[m] = 0.0;
    for (int64_t k = 0; k < s->networks; k++) {
        float *own = hidden + k * s->units;
        for (int64_t j = 0; j < s->units; j++) own[j] = own[j] > 0.0f ? own[j] : 0.0f;
        memcpy(next, s->second_bias + k * s->units, (size_t)s->units * sizeof(float));
        add_coded(own, s->units, s->second, k * s->units, s->units, next);
        for (int64_t j = 0; j < s->units; j++) next[j] = next[j] > 0.0f ? next[j] : 0.0f;
        memcpy(last, s->third_bias + k * s->models, (size_t)s->models * sizeof(float));
        add_f32(next, s->units, s->third + k * s->units * s->models, s->models, last);
        for (int64_t m = 0; m < s->models; m++)
            told[m] += 1.0 / (1.0 + exp(-within(-30.0, (double)last[m], 30.0)));
    }
    for (int64_t m = 0; m < s->models; m++) told[m] /= (double)s->networks;
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

/* Scores (models,) and costs (models,) of what is seen of a prompt: routers/stack.py.
 * form: standardised features; vector: the embedding, of unit length; chars, wide: of the whole text,
 * and those outside ASCII; limit: tokens that an answer may have, infinite without one. Returns 0, or
 * -2 without memory. */
int64_t decided(const Stack *s, const double *form, const float *vector, double chars, double wide,
                double limit, double *out) {
    int64_t inputs = s->width + FEATURES, all = s->networks * s->units;
    int64_t columns = 2 * s->models + s->kinds;
    size_t doubles = (size_t)(inputs + columns + s->landmarks + s->models);
    size_t floats = (size_t)(2 * inputs + all + s->units + s->models + s->landmarks);
    double *room = malloc(doubles * sizeof(double) + floats * sizeof(float));
    if (!room) return -2;
    double *design = room, *line = design + inputs, *like = line + columns, *net = like + s->landmarks;
    float *plain = (float *)(net + s->models), *place = plain + inputs, *hidden = place + inputs;
    float *next = hidden + all, *last = next + s->units, *similar = last + s->models;

    double size = 0.0, root = sqrt((double)(s->width > 1 ? s->width : 1));
    float unit = (float)(1.0 / hypot(1.0, FORM));
    for (int64_t i = 0; i < FEATURES; i++) size += form[i] * form[i];
    size = sqrt(size);
    for (int64_t j = 0; j < s->width; j++) {
        design[j] = (double)vector[j] * root;
        place[j] = vector[j] * unit;
    }
    for (int64_t i = 0; i < FEATURES; i++) {
        design[s->width + i] = form[i];
        place[s->width + i] = (float)(form[i] / (size > 1e-9 ? size : 1e-9) * FORM) * unit;
    }
    for (int64_t i = 0; i < inputs; i++) plain[i] = (float)design[i];

    memcpy(line, s->linear_at_0, (size_t)columns * sizeof(double));
    add_f64(design, inputs, s->linear, columns, line);
    double *kind = line + s->models, *volume = kind + s->kinds;
    networks(s, plain, hidden, next, last, net);
    for (int64_t i = 0; i < s->landmarks; i++) similar[i] = 0.0f;
    if (s->exact_places) add_f32(place, inputs, s->exact_places, s->landmarks, similar);
    else add_coded(place, inputs, s->places, 0, s->landmarks, similar);
    for (int64_t i = 0; i < s->landmarks; i++) like[i] = exp(s->near_width * ((double)similar[i] - 1.0));
    double top = -INFINITY, mass = 0.0;
    for (int64_t k = 0; k < s->kinds; k++) top = kind[k] / CALM > top ? kind[k] / CALM : top;
    for (int64_t k = 0; k < s->kinds; k++) mass += kind[k] = exp(kind[k] / CALM - top);

    double g = 1.0, worst = INFINITY;
    if (s->gate_high > s->gate_low)
        g = within(0.0, (familiarity(similar, s->landmarks) - s->gate_low) / (s->gate_high - s->gate_low), 1.0);
    double *scores = out, *costs = out + s->models;
    memcpy(scores, s->near_at_0, (size_t)s->models * sizeof(double));
    add_f64(like, s->landmarks, s->near_weights, s->models, scores);
    for (int64_t m = 0; m < s->models; m++) costs[m] = 0.0;
    add_f64(kind, s->kinds, s->profiles, s->models, costs);
    for (int64_t m = 0; m < s->models; m++) {
        const double *w = s->weights;
        double mu = within(0.0, s->mu[m], 1.0);
        double blend = w[0] * mu + w[1] * within(0.0, line[m], 1.0) + w[2] * within(0.0, scores[m], 1.0) +
                       w[3] * within(0.0, costs[m] / mass, 1.0) + w[4] * within(0.0, net[m], 1.0);
        scores[m] = within(0.0, calibrated(s, m, g * blend + (1.0 - g) * mu), 1.0);
        if (s->scored[m] && scores[m] < worst) worst = scores[m];
    }
    for (int64_t m = 0; m < s->models; m++) {
        if (!s->scored[m] && worst < scores[m]) scores[m] = worst;
        double answer = exp(volume[m] < 50.0 ? volume[m] : 50.0) * s->smear[m];
        if (answer > s->cap[m]) answer = s->cap[m];
        if (s->counts_tokens[m] && answer > limit) answer = limit;
        double tokens = s->input_size[m] + (chars * s->input_size[s->models + m] +
                                            wide * s->input_size[2 * s->models + m]);
        costs[m] = tokens * s->input_usd[m] + answer * s->output_usd[m] + s->fixed_usd[m];
    }
    free(room);
    return 0;
}

/* The same of a text and its kinds; read is what is cut into pieces. -1 where one of
 * them is too long. */
int64_t expected(const Stack *s, const char *text, const uint8_t *kinds, const char *read, int64_t bytes,
                 int64_t n, double limit, double *out) {
    if (n < 0 || n > MOST || bytes < 0 || bytes > MOST) return -1;
    float *vector = malloc((size_t)s->width * sizeof(float) + MOST * sizeof(int32_t));
    if (!vector) return -2;
    int32_t *rows = (int32_t *)(vector + s->width);
    double form[FEATURES];
    float share = (float)s->share;
    features(text, kinds, n, form);
    double wide = 0.0;
    for (int64_t i = 0; i < n; i++) wide += (unsigned char)text[i] >= 128;
    for (int64_t i = 0; i < FEATURES; i++)
        form[i] = within(-s->reach, ((double)(float)form[i] - s->mean[i]) / s->scale[i], s->reach);
    int64_t failed = 0;
    if (s->words.width) failed = words_vector(&s->words, text, n, vector + s->words_at);
    if (s->table_width) {
        float *sum = vector + s->table_at;
        double length = 0.0;
        sum_codes(&s->table, s->table_width, rows, text_rows(&s->table, read, bytes, rows), sum);
        for (int64_t j = 0; j < s->table_width; j++) length += (double)sum[j] * (double)sum[j];
        length = sqrt(length);
        for (int64_t j = 0; j < s->table_width; j++)
            sum[j] = length > 1e-12 ? (float)((double)sum[j] / length) : 0.0f;
    }
    for (int64_t j = 0; j < s->width; j++) vector[j] *= share;
    if (!failed) failed = decided(s, form, vector, (double)n, wide, limit, out);
    free(vector);
    return failed;
}
