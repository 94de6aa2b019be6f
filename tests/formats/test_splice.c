/* test_splice.c: same format in and out: requests with the fewest edits, answers as they came
 * (7.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/recorded.h"
#include "support/fixtures.h"

int test_splice(void);

static bool parse(const struct format *format, struct slice body, struct arena *arena,
	struct chat_request *request, struct error *error) {
	const struct json *tree = json_parse(arena, body, NULL, error);
	const struct format_parse in = {.body = body, .tree = tree, .arena = arena};
	return tree != NULL && format->parse_request(&in, request, error);
}

/* Splices; the result is in the arena, or absent. */
static struct slice splice(const struct format *format, struct slice body, const char *model,
	uint32_t quirks, struct arena *arena) {
	struct chat_request request;
	struct error error = {0};
	struct buf out = {0};
	struct slice copy = {0};
	if (parse(format, body, arena, &request, &error)) {
		const struct format_target target = {.model = slice_of(model),
			.family = model_family_of(slice_of(model)),
			.quirks = quirks,
			.stream = request.stream};
		if (format_splice_request(format, &request, &target, &out, &error)) {
			copy = arena_dup(arena, buf_slice(&out));
		}
	}
	if (copy.data == NULL) {
		print_error("%s\n", error.message);
	}
	buf_finish(&out);
	return copy;
}

static const struct {
	const char *name, *in, *out;
	uint32_t quirks;
} cases[] = {
	{"only the model",
		"{ \"model\" : \"m\\u0041\", \"messages\":[ "
		"{\"role\":\"user\",\"content\":\"\\/\"} ],\"x\":1e400 }",
		"{ \"model\" : \"up/\\\"x\\\"\", \"messages\":[ "
		"{\"role\":\"user\",\"content\":\"\\/\"} ],\"x\":1e400 }",
		0},
	{"usage is asked for",
		"{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"stream\":true,\"model\":"
		"\"m\"}",
		"{\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
		"\"content\":\"\"}],\"stream\":true,\"model\":\"up/\\\"x\\\"\"}",
		0},
	{"in options that are there",
		"{\"stream_options\":{ "
		"\"include_obfuscation\":false},\"messages\":[{\"role\":\"user\",\"content\":\"\"}]"
		",\"stream\":true,\"model\":\"m\"}",
		"{\"stream_options\":{\"include_usage\":true, "
		"\"include_obfuscation\":false},\"messages\":[{\"role\":\"user\",\"content\":\"\"}]"
		",\"stream\":true,\"model\":\"up/\\\"x\\\"\"}",
		0},
	{"instead of false",
		"{\"model\":\"m\",\"stream_options\":{\"include_usage\": "
		"false},\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"stream\":true}",
		"{\"model\":\"up/\\\"x\\\"\",\"stream_options\":{\"include_usage\": "
		"true},\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"stream\":true}",
		0},
	{"in empty options, and for null",
		"{\"model\":\"m\",\"stream_options\":{},\"messages\":[{\"role\":\"user\","
		"\"content\":\"\"}],\"stream\":true}",
		"{\"model\":\"up/"
		"\\\"x\\\"\",\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":"
		"\"user\",\"content\":\"\"}],\"stream\":true}",
		0},
	{"null",
		"{\"model\":\"m\",\"stream_options\":null,\"messages\":[{\"role\":\"user\","
		"\"content\":\"\"}],\"stream\":true}",
		"{\"model\":\"up/"
		"\\\"x\\\"\",\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":"
		"\"user\",\"content\":\"\"}],\"stream\":true}",
		0},
	{"E-88: hosts that refuse it",
		"{\"model\":\"m\",\"stream_options\":{\"include_usage\":true},\"messages\":[{"
		"\"role\":\"user\",\"content\":\"\"}],\"stream\":true}",
		"{\"model\":\"up/"
		"\\\"x\\\"\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"stream\":true}",
		QUIRK_NO_STREAM_OPTIONS},
	{"E-81: the last of two models counts",
		"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"model\":"
		"\"b\"}",
		"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"model\":"
		"\"up/\\\"x\\\"\"}",
		0},
};

static void test_edits(void **state) {
	(void)state; /* OC-12, E-79 */
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		arena_init(&arena, NULL, 0);
		struct slice got = splice(format_get(FORMAT_OPENAI_CHAT), slice_of(cases[i].in),
			"up/\"x\"", cases[i].quirks, &arena);
		if (!slice_is(got, cases[i].out)) {
			fail_msg("%s: got %.*s", cases[i].name, SLICE_FMT(got));
		}
		arena_finish(&arena);
	}
}

/* The spliced body with our edits taken back is the client's body, byte for byte. */
static bool undoes(struct slice body, struct slice spliced, struct arena *arena) {
	static const struct slice added =
		SLICE_INIT("\"stream_options\":{\"include_usage\":true},");
	const struct json *before = json_parse(arena, body, NULL, NULL);
	const struct json *after = json_parse(arena, spliced, NULL, NULL);
	struct buf out = {0};
	struct json_edit edits[2];
	size_t count = 0;
	if (json_get(before, "stream_options") == NULL &&
		json_get(after, "stream_options") != NULL) {
		edits[count++] = (struct json_edit){1, 1 + added.len, SLICE("")};
	}
	edits[count++] = json_edit_replace(
		spliced, json_get(after, "model"), json_raw(json_get(before, "model")));
	bool same = json_splice(spliced, edits, count, &out) && slice_eq(buf_slice(&out), body);
	buf_finish(&out);
	return same;
}

