/* test_stop_match.c: stop sequences enforced here (E-47), at every cut of the text. */
#include "chat/emit.h"
#include "mux/mux_help.h"

int test_stop_match(void);

struct stop_case {
	const char *text;
	const char *stops[3];
	const char *expected;
	const char *stop; /* NULL = not hit */
};

static const struct stop_case cases[] = {
	{"one two three", {"two"}, "one ", "two"},
	{"one two three", {"four"}, "one two three", NULL},
	{"one two three", {"three", "two"}, "one ", "two"},
	{"aaab", {"aab"}, "a", "aab"},
	{"ababac", {"abac"}, "ab", "abac"},
	{"xENDxEND", {"END"}, "x", "END"},
	{"xEN", {"END"}, "xEN", NULL},
	{"STOPPER", {"STOP", "STOPPER"}, "", "STOPPER"},
	{"line\n\nnext", {"\n\n"}, "line", "\n\n"},
	{"gr\xc3\xbc\xc3\x9f dich", {"\xc3\x9f"}, "gr\xc3\xbc", "\xc3\x9f"},
	{"\xf0\x9f\x99\x82\xf0\x9f\x99\x83", {"\xf0\x9f\x99\x83"}, "\xf0\x9f\x99\x82",
		"\xf0\x9f\x99\x83"},
};

static const struct format_counter no_counter;

static void run_case(const struct stop_case *c, size_t piece) {
	struct arena arena;
	struct recorder r;
	struct chat_emitter e;
	struct slice none = {0}, stops[3];
	size_t count = 0;
	arena_init(&arena, NULL, 0);
	recorder_init(&r);
	struct chat_request request = {.arena = &arena};
	while (count < 3 && c->stops[count] != NULL) {
		stops[count] = slice_of(c->stops[count]);
		count++;
	}
	struct stop_match *match =
		stop_match_create(&request, &no_counter, stops, count, &r.sink, &arena);
	chat_emitter_init(&e, stop_match_sink(match), &arena);
	chat_emit_start(&e, SLICE("id"), SLICE("m"), 0, none, none);
	for (size_t at = 0; at < strlen(c->text); at += piece) {
		chat_emit_text(&e, 0, slice_sub(slice_of(c->text), at, piece));
	}
	chat_emit_finish(&e, 0, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&e);
	if (!slice_is(buf_slice(&r.text), c->expected)) {
		fail_msg("'%s' in pieces of %zu gives '%.*s'", c->text, piece,
			SLICE_FMT(buf_slice(&r.text)));
	}
	assert_true(r.has_ended);
	assert_int_equal(r.finishes, 1);
	assert_int_equal(r.errors, 0);
	assert_int_equal(stop_match_has_ended(match), c->stop != NULL);
	assert_int_equal(r.reason, c->stop != NULL ? CHAT_FINISH_STOP_SEQUENCE : CHAT_FINISH_STOP);
	assert_int_equal(chat_usage_is_known(&r.usage), c->stop != NULL);
	recorder_finish(&r);
	arena_finish(&arena);
}

static void test_cuts(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t piece = 1; piece <= strlen(cases[i].text); piece++) {
			run_case(&cases[i], piece);
		}
	}
}

/* Two candidates: one is cut, the other goes on; the answer ends when its source ends it. */
static void test_candidates(void **state) {
	struct arena arena;
	struct recorder r;
	struct chat_emitter e;
	struct slice none = {0}, stop = SLICE("two");
	(void)state;
	arena_init(&arena, NULL, 0);
	recorder_init(&r);
	struct chat_request request = {.arena = &arena, .has_n = true, .n = 2};
	struct stop_match *match =
		stop_match_create(&request, &no_counter, &stop, 1, &r.sink, &arena);
	chat_emitter_init(&e, stop_match_sink(match), &arena);
	chat_emit_start(&e, SLICE("id"), SLICE("m"), 0, none, none);
	chat_emit_text(&e, 0, SLICE("one two three "));
	chat_emit_text(&e, 1, SLICE("other "));
	chat_emit_text(&e, 0, SLICE("four"));
	chat_emit_finish(&e, 0, CHAT_FINISH_STOP, none, none, none);
	assert_false(stop_match_has_ended(match));
	chat_emit_text(&e, 1, SLICE("words"));
	chat_emit_finish(&e, 1, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&e);
	assert_true(slice_is(buf_slice(&r.text), "one other words"));
	assert_int_equal(r.finishes, 2);
	assert_true(r.has_ended);
	recorder_finish(&r);
	arena_finish(&arena);
}

/* EV-2: a tool call that is open when the text is cut is closed. */
static void test_open_tool(void **state) {
	struct arena arena;
	struct recorder r;
	struct slice stop = SLICE("b");
	(void)state;
	arena_init(&arena, NULL, 0);
	recorder_init(&r);
	struct chat_request request = {.arena = &arena};
	struct stop_match *match =
		stop_match_create(&request, &no_counter, &stop, 1, &r.sink, &arena);
	const struct chat_event events[] = {
		{.type = CHAT_EVENT_START},
		{.type = CHAT_EVENT_TOOL_START, .part = 0, .tool.name = SLICE("t")},
		{.type = CHAT_EVENT_PART_START, .part = 1, .part_start.kind = CHAT_PART_TEXT},
		{.type = CHAT_EVENT_TEXT_DELTA, .part = 1, .text = SLICE("ab")},
	};
	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		chat_sink_send(stop_match_sink(match), &events[i]);
	}
	assert_true(slice_contains(buf_slice(&r.events), SLICE("tool_end")));
	assert_true(r.has_ended);
	recorder_finish(&r);
	arena_finish(&arena);
}

int test_stop_match(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_candidates),
		cmocka_unit_test(test_open_tool),
	};
	return cmocka_run_group_tests_name("mux/stop_match", tests, NULL, NULL);
}
