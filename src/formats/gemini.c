/* gemini.c: the Gemini dialect: whole answers, counts, errors, and its row of the table. */
#include "formats/gemini.h"

#include "base/random.h"
#include "formats/formats_internal.h"

/* ---- whole answers (formats.md 2.5) ---- */

struct answer {
	struct json_writer w;
	const struct format_encoder_options *options;
	bool shows_thoughts;
	uint64_t bytes; /* of text and arguments, for an estimate */
};

static struct slice own_proof(const struct chat_part *part) {
	return part->provider == FORMAT_GEMINI ? part->signature : (struct slice){0};
}

static void put_part(struct answer *a, const struct chat_part *part, bool is_cut) {
	struct json_writer *w = &a->w;
	switch (part->kind) {
	case CHAT_PART_TEXT:
		if (part->text.len > 0) {
			gemini_put_text(w, part->text, false, own_proof(part));
		}
		break;
	case CHAT_PART_REFUSAL:
		gemini_put_text(w, part->text, false, (struct slice){0});
		break;
	case CHAT_PART_THINKING:
		if (a->shows_thoughts && !part->is_redacted) {
			gemini_put_text(w, part->text, true, own_proof(part));
		}
		break;
	case CHAT_PART_TOOL_CALL:
		if (!is_cut || part->args_valid) { /* FR-1 */
			gemini_put_call(w, a->options->arena, part->call_id, part->name, part->args,
				part->signature);
		}
		break;
	case CHAT_PART_IMAGE:
		gemini_put_image(w, part->media_type, part->data);
		break;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		if (part->provider == FORMAT_GEMINI) {
			json_write_raw(w, part->raw);
		}
		break;
	default:
		break;
	}
}

static void put_candidate_sources(struct answer *a, const struct chat_candidate *candidate) {
	struct arena *arena = a->options->arena;
	struct gemini_sources sources = {0};
	int64_t at = 0;
	for (size_t i = 0; i < candidate->parts.len; i++) {
		const struct chat_part *part = &candidate->parts.items[i];
		int64_t end = at + (int64_t)part->text.len;
		if (part->kind != CHAT_PART_TEXT) {
			continue;
		}
		const struct json *list = part->citations.data
						  ? json_parse(arena, part->citations, NULL, NULL)
						  : NULL;
		json_each (citation, list) {
			gemini_add_source(&sources, arena, json_raw(citation), at, end);
		}
		at = end;
	}
	gemini_put_sources(&a->w, &sources);
}

static void put_candidate(struct answer *a, const struct chat_candidate *candidate, size_t number) {
	struct json_writer *w = &a->w;
	bool is_cut = candidate->reason == CHAT_FINISH_LENGTH;
	json_begin_object(w);
	json_write_key(w, "content");
	json_begin_object(w);
	json_write_key(w, "parts");
	json_begin_array(w);
	for (size_t i = 0; i < candidate->parts.len; i++) {
		const struct chat_part *part = &candidate->parts.items[i];
		put_part(a, part, is_cut);
		a->bytes += part->text.len + part->args.len;
	}
	json_end_array(w);
	json_put_cstr(w, "role", "model");
	json_end_object(w);
	json_put_cstr(
		w, "finishReason", gemini_finish_word(candidate->reason, candidate->native_reason));
	json_put_int(w, "index", (int64_t)number);
	if (candidate->logprobs.len > 0) {
		gemini_put_logprobs(w, a->options->arena, candidate->logprobs);
	}
	put_candidate_sources(a, candidate);
	json_end_object(w);
}

/* GC-10: nothing but the reason why nothing was answered. */
static const struct chat_part *block_message(const struct chat_response *response) {
	const struct chat_candidate *candidate =
		response->candidates.len == 1 ? &response->candidates.items[0] : NULL;
	bool is_blocked = candidate != NULL && candidate->reason == CHAT_FINISH_CONTENT_FILTER &&
			  candidate->parts.len == 1 &&
			  candidate->parts.items[0].kind == CHAT_PART_REFUSAL;
	return is_blocked ? &candidate->parts.items[0] : NULL;
}

static struct slice answer_id(struct arena *arena, struct slice id) {
	char made[32];
	if (id.len > 0) {
		return id;
	}
	random_id(made, "", 22);
	return arena_dup(arena, slice_of(made));
}

bool gemini_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options) {
	struct answer a = {
		.options = options, .shows_thoughts = gemini_shows_thoughts(options->request)};
	struct json_writer *w = &a.w;
	const struct chat_part *blocked = block_message(response);
	bool keeps_model = response->model.len > 0 && !options->force_model;
	json_writer_init(w, options->out, false);
	json_begin_object(w);
	if (blocked != NULL) {
		gemini_put_blocked(w, response->candidates.items[0].native_reason, blocked->text);
	} else {
		json_write_key(w, "candidates");
		json_begin_array(w);
		for (size_t i = 0; i < response->candidates.len; i++) {
			put_candidate(&a, &response->candidates.items[i], i);
		}
		json_end_array(w);
	}
	gemini_put_usage(w, &response->usage,
		options->request && chat_usage_input_total(&response->usage) < 0
			? format_count_tokens(&options->counter, options->request, NULL)
			: 0,
		(int64_t)(a.bytes / 4));
	json_put_string(w, "modelVersion", keeps_model ? response->model : options->model);
	json_put_string(w, "responseId", answer_id(options->arena, response->id));
	json_end_object(w);
	return !options->out->failed;
}

/* ---- counting ---- */

static bool parse_count(
	struct slice body, struct arena *arena, int64_t *tokens, struct error *error) {
	const struct json *tree = json_parse(arena, body, NULL, error);
	if (tree == NULL) {
		return false;
	}
	return json_int64(json_get(gemini_unwrap(tree), "totalTokens"), tokens) ||
	       error_set(error, ERROR_UPSTREAM_PROTOCOL, "the count answer has no totalTokens");
}

static void encode_count(int64_t tokens, struct buf *out) {
	buf_printf(out,
		"{\"totalTokens\":%lld,\"promptTokensDetails\":[{\"modality\":\"TEXT\","
		"\"tokenCount\":%lld}]}",
		(long long)tokens, (long long)tokens);
}

/* ---- the row ---- */

static struct chat_sink *encoder_create(const struct format_encoder_options *options) {
	return options->is_stream ? gemini_stream_encoder_create(options)
				  : format_whole_encoder_create(&format_gemini, options);
}

/* No keep-alive: clients stumble over whatever is no chunk (GC-7). */
const struct format format_gemini = {
	.id = FORMAT_GEMINI,
	.name = "gemini",
	.title = "Gemini",
	.family = FAMILY_GEMINI,
	.stream_content_type = "text/event-stream",
	.parse_request = gemini_parse_request,
	.build_request = gemini_build_request,
	.can_splice = gemini_can_splice,
	.decoder_create = gemini_decoder_create,
	.encoder_create = encoder_create,
	.encode_response = gemini_encode_response,
	.encode_error = format_encode_gemini_error,
	.parse_error = format_read_error,
	.parse_count = parse_count,
	.encode_count = encode_count,
	.embed = &format_gemini_embed,
};
