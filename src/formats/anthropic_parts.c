/* anthropic_parts.c: content blocks of a Messages request (formats.md 3.2, AN-10, AN-11, AN-15,
 * AN-16). */
#include "base/encoding.h"
#include "formats/anthropic.h"
#include "formats/media.h"

void anthropic_put_cache(struct json_writer *w, const struct chat_cache *cache) {
	if (!cache->is_set) {
		return;
	}
	json_write_key(w, "cache_control");
	json_begin_object(w);
	json_put_cstr(w, "type", "ephemeral");
	if (cache->ttl.data && (slice_is(cache->ttl, "5m") || slice_is(cache->ttl, "1h"))) {
		json_put_string(w, "ttl", cache->ttl);
	}
	json_end_object(w);
}

void anthropic_put_exts(struct json_writer *w, const struct chat_exts *exts) {
	for (size_t i = 0; i < exts->len; i++) {
		if (exts->items[i].format == FORMAT_ANTHROPIC) {
			json_write_key_slice(w, exts->items[i].name);
			json_write_raw(w, exts->items[i].json);
		}
	}
}

void anthropic_put_text(struct json_writer *w, struct slice text, const struct chat_part *part) {
	json_begin_object(w);
	json_put_cstr(w, "type", "text");
	json_put_string(w, "text", text);
	if (part) {
		if (part->citations.data && part->provider == FORMAT_ANTHROPIC) {
			json_put_raw(w, "citations", part->citations);
		}
		anthropic_put_cache(w, &part->cache);
		anthropic_put_exts(w, &part->ext);
	}
	json_end_object(w);
}

/* What may stand in every block, and its end. */
static void end_block(struct json_writer *w, const struct chat_part *part) {
	anthropic_put_cache(w, &part->cache);
	anthropic_put_exts(w, &part->ext);
	json_end_object(w);
}

static void put_citations_switch(struct json_writer *w, const struct chat_part *part) {
	if (part->citations_enabled != TRI_UNSET) {
		json_write_key(w, "citations");
		json_begin_object(w);
		json_put_bool(w, "enabled", part->citations_enabled == TRI_TRUE);
		json_end_object(w);
	}
}

static void put_note(struct anthropic_build *b, struct json_writer *w, const struct chat_part *part,
	const char *field, struct slice note) {
	chat_drop(b->losses, "AN-16", field, "the model cannot read it: a note stands for it");
	anthropic_put_text(w, note, &(struct chat_part){.cache = part->cache});
}

static void put_source(struct anthropic_build *b, struct json_writer *w,
	const struct chat_part *part, struct slice media_type) {
	json_write_key(w, "source");
	json_begin_object(w);
	switch (part->source) {
	case CHAT_SOURCE_BASE64:
		json_put_cstr(w, "type", "base64");
		json_put_string(w, "media_type", media_type);
		json_put_string(w, "data", media_clean_base64(b->arena, part->data));
		break;
	case CHAT_SOURCE_FILE_ID:
		json_put_cstr(w, "type", "file");
		json_put_string(w, "file_id", part->data);
		break;
	case CHAT_SOURCE_TEXT:
		json_put_cstr(w, "type", "text");
		json_put_cstr(w, "media_type", "text/plain");
		json_put_string(w, "data", part->text);
		break;
	case CHAT_SOURCE_PARTS:
		json_put_cstr(w, "type", "content");
		json_write_key(w, "content");
		json_begin_array(w);
		for (size_t i = 0; i < part->parts.len; i++) {
			anthropic_put_part(b, w, &part->parts.items[i]);
		}
		json_end_array(w);
		break;
	case CHAT_SOURCE_URL:
	case CHAT_SOURCE_NONE:
		json_put_cstr(w, "type", "url");
		json_put_string(w, "url", part->data);
		break;
	}
	json_end_object(w);
}

