/* check_openai_completions.c: a strict reader of text completions, from formats.md 2.2 alone. */
#include "formats/recorded.h"
#include "net/sse.h"

#define MAX_CHOICES 128

struct reader {
	struct arena *arena;
	const char *problem;
	size_t frames;
	struct slice id, model;
	bool is_done, saw_usage, has_error;
	bool has_begun[MAX_CHOICES], has_finished[MAX_CHOICES];
};

static bool complain(struct reader *r, const char *what) {
	r->problem = r->problem ? r->problem : what;
	return false;
}

static bool check_head(struct reader *r, const struct json *tree) {
	struct slice id = json_string(json_get(tree, "id"), r->arena);
	struct slice model = json_string(json_get(tree, "model"), r->arena);
	int64_t created;
	if (!json_string_is(json_get(tree, "object"), "text_completion") || id.len == 0 ||
		model.len == 0 || !json_int64(json_get(tree, "created"), &created) ||
		!json_is(json_get(tree, "choices"), JSON_ARRAY)) {
		return complain(r, "CO-3: id, object, created, model or choices is wrong");
	}
	if (r->frames++ > 0 && (!slice_eq(id, r->id) || !slice_eq(model, r->model))) {
		return complain(r, "CC-6: the id or the model changes");
	}
	r->id = id;
	r->model = model;
	return true;
}

static bool check_usage(struct reader *r, const struct json *usage) {
	int64_t in = -1, out = -1, total = -1;
	json_int64(json_get(usage, "prompt_tokens"), &in);
	json_int64(json_get(usage, "completion_tokens"), &out);
	json_int64(json_get(usage, "total_tokens"), &total);
	return (in >= 0 && out >= 0 && total == in + out) || complain(r, "4.4: usage is wrong");
}

/* E-94: the four lists are equally long. */
static bool check_logprobs(struct reader *r, const struct json *logprobs) {
	static const char *const lists[] = {"token_logprobs", "top_logprobs", "text_offset"};
	const struct json *tokens = json_get(logprobs, "tokens");
	if (json_is_null(logprobs)) {
		return true;
	}
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct json *list = json_get(logprobs, lists[i]);
		if (!json_is(list, JSON_ARRAY) || list->count != tokens->count) {
			return complain(r, "CO-5: the lists of logprobs differ in length");
		}
	}
	return true;
}

static bool check_choice(struct reader *r, const struct json *choice, bool is_whole) {
	const struct json *finish = json_get(choice, "finish_reason");
	int64_t index = -1;
	json_int64(json_get(choice, "index"), &index);
	if (!json_is(json_get(choice, "text"), JSON_STRING) || !json_get(choice, "logprobs") ||
		finish == NULL || index < 0 || index >= MAX_CHOICES) {
		return complain(r, "CO-3: text, index, logprobs or finish_reason is missing");
	}
	if (r->has_finished[index]) {
		return complain(r, "a choice goes on after its finish");
	}
	r->has_begun[index] = true;
	r->has_finished[index] = json_is(finish, JSON_STRING);
	if (r->has_finished[index] && !json_string_is(finish, "stop") &&
		!json_string_is(finish, "length") && !json_string_is(finish, "content_filter")) {
		return complain(r, "CO-3: finish_reason is another word");
	}
	if (is_whole && !r->has_finished[index]) {
		return complain(r, "CO-3: finish_reason is null");
	}
	return check_logprobs(r, json_get(choice, "logprobs"));
}

static bool on_frame(const struct sse_frame *frame, void *data) {
	struct reader *r = data;
	if (frame->is_comment) {
		return true;
	}
	if (frame->event.len > 0 || frame->is_cut || r->is_done || r->has_error) {
		return complain(r, "CC-17: an event name, a cut frame, or a frame after the end");
	}
	r->is_done = slice_is(frame->data, "[DONE]");
	if (r->is_done) {
		return true;
	}
	const struct json *tree = json_parse(r->arena, frame->data, NULL, NULL);
	r->has_error = json_get(tree, "error") != NULL;
	if (r->has_error) {
		return true;
	}
	if (!check_head(r, tree) || r->saw_usage) {
		return complain(r, "CC-11: a chunk after the usage chunk");
	}
	r->saw_usage = json_get(tree, "choices")->count == 0;
	if (r->saw_usage) {
		return check_usage(r, json_get(tree, "usage"));
	}
	json_each (choice, json_get(tree, "choices")) {
		if (!check_choice(r, choice, false)) {
			return false;
		}
	}
	return true;
}

const char *check_openai_completions_stream(struct slice wire, struct arena *arena) {
	struct reader r = {.arena = arena};
	struct sse_reader sse;
	struct error error = {0};
	sse_reader_init(&sse, 0);
	sse_feed(&sse, wire, on_frame, &r, &error);
	sse_end(&sse, on_frame, &r);
	sse_reader_finish(&sse);
	for (size_t i = 0; i < MAX_CHOICES && !r.has_error; i++) {
		if (r.has_begun[i] != r.has_finished[i]) {
			complain(&r, "CO-4: a choice without its finish_reason");
		}
	}
	if (!r.has_error && (!r.is_done || !r.has_begun[0])) {
		complain(&r, "CO-4: no [DONE] or no choice");
	}
	return r.problem;
}

const char *check_openai_completions_whole(struct slice body, struct arena *arena) {
	struct reader r = {.arena = arena};
	const struct json *tree = json_parse(arena, body, NULL, NULL);
	int64_t at = 0, index;
	if (!check_head(&r, tree)) {
		return r.problem;
	}
	json_each (choice, json_get(tree, "choices")) {
		index = -1;
		json_int64(json_get(choice, "index"), &index);
		if (!check_choice(&r, choice, true) || index != at++) {
			complain(&r, "CO-1: the choices are not in order");
		}
	}
	if (at == 0) {
		complain(&r, "CO-3: no choice");
	}
	if (json_get_value(tree, "usage") != NULL) {
		check_usage(&r, json_get(tree, "usage"));
	}
	return r.problem;
}
