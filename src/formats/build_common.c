/* build_common.c: what the builders of several dialects write alike. */
#include "formats/build_common.h"

void build_put_data_url(
	struct json_writer *w, const char *key, struct slice media_type, struct slice data) {
	json_write_key(w, key);
	json_begin_string(w);
	json_write_string_part(w, SLICE("data:"));
	json_write_string_part(w, media_type);
	json_write_string_part(w, SLICE(";base64,"));
	json_write_string_part(w, data);
	json_end_string(w);
}

bool build_is_billing_header(const struct chat_part *part) {
	return slice_starts_with(part->text, SLICE("x-anthropic-billing-header"));
}

bool build_may_sample(const struct chat_request *request, const struct format_target *target) {
	return !model_has(target->family, MODEL_IS_REASONING) ||
	       (model_has(target->family, MODEL_HAS_NONE_EFFORT) &&
		       slice_is(request->reasoning.effort, "none"));
}

struct slice build_openai_tier(struct slice tier) {
	if (slice_is(tier, "standard_only") || slice_is(tier, "standard")) {
		return SLICE("default");
	}
	bool is_shared =
		slice_is(tier, "auto") || slice_is(tier, "priority") || slice_is(tier, "flex");
	return is_shared ? tier : (struct slice){0};
}

struct slice build_file_title(const struct chat_part *part) {
	return part->filename.len ? part->filename : part->title;
}

bool build_needs_error_mark(struct arena *arena, const struct chat_part *result) {
	return result->is_error &&
	       !slice_istarts_with(chat_parts_text(arena, &result->parts, "\n"), SLICE("error"));
}

void build_put_image_url(struct json_writer *w, const char *key, const struct chat_part *part) {
	struct slice type = chat_sniff_media_type(part->data);
	if (type.data == NULL) {
		type = part->media_type.len > 0 ? part->media_type : SLICE("image/png");
	}
	build_put_data_url(w, key, type, part->data);
}
