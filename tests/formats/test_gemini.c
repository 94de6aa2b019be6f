/* test_gemini.c: what the Gemini dialect has beyond the tables in cases/: paths (RT-2), arrays
 * (GC-5), the code-assist envelope (GI-1..GI-6), and what real clients sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/cases.h"
#include "formats/recorded.h"
#include "support/fixtures.h"

int test_gemini(void);

static void answer_cases(void **state) {
	(void)state;
	size_t count, failed = cases_run("gemini_answers.json", &count);
	assert_true(count > 0);
	assert_int_equal(failed, 0);
}

static bool parse(struct slice body, const char *path, const char *query, struct arena *arena,
	struct chat_request *request, struct error *error) {
	const struct format_parse parse = {.body = body,
		.tree = json_parse(arena, body, NULL, NULL),
		.path = slice_of(path),
		.query = slice_of(query),
		.arena = arena};
	return format_get(FORMAT_GEMINI)->parse_request(&parse, request, error);
}

#define HI "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}"

static void rt_2_paths(void **state) {
	static const struct {
		const char *path, *query, *model;
		bool is_stream, is_array, is_count;
	} cases[] = {
		{"/v1beta/models/gemini-2.5-pro:generateContent", NULL, "gemini-2.5-pro", false,
			false, false},
		{"/v1beta/models/gemini-2.5-pro:streamGenerateContent", "alt=sse&key=k",
			"gemini-2.5-pro", true, false, false},
		{"/v1beta/models/gemini-2.5-pro:streamGenerateContent", "key=k", "gemini-2.5-pro",
			true, true, false},
		{"/v1/models/llama3.3:8b:countTokens", NULL, "llama3.3:8b", false, false, true},
		{"/v1beta/models/models/x:generateContent", NULL, "x", false, false, false},
		{"/v1beta/models/publishers/google/models/x:generateContent", NULL, "x", false,
			false, false},
		{"/v1beta/models/openai/gpt-5:generateContent", NULL, "openai/gpt-5", false, false,
			false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct chat_request request;
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		assert_true(
			parse(SLICE(HI), cases[i].path, cases[i].query, &arena, &request, &error));
		assert_true(slice_is(request.model, cases[i].model));
		assert_int_equal(request.stream, cases[i].is_stream);
		assert_int_equal(request.stream_is_array, cases[i].is_array);
		assert_int_equal(request.op == CHAT_OP_COUNT, cases[i].is_count);
		arena_finish(&arena);
	}
}

/* ---- 7.2: what goes as it is ---- */

static struct slice flat(struct buf *body, struct arena *arena) {
	size_t size = buf_total(body);
	char *bytes = arena_alloc(arena, size + 1);
	buf_copy_out(body, 0, bytes, size);
	buf_finish(body);
	return slice_make(bytes, size);
}

static struct slice splice(
	const struct chat_request *request, uint32_t quirks, struct arena *arena) {
	const struct format_target target = {.model = SLICE("other"),
		.family = model_family_of(SLICE("other")),
		.quirks = quirks,
		.project = SLICE("p-1")};
	struct buf out = {.allow_refs = true};
	struct error error = {0};
	assert_true(
		format_splice_request(format_get(FORMAT_GEMINI), request, &target, &out, &error));
	return flat(&out, arena);
}

#define RESULT_WITH_IMAGE                                                                          \
	"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},"     \
	"{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\","                     \
	"\"response\":{\"output\":\"x\"},\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","  \
	"\"data\":\"aGk=\"}}]}}]}]}"

