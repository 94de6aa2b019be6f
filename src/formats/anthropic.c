/* anthropic.c: the Anthropic Messages dialect: whole answers, counts, and its row of the table. */
#include "formats/anthropic.h"

#include "formats/formats_internal.h"
#include "formats/json_repair.h"

/* ---- whole answers (formats.md 2.4, AC-5..AC-8) ---- */

struct message_writer {
	struct json_writer w;
	const struct format_encoder_options *options;
	bool shows_thinking, saw_tool, saw_refusal, is_cut;
};

static void put_thinking(struct message_writer *m, const struct chat_part *part) {
	struct json_writer *w = &m->w;
	if (part->is_redacted ? part->provider != FORMAT_ANTHROPIC : !m->shows_thinking) {
		return;
	}
	json_begin_object(w);
	if (part->is_redacted) {
		json_put_cstr(w, "type", "redacted_thinking");
		json_put_string(w, "data", part->signature);
	} else {
		bool is_own = part->provider == FORMAT_ANTHROPIC && part->signature.len > 0;
		json_put_cstr(w, "type", "thinking");
		json_put_string(w, "thinking", part->text);
		json_put_string(w, "signature",
			is_own ? part->signature
			       : anthropic_own_signature(m->options->arena,
					 anthropic_hash(ANTHROPIC_HASH_SEED, part->text)));
	}
	json_end_object(w);
}

static void put_tool_use(struct message_writer *m, const struct chat_part *part) {
	struct json_writer *w = &m->w;
	if (m->is_cut && !part->args_valid) {
		return; /* FR-1: a call cut by the length limit is no call */
	}
	m->saw_tool = true;
	json_begin_object(w);
	json_put_cstr(w, "type", "tool_use");
	json_put_string(w, "id", part->call_id);
	json_put_string(w, "name", part->name);
	json_put_raw(w, "input", json_repair_object(m->options->arena, part->args)); /* AC-6 */
	json_end_object(w);
}

static void put_block(struct message_writer *m, const struct chat_part *part) {
	switch (part->kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		m->saw_refusal |= part->kind == CHAT_PART_REFUSAL;
		if (part->text.len > 0) {
			bool is_own = part->provider == FORMAT_ANTHROPIC && part->citations.data;
			anthropic_put_text(&m->w, part->text,
				is_own ? &(struct chat_part){.citations = part->citations,
						 .provider = FORMAT_ANTHROPIC}
				       : NULL);
		}
		break;
	case CHAT_PART_THINKING:
		put_thinking(m, part);
		break;
	case CHAT_PART_TOOL_CALL:
		put_tool_use(m, part);
		break;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		if (part->provider == FORMAT_ANTHROPIC) {
			json_write_raw(&m->w, part->raw);
		}
		break;
	case CHAT_PART_IMAGE:
		anthropic_put_text(
			&m->w, SLICE("[an image was made, which this API cannot carry]"), NULL);
		break;
	default:
		break;
	}
}

static bool encode_response(
	const struct chat_response *response, const struct format_encoder_options *options) {
	static const struct chat_candidate none = {.reason = CHAT_FINISH_OTHER};
	const struct chat_candidate *candidate =
		response->candidates.len > 0 ? &response->candidates.items[0] : &none;
	struct message_writer m = {.options = options,
		.shows_thinking = anthropic_shows_thinking(options->request),
		.is_cut = candidate->reason == CHAT_FINISH_LENGTH};
	struct json_writer *w = &m.w;
	bool keep_model = response->model.len > 0 && !options->force_model;
	uint64_t text_bytes = 0;

	json_writer_init(w, options->out, false);
	json_begin_object(w);
	json_put_string(w, "id", anthropic_message_id(options->arena, response->id));
	json_put_cstr(w, "type", "message");
	json_put_cstr(w, "role", "assistant");
	json_put_string(w, "model", keep_model ? response->model : options->model);
	json_write_key(w, "content");
	json_begin_array(w);
	for (size_t i = 0; i < candidate->parts.len; i++) {
		put_block(&m, &candidate->parts.items[i]);
		text_bytes +=
			candidate->parts.items[i].text.len + candidate->parts.items[i].args.len;
	}
	json_end_array(w);
	json_put_cstr(w, "stop_reason",
		anthropic_stop_reason(candidate->reason, m.saw_tool, m.saw_refusal));
	json_write_key(w, "stop_sequence");
	if (candidate->reason == CHAT_FINISH_STOP_SEQUENCE && candidate->stop_sequence.data) {
		json_write_string(w, candidate->stop_sequence);
	} else {
		json_write_null(w);
	}
	if (candidate->detail.data) {
		json_put_raw(w, "stop_details", candidate->detail);
	}
	anthropic_put_usage(w, &response->usage,
		options->request && response->usage.input_uncached < 0
			? format_count_tokens(&options->counter, options->request, NULL)
			: 0,
		(int64_t)(text_bytes / 4));
	json_end_object(w);
	return !options->out->failed;
}

/* ---- counting ---- */

bool format_read_input_tokens(
	struct slice body, struct arena *arena, int64_t *tokens, struct error *error) {
	const struct json *tree = json_parse(arena, body, NULL, error);
	if (!tree) {
		return false;
	}
	return json_int64(json_get(tree, "input_tokens"), tokens) ||
	       error_set(error, ERROR_UPSTREAM_PROTOCOL, "the count answer has no input_tokens");
}

static void encode_count(int64_t tokens, struct buf *out) {
	buf_printf(out, "{\"input_tokens\":%lld}", (long long)tokens);
}

/* ---- the row ---- */

static struct chat_sink *encoder_create(const struct format_encoder_options *options) {
	return options->is_stream ? anthropic_stream_encoder_create(options)
				  : format_whole_encoder_create(&format_anthropic, options);
}

const struct format format_anthropic = {
	.id = FORMAT_ANTHROPIC,
	.name = "anthropic",
	.title = "Anthropic Messages",
	.family = FAMILY_ANTHROPIC,
	.stream_content_type = "text/event-stream",
	.keepalive = "event: ping\ndata: {\"type\": \"ping\"}\n\n",
	.parse_request = anthropic_parse_request,
	.build_request = anthropic_build_request,
	.can_splice = anthropic_can_splice,
	.mend = anthropic_mend,
	.decoder_create = anthropic_decoder_create,
	.encoder_create = encoder_create,
	.encode_response = encode_response,
	.encode_error = format_encode_anthropic_error,
	.parse_error = format_read_error,
	.parse_count = format_read_input_tokens,
	.encode_count = encode_count,
};
