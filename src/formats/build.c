/* build.c: what the dialects' builders of upstream requests share. */
#include "formats/formats_internal.h"

bool format_build_request(const struct format *format, const struct chat_request *request,
	const struct format_target *target, struct format_built *built, struct chat_losses *losses,
	struct error *error) {
	if (request->suffix.len > 0 && !format->takes_suffix) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "suffix",
			"'suffix' cannot be sent to this model's upstream, which continues a text "
			"but "
			"fills no gap: leave it out, or ask a model of an ollama provider (CO-2)");
	}
	bool has_state = format->id == request->client_format && !(target->quirks & QUIRK_CODEX);
	if (!has_state && !format_check_state(request, error)) {
		return false;
	}
	format_note_unspoken(request, format->id, target, losses);
	return format->build_request(request, target, built, losses, error);
}

struct slice format_custom_tool_args(struct arena *arena, struct slice input) {
	struct buf text;
	struct json_writer w;
	buf_init(&text, 0);
	json_writer_init(&w, &text, false);
	json_begin_object(&w);
	json_put_string(&w, "input", input);
	json_end_object(&w);
	struct slice args = arena_dup(arena, buf_slice(&text));
	buf_finish(&text);
	return args;
}
