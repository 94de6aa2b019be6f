/* test_decode_shell.c: what the shell of the decoders does whatever the dialect: answers that are
 * not what was asked for, wire bytes, cuts, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/format.h"
#include "support/check_sink.h"

int test_decode_shell(void);

#define CHUNK(content)                                                                             \
	"data: "                                                                                   \
	"{\"id\":\"i\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"         \
	"\"" content "\"}}]}\n\n"
#define FINISH                                                                                     \
	"data: "                                                                                   \
	"{\"id\":\"i\",\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":" \
	"\"stop\"}]}\n\n"
#define USAGE                                                                                      \
	"data: "                                                                                   \
	"{\"id\":\"i\",\"model\":\"up\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,"            \
	"\"completion_tokens\":2}}\n\n"
#define DONE "data: [DONE]\n\n"

struct answer {
	struct arena arena;
	struct check_sink check;
	struct chat_request request;
	struct format_decoder_options options;
	struct buf client; /* what a spliced client gets */
};

static void begin(struct answer *a, bool is_stream) {
	memset(a, 0, sizeof *a);
	arena_init(&a->arena, NULL, 0);
	check_sink_init(&a->check);
	a->request = (struct chat_request){.arena = &a->arena, .stream = is_stream};
	a->options = (struct format_decoder_options){.arena = &a->arena,
		.request = &a->request,
		.is_stream = is_stream,
		.keep_wire = true};
}

static void feed(struct answer *a, struct slice bytes, size_t step, const struct error *transport) {
	const struct format *format = format_get(FORMAT_OPENAI_CHAT);
	const struct format_encoder_options out = {.arena = &a->arena,
		.out = &a->client,
		.request = &a->request,
		.is_stream = a->request.stream,
		.model = SLICE("m"),
		.now_s = 7};
	struct chat_tee tee;
	chat_tee_init(&tee, &a->check.sink, format_splice_encoder_create(format, &out));
	a->options.sink = &tee.sink;
	struct format_decoder *decoder = format->decoder_create(&a->options);
	for (size_t at = 0; at < bytes.len; at += step) {
		decoder->ops->feed(decoder, slice_sub(bytes, at, step));
	}
	decoder->ops->finish(decoder, transport);
	assert_true(decoder->has_ended);
	decoder->ops->destroy(decoder);
	assert_string_equal(a->check.problem, "");
	assert_true(a->check.has_ended);
}

static void finish(struct answer *a) {
	check_sink_finish(&a->check);
	buf_finish(&a->client);
	arena_finish(&a->arena);
}

static void expect_client(const struct answer *a, const char *wanted) {
	if (!slice_is(buf_slice(&a->client), wanted)) {
		fail_msg(
			"the client got %.*s\nwanted %s", SLICE_FMT(buf_slice(&a->client)), wanted);
	}
}

/* Runs an answer in whole and byte by byte. */
static void expect(
	struct slice bytes, bool is_stream, const char *echo, bool hide_usage, const char *wanted) {
	for (int by_byte = 0; by_byte < 2; by_byte++) {
		struct answer a;
		begin(&a, is_stream);
		a.options.echo_model = slice_of(echo);
		a.options.hide_usage = hide_usage;
		feed(&a, bytes, by_byte ? 1 : bytes.len, NULL);
		expect_client(&a, wanted);
		finish(&a);
	}
}

static void test_the_wire_is_kept(void **state) {
	(void)state; /* 7.2 */
	expect(SLICE(": hello\r\n\r\n" CHUNK("a") FINISH USAGE DONE), true, NULL, false,
		": hello\r\n\r\n" CHUNK("a") FINISH USAGE DONE);
	expect(SLICE("\xef\xbb\xbf" CHUNK("\xff") FINISH DONE), true, NULL, false,
		"\xef\xbb\xbf" CHUNK("\xff") FINISH DONE);
	expect(SLICE(" {\"id\":\"i\",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_"
		     "reason\":\"stop\"}]}\n"),
		false, NULL, false,
		" {\"id\":\"i\",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":"
		"\"stop\"}]}\n");
}