static bool refuse_file_id(struct anthropic_build *b, const struct chat_part *part) {
	if (part->source != CHAT_SOURCE_FILE_ID || b->is_same_format) {
		return false;
	}
	error_set_param(b->error, ERROR_INVALID_REQUEST, "messages",
		"the file id '%.*s' belongs to another provider and cannot be sent on (4.9)",
		(int)(part->data.len < 64 ? part->data.len : 64), part->data.data);
	return true;
}

static bool put_image(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	static const char *const types[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
	if (refuse_file_id(b, part)) {
		return false;
	}
	struct slice media_type = part->media_type;
	if (part->source == CHAT_SOURCE_BASE64) {
		/* E-60: what the bytes say beats what the client says. */
		struct slice seen = chat_sniff_media_type(part->data);
		media_type = seen.data ? seen : media_type;
		bool is_taken = false;
		for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
			is_taken |= slice_is(media_type, types[i]);
		}
		if (!is_taken) {
			put_note(b, w, part, "messages.image",
				arena_printf(b->arena,
					"[an image of type %.*s, which this model cannot see]",
					SLICE_FMT(media_type)));
			return true;
		}
	}
	if (part->detail.data && !slice_is(part->detail, "auto")) {
		chat_drop(b->losses, "4.9", "image_url.detail", "images have no detail level here");
	}
	json_begin_object(w);
	json_put_cstr(w, "type", "image");
	put_source(b, w, part, media_type);
	end_block(w, part);
	return true;
}

static bool is_text_type(struct slice type) {
	return slice_starts_with(type, SLICE("text/")) || slice_is(type, "application/json") ||
	       slice_is(type, "application/xml");
}

/* A text file given as base64 becomes a text document. */
static bool decode_text_file(
	struct anthropic_build *b, const struct chat_part *part, struct chat_part *out) {
	struct buf bytes = {0};
	bool ok = part->source == CHAT_SOURCE_BASE64 && is_text_type(part->media_type) &&
		  base64_decode(part->data, &bytes) && utf8_valid(buf_slice(&bytes), NULL);
	if (ok) {
		*out = *part;
		out->source = CHAT_SOURCE_TEXT;
		out->text = arena_dup(b->arena, buf_slice(&bytes));
	}
	buf_finish(&bytes);
	return ok;
}

static bool put_file(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	struct chat_part as_text;
	if (refuse_file_id(b, part)) {
		return false;
	}
	struct slice title = part->title.data ? part->title : part->filename;
	if (decode_text_file(b, part, &as_text)) {
		part = &as_text;
	} else if (part->source == CHAT_SOURCE_BASE64 &&
		   !slice_is(part->media_type, "application/pdf")) {
		put_note(b, w, part, "messages.file",
			arena_printf(b->arena,
				"[the file %.*s of type %.*s, which this model cannot read]",
				SLICE_FMT(title), SLICE_FMT(part->media_type)));
		return true;
	}
	json_begin_object(w);
	json_put_cstr(w, "type", "document");
	put_source(b, w, part, part->media_type);
	if (title.len > 0) {
		json_put_string(w, "title", title);
	}
	if (part->context.data) {
		json_put_string(w, "context", part->context);
	}
	put_citations_switch(w, part);
	end_block(w, part);
	return true;
}

static bool put_search_result(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	json_begin_object(w);
	json_put_cstr(w, "type", "search_result");
	json_put_string(w, "source", part->data);
	json_put_string(w, "title", part->title);
	json_write_key(w, "content");
	json_begin_array(w);
	for (size_t i = 0; i < part->parts.len; i++) {
		if (!anthropic_put_part(b, w, &part->parts.items[i])) {
			return false;
		}
	}
	json_end_array(w);
	put_citations_switch(w, part);
	end_block(w, part);
	return true;
}

/* AN-11: an object as it is; anything else is wrapped. */
static void put_input(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *call) {
	struct slice args = slice_trim(call->args);
	if (call->tool_kind == CHAT_TOOL_CUSTOM || !call->args_valid) {
		json_begin_object(w);
		json_put_string(w, "input", call->args);
		json_end_object(w);
		if (call->tool_kind != CHAT_TOOL_CUSTOM) {
			chat_alter(b->losses, "AN-11", "tool_calls.arguments",
				"not JSON: sent as text");
		}
	} else if (args.len == 0) {
		json_write_raw(w, SLICE("{}"));
	} else if (args.data[0] == '{') {
		json_write_raw(w, args);
	} else {
		chat_alter(b->losses, "AN-11", "tool_calls.arguments", "not an object: wrapped");
		json_begin_object(w);
		json_put_raw(w, "value", args);
		json_end_object(w);
	}
}

