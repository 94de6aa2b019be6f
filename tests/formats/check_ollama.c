/* check_ollama.c: a strict reader of what the ollama encoder writes, from formats.md 2.6 alone. */
#include "formats/recorded.h"
#include "net/sse.h"

struct reader {
	struct arena *arena;
	const char *problem;
	size_t calls;
	struct slice model;
	bool is_done, has_error;
};

static bool complain(struct reader *r, const char *what) {
	r->problem = r->problem ? r->problem : what;
	return false;
}

static bool is_moment(const struct json *node, struct arena *arena) {
	struct slice text = json_string(node, arena);
	return text.len == strlen("2026-01-02T03:04:05.000000000Z") &&
	       slice_ends_with(text, SLICE("Z")) && text.data[10] == 'T' && text.data[19] == '.';
}

static bool check_calls(struct reader *r, const struct json *calls) {
	if (calls != NULL && calls->count == 0) {
		return complain(r, "OL-5: an empty list of calls");
	}
	json_each (call, calls) {
		const struct json *function = json_get(call, "function");
		int64_t index = -1;
		json_int64(json_get(function, "index"), &index);
		if (index != (int64_t)r->calls++ || !json_is(json_get(call, "id"), JSON_STRING) ||
			!json_is(json_get(function, "name"), JSON_STRING)) {
			return complain(r, "OL-5: a call without id, name or its number");
		}
		if (!json_is(json_get(function, "arguments"), JSON_OBJECT)) {
			return complain(r, "OL-5: arguments are no object");
		}
	}
	return true;
}

/* One object; a message or, of a generate answer, a response. */
static bool check_object(struct reader *r, const struct json *tree) {
	const struct json *message = json_get(tree, "message");
	const struct json *content =
		json_get(message ? message : tree, message ? "content" : "response");
	struct slice model = json_string(json_get(tree, "model"), r->arena);
	if (model.len == 0 || !is_moment(json_get(tree, "created_at"), r->arena)) {
		return complain(r, "OL-5: model or created_at is missing");
	}
	if (r->model.data != NULL && !slice_eq(model, r->model)) {
		return complain(r, "OL-5: the model changes");
	}
	r->model = model;
	if (!json_is(content, JSON_STRING) ||
		(message != NULL && !json_string_is(json_get(message, "role"), "assistant"))) {
		return complain(r, "OL-5: role or content is missing");
	}
	return check_calls(r, json_get(message, "tool_calls"));
}

static bool check_done(struct reader *r, const struct json *tree) {
	static const char *const metrics[] = {"total_duration", "load_duration",
		"prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"};
	const struct json *reason = json_get(tree, "done_reason");
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
		int64_t value = -1;
		if (!json_int64(json_get(tree, metrics[i]), &value) || value < 0) {
			return complain(r, "2.6: a count or duration is missing");
		}
	}
	return json_string_is(reason, "stop") || json_string_is(reason, "length") ||
	       json_string_is(reason, "load") || complain(r, "OL-7: done_reason");
}

static bool on_line(struct slice line, struct slice raw, void *data) {
	struct reader *r = data;
	const struct json *tree = json_parse(r->arena, line, NULL, NULL);
	if (!slice_ends_with(raw, SLICE("\n")) || raw.len != line.len + 1) {
		return complain(r, "OL-5: a line is not ended, or an empty line");
	}
	if (r->is_done || r->has_error || !json_is(tree, JSON_OBJECT)) {
		return complain(r, "OL-6: something follows the end, or is no object");
	}
	if (json_get(tree, "error") != NULL) {
		r->has_error = true;
		return tree->count == 1 || complain(r, "OL-6: more than the error");
	}
	if (!check_object(r, tree)) {
		return false;
	}
	r->is_done = json_is(json_get(tree, "done"), JSON_TRUE);
	if (!r->is_done) {
		return json_is(json_get(tree, "done"), JSON_FALSE) ||
		       complain(r, "OL-5: done is missing");
	}
	const struct json *message = json_get(tree, "message");
	const struct json *content =
		json_get(message ? message : tree, message ? "content" : "response");
	return json_string_is(content, "") ? check_done(r, tree)
					   : complain(r, "OL-5: the last line has content");
}

const char *check_ollama_stream(struct slice wire, struct arena *arena) {
	struct reader r = {.arena = arena};
	struct line_reader lines;
	struct error error = {0};
	line_reader_init(&lines, 0);
	line_feed(&lines, wire, on_line, &r, &error);
	line_end(&lines, on_line, &r);
	line_reader_finish(&lines);
	if (r.problem == NULL && !r.is_done && !r.has_error) {
		return "OL-6: no line with done true";
	}
	return r.problem;
}

const char *check_ollama_whole(struct slice body, struct arena *arena) {
	struct reader r = {.arena = arena};
	const struct json *tree = json_parse(arena, body, NULL, NULL);
	if (check_object(&r, tree) && json_is(json_get(tree, "done"), JSON_TRUE)) {
		check_done(&r, tree);
	} else {
		complain(&r, "OL-6: done is not true");
	}
	return r.problem;
}
