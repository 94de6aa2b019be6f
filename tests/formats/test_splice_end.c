/* test_splice_end.c: how a spliced stream ends that its upstream did not end (E-32, E-39, RS-25).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/format.h"

int test_splice_end(void);

#define CREATED                                                                                    \
	"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"     \
	"\"response\":{\"id\":\"resp_up\",\"model\":\"up\"}}\n\n"
#define IN_PROGRESS                                                                                \
	"event: response.in_progress\ndata: {\"type\":\"response.in_progress\","                   \
	"\"sequence_number\":1}\n\n"

static void send_wire(struct chat_sink *sink, const char *bytes) {
	chat_sink_send(
		sink, &(struct chat_event){.type = CHAT_EVENT_WIRE, .text = slice_of(bytes)});
}

static void e_32_the_appended_event_has_the_next_number(void **state) {
	struct arena arena;
	struct buf out;
	struct error error;
	(void)state;
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	const struct format_encoder_options options = {
		.arena = &arena, .out = &out, .is_stream = true, .model = SLICE("mine")};
	struct chat_sink *sink =
		format_splice_encoder_create(format_get(FORMAT_OPENAI_RESPONSES), &options);
	send_wire(sink, CREATED);
	chat_sink_send(sink, &(struct chat_event){.type = CHAT_EVENT_START,
				     .start = {.id = SLICE("resp_up"), .model = SLICE("up")}});
	send_wire(sink, ": keepalive\n\n");
	send_wire(sink, IN_PROGRESS);
	error_set(&error, ERROR_UPSTREAM_PROTOCOL, "cut");
	chat_sink_send(
		sink, &(struct chat_event){.type = CHAT_EVENT_ERROR, .error = {.error = &error}});
	chat_sink_send(sink, &(struct chat_event){.type = CHAT_EVENT_END});

	struct slice told = buf_slice(&out);
	size_t at = slice_find(told, SLICE("event: response.failed\ndata: "));
	assert_int_not_equal(at, SIZE_MAX);
	struct slice data =
		slice_trim(slice_from(told, at + strlen("event: response.failed\ndata: ")));
	const struct json *tree = json_parse(&arena, data, NULL, NULL);
	const struct json *response = json_get(tree, "response");
	assert_true(slice_is(json_raw(json_get(tree, "sequence_number")), "2"));
	assert_true(json_string_is(json_get(response, "id"), "resp_up"));
	assert_true(json_string_is(json_get(response, "model"), "up"));
	buf_finish(&out);
	arena_finish(&arena);
}

int test_splice_end(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e_32_the_appended_event_has_the_next_number),
	};
	return cmocka_run_group_tests_name("splice_end", tests, NULL, NULL);
}
