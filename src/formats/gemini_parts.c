/* gemini_parts.c: parts of a Gemini request (formats.md 3.3, GM-5..GM-9, GM-18, 4.9). */
#include "base/encoding.h"
#include "formats/formats_internal.h"
#include "formats/gemini.h"
#include "formats/json_repair.h"
#include "formats/media.h"

/* What else the client's part held, for its own API: names with a dot belong inside a member. */
static void put_exts(struct gemini_build *b, struct json_writer *w, const struct chat_part *part,
	const char *prefix) {
	struct slice wanted = slice_of(prefix);
	for (size_t i = 0; i < part->ext.len && b->is_same_format; i++) {
		const struct chat_ext *ext = &part->ext.items[i];
		bool is_inner = slice_find_byte(ext->name, '.') != SIZE_MAX;
		if (ext->format == FORMAT_GEMINI && is_inner == (wanted.len > 0) &&
			slice_starts_with(ext->name, wanted)) {
			json_write_key_slice(w, slice_from(ext->name, wanted.len));
			json_write_raw(w, ext->json);
		}
	}
}

static void put_signature(struct json_writer *w, const struct chat_part *part) {
	if (part->provider == FORMAT_GEMINI && part->signature.len > 0) {
		json_put_string(w, "thoughtSignature", part->signature);
	}
}

static bool put_text(struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	json_begin_object(w);
	json_put_string(w, "text", part->text);
	if (part->kind == CHAT_PART_THINKING) {
		json_put_bool(w, "thought", true);
	}
	put_signature(w, part);
	put_exts(b, w, part, "");
	json_end_object(w);
	return true;
}

static bool put_note(struct json_writer *w, struct slice note) {
	json_begin_object(w);
	json_put_string(w, "text", note);
	json_end_object(w);
	return true;
}

/* ---- media (GM-18) ---- */

/* The type the API takes it under; absent when it takes none such. */
static struct slice taken_type(const struct chat_part *part) {
	static const char *const taken[] = {"image/png", "image/jpeg", "image/webp", "image/heic",
		"image/heif", "image/gif", "application/pdf", "text/plain", "text/html", "text/css",
		"text/csv", "text/markdown", "text/xml"};
	static const struct slice as_text[] = {SLICE_INIT("text/"), SLICE_INIT("application/json"),
		SLICE_INIT("application/xml"), SLICE_INIT("application/javascript")};
	struct slice type = part->media_type;
	if (part->source == CHAT_SOURCE_BASE64 && part->kind != CHAT_PART_AUDIO &&
		part->kind != CHAT_PART_VIDEO) {
		/* E-60: what the bytes say beats what the client says. */
		struct slice seen = chat_sniff_media_type(part->data);
		type = seen.data != NULL ? seen : type;
	}
	size_t end = slice_find_byte(type, ';');
	type = slice_trim(slice_sub(type, 0, end == SIZE_MAX ? type.len : end));
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		if (slice_ieq(type, slice_of(taken[i]))) {
			return slice_of(taken[i]);
		}
	}
	for (size_t i = 0; i < sizeof as_text / sizeof *as_text; i++) {
		if (slice_istarts_with(type, as_text[i])) {
			return SLICE("text/plain");
		}
	}
	bool is_media = slice_istarts_with(type, SLICE("audio/")) ||
			slice_istarts_with(type, SLICE("video/"));
	return is_media ? type : (struct slice){0};
}

static struct slice to_base64(struct gemini_build *b, struct slice text) {
	struct buf out = {0};
	base64_encode(text, false, &out);
	struct slice copy = arena_dup(b->arena, buf_slice(&out));
	buf_finish(&out);
	return copy;
}

/* Addresses the API fetches itself: its own files, videos of YouTube, buckets. */
static bool is_fetched(struct slice uri) {
	static const struct slice known[] = {
		SLICE_INIT("https://generativelanguage.googleapis.com/v1beta/files/"),
		SLICE_INIT("https://generativelanguage.googleapis.com/v1/files/"),
		SLICE_INIT("files/"), SLICE_INIT("gs://"), SLICE_INIT("https://www.youtube.com/"),
		SLICE_INIT("https://youtube.com/"), SLICE_INIT("https://youtu.be/")};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (slice_starts_with(uri, known[i])) {
			return true;
		}
	}
	return false;
}

