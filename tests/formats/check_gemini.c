/* check_gemini.c: strict readers of what the Gemini encoder writes, from formats.md 2.5 alone. */
#include "formats/recorded.h"

struct reader {
	struct arena *arena;
	size_t chunks;
	struct slice id, model;
	bool has_finished[128], has_begun[128], is_blocked, has_error;
};

static const char *check_part(const struct json *part, struct arena *arena) {
	static const char *const kinds[] = {"text", "functionCall", "inlineData", "fileData",
		"executableCode", "codeExecutionResult", "toolCall", "toolResponse"};
	const struct json *call = json_get(part, "functionCall");
	size_t count = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		count += json_get(part, kinds[i]) != NULL;
	}
	if (count != 1) {
		return "a part holds not exactly one kind of data";
	}
	if (call != NULL && (!json_is(json_get(call, "args"), JSON_OBJECT) ||
				    json_string(json_get(call, "name"), arena).len == 0 ||
				    json_get(call, "partialArgs") != NULL)) {
		return "GC-6: a call is not whole";
	}
	if (json_get(part, "text") != NULL && !json_is(json_get(part, "text"), JSON_STRING)) {
		return "text is no string";
	}
	return NULL;
}

static const char *check_usage(const struct json *tree) {
	const struct json *usage = json_get(tree, "usageMetadata");
	int64_t prompt, candidates = 0, thoughts = 0, tools = 0, total;
	json_int64(json_get(usage, "candidatesTokenCount"), &candidates);
	json_int64(json_get(usage, "thoughtsTokenCount"), &thoughts);
	json_int64(json_get(usage, "toolUsePromptTokenCount"), &tools);
	if (!json_int64(json_get(usage, "promptTokenCount"), &prompt) ||
		!json_int64(json_get(usage, "totalTokenCount"), &total)) {
		return "GC-4: a chunk without its usage";
	}
	/* early chunks have not counted the candidates yet */
	bool is_whole = json_get(usage, "candidatesTokenCount") != NULL;
	return is_whole && total != prompt + candidates + thoughts + tools
		       ? "4.4: the total is not the sum"
		       : NULL;
}

static const char *check_candidate(struct reader *r, const struct json *candidate, bool is_stream) {
	int64_t index = -1;
	json_int64(json_get(candidate, "index"), &index);
	const struct json *content = json_get(candidate, "content");
	const struct json *parts = json_get(content, "parts");
	const struct json *finish = json_get(candidate, "finishReason");
	if (index < 0 || index >= 128 || !json_string_is(json_get(content, "role"), "model") ||
		!json_is(parts, JSON_ARRAY)) {
		return "a candidate without index, role or parts";
	}
	if (r->has_finished[index]) {
		return "GC-4: a candidate goes on after its finish";
	}
	r->has_begun[index] = true;
	r->has_finished[index] = finish != NULL;
	if (finish != NULL && !json_is(finish, JSON_STRING)) {
		return "finishReason is no string";
	}
	if (is_stream && parts->count == 0) {
		return "a chunk without a part";
	}
	json_each (part, parts) {
		const char *problem = check_part(part, r->arena);
		if (problem != NULL) {
			return problem;
		}
	}
	return NULL;
}

static const char *check_chunk(struct reader *r, const struct json *tree, bool is_stream) {
	const struct json *candidates = json_get(tree, "candidates");
	struct slice id = json_string(json_get(tree, "responseId"), r->arena);
	struct slice model = json_string(json_get(tree, "modelVersion"), r->arena);
	if (r->has_error || r->is_blocked) {
		return "a chunk after the last";
	}
	if (json_get(tree, "error") != NULL) {
		r->has_error = true;
		return NULL;
	}
	if (r->chunks++ == 0) {
		r->id = id;
		r->model = model;
	}
	if (id.len == 0 || !slice_eq(id, r->id) || !slice_eq(model, r->model)) {
		return "GC-4: responseId or modelVersion changes";
	}
	r->is_blocked = json_get(tree, "promptFeedback") != NULL;
	if (r->is_blocked == (candidates != NULL)) {
		return "GC-10: candidates, or the reason why there are none";
	}
	json_each (candidate, candidates) {
		const char *problem = check_candidate(r, candidate, is_stream);
		if (problem != NULL) {
			return problem;
		}
	}
	return check_usage(tree);
}

static const char *check_end(const struct reader *r) {
	bool has_one = r->is_blocked || r->has_error;
	for (size_t i = 0; i < 128 && !r->has_error; i++) {
		if (r->has_begun[i] && !r->has_finished[i]) {
			return "GC-4: a candidate without its finish";
		}
		has_one |= r->has_finished[i];
	}
	return has_one ? NULL : "no candidate finished";
}

const char *check_gemini_stream(struct slice wire, struct arena *arena) {
	struct reader r = {.arena = arena};
	while (wire.len > 0) {
		size_t end = slice_find(wire, SLICE("\r\n\r\n"));
		struct slice frame = slice_sub(wire, 0, end);
		if (end == SIZE_MAX || !slice_starts_with(frame, SLICE("data: ")) ||
			slice_find_byte(frame, '\n') != SIZE_MAX) {
			return "GC-4: a frame is not one data line with CRLF CRLF";
		}
		wire = slice_from(wire, end + 4);
		const struct json *tree = json_parse(arena, slice_from(frame, 6), NULL, NULL);
		const char *problem = json_is(tree, JSON_OBJECT) ? check_chunk(&r, tree, true)
								 : "a frame that is no object";
		if (problem != NULL) {
			return problem;
		}
	}
	return check_end(&r);
}

const char *check_gemini_array(struct slice wire, struct arena *arena) {
	struct reader r = {.arena = arena};
	const struct json *tree = json_parse(arena, wire, NULL, NULL);
	if (!json_is(tree, JSON_ARRAY)) {
		return "GC-5: the stream is no array";
	}
	json_each (chunk, tree) {
		const char *problem = check_chunk(&r, chunk, true);
		if (problem != NULL) {
			return problem;
		}
	}
	return check_end(&r);
}

const char *check_gemini_whole(struct slice body, struct arena *arena) {
	struct reader r = {.arena = arena};
	const struct json *tree = json_parse(arena, body, NULL, NULL);
	if (!json_is(tree, JSON_OBJECT)) {
		return "the answer is no object";
	}
	const char *problem = check_chunk(&r, tree, false);
	return problem != NULL ? problem : check_end(&r);
}