static void what_cannot_be_spliced(void **state) {
	static const struct {
		const char *body, *path;
		bool can;
	} cases[] = {
		{HI, "/v1beta/models/x:generateContent", true},
		{"{\"model\":\"models/x\",\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}",
			"/v1beta/models/x:generateContent", false},
		{"{\"generateContentRequest\":{\"model\":\"models/x\",\"contents\":[{\"parts\":[{"
		 "\"text\":\"hi\"}]}]}}",
			"/v1beta/models/x:countTokens", false},
		{HI, "/v1beta/models/x:streamGenerateContent", false}, /* an array, of events */
		/* GM-6 */
		{RESULT_WITH_IMAGE, "/v1beta/models/gemini-2.5-flash:generateContent", false},
		{RESULT_WITH_IMAGE, "/v1beta/models/gemini-3-pro:generateContent", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct chat_request request;
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		assert_true(parse(
			slice_of(cases[i].body), cases[i].path, NULL, &arena, &request, &error));
		assert_int_equal(
			format_can_splice(format_get(FORMAT_GEMINI), &request), cases[i].can);
		arena_finish(&arena);
	}
}

/* ---- what real clients sent: understood, built for every upstream, spliced byte for byte ---- */

static void build_for_all(
	const char *name, const struct chat_request *request, size_t *bad, struct arena *arena) {
	for (int id = 0; id < FORMAT_COUNT; id++) {
		const struct format *to = format_get((enum format_id)id);
		struct format_built built = {0};
		struct chat_losses losses = {.arena = arena};
		struct error error = {0};
		const struct format_target target = {.model = request->model,
			.family = model_family_of(request->model),
			.quirks = QUIRK_OFFICIAL,
			.stream = request->stream};
		if (to == NULL || to->build_request == NULL) {
			continue;
		}
		if (!to->build_request(request, &target, &built, &losses, &error) ||
			!json_is_valid(flat(&built.body, arena))) {
			print_error("%s for %s: %s\n", name, to->name, error.message);
			++*bad;
		}
	}
}

static void check_client_file(const char *path, size_t *count, size_t *bad) {
	struct arena arena;
	struct chat_request request;
	struct error error = {0};
	arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
	struct slice text = fixtures_read(path);
	const struct json *tree = json_parse(&arena, text, NULL, NULL);
	const struct json *body = json_get(tree, "body");
	struct slice url = json_string(json_get(tree, "path"), &arena);
	size_t question = slice_find_byte(url, '?');
	bool has_query = question != SIZE_MAX;
	const char *query = has_query ? arena_strdup(&arena, slice_from(url, question + 1)) : NULL;
	url = slice_sub(url, 0, has_query ? question : url.len);
	bool is_ours = slice_ends_with(url, SLICE("enerateContent")) ||
		       slice_ends_with(url, SLICE(":countTokens"));
	if (is_ours && json_is(body, JSON_OBJECT)) {
		struct slice copy = arena_dup(&arena, json_raw(body));
		++*count;
		if (!parse(copy, arena_strdup(&arena, url), query, &arena, &request, &error)) {
			print_error("%s: %s\n", path, error.message);
			++*bad;
		} else {
			build_for_all(path, &request, bad, &arena);
			*bad += !format_can_splice(format_get(FORMAT_GEMINI), &request);
			*bad += !slice_eq(splice(&request, 0, &arena), copy);
			*bad += format_estimate_tokens(&request) < 1;
		}
	}
	fixtures_free(text);
	arena_finish(&arena);
}

static void client_requests(void **state) {
	static const char *const folders[] = {"ai-google", "gemini-cli", "google-genai",
		"google-generative-ai", "langchain-google"};
	size_t count = 0, bad = 0;
	(void)state;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char relative[128];
		snprintf(relative, sizeof relative, "clients/%s", folders[i]);
		char *folder = fixtures_path(relative);
		if (folder == NULL) {
			continue;
		}
		struct fixture_list list = fixtures_list(folder, "", ".json");
		for (size_t f = 0; f < list.count; f++) {
			check_client_file(list.paths[f], &count, &bad);
		}
		fixtures_list_free(&list);
		free(folder);
	}
	if (count == 0) {
		skip();
	}
	assert_int_equal(bad, 0);
}

/* ---- GC-5: the same answers as arrays ---- */

struct tally {
	size_t count, bad;
};

static void encode_as_array(const struct recorded *exchange, void *data) {
	struct tally *tally = data;
	struct buf out = {0};
	struct arena arena;
	if (exchange->status != 200 || exchange->is_count) {
		return;
	}
	arena_init(&arena, NULL, (size_t)512 * 1024 * 1024);
	const struct chat_request request = {
		.stream = true, .stream_is_array = true, .arena = &arena};
	const struct format_encoder_options encoder = {.arena = &arena,
		.out = &out,
		.request = &request,
		.is_stream = true,
		.model = SLICE("m")};
	const struct format_decoder_options options = {.arena = &arena,
		.sink = format_get(FORMAT_GEMINI)->encoder_create(&encoder),
		.request = &request,
		.is_stream = exchange->is_stream};
	struct format_decoder *decoder = format_get(FORMAT_GEMINI)->decoder_create(&options);
	decoder->ops->feed(decoder, exchange->answer);
	decoder->ops->finish(decoder, NULL);
	decoder->ops->destroy(decoder);
	const char *problem = check_gemini_array(buf_slice(&out), &arena);
	tally->count++;
	if (problem != NULL) {
		print_error("%s: %s\n", exchange->name, problem);
		tally->bad++;
	}
	arena_finish(&arena);
	buf_finish(&out);
}