struct tally {
	const struct format *format;
	size_t count, bad;
};

static void check_request(struct tally *tally, const char *name, struct slice body) {
	struct arena arena;
	arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
	struct slice got = splice(tally->format, body, "another-model", 0, &arena);
	tally->count++;
	if (got.data == NULL || !undoes(body, got, &arena)) {
		print_error("%s: the splice changed more than it may\n", name);
		tally->bad++;
	}
	arena_finish(&arena);
}

static void on_recorded(const struct recorded *exchange, void *data) {
	if (exchange->request.data != NULL && exchange->status == 200 && !exchange->is_count) {
		check_request(data, exchange->name, slice_trim(exchange->request));
	}
}

static void test_recorded_requests(void **state) {
	(void)state; /* splice proof */
	static const struct {
		const char *folder;
		enum format_id id;
	} folders[] = {{"openai-chat", FORMAT_OPENAI_CHAT},
		{"openai-chat-compat", FORMAT_OPENAI_CHAT},
		{"openai-responses", FORMAT_OPENAI_RESPONSES},
		{"openai-responses-compat", FORMAT_OPENAI_RESPONSES},
		{"anthropic", FORMAT_ANTHROPIC}};
	size_t count = 0, bad = 0;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		struct tally tally = {.format = format_get(folders[i].id)};
		recorded_each(folders[i].folder, on_recorded, &tally);
		count += tally.count;
		bad += tally.bad;
	}
	if (count == 0) {
		skip();
	}
	assert_int_equal(bad, 0);
}

/* For every upstream, as JSON or with a reason that is the client's. */
static bool builds(const struct chat_request *request, const char *name) {
	bool ok = true;
	for (int id = 0; id < FORMAT_COUNT; id++) {
		const struct format *to = format_get((enum format_id)id);
		struct format_built built = {0};
		struct chat_losses losses = {.arena = request->arena};
		struct error error = {0};
		if (to == NULL || to->build_request == NULL) {
			continue;
		}
		const struct format_target target = {.model = request->model,
			.family = model_family_of(request->model),
			.stream = request->stream};
		if (!format_build_request(to, request, &target, &built, &losses, &error)) {
			print_error("%s to %s: %s\n", name, to->name, error.message);
			ok = false;
		} else {
			size_t total = buf_total(&built.body);
			char *flat = arena_alloc(request->arena, total + 1);
			buf_copy_out(&built.body, 0, flat, total);
			ok = ok && json_is_valid(slice_make(flat, total));
		}
		buf_finish(&built.body);
	}
	return ok;
}

/* What real clients sent: parsed, spliced, and built for every upstream. */
static void check_client_file(const char *path, struct tally *tally) {
	struct arena arena;
	arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
	struct slice text = fixtures_read(path);
	const struct json *tree = json_parse(&arena, text, NULL, NULL);
	struct slice url = json_string(json_get(tree, "path"), &arena);
	const struct json *body = json_get(tree, "body");
	struct slice word = slice_contains(url, SLICE("chat/completions")) ? SLICE("openai-chat")
			    : slice_contains(url, SLICE("/messages"))      ? SLICE("anthropic")
			    : slice_contains(url, SLICE("/responses")) ? SLICE("openai-responses")
								       : SLICE("");
	tally->format = format_find(word);
	if (tally->format != NULL && json_is(body, JSON_OBJECT) &&
		!slice_contains(url, SLICE("count_tokens"))) {
		struct chat_request request;
		struct error error = {0};
		struct slice copy = arena_dup(&arena, json_raw(body));
		check_request(tally, path, copy);
		tally->bad += !parse(tally->format, copy, &arena, &request, &error) ||
			      format_estimate_tokens(&request) < 1 || !builds(&request, path);
	}
	fixtures_free(text);
	arena_finish(&arena);
}

static void test_client_requests(void **state) {
	(void)state;
	static const char *const folders[] = {"ai-anthropic", "ai-compatible", "ai-openai-chat",
		"aicommits", "amp", "anthropic", "ccr", "claude-code", "cline", "codex",
		"langchain-openai", "llamaindex", "openai", "opencode", "qwen-code"};
	struct tally tally = {0};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char relative[128];
		snprintf(relative, sizeof relative, "clients/%s", folders[i]);
		char *folder = fixtures_path(relative);
		if (folder == NULL) {
			continue;
		}
		struct fixture_list list = fixtures_list(folder, "", ".json");
		for (size_t f = 0; f < list.count; f++) {
			check_client_file(list.paths[f], &tally);
		}
		fixtures_list_free(&list);
		free(folder);
	}
	if (tally.count == 0) {
		skip();
	}
	assert_int_equal(tally.bad, 0);
}

int test_splice(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_recorded_requests),
		cmocka_unit_test(test_client_requests),
	};
	return cmocka_run_group_tests_name("splice", tests, NULL, NULL);
}
