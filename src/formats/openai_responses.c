/* openai_responses.c: the OpenAI Responses dialect: its row of the table, counts, and what stands
 * in for another provider's proof. */
#include "formats/openai_responses.h"

/* ---- proofs of other providers (IR-11) ---- */

/* "llm-mux:anthropic:PROOF", "llm-mux:anthropic+:DATA" for redacted thinking. */
#define PROOF_MARK "llm-mux:"

struct slice openai_responses_wrap_proof(
	struct arena *arena, enum format_id provider, bool is_redacted, struct slice proof) {
	const struct format *format = format_get(provider);
	if (format == NULL || provider == FORMAT_OPENAI_RESPONSES) {
		return proof;
	}
	return arena_printf(arena, PROOF_MARK "%s%s:%.*s", format->name, is_redacted ? "+" : "",
		SLICE_FMT(proof));
}

void openai_responses_unwrap_proof(struct slice encrypted, struct chat_part *thinking) {
	static const struct slice mark = SLICE_INIT(PROOF_MARK);
	struct slice name, rest = slice_from(encrypted, mark.len);
	thinking->signature = encrypted.len > 0 ? encrypted : (struct slice){0};
	if (!slice_starts_with(encrypted, mark) || !slice_split(&rest, ':', &name)) {
		return;
	}
	bool is_redacted = slice_ends_with(name, SLICE("+"));
	const struct format *format =
		format_find(slice_sub(name, 0, name.len - (is_redacted ? 1 : 0)));
	if (format == NULL || rest.len == 0) {
		thinking->signature = (struct slice){0}; /* of another version: nobody's */
		return;
	}
	thinking->provider = format->id;
	thinking->is_redacted = is_redacted;
	thinking->signature = rest;
}

/* ---- E-72 ---- */

const struct chat_request *openai_responses_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses) {
	struct slice message = slice_of(error->message);
	bool is_about_proofs = slice_is(slice_of(error->code), "invalid_encrypted_content") ||
			       slice_icontains(message, SLICE("encrypted content"));
	if (error->kind != ERROR_INVALID_REQUEST || !is_about_proofs) {
		return NULL;
	}
	const struct chat_request *mended = format_without_thinking(request);
	if (mended != NULL) {
		chat_drop(losses, "E-72", "input.reasoning",
			"the upstream could not decrypt what another one made");
	}
	return mended;
}

/* ---- counting ---- */

static void encode_count(int64_t tokens, struct buf *out) {
	buf_printf(out, "{\"object\":\"response.input_tokens\",\"input_tokens\":%lld}",
		(long long)tokens);
}

/* ---- the row ---- */

const struct format format_openai_responses = {
	.id = FORMAT_OPENAI_RESPONSES,
	.name = "openai-responses",
	.title = "OpenAI Responses",
	.family = FAMILY_OPENAI,
	.stream_content_type = "text/event-stream",
	.keepalive = ": keepalive\n\n", /* RS-26 */
	.numbers_events = true,
	.parse_request = openai_responses_parse_request,
	.build_request = openai_responses_build_request,
	.can_splice = openai_responses_can_splice,
	.mend = openai_responses_mend,
	.decoder_create = openai_responses_decoder_create,
	.encoder_create = openai_responses_encoder_create,
	.encode_response = openai_responses_encode_response,
	.encode_error = format_encode_openai_error,
	.parse_error = format_read_error,
	.parse_count = format_read_input_tokens,
	.encode_count = encode_count,
	.stored = &openai_responses_stored,
};