static bool put_file_data(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	bool is_foreign_id = part->source == CHAT_SOURCE_FILE_ID && part->provider != FORMAT_GEMINI;
	if (!b->is_same_format && (is_foreign_id || !is_fetched(part->data))) {
		return error_set_param(b->error, ERROR_INVALID_REQUEST, "messages",
			is_foreign_id
				? "the file id '%.*s' belongs to another provider and cannot be "
				  "sent on (4.9)"
				: "the model cannot fetch '%.*s': send the data itself as base64 "
				  "(GM-18)",
			(int)(part->data.len < 64 ? part->data.len : 64), part->data.data);
	}
	json_write_key(w, "fileData");
	json_begin_object(w);
	json_put_string(w, "fileUri", part->data);
	if (part->media_type.len > 0) {
		json_put_string(w, "mimeType", part->media_type);
	}
	json_end_object(w);
	return true;
}

static void put_inline_data(struct gemini_build *b, struct json_writer *w,
	const struct chat_part *part, struct slice type, bool is_in_result) {
	json_write_key(w, "inlineData");
	json_begin_object(w);
	json_put_string(w, "mimeType", type);
	json_put_string(w, "data",
		part->source == CHAT_SOURCE_TEXT ? to_base64(b, part->text)
						 : media_clean_base64(b->arena, part->data));
	if (is_in_result && part->filename.len > 0) {
		json_put_string(w, "displayName", part->filename);
	}
	json_end_object(w);
}

/* One part of media; what the API does not take is a note. */
static bool put_media_part(struct gemini_build *b, struct json_writer *w,
	const struct chat_part *part, bool is_in_result) {
	bool is_data = part->source == CHAT_SOURCE_BASE64 || part->source == CHAT_SOURCE_TEXT;
	struct slice type =
		part->source == CHAT_SOURCE_TEXT ? SLICE("text/plain") : taken_type(part);
	if (is_data && type.data == NULL) {
		chat_drop(b->losses, "GM-18", "messages.file",
			"the model cannot read it: a note stands for it");
		struct slice name = part->title.data ? part->title : part->filename;
		return put_note(w, arena_printf(b->arena,
					   "[the file %.*s of type %.*s, which this model "
					   "cannot read]",
					   SLICE_FMT(name), SLICE_FMT(part->media_type)));
	}
	json_begin_object(w);
	if (is_data) {
		put_inline_data(b, w, part, type, is_in_result);
	} else if (!put_file_data(b, w, part)) {
		return false;
	}
	if (!is_in_result) {
		put_signature(w, part);
		put_exts(b, w, part, "");
	}
	json_end_object(w);
	return true;
}

static bool put_media(struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	if (part->source == CHAT_SOURCE_PARTS) {
		return put_note(w, chat_parts_text(b->arena, &part->parts, "\n"));
	}
	return put_media_part(b, w, part, false);
}

static bool put_search_result(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	struct slice text = chat_parts_text(b->arena, &part->parts, "\n");
	return put_note(w, arena_printf(b->arena, "%.*s (%.*s)\n%.*s", SLICE_FMT(part->title),
				   SLICE_FMT(part->data), SLICE_FMT(text)));
}

/* ---- calls and results ---- */

static bool put_call(struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	json_begin_object(w);
	json_write_key(w, "functionCall");
	json_begin_object(w);
	json_put_string(w, "name",
		names_to_identifier(&b->built->names, b->arena, &gemini_name_rule, part->name));
	json_write_key(w, "args");
	if (part->tool_kind == CHAT_TOOL_CUSTOM) {
		json_write_raw(w, format_custom_tool_args(b->arena, part->args));
	} else {
		struct slice args = json_repair_object(b->arena, part->args);
		if (!part->args_valid) {
			chat_alter(b->losses, "E-13", "tool_calls.arguments", "mended or left out");
		}
		json_write_raw(w, args);
	}
	put_exts(b, w, part, "functionCall.");
	json_end_object(w);
	put_signature(w, part);
	put_exts(b, w, part, "");
	json_end_object(w);
	return true;
}

static bool is_media(const struct chat_part *part) {
	return part->kind == CHAT_PART_IMAGE || part->kind == CHAT_PART_AUDIO ||
	       part->kind == CHAT_PART_VIDEO ||
	       (part->kind == CHAT_PART_FILE && part->source != CHAT_SOURCE_TEXT &&
		       part->source != CHAT_SOURCE_PARTS);
}