static void test_usage_is_hidden_and_the_model_echoed(void **state) {
	(void)state; /* OC-12, CC-7 */
	expect(SLICE(CHUNK("a") FINISH USAGE DONE), true, NULL, true, CHUNK("a") FINISH DONE);
	expect(SLICE("data: "
		     "{\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
		     "\"\\\"model\\\":\\\"up\\\"\"},\"finish_reason\":\"stop\"}]}\n\n" DONE),
		true, "my\"m", false,
		"data: "
		"{\"model\":\"my\\\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
		"\"\\\"model\\\":\\\"up\\\"\"},\"finish_reason\":\"stop\"}]}\n\n" DONE);
	/* E-5: data of several lines is written again */
	expect(SLICE("event: x\ndata: {\"model\":\ndata: "
		     "\"up\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" DONE),
		true, "mine", false,
		"event: x\ndata: {\"model\":\ndata: "
		"\"mine\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" DONE);
}

static void test_a_cut_stream_tells_so(void **state) {
	(void)state; /* EV-6, E-39, EV-1: no [DONE] that claims a success */
	static const char cut[] =
		"data: {\"error\":{\"message\":\"the upstream's answer was cut: it ended "
		"without a finish reason\",\"type\":\"server_error\",\"param\":null,"
		"\"code\":\"upstream_error\"}}\n\n";
	char wanted[1024];
	snprintf(wanted, sizeof wanted, "%s%s", CHUNK("a"), cut);
	expect(SLICE(CHUNK("a")), true, NULL, false, wanted);
	expect(SLICE(CHUNK("a") DONE), true, NULL, false, wanted);
	/* half a frame never reaches the client */
	expect(SLICE(CHUNK("a") "data: {\"id\":\"i\",\"cho"), true, NULL, false, wanted);
}

static void test_a_missing_end_marker_is_added(void **state) {
	(void)state; /* design.md 6, "end of a stream" */
	expect(SLICE(CHUNK("a") FINISH), true, NULL, false, CHUNK("a") FINISH DONE);
	/* behind a frame without its empty line too (E-8) */
	struct slice finish = SLICE(FINISH);
	finish.len -= 2;
	expect(finish, true, NULL, false, FINISH DONE);
}

static void test_errors_on_the_wire_are_not_told_twice(void **state) {
	(void)state; /* OC-28 */
	expect(SLICE(CHUNK("a") "data: {\"error\":{\"message\":\"x\"}}\n\n" DONE), true, NULL,
		false, CHUNK("a") "data: {\"error\":{\"message\":\"x\"}}\n\n");
}

static void test_the_last_frame_may_lack_its_end(void **state) {
	(void)state; /* E-8, E-9 */
	struct answer a;
	begin(&a, true);
	feed(&a,
		SLICE(CHUNK("a") "data:{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
				 "\"stop\"}]}"),
		7, NULL);
	assert_false(a.check.has_failed);
	finish(&a);
}

static void test_transport_errors(void **state) {
	(void)state;
	struct error lost;
	error_set(&lost, ERROR_NETWORK, "connection reset");
	struct answer a;
	begin(&a, true);
	feed(&a, SLICE(CHUNK("a")), 1000, &lost);
	assert_int_equal(a.check.error.kind, ERROR_NETWORK);
	finish(&a);
	begin(&a, true); /* complete once its finish reason was seen */
	feed(&a, SLICE(CHUNK("a") FINISH), 1000, &lost);
	assert_false(a.check.has_failed);
	finish(&a);
	begin(&a, false);
	feed(&a, SLICE("{\"choices\":[{\"mes"), 1000, &lost);
	assert_int_equal(a.check.error.kind, ERROR_NETWORK);
	finish(&a);
}

