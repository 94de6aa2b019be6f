/* test_recorded.c: every recorded exchange, in whole, byte by byte and at random cuts (T-1, T-2,
 * T-3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/recorded.h"

int test_recorded(void);

struct run {
	const struct format *format;
	size_t bad, ended_in_error, answers;
};

static void report(
	struct run *run, const struct recorded *exchange, const char *what, const char *how) {
	run->bad++;
	print_error("%s: %s (%s)\n", exchange->name, what, how);
}

/* T-2: the same events for every cut, and the invariants for each. */
static void decode_all_cuts(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct check_sink whole, cut;
	if (exchange->status != 200 || exchange->is_count || !run->format->decoder_create) {
		return;
	}
	run->answers++;
	recorded_decode(run->format, exchange, CUT_WHOLE, 0, false, &whole);
	struct slice wanted = check_sink_text(&whole);
	run->ended_in_error += whole.has_failed;
	if (whole.problem[0]) {
		report(run, exchange, whole.problem, "whole");
	}
	for (unsigned seed = 0; seed < 4; seed++) {
		recorded_decode(run->format, exchange, seed == 0 ? CUT_BYTES : CUT_RANDOM, seed,
			false, &cut);
		if (cut.problem[0]) {
			report(run, exchange, cut.problem,
				seed == 0 ? "byte by byte" : "random cuts");
		} else if (!slice_eq(check_sink_text(&cut), wanted)) {
			report(run, exchange, "other events than in whole",
				seed == 0 ? "byte by byte" : "random cuts");
		}
		check_sink_finish(&cut);
	}
	check_sink_finish(&whole);
}

/* 7.2: the wire is the answer's own bytes. */
static void keep_the_wire(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct check_sink check;
	if (exchange->status != 200 || exchange->is_count || !run->format->decoder_create) {
		return;
	}
	recorded_decode(run->format, exchange, CUT_RANDOM, 3, true, &check);
	struct slice wire = buf_slice(&check.wire);
	/* A second message_start, and an answer behind the end of the first (E-108), are kept back.
	 */
	bool is_spliced_start = strstr(exchange->name, "message-start") != NULL;
	struct slice answer = exchange->wire.data ? exchange->wire : exchange->answer;
	struct slice behind = slice_from(answer, wire.len);
	bool is_prefix =
		slice_starts_with(answer, wire) &&
		(behind.len == 0 || slice_starts_with(behind, SLICE("event: message_start")) ||
			slice_starts_with(behind, SLICE("event: response.created")));
	if (!is_spliced_start && !check.has_failed && !is_prefix) {
		report(run, exchange, "the wire differs from the answer", "keep_wire");
	}
	check_sink_finish(&check);
}

static void encode_as_all(const struct recorded *exchange, void *data) {
	static const struct {
		enum format_id id;
		const char *(*stream)(struct slice wire, struct arena *arena);
		const char *(*whole)(struct slice body, struct arena *arena);
	} targets[] = {
		{FORMAT_OPENAI_CHAT, check_openai_chat_stream, check_openai_chat_whole},
		{FORMAT_OPENAI_RESPONSES, check_openai_responses_stream,
			check_openai_responses_whole},
		{FORMAT_ANTHROPIC, check_anthropic_stream, check_anthropic_whole},
		{FORMAT_GEMINI, check_gemini_stream, check_gemini_whole},
		{FORMAT_OLLAMA, check_ollama_stream, check_ollama_whole},
		{FORMAT_OPENAI_COMPLETIONS, check_openai_completions_stream,
			check_openai_completions_whole},
	};
	struct run *run = data;
	if (exchange->status != 200 || exchange->is_count || !run->format->decoder_create) {
		return;
	}
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		const struct format *to = format_get(targets[i].id);
		for (int is_stream = 0; to && is_stream < 2; is_stream++) {
			struct buf out = {0};
			struct arena arena;
			arena_init(&arena, NULL, (size_t)512 * 1024 * 1024);
			if (recorded_translate(run->format, to, exchange, is_stream, &out)) {
				const char *problem =
					is_stream ? targets[i].stream(buf_slice(&out), &arena)
						  : targets[i].whole(buf_slice(&out), &arena);
				if (problem) {
					report(run, exchange, problem,
						is_stream ? "stream" : "whole");
				}
			}
			arena_finish(&arena);
			buf_finish(&out);
		}
	}
}

/* The checkers are as strict as the vendors' own answers allow. */
static void check_recorded(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct arena arena;
	if (exchange->status != 200 || run->format->id != FORMAT_OPENAI_COMPLETIONS) {
		return;
	}
	arena_init(&arena, NULL, 0);
	const char *problem = exchange->is_stream
				      ? check_openai_completions_stream(exchange->answer, &arena)
				      : check_openai_completions_whole(exchange->answer, &arena);
	if (problem) {
		report(run, exchange, problem, "recorded");
	}
	arena_finish(&arena);
}