static void gc_5_arrays(void **state) {
	struct tally tally = {0};
	(void)state;
	recorded_each("gemini", encode_as_array, &tally);
	recorded_each("gemini-cli", encode_as_array, &tally);
	if (tally.count == 0) {
		skip();
	}
	assert_int_equal(tally.bad, 0);
}

/* ---- the envelope ---- */

static void gi_1_requests(void **state) {
	static const struct {
		const char *body, *path, *wanted;
	} cases[] = {
		{"{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}],\"systemInstruction\":\"s\","
		 "\"labels\":{\"a\":\"b\"},\"cachedContent\":\"c\"}",
			"/v1beta/models/x:generateContent",
			"{\"model\":\"other\",\"project\":\"p-1\",\"request\":{"
			"\"systemInstruction\":{\"role\":\"user\",\"parts\":[{\"text\":\"s\"}]},"
			"\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}],"
			"\"cachedContent\":\"c\"}}"}, /* GI-4: no labels */
		{HI, "/v1beta/models/x:countTokens",
			"{\"request\":{\"model\":\"models/"
			"other\",\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}"
			"}"}, /* GI-3 */
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct chat_request request;
		struct format_built built = {0};
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		struct chat_losses losses = {.arena = &arena};
		assert_true(parse(
			slice_of(cases[i].body), cases[i].path, NULL, &arena, &request, &error));
		const struct format_target target = {.model = SLICE("other"),
			.family = model_family_of(SLICE("other")),
			.quirks = QUIRK_CODE_ASSIST,
			.project = SLICE("p-1")};
		assert_true(format_get(FORMAT_GEMINI)
				    ->build_request(&request, &target, &built, &losses, &error));
		struct slice body = flat(&built.body, &arena);
		if (!slice_is(body, cases[i].wanted)) {
			fail_msg("got %.*s", SLICE_FMT(body));
		}
		arena_finish(&arena);
	}
}

static void gi_6_splice(void **state) {
	struct arena arena;
	struct chat_request request;
	struct error error = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	struct slice body = SLICE(" {\"contents\" :[ {\"parts\":[{\"text\":\"h\\u0069\"}]}] } ");
	assert_true(
		parse(body, "/v1beta/models/x:generateContent", NULL, &arena, &request, &error));
	struct slice got = splice(&request, QUIRK_CODE_ASSIST, &arena);
	assert_true(slice_is(got, "{\"model\":\"other\",\"project\":\"p-1\",\"request\":"
				  "{\"contents\" :[ {\"parts\":[{\"text\":\"h\\u0069\"}]}] }}"));
	assert_true(parse(body, "/v1beta/models/x:countTokens", NULL, &arena, &request, &error));
	got = splice(&request, QUIRK_CODE_ASSIST, &arena);
	assert_true(slice_is(got, "{\"request\":{\"model\":\"models/other\",\"contents\":"
				  "[ {\"parts\":[{\"text\":\"h\\u0069\"}]}]}}")); /* GI-3 */
	arena_finish(&arena);
}

static void gi_2_answers(void **state) {
	static const char wire[] =
		"data: {\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],"
		"\"role\":\"model\"}}]},\"traceId\":\"t1\"}\r\n\r\n"
		"data: {\"traceId\":\"t1\",\"remainingCredits\":[]}\r\n\r\n"
		"data: {\"response\":{\"candidates\":[{\"finishReason\":\"STOP\"}],"
		"\"modelVersion\":\"v\"},\"traceId\":\"t1\"}\r\n\r\n";
	static const char inner[] =
		"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],"
		"\"role\":\"model\"}}]}\n\n"
		"data: "
		"{\"candidates\":[{\"finishReason\":\"STOP\"}],\"modelVersion\":\"mine\"}\n\n";
	static const char events[] =
		"{\"event\":\"start\",\"id\":\"t1\"}\n"
		"{\"event\":\"part_start\",\"candidate\":0,\"part\":0,\"kind\":\"text\"}\n"
		"{\"event\":\"text_delta\",\"candidate\":0,\"part\":0,\"text\":\"a\"}\n"
		"{\"event\":\"part_end\",\"candidate\":0,\"part\":0}\n"
		"{\"event\":\"finish\",\"candidate\":0,\"reason\":\"stop\",\"native_reason\":"
		"\"STOP\"}\n"
		"{\"event\":\"end\"}\n";
	struct arena arena;
	struct check_sink check;
	(void)state;
	arena_init(&arena, NULL, 0);
	check_sink_init(&check);
	const struct chat_request request = {.stream = true, .arena = &arena};
	const struct format_decoder_options options = {.arena = &arena,
		.sink = &check.sink,
		.request = &request,
		.is_stream = true,
		.keep_wire = true,
		.echo_model = SLICE("mine")};
	struct format_decoder *decoder = format_get(FORMAT_GEMINI)->decoder_create(&options);
	decoder->ops->feed(decoder, SLICE(wire));
	decoder->ops->finish(decoder, NULL);
	decoder->ops->destroy(decoder);
	struct slice got = check_sink_text(&check), sent = buf_slice(&check.wire);
	if (!slice_is(got, events) || !slice_is(sent, inner)) {
		fail_msg("got %.*s%.*s", SLICE_FMT(got), SLICE_FMT(sent));
	}
	check_sink_finish(&check);
	arena_finish(&arena);
}