static void test_something_else_than_a_stream(void **state) {
	(void)state; /* E-38 */
	static const struct {
		const char *body, *message;
		enum error_kind kind;
	} bodies[] = {
		{" {\"error\":{\"message\":\"no quota\",\"code\":\"insufficient_quota\"}}",
			"no quota", ERROR_QUOTA},
		{"<!DOCTYPE html><html><TITLE>Bad gateway</TITLE>",
			"the upstream answered with an HTML page (\"Bad gateway\")",
			ERROR_UPSTREAM_PROTOCOL},
		{"{\"choices\":", NULL, ERROR_UPSTREAM_PROTOCOL},
		{"upstream connect error", NULL, ERROR_UPSTREAM_PROTOCOL},
		{"data: upstream connect error\n\n", NULL, ERROR_UPSTREAM_PROTOCOL},
		{"", NULL, ERROR_UPSTREAM_PROTOCOL},
		{"\xef\xbb", NULL, ERROR_UPSTREAM_PROTOCOL},
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		for (int mode = 0; mode < 4; mode++) {
			struct answer a;
			begin(&a, mode & 1);
			feed(&a, slice_of(bodies[i].body), mode & 2 ? 1 : 1000, NULL);
			assert_true(a.check.has_failed);
			if (a.check.error.kind != bodies[i].kind) {
				fail_msg("%s: %s", bodies[i].body, a.check.error.message);
			}
			if (bodies[i].message != NULL) {
				assert_string_equal(a.check.error.message, bodies[i].message);
			}
			/* nothing of it is on the wire: the caller can still say a status */
			assert_int_equal(a.check.wire.len, 0);
			finish(&a);
		}
	}
}

static void test_a_whole_answer_where_a_stream_was_asked_for(void **state) {
	(void)state; /* and the other way round: the client gets what it asked for */
	struct answer a;
	begin(&a, true);
	feed(&a,
		SLICE("{\"id\":\"i\",\"created\":1,\"model\":\"up\",\"choices\":[{\"message\":{"
		      "\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"),
		1000, NULL);
	assert_true(slice_starts_with(buf_slice(&a.client), SLICE("data: {\"id\":\"i\"")));
	assert_true(slice_ends_with(buf_slice(&a.client), SLICE(DONE)));
	finish(&a);
	begin(&a, false);
	feed(&a, SLICE(CHUNK("a") FINISH DONE), 1000, NULL);
	assert_true(slice_starts_with(
		buf_slice(&a.client), SLICE("{\"id\":\"i\",\"object\":\"chat.completion\"")));
	finish(&a);
}

static void test_bad_utf8_is_mended_for_the_translation(void **state) {
	(void)state; /* E-84 */
	struct answer a;
	begin(&a, true);
	feed(&a, SLICE(CHUNK("a\xff\xc3") FINISH), 1000, NULL);
	assert_true(slice_contains(check_sink_text(&a.check), SLICE("a\xef\xbf\xbd\xef\xbf\xbd")));
	finish(&a);
}

static void test_limits(void **state) {
	(void)state; /* LT-1 */
	struct answer a;
	begin(&a, true);
	a.options.max_line_bytes = 64;
	feed(&a, SLICE(CHUNK("0123456789012345678901234567890123456789") FINISH), 16, NULL);
	assert_int_equal(a.check.error.kind, ERROR_TOO_LARGE);
	finish(&a);
	begin(&a, false);
	a.options.max_answer_bytes = 64;
	feed(&a,
		SLICE("{\"choices\":[{\"message\":{\"content\":"
		      "\"0123456789012345678901234567890123456789\"}}]}"),
		16, NULL);
	assert_int_equal(a.check.error.kind, ERROR_TOO_LARGE);
	finish(&a);
}

