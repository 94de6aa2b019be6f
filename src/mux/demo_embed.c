/* demo_embed.c: the vectors of demo/embed: the words of a text, each hashed to a direction of its
 * own, summed up and brought to length one. The same text has the same vector everywhere, and texts
 * that share words point to nearby places. */
#include <math.h>

#include "base/map.h"
#include "mux/demo.h"

#define DEFAULT_DIMENSIONS 64
#define NUMBERS_MAX 400000 /* of one answer */

static bool is_word_byte(char byte) {
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || (byte & 0x80) != 0;
}

/* xorshift64*: from -1 to 1. */
static double next_number(uint64_t *state) {
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	uint64_t bits = *state * 0x2545f4914f6cdd1d;
	return (double)(bits >> 11) / (double)(UINT64_C(1) << 52) - 1.0;
}

static void add_word(struct slice word, double *sum, size_t dimensions) {
	static const uint64_t seed[2] = {0x6c6c6d2d6d7578, 0x656d626564};
	uint64_t state = hash_bytes(seed, word) | 1;
	for (size_t i = 0; i < dimensions; i++) {
		sum[i] += next_number(&state);
	}
}

static void add_words(struct slice text, double *sum, size_t dimensions) {
	size_t begin = 0;
	add_word(SLICE(""), sum, dimensions); /* so that no text is nowhere */
	for (size_t at = 0; at <= text.len; at++) {
		if (at < text.len && is_word_byte(text.data[at])) {
			continue;
		}
		if (at > begin) {
			add_word(slice_sub(text, begin, at - begin), sum, dimensions);
		}
		begin = at + 1;
	}
}

/* `sum` has room for the dimensions. */
static struct slice vector_of(
	struct slice text, double *sum, size_t dimensions, struct arena *arena) {
	double length = 0;
	struct buf out;
	struct json_writer w;
	memset(sum, 0, dimensions * sizeof *sum);
	add_words(text, sum, dimensions);
	for (size_t i = 0; i < dimensions; i++) {
		length += sum[i] * sum[i];
	}
	length = length > 0 ? sqrt(length) : 1;
	buf_init(&out, 0);
	json_writer_init(&w, &out, false);
	json_begin_array(&w);
	for (size_t i = 0; i < dimensions; i++) {
		json_write_double(&w, (double)(float)(sum[i] / length));
	}
	json_end_array(&w);
	struct slice vector = arena_dup(arena, buf_slice(&out));
	buf_finish(&out);
	return vector;
}

const struct embed_response *demo_embed(const struct embed_request *request, struct slice model,
	struct arena *arena, struct error *error) {
	size_t dimensions =
		request->has_dimensions ? (size_t)request->dimensions : DEFAULT_DIMENSIONS;
	if (dimensions > NUMBERS_MAX / request->input_count) {
		error_set_param(error, ERROR_INVALID_REQUEST, "dimensions",
			"[demo] %zu texts in %zu dimensions are too much for a demo: %d numbers "
			"are the most",
			request->input_count, dimensions, NUMBERS_MAX);
		return NULL;
	}
	struct embed_response *response = ARENA_NEW(arena, struct embed_response);
	double *sum = ARENA_ARRAY(arena, double, dimensions);
	*response = (struct embed_response){.model = model,
		.vectors = ARENA_ARRAY(arena, struct slice, request->input_count),
		.vector_count = request->input_count,
		.usage = EMBED_USAGE_UNKNOWN};
	response->usage.input_tokens = 0;
	for (size_t i = 0; i < request->input_count; i++) {
		response->vectors[i] = vector_of(request->inputs[i], sum, dimensions, arena);
		response->usage.input_tokens += (int64_t)(request->inputs[i].len / 4) + 1;
	}
	return response;
}
