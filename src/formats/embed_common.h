/* embed_common.h: what the dialects' embedding calls share. */
#ifndef LLMMUX_FORMATS_EMBED_COMMON_H
#define LLMMUX_FORMATS_EMBED_COMMON_H

#include "formats/formats_internal.h"

/* Texts of one request; no dialect takes more. */
#define EMBED_MAX_INPUTS 2048
#define EMBED_MAX_DIMENSIONS 65536

/* A text, a list of texts, a list of tokens or a list of those into request->inputs; false with the
 * field's name when it is none of them, or empty. */
bool embed_parse_inputs(struct embed_request *request, const struct json *node, const char *name,
	bool takes_tokens, struct error *error);
/* Refuses token lists for an upstream that takes texts alone. */
bool embed_needs_texts(const struct embed_request *request, struct error *error);
/* Parses an answer for a look at its members; false with ERROR_UPSTREAM_PROTOCOL. The tree lives in
 * `scratch`, which the caller finishes: vectors make many nodes, and stay slices of the body. */
const struct json *embed_parse_answer(
	struct slice body, struct arena *scratch, struct error *error);
/* Puts a vector at its place: a list of numbers as it stands, or base64 of floats made one. False
 * with an error when it is neither, or the place is taken. */
bool embed_put_vector(const struct json *node, size_t at, const struct embed_request *request,
	struct embed_response *response, struct error *error);
/* Every input has its vector; false with an error. */
bool embed_check_complete(const struct embed_request *request,
	const struct embed_response *response, struct error *error);
/* A vector as the client wants it: a list of numbers, or base64 of its floats. */
void embed_write_vector(struct json_writer *w, enum embed_encoding encoding, struct slice vector);
/* The name of the model to say. */
struct slice embed_model(
	const struct embed_response *response, const struct embed_request *request);

#endif