/* design.md 4: each limit of an answer, in both dialects. `within` lets it pass, `beyond` not. */
static void expect_limit(enum format_id id, const char *body,
	const struct format_decoder_options *within, const struct format_decoder_options *beyond,
	enum error_kind kind) {
	const struct format_decoder_options *options[] = {within, beyond};
	for (size_t i = 0; i < 2; i++) {
		struct answer a;
		begin(&a, true);
		a.request.client_format = FORMAT_COUNT;
		struct format_decoder_options limited = *options[i];
		limited.arena = &a.arena;
		limited.request = &a.request;
		limited.is_stream = true;
		limited.sink = &a.check.sink;
		struct format_decoder *decoder = format_get(id)->decoder_create(&limited);
		decoder->ops->feed(decoder, slice_of(body));
		decoder->ops->finish(decoder, NULL);
		decoder->ops->destroy(decoder);
		assert_string_equal(a.check.problem, "");
		if (a.check.has_failed != (i == 1)) {
			fail_msg("%s: %s", body, i ? "passed" : a.check.error.message);
		}
		if (i == 1) {
			assert_int_equal(a.check.error.kind, kind);
		}
		finish(&a);
	}
}

#define CALL(index)                                                                                \
	"{\"index\":" index ",\"id\":\"c" index "\",\"function\":{\"name\":\"f\",\"arguments\":"   \
	"\"{\\\"a\\\":1}\"}}"
#define CALLS                                                                                      \
	"data: {\"choices\":[{\"delta\":{\"tool_calls\":[" CALL("0") "," CALL(                     \
		"1") "]},\"finish_reason\":\"tool_calls\"}]}\n\n" DONE
#define BLOCK(index)                                                                               \
	"data: {\"type\":\"content_block_start\",\"index\":" index                                 \
	",\"content_block\":{\"type\":\"tool_use\",\"id\":\"c" index                               \
	"\",\"name\":\"f\",\"input\":{}}}\n\n"                                                     \
	"data: {\"type\":\"content_block_delta\",\"index\":" index                                 \
	",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\n"
#define BLOCKS                                                                                     \
	"data: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"content\":" \
	"[]}}\n\n" BLOCK("0") BLOCK("1") "data: {\"type\":\"message_delta\",\"delta\":{"           \
					 "\"stop_reason\":\"tool_use\"}}\n\ndata: "                \
					 "{\"type\":\"message_stop\"}\n\n"

static void test_configured_limits(void **state) {
	(void)state; /* LT-1 */
	static const struct {
		enum format_id id;
		const char *body;
	} answers[] = {{FORMAT_OPENAI_CHAT, CALLS}, {FORMAT_ANTHROPIC, BLOCKS}};
	for (size_t i = 0; i < 2; i++) {
		const struct format_decoder_options defaults = {0};
		struct format_decoder_options wide = {.max_args_bytes = 9, .max_open_parts = 2};
		struct format_decoder_options args = {.max_args_bytes = 6};
		struct format_decoder_options parts = {.max_open_parts = 1};
		struct format_decoder_options shallow = {.max_json_depth = 2};
		expect_limit(answers[i].id, answers[i].body, &wide, &args, ERROR_TOO_LARGE);
		expect_limit(answers[i].id, answers[i].body, &wide, &parts, ERROR_TOO_LARGE);
		expect_limit(answers[i].id, answers[i].body, &defaults, &shallow,
			ERROR_UPSTREAM_PROTOCOL);
	}
}

int test_decode_shell(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_wire_is_kept),
		cmocka_unit_test(test_usage_is_hidden_and_the_model_echoed),
		cmocka_unit_test(test_a_cut_stream_tells_so),
		cmocka_unit_test(test_a_missing_end_marker_is_added),
		cmocka_unit_test(test_errors_on_the_wire_are_not_told_twice),
		cmocka_unit_test(test_the_last_frame_may_lack_its_end),
		cmocka_unit_test(test_transport_errors),
		cmocka_unit_test(test_something_else_than_a_stream),
		cmocka_unit_test(test_a_whole_answer_where_a_stream_was_asked_for),
		cmocka_unit_test(test_bad_utf8_is_mended_for_the_translation),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_configured_limits),
	};
	return cmocka_run_group_tests_name("decode_shell", tests, NULL, NULL);
}
