/* test_count.c: counts of recorded requests beside the usage their upstreams told (TC-2 to TC-5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/count_internal.h"
#include "formats/recorded.h"
#include "support/vocabulary.h"

int test_count(void);

/* What a request holds beside plain texts. */
enum content {
	CONTENT_TEXT,
	CONTENT_TOOLS, /* tools, calls, structured output */
	CONTENT_MEDIA,
	CONTENT_SERVER, /* server tools: what they find is part of the usage */
	CONTENT_COUNT
};
static const char *const content_names[] = {"text", "tools", "media", "server tools"};

#define MAX_SAMPLES 256
struct samples {
	double errors[MAX_SAMPLES]; /* count / usage - 1 */
	size_t len;
};
struct run {
	const struct format *format;
	const struct tokens *tokens;
	struct samples by_content[CONTENT_COUNT];
	size_t exact, exact_wrong;
};

static enum content content_of_parts(const struct chat_parts *parts) {
	enum content content = CONTENT_TEXT;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *part = &parts->items[i];
		enum content found = CONTENT_TOOLS, inner = content_of_parts(&part->parts);
		switch (part->kind) {
		case CHAT_PART_TEXT:
			found = CONTENT_TEXT;
			break;
		case CHAT_PART_IMAGE:
		case CHAT_PART_AUDIO:
		case CHAT_PART_VIDEO:
		case CHAT_PART_FILE:
		case CHAT_PART_SEARCH_RESULT:
			found = CONTENT_MEDIA;
			break;
		case CHAT_PART_SERVER_TOOL:
		case CHAT_PART_RAW:
			found = CONTENT_SERVER;
			break;
		default:
			break;
		}
		content = found > content ? found : content;
		content = inner > content ? inner : content;
	}
	return content;
}

static enum content content_of(const struct chat_request *request) {
	enum content content = content_of_parts(&request->system);
	for (size_t i = 0; i < request->messages.len; i++) {
		enum content found = content_of_parts(&request->messages.items[i].parts);
		content = found > content ? found : content;
	}
	for (size_t i = 0; i < request->tools.len; i++) {
		enum content found = request->tools.items[i].kind == CHAT_TOOL_SERVER
					     ? CONTENT_SERVER
					     : CONTENT_TOOLS;
		content = found > content ? found : content;
	}
	/* What a server's tools or a beta put into the prompt is in no document. */
	if (chat_ext_get(&request->ext, FORMAT_ANTHROPIC, "mcp_servers").data ||
		json_at(request->tree, SLICE("/output_config/task_budget"))) {
		return CONTENT_SERVER;
	}
	return content == CONTENT_TEXT && request->response_format.is_set ? CONTENT_TOOLS : content;
}

/* Input tokens the upstream told; -1 when it told none. */
static int64_t told_tokens(
	const struct format *format, const struct recorded *exchange, struct arena *arena) {
	int64_t tokens = -1;
	if (exchange->is_count) {
		return format->parse_count(exchange->answer, arena, &tokens, NULL) ? tokens : -1;
	}
	struct check_sink check;
	recorded_decode(format, exchange, CUT_WHOLE, 0, false, &check);
	tokens = check.has_failed ? -1 : chat_usage_input_total(&check.usage);
	check_sink_finish(&check);
	return tokens;
}

static void add_sample(struct run *run, const struct recorded *exchange,
	const struct chat_request *request, int64_t told) {
	struct format_counting counting;
	bool is_exact;
	format_counting_init(&counting, request, request->model);
	int64_t counted = format_counting_run(&counting, run->tokens, &is_exact);
	format_counting_finish(&counting);
	enum content content = content_of(request);
	struct samples *samples = &run->by_content[content];
	assert_true(samples->len < MAX_SAMPLES);
	samples->errors[samples->len++] = (double)counted / (double)told - 1;
	run->exact += is_exact;
	if (is_exact && counted != told) {
		run->exact_wrong++;
	}
	if (getenv("LLM_MUX_TEST_VERBOSE") || (is_exact && counted != told)) {
		print_message("%-12s %6lld told %6lld counted %+.1f%% %.*s %s\n",
			content_names[content], (long long)told, (long long)counted,
			100 * samples->errors[samples->len - 1], SLICE_FMT(request->model),
			exchange->name);
	}
}

static void count_one(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct arena arena;
	struct chat_request request;
	if (!exchange->request.data || exchange->status != 200) {
		return;
	}
	arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
	const struct format_parse parse = {.body = exchange->request,
		.tree = json_parse(&arena, exchange->request, NULL, NULL),
		.op = exchange->is_count ? CHAT_OP_COUNT : CHAT_OP_CHAT,
		.path = exchange->path,
		.arena = &arena};
	struct error error;
	if (parse.tree && run->format->parse_request(&parse, &request, &error)) {
		int64_t told = told_tokens(run->format, exchange, &arena);
		if (told > 0) {
			add_sample(run, exchange, &request, told);
		}
	}
	arena_finish(&arena);
}

