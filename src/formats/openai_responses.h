/* openai_responses.h: what the files of the OpenAI Responses dialect share. Private to formats/.
 *
 *   openai_responses.c               row of the table, counts, errors in streams, small facts
 *   openai_responses_parse*.c        requests of clients: fields, tools, input items
 *   openai_responses_build*.c        requests for upstreams: fields, tools, input items
 *   openai_responses_codex.c         what the ChatGPT flavour wants of a body
 *   openai_responses_decode*.c       answers in
 *   openai_responses_encode.c        answers out, streamed    _object.c  whole, and the object
 *   openai_responses_item.c          items of an answer       _stored.c  stored answers
 *   openai_responses_client_tools.c  local_shell, shell, apply_patch as functions
 *
 * Tools of a namespace have one flat name in the canonical request, "NS__tool" (RS-5), so that no
 * other dialect has to know of namespaces; this one maps it back. */
#ifndef LLMMUX_FORMATS_OPENAI_RESPONSES_H
#define LLMMUX_FORMATS_OPENAI_RESPONSES_H

#include "formats/formats_internal.h"

bool openai_responses_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error);
bool openai_responses_build_request(const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error);
/* False when calls and results do not pair, and the upstream has no earlier turns to look in. */
bool openai_responses_can_splice(const struct chat_request *request);
/* E-72: without its reasoning, when the upstream cannot decrypt it. */
const struct chat_request *openai_responses_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses);
struct format_decoder *openai_responses_decoder_create(
	const struct format_decoder_options *options);
/* Streamed and whole. */
struct chat_sink *openai_responses_encoder_create(const struct format_encoder_options *options);
bool openai_responses_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options);
extern const struct format_stored openai_responses_stored;

/* ---- namespaces (RS-5) ---- */

/* "NS__name"; the name itself without a namespace. */
struct slice openai_responses_flat_name(
	struct arena *arena, struct slice namespace_name, struct slice name);
/* The name inside of its namespace. */
struct slice openai_responses_inner_name(struct slice namespace_name, struct slice flat_name);

/* ---- reasoning that other providers signed ---- */

/* IR-11: this dialect's clients carry a proof in `encrypted_content`. One of another provider's
 * goes in there under a mark of ours, and comes back to whom it belongs. */
struct slice openai_responses_wrap_proof(
	struct arena *arena, enum format_id provider, bool is_redacted, struct slice proof);
/* Takes the mark off again. An own proof, or one without a mark, stays as it is. */
void openai_responses_unwrap_proof(struct slice encrypted, struct chat_part *thinking);

/* ---- tools that the client runs, of types of their own (RS-5) ---- */

struct openai_responses_client_tool {
	const char *type;        /* of the tool, and its name as a function: "local_shell" */
	const char *call_type;   /* of a call: "local_shell_call" */
	const char *output_type; /* of its result */
	const char *id_prefix;   /* of a call's item id: "lsh_" */
	const char *args_member; /* of a call: what a function has as arguments: "action" */
	struct slice args_begin; /* what the object of the call has before the model's members */
	const char *description;
	struct slice schema;
};
/* NULL when there is none. */
const struct openai_responses_client_tool *openai_responses_client_tool(struct slice type);
const struct openai_responses_client_tool *openai_responses_client_call(
	struct slice item_type, bool *is_output);
/* The kind of special call that a call of this function is for the client that declared it; NULL
 * for plain functions. */
const struct openai_responses_client_tool *openai_responses_called_tool(
	const struct chat_request *request, struct slice name);
/* Arguments of the function as the object of the special call, in the arena; absent when they are
 * no object. */
struct slice openai_responses_call_object(
	struct arena *arena, const struct openai_responses_client_tool *tool, struct slice args);

#endif