/* The words of a result: its texts, and what search results and text files say. */
static struct slice result_text(struct gemini_build *b, const struct chat_part *result) {
	struct chat_parts texts = {0};
	for (size_t i = 0; i < result->parts.len; i++) {
		const struct chat_part *part = &result->parts.items[i];
		struct slice text = part->text;
		if (part->kind == CHAT_PART_SEARCH_RESULT ||
			(part->kind == CHAT_PART_FILE && part->source == CHAT_SOURCE_PARTS)) {
			text = chat_parts_text(b->arena, &part->parts, "\n");
		}
		if (!is_media(part) && text.data != NULL) {
			chat_parts_push(b->arena, &texts, CHAT_PART_TEXT)->text = text;
		}
	}
	return chat_parts_text(b->arena, &texts, "\n");
}

/* GM-5: an object; the text of one as it is. */
static void put_response(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *result) {
	struct slice own = chat_ext_get(&result->ext, FORMAT_GEMINI, "functionResponse.response");
	struct slice text = slice_trim(result_text(b, result));
	bool is_object =
		!result->is_error && text.len > 0 && text.data[0] == '{' && json_is_valid(text);
	if (b->is_same_format && own.data != NULL) {
		return; /* stands among the extras */
	}
	json_write_key(w, "response");
	if (is_object) {
		json_write_raw(w, text);
		return;
	}
	json_begin_object(w);
	json_put_string(w, result->is_error ? "error" : "output", result_text(b, result));
	json_end_object(w);
}

static bool put_result_parts(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *result) {
	bool has_begun = false;
	for (size_t i = 0; i < result->parts.len; i++) {
		if (!is_media(&result->parts.items[i]) ||
			taken_type(&result->parts.items[i]).data == NULL) {
			continue;
		}
		if (!has_begun) {
			json_write_key(w, "parts");
			json_begin_array(w);
			has_begun = true;
		}
		if (!put_media_part(b, w, &result->parts.items[i], true)) {
			return false;
		}
	}
	if (has_begun) {
		json_end_array(w);
	}
	return true;
}

static bool takes_result_media(const struct gemini_build *b) {
	const struct model_family *family = b->target->family;
	return model_has(family, MODEL_IS_GEMINI_3) ||
	       (b->is_same_format && family->vendor[0] == '\0');
}

static bool put_result(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	json_begin_object(w);
	json_write_key(w, "functionResponse");
	json_begin_object(w);
	json_put_string(w, "name",
		names_to_identifier(&b->built->names, b->arena, &gemini_name_rule, part->name));
	put_response(b, w, part);
	if (takes_result_media(b) && !put_result_parts(b, w, part)) {
		return false;
	}
	put_exts(b, w, part, "functionResponse.");
	json_end_object(w);
	put_exts(b, w, part, "");
	json_end_object(w);
	return true;
}

bool gemini_put_result_media(
	struct gemini_build *b, struct json_writer *w, const struct chat_part *result) {
	for (size_t i = 0; i < result->parts.len && !takes_result_media(b); i++) {
		if (is_media(&result->parts.items[i]) &&
			!put_media_part(b, w, &result->parts.items[i], false)) {
			return false;
		}
	}
	return true;
}

static bool put_raw(struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	(void)b;
	json_write_raw(w, part->raw);
	return true;
}

bool gemini_put_part(struct gemini_build *b, struct json_writer *w, const struct chat_part *part) {
	static bool (*const writers[])(
		struct gemini_build *, struct json_writer *, const struct chat_part *) = {
		[CHAT_PART_TEXT] = put_text,
		[CHAT_PART_IMAGE] = put_media,
		[CHAT_PART_AUDIO] = put_media,
		[CHAT_PART_VIDEO] = put_media,
		[CHAT_PART_FILE] = put_media,
		[CHAT_PART_SEARCH_RESULT] = put_search_result,
		[CHAT_PART_TOOL_CALL] = put_call,
		[CHAT_PART_TOOL_RESULT] = put_result,
		[CHAT_PART_THINKING] = put_text,
		[CHAT_PART_REFUSAL] = put_text,
		[CHAT_PART_SERVER_TOOL] = put_raw,
		[CHAT_PART_RAW] = put_raw,
	};
	return writers[part->kind](b, w, part);
}