const struct name_rule anthropic_tool_name_rule = {"_-", 128};

static bool put_tool_call(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	json_begin_object(w);
	json_put_cstr(w, "type", "tool_use");
	json_put_string(w, "id", part->call_id);
	json_put_string(w, "name",
		names_to_upstream(
			&b->built->names, b->arena, &anthropic_tool_name_rule, part->name));
	json_write_key(w, "input");
	put_input(b, w, part);
	end_block(w, part);
	return true;
}

/* AN-15: text as a string, blocks where there is more than text, nothing where it is empty. */
static bool put_tool_result(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	json_begin_object(w);
	json_put_cstr(w, "type", "tool_result");
	json_put_string(w, "tool_use_id", part->call_id);
	if (part->parts.len > 0) {
		json_write_key(w, "content");
		bool as_string = chat_parts_all_text(&part->parts) &&
				 (!b->is_same_format || part->has_string_content);
		if (as_string) {
			json_write_string(w, chat_parts_text(b->arena, &part->parts, "\n"));
		} else {
			json_begin_array(w);
			for (size_t i = 0; i < part->parts.len; i++) {
				const struct chat_part *inner = &part->parts.items[i];
				if (inner->kind == CHAT_PART_TEXT && inner->text.len == 0) {
					continue;
				}
				if (!anthropic_put_part(b, w, inner)) {
					return false;
				}
			}
			json_end_array(w);
		}
	}
	if (part->is_error) {
		json_put_bool(w, "is_error", true);
	}
	end_block(w, part);
	return true;
}

static bool put_thinking(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	(void)b;
	json_begin_object(w);
	json_put_cstr(w, "type", part->is_redacted ? "redacted_thinking" : "thinking");
	if (part->is_redacted) {
		json_put_string(w, "data", part->signature);
	} else {
		json_put_string(w, "thinking", part->text);
		json_put_string(w, "signature", part->signature);
	}
	json_end_object(w);
	return true;
}

static bool put_plain(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	(void)b;
	anthropic_put_text(w, part->text, part);
	return true;
}

static bool put_raw(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	if (part->provider == FORMAT_ANTHROPIC) {
		json_write_raw(w, part->raw);
	} else {
		put_note(b, w, part, "messages.content", SLICE("[a block this model cannot read]"));
	}
	return true;
}

static bool refuse_media(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	(void)w;
	return error_set_param(b->error, ERROR_INVALID_REQUEST, "messages",
		"%s input cannot be sent to this model (AN-16)",
		part->kind == CHAT_PART_AUDIO ? "audio" : "video");
}

bool anthropic_put_part(
	struct anthropic_build *b, struct json_writer *w, const struct chat_part *part) {
	static bool (*const writers[])(
		struct anthropic_build *, struct json_writer *, const struct chat_part *) = {
		[CHAT_PART_TEXT] = put_plain,
		[CHAT_PART_IMAGE] = put_image,
		[CHAT_PART_AUDIO] = refuse_media,
		[CHAT_PART_VIDEO] = refuse_media,
		[CHAT_PART_FILE] = put_file,
		[CHAT_PART_SEARCH_RESULT] = put_search_result,
		[CHAT_PART_TOOL_CALL] = put_tool_call,
		[CHAT_PART_TOOL_RESULT] = put_tool_result,
		[CHAT_PART_THINKING] = put_thinking,
		[CHAT_PART_REFUSAL] = put_plain,
		[CHAT_PART_SERVER_TOOL] = put_raw,
		[CHAT_PART_RAW] = put_raw,
	};
	return writers[part->kind](b, w, part);
}