static int by_size(const void *a, const void *b) {
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

static double share_near(const struct run *run, enum content content) {
	const struct samples *samples = &run->by_content[content];
	size_t near = 0;
	for (size_t i = 0; i < samples->len; i++) {
		near += samples->errors[i] >= -0.05 && samples->errors[i] <= 0.05;
	}
	return samples->len > 0 ? (double)near / (double)samples->len : 0;
}

/* Prints the distribution; the share of samples that are counted below 90 %. */
static double report(const char *folder, struct run *run, enum content content) {
	struct samples *samples = &run->by_content[content];
	size_t low = 0;
	if (samples->len == 0) {
		return 0;
	}
	qsort(samples->errors, samples->len, sizeof *samples->errors, by_size);
	for (size_t i = 0; i < samples->len; i++) {
		low += samples->errors[i] < -0.1;
	}
	print_message(
		"# %s, %s: %zu requests, error %+.1f%% to %+.1f%%, median %+.1f%%; %.0f%% within "
		"5%%, %zu below 90%%\n",
		folder, content_names[content], samples->len, 100 * samples->errors[0],
		100 * samples->errors[samples->len - 1], 100 * samples->errors[samples->len / 2],
		100 * share_near(run, content), low);
	return (double)low / (double)samples->len;
}

/* After report. */
static void assert_median(const struct run *run, enum content content, double least, double most) {
	const struct samples *samples = &run->by_content[content];
	assert_true(samples->len > 0);
	double median = samples->errors[samples->len / 2];
	assert_true(median >= least && median <= most);
}

static void run_folder(struct run *run, const char *folder, enum format_id id) {
	struct tokens *tokens = vocabulary_open();
	if (!tokens) {
		skip();
	}
	*run = (struct run){.format = format_get(id), .tokens = tokens};
	size_t seen = recorded_each(folder, count_one, run);
	tokens_close(tokens);
	if (seen == 0) {
		skip();
	}
}

/* TC-2, TC-3: text is exact where it claims to be; nothing is counted below 90 %. */
static void tc_3_openai_chat(void **state) {
	struct run run;
	(void)state;
	run_folder(&run, "openai-chat", FORMAT_OPENAI_CHAT);
	for (int content = 0; content < CONTENT_SERVER; content++) {
		assert_true(report("openai-chat", &run, (enum content)content) == 0);
	}
	print_message("# openai-chat: %zu counts claim to be exact\n", run.exact);
	assert_int_equal(run.exact_wrong, 0);
	assert_true(run.exact >= 15);
	assert_true(share_near(&run, CONTENT_TEXT) >= 0.9);
	assert_true(share_near(&run, CONTENT_TOOLS) >= 0.9);
}

/* TC-5: an estimate; no vocabulary is public. */
static void tc_5_anthropic(void **state) {
	struct run run;
	(void)state;
	run_folder(&run, "anthropic", FORMAT_ANTHROPIC);
	for (int content = 0; content < CONTENT_SERVER; content++) {
		assert_true(report("anthropic", &run, (enum content)content) == 0);
	}
	report("anthropic", &run, CONTENT_SERVER);
	assert_int_equal(run.exact, 0);
	assert_true(share_near(&run, CONTENT_TOOLS) >= 0.65);
}

/* TC-5b */
static void tc_5b_gemini(void **state) {
	struct run run;
	(void)state;
	run_folder(&run, "gemini", FORMAT_GEMINI);
	for (int content = 0; content < CONTENT_COUNT; content++) {
		report("gemini", &run, (enum content)content);
	}
	/* Cached contents and signatures of thoughts are in no text, so only the middle is told. */
	assert_int_equal(run.exact, 0);
	assert_median(&run, CONTENT_TEXT, -0.05, 0.05);
	assert_median(&run, CONTENT_TOOLS, -0.05, 0.25);
	assert_median(&run, CONTENT_MEDIA, -0.05, 0.25);
}

static void tc_3_openai_responses(void **state) {
	struct run run;
	(void)state;
	run_folder(&run, "openai-responses", FORMAT_OPENAI_RESPONSES);
	for (int content = 0; content < CONTENT_COUNT; content++) {
		report("openai-responses", &run, (enum content)content);
	}
	assert_int_equal(run.exact_wrong, 0);
	assert_true(run.exact >= 10);
	assert_true(share_near(&run, CONTENT_TEXT) >= 0.9);
	assert_median(&run, CONTENT_TOOLS, -0.05, 0.25);
}

/* Hosts put prompts of their own before what is sent, so only the middle can be told. */
static void tc_2_compatible_hosts(void **state) {
	struct run run;
	(void)state;
	run_folder(&run, "openai-chat-compat", FORMAT_OPENAI_CHAT);
	for (int content = 0; content < CONTENT_SERVER; content++) {
		report("openai-chat-compat", &run, (enum content)content);
	}
	assert_median(&run, CONTENT_TEXT, -0.05, 0.15);
	assert_median(&run, CONTENT_TOOLS, -0.05, 0.15);
}

/* ---- without recordings ---- */

static const struct chat_request *parse_chat(struct arena *arena, const char *body) {
	struct chat_request *request = ARENA_NEW(arena, struct chat_request);
	struct error error;
	const struct format_parse parse = {.body = slice_of(body),
		.tree = json_parse(arena, slice_of(body), NULL, &error),
		.arena = arena};
	assert_non_null(parse.tree);
	assert_true(format_get(FORMAT_OPENAI_CHAT)->parse_request(&parse, request, &error));
	return request;
}

static void tc_3_namespace(void **state) {
	static const char body[] =
		"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}],"
		"\"tools\":["
		"{\"type\":\"function\",\"function\":{\"name\":\"find\",\"description\":\"Finds "
		"it.\",\"parameters\":{\"type\":\"object\",\"required\":[\"where\",\"how\"],"
		"\"properties\":{\"where\":{\"type\":\"string\",\"description\":\"The place\"},"
		"\"limit\":{\"type\":\"integer\"},\"how\":{\"enum\":[\"fast\",3]},"
		"\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
		"\"either\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]},"
		"\"both\":{\"type\":[\"number\",\"null\"]},"
		"\"inner\":{\"type\":\"object\",\"properties\":{\"deep\":{\"type\":\"boolean\","
		"\"description\":\"not told\"}}},\"free\":{\"type\":\"object\"},\"what\":{}}}}},"
		"{\"type\":\"function\",\"function\":{\"name\":\"stop\"}}]}";
	static const char expected[] = "namespace functions {\n\n"
				       "// Finds it.\n"
				       "type find = (_: {\n"
				       "// The place\n"
				       "where: string,\n"
				       "limit?: number,\n"
				       "how: \"fast\" | 3,\n"
				       "tags?: string[],\n"
				       "either?: string | null,\n"
				       "both?: number | null,\n"
				       "inner?: {\n"
				       "  deep?: boolean,\n"
				       "},\n"
				       "free?: object,\n"
				       "what?: any,\n"
				       "}) => any;\n\n"
				       "type stop = () => any;\n\n"
				       "} // namespace functions";
	struct arena arena;
	struct buf out = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	count_write_namespace(parse_chat(&arena, body), &out);
	buf_append_byte(&out, '\0');
	assert_string_equal(out.data, expected);
	buf_finish(&out);
	arena_finish(&arena);
}

/* A list of types tells the properties again for each of them: nested, that doubles at every level.
 */
static void namespace_of_a_hostile_schema(void **state) {
	struct buf body = {0}, out = {0};
	struct arena arena;
	(void)state;
	buf_append_str(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\"}]"
			      ",\"tools\":[{\"type\":\"function\","
			      "\"function\":{\"name\":\"f\",\"parameters\":");
	for (int i = 0; i < 60; i++) {
		buf_append_str(&body, "{\"type\":[\"object\",\"object\"],\"properties\":{\"a\":");
	}
	buf_append_str(&body, "{}");
	for (int i = 0; i < 60; i++) {
		buf_append_str(&body, "}}");
	}
	buf_append(&body, slice_make("}}]}\0", 5));
	arena_init(&arena, NULL, 0);
	count_write_namespace(parse_chat(&arena, body.data), &out);
	assert_true(out.len < 32 * body.len);
	buf_finish(&out);
	buf_finish(&body);
	arena_finish(&arena);
}

/* TC-2: a positive number whatever there is; long texts are estimated where nobody may wait. */
static void tc_2_always_a_number(void **state) {
	struct arena arena;
	struct format_counting counting;
	bool is_exact = true;
	(void)state;
	arena_init(&arena, NULL, 0);
	const struct chat_request *empty =
		parse_chat(&arena, "{\"model\":\"gemini-2.5-pro\","
				   "\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}");
	assert_int_equal(format_estimate_tokens(empty), 1);
	format_counting_init(&counting, empty, SLICE("gpt-4o"));
	assert_int_equal(format_counting_run(&counting, NULL, &is_exact), 7);
	assert_false(is_exact);
	format_counting_finish(&counting);
	const struct chat_request *request = parse_chat(&arena,
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
		"\"text\":\"What is this?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:"
		"image/png;base64,iVBORw0KGgoAAAANSUhEUgAABAAAAAQA\"}}]}]}");
	const struct format_counter counter = {NULL, SLICE_INIT("openai/gpt-4o")};
	/* 3 + 4 + 4 for the text, 765 for 1024 px square */
	assert_int_equal(format_count_tokens(&counter, request, &is_exact), 776);
	assert_false(is_exact);
	arena_finish(&arena);
}

/* TC-6: a count at once and one on another thread are the same number. */
static void tc_6_same_numbers(void **state) {
	struct arena arena;
	struct format_counting counting;
	bool at_once = false, elsewhere = false;
	(void)state;
	struct tokens *tokens = vocabulary_open();
	if (!tokens) {
		skip();
	}
	arena_init(&arena, NULL, 0);
	const struct chat_request *request = parse_chat(&arena,
		"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
		"brief.\"},"
		"{\"role\":\"user\",\"name\":\"ann\",\"content\":\"Hello, world!\"}]}");
	const struct format_counter counter = {tokens, SLICE_INIT("gpt-4o")};
	int64_t count = format_count_tokens(&counter, request, &at_once);
	format_counting_init(&counting, request, SLICE("gpt-4o"));
	assert_int_equal(format_counting_run(&counting, tokens, &elsewhere), count);
	format_counting_finish(&counting);
	/* 3 + 2 * 4, "Be brief." 3, "Hello, world!" 4, the name 1 + 1 */
	assert_int_equal(count, 20);
	assert_true(at_once && elsewhere);
	tokens_close(tokens);
	arena_finish(&arena);
}

/* TC-2, TC-6: what is needed at once is near the count of another thread, too, for a long request:
 * within a tenth for the recorded ones. */
static void compare_at_once(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct arena arena;
	struct chat_request request;
	struct error error;
	arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
	const struct format_parse parse = {.body = exchange->request,
		.tree = exchange->request.data ? json_parse(&arena, exchange->request, NULL, NULL)
					       : NULL,
		.op = CHAT_OP_CHAT,
		.arena = &arena};
	if (parse.tree && run->format->parse_request(&parse, &request, &error)) {
		struct format_counting counting;
		const struct format_counter counter = {run->tokens, request.model};
		format_counting_init(&counting, &request, request.model);
		double whole = (double)format_counting_run(&counting, run->tokens, NULL);
		double error_share =
			(double)format_count_tokens(&counter, &request, NULL) / whole - 1;
		if (counting.texts.len > FORMAT_COUNT_AT_ONCE) {
			struct samples *samples = &run->by_content[CONTENT_TEXT];
			samples->errors[samples->len++] = error_share;
		} else {
			assert_true(error_share == 0);
		}
		format_counting_finish(&counting);
	}
	arena_finish(&arena);
}

static void tc_6_long_requests(void **state) {
	struct run run = {.format = format_get(FORMAT_ANTHROPIC)};
	(void)state;
	struct tokens *tokens = vocabulary_open();
	if (!tokens) {
		skip();
	}
	run.tokens = tokens;
	recorded_each("anthropic", compare_at_once, &run);
	recorded_each("anthropic-compat", compare_at_once, &run);
	run.format = format_get(FORMAT_OPENAI_CHAT);
	recorded_each("openai-chat", compare_at_once, &run);
	size_t seen = recorded_each("openai-chat-compat", compare_at_once, &run);
	tokens_close(tokens);
	if (seen == 0) {
		skip();
	}
	assert_true(report("long requests at once", &run, CONTENT_TEXT) == 0);
	const struct samples *samples = &run.by_content[CONTENT_TEXT];
	assert_true(samples->len > 0 && samples->errors[samples->len - 1] < 0.2);
}

int test_count(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tc_3_openai_chat),
		cmocka_unit_test(tc_5_anthropic),
		cmocka_unit_test(tc_5b_gemini),
		cmocka_unit_test(tc_3_openai_responses),
		cmocka_unit_test(tc_2_compatible_hosts),
		cmocka_unit_test(tc_3_namespace),
		cmocka_unit_test(namespace_of_a_hostile_schema),
		cmocka_unit_test(tc_2_always_a_number),
		cmocka_unit_test(tc_6_same_numbers),
		cmocka_unit_test(tc_6_long_requests),
	};
	return cmocka_run_group_tests_name("count", tests, NULL, NULL);
}