/* ---- counts and errors ---- */

static void counts(void **state) {
	static const struct {
		const char *body;
		int64_t tokens; /* -1: refused */
	} cases[] = {
		{"{\"totalTokens\":12,\"promptTokensDetails\":[]}", 12},
		{"{\"response\":{\"totalTokens\":7},\"traceId\":\"t\"}", 7},
		{"{\"totalTokens\":\"x\"}", -1},
		{"[", -1},
	};
	const struct format *format = format_get(FORMAT_GEMINI);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct error error = {0};
		int64_t tokens = -1;
		arena_init(&arena, NULL, 0);
		bool ok = format->parse_count(slice_of(cases[i].body), &arena, &tokens, &error);
		assert_int_equal(ok, cases[i].tokens >= 0);
		assert_int_equal(ok ? tokens : -1, cases[i].tokens);
		arena_finish(&arena);
	}
	struct buf out = {0};
	format->encode_count(5, &out);
	assert_true(slice_is(buf_slice(&out),
		"{\"totalTokens\":5,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":"
		"5}]}"));
	buf_finish(&out);
}

static void gm_39_errors(void **state) {
	static const struct {
		int status;
		const char *body, *message;
		enum error_kind kind;
		int64_t retry_after_ms;
	} cases[] = {
		{400,
			"{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":"
			"\"INVALID_ARGUMENT\",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}",
			"API key not valid.", ERROR_UPSTREAM_CREDENTIAL, -1},
		{429,
			"[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_"
			"EXHAUSTED\",\"details\":[{\"violations\":[{\"quotaId\":\"X-PerMinute\"}]},"
			"{\"retryDelay\":\"34.07s\"}]}}]",
			"m", ERROR_RATE_LIMIT, 34070},
		{429,
			"{\"error\":{\"code\":429,\"message\":\"m\",\"details\":[{\"violations\":[{"
			"\"quotaId\":\"RequestsPerDayPerProject\"}]}]}}",
			"m", ERROR_QUOTA, -1},
		{400,
			"{\"error\":{\"code\":400,\"message\":\"The input token count (9) exceeds "
			"the maximum number of tokens allowed (5).\"}}",
			"The input token count (9) exceeds the maximum number of tokens allowed "
			"(5).",
			ERROR_CONTEXT_TOO_LONG, -1},
		{503, "{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}",
			"m", ERROR_UNAVAILABLE, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error;
		format_get(FORMAT_GEMINI)
			->parse_error(cases[i].status, NULL, slice_of(cases[i].body), &error);
		assert_string_equal(error.message, cases[i].message);
		assert_int_equal(error.kind, cases[i].kind);
		assert_int_equal(error.retry_after_ms, cases[i].retry_after_ms);
	}
}

int test_gemini(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_cases),
		cmocka_unit_test(rt_2_paths),
		cmocka_unit_test(what_cannot_be_spliced),
		cmocka_unit_test(client_requests),
		cmocka_unit_test(gc_5_arrays),
		cmocka_unit_test(gi_1_requests),
		cmocka_unit_test(gi_6_splice),
		cmocka_unit_test(gi_2_answers),
		cmocka_unit_test(counts),
		cmocka_unit_test(gm_39_errors),
	};
	return cmocka_run_group_tests_name("gemini", tests, NULL, NULL);
}
