/* gemini_code_assist.c: the envelope that Google's code-assist hosts put around Gemini's requests
 * and answers (formats.md 3.4). */
#include "formats/gemini.h"

static void put_model(struct json_writer *w, const struct format_target *target) {
	json_put_string(w, "model", target->model);
	if (target->project.len > 0) {
		json_put_string(w, "project", target->project);
	}
}

/* GI-3: a count names the model inside, as a resource. */
void gemini_begin_envelope(struct json_writer *w, const struct chat_request *request,
	const struct format_target *target) {
	bool is_count = request->op == CHAT_OP_COUNT;
	struct slice model = target->model;
	if (!is_count) {
		put_model(w, target);
	}
	json_write_key(w, "request");
	json_begin_object(w);
	if (is_count) {
		json_put_string(
			w, "model", arena_printf(request->arena, "models/%.*s", SLICE_FMT(model)));
	}
}

bool gemini_wrap_body(
	const struct chat_request *request, const struct format_target *target, struct buf *out) {
	bool is_count = request->op == CHAT_OP_COUNT;
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	if (is_count) {
		gemini_begin_envelope(&w, request, target);
		json_put_raw(&w, "contents", json_raw(gemini_get(request->tree, "contents")));
		json_end_object(&w);
	} else {
		put_model(&w, target);
		json_put_raw(&w, "request", json_raw(request->tree));
	}
	json_end_object(&w);
	return !out->failed;
}

const struct json *gemini_unwrap(const struct json *tree) {
	static const char *const own[] = {
		"candidates", "promptFeedback", "usageMetadata", "totalTokens", "error"};
	const struct json *response = json_get(tree, "response");
	bool is_envelope = response != NULL || json_get(tree, "traceId") != NULL;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		is_envelope = is_envelope && json_get(tree, own[i]) == NULL;
	}
	if (!is_envelope) {
		return tree;
	}
	return json_is(response, JSON_OBJECT) ? response : NULL;
}