/* ER-1: every recorded error gives its message and a status of the client's side. */
static void read_errors(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct error error;
	if (exchange->status < 400) {
		return;
	}
	run->answers++;
	error_clear(&error);
	run->format->parse_error((int)exchange->status, NULL, exchange->answer, &error);
	if (error.kind == ERROR_NONE || error.message[0] == '\0' || error.message[0] == '{') {
		report(run, exchange, "no message was found", error.message);
	}
}

/* Recorded requests are real client requests: each is understood, and built again for either
 * upstream. */
static void parse_requests(const struct recorded *exchange, void *data) {
	struct run *run = data;
	struct arena arena;
	struct error error = {0};
	struct chat_request request;
	if (!exchange->request.data || exchange->status != 200) {
		return;
	}
	run->answers++;
	arena_init(&arena, NULL, (size_t)256 * 1024 * 1024);
	const struct json *tree = json_parse(&arena, exchange->request, NULL, &error);
	const struct format_parse parse = {.body = exchange->request,
		.tree = tree,
		.op = exchange->is_count ? CHAT_OP_COUNT : CHAT_OP_CHAT,
		.path = exchange->path,
		.arena = &arena};
	if (!tree || !run->format->parse_request(&parse, &request, &error)) {
		report(run, exchange, error.message, "parse");
		arena_finish(&arena);
		return;
	}
	for (int id = 0; id < FORMAT_COUNT; id++) {
		const struct format *to = format_get((enum format_id)id);
		struct format_built built = {0};
		struct chat_losses losses = {.arena = &arena};
		if (!to || !to->build_request) {
			continue;
		}
		const struct format_target target = {.model = request.model,
			.family = model_family_of(request.model),
			.quirks = QUIRK_OFFICIAL,
			.stream = request.stream};
		error_clear(&error);
		bool ok = to->build_request(&request, &target, &built, &losses, &error);
		struct buf flat = {0};
		struct iovec iov[64];
		int count = buf_iovec(&built.body, 0, iov, 64);
		for (int i = 0; i < count; i++) {
			buf_append(&flat, slice_make(iov[i].iov_base, iov[i].iov_len));
		}
		if (ok && !json_is_valid(buf_slice(&flat))) {
			report(run, exchange, "the built request is no JSON", to->name);
		} else if (!ok && (error.message[0] == '\0' || error_status(&error) >= 500)) {
			report(run, exchange, "refused without a reason", to->name);
		}
		buf_finish(&flat);
		buf_finish(&built.body);
	}
	arena_finish(&arena);
}

static const struct {
	const char *folder;
	enum format_id format;
} folders[] = {
	{"anthropic", FORMAT_ANTHROPIC},
	{"anthropic-compat", FORMAT_ANTHROPIC},
	{"openai-chat", FORMAT_OPENAI_CHAT},
	{"openai-chat-compat", FORMAT_OPENAI_CHAT},
	{"gemini", FORMAT_GEMINI},
	{"gemini-vertex", FORMAT_GEMINI},
	{"gemini-cli", FORMAT_GEMINI},
	{"ollama", FORMAT_OLLAMA},
	{"openai-completions", FORMAT_OPENAI_COMPLETIONS},
	{"openai-responses", FORMAT_OPENAI_RESPONSES},
	{"openai-responses-compat", FORMAT_OPENAI_RESPONSES},
};

static void for_all(void (*visit)(const struct recorded *exchange, void *data)) {
	size_t seen = 0, bad = 0;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		struct run run = {.format = format_get(folders[i].format)};
		if (!run.format) {
			continue;
		}
		seen += recorded_each(folders[i].folder, visit, &run);
		bad += run.bad;
	}
	if (seen == 0) {
		skip();
	}
	assert_int_equal(bad, 0);
}

static void t_1_t_2_decoding(void **state) {
	(void)state;
	for_all(decode_all_cuts);
}

static void splice_wire(void **state) {
	(void)state;
	for_all(keep_the_wire);
}

static void t_1_encoding(void **state) {
	(void)state;
	for_all(encode_as_all);
}

static void co_3_recorded_answers(void **state) {
	(void)state;
	for_all(check_recorded);
}

static void er_1_errors(void **state) {
	(void)state;
	for_all(read_errors);
}

static void requests(void **state) {
	(void)state;
	for_all(parse_requests);
}

int test_recorded(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_1_t_2_decoding),
		cmocka_unit_test(splice_wire),
		cmocka_unit_test(t_1_encoding),
		cmocka_unit_test(co_3_recorded_answers),
		cmocka_unit_test(er_1_errors),
		cmocka_unit_test(requests),
	};
	return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
