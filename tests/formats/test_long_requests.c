/* test_long_requests.c: requests of very many messages and calls are carried whole, in time that
 * grows with their length and not with its square (with the square, these would take minutes). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/format.h"

int test_long_requests(void);

#define ROUNDS 20000

/* How messages go on, round after round; %d is the number of the round. */
struct long_case {
	const char *title;
	enum format_id from, to;
	const char *head, *round, *tail;
	const char *counted; /* text of the built body */
	size_t count;        /* how often it occurs; 0: refused */
};

#define CC_HEAD "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}"
#define CC_CALL(id, name)                                                                          \
	",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"" id                                   \
	"\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"{}\"}}]}"
#define CC_RESULT(id) ",{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"
#define ANT_HEAD(rest) "{\"model\":\"m\",\"max_tokens\":9" rest

static const struct long_case cases[] = {
	{"calls and results", FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, CC_HEAD,
		CC_CALL("c%1$d", "f") CC_RESULT("c%1$d"), "]}", "\"tool_result\"", ROUNDS},
	{"ids and names to be renamed", FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, CC_HEAD,
		CC_CALL("c.%1$d", "f.%1$d") CC_RESULT("c.%1$d"), "]}",
		"\"type\":\"tool_result\",\"tool_use_id\":\"c_", ROUNDS},
	{"the same id every time (E-51)", FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, CC_HEAD,
		CC_CALL("c", "f") CC_RESULT("c"), "]}", "\"tool_use_id\":\"c_", ROUNDS - 1},
	{"calls without results (AN-13)", FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, CC_HEAD,
		CC_CALL("c%1$d", "f") ",{\"role\":\"system\",\"content\":\"s\"}", "]}",
		"[no result]", ROUNDS},
	{"results without calls (AN-14)", FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, CC_HEAD,
		CC_RESULT("c%1$d"), "]}", "[tool result c", ROUNDS},
	{"results far from their calls", FORMAT_OPENAI_CHAT, FORMAT_OPENAI_CHAT,
		CC_HEAD CC_CALL("c", "f"),
		",{\"role\":\"user\",\"content\":\"y\"}" CC_RESULT("z%1$d"), "]}",
		"Result of the tool call z", ROUNDS},
	{"unknown members", FORMAT_OPENAI_CHAT, FORMAT_ANTHROPIC, CC_HEAD "]", ",\"k%1$d\":1", "}",
		"\"messages\"", 1},
	{"one turn of calls", FORMAT_ANTHROPIC, FORMAT_OPENAI_CHAT,
		ANT_HEAD(",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
			 "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}"),
		",{\"type\":\"tool_use\",\"id\":\"c%1$d\",\"name\":\"f\",\"input\":{}}", "]}]}",
		"No result.", ROUNDS},
	{"too many tools", FORMAT_ANTHROPIC, FORMAT_OPENAI_CHAT,
		ANT_HEAD(",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":["
			 "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}"),
		",{\"name\":\"f%1$d\",\"input_schema\":{\"type\":\"object\"}}", "]}", "", 0},
	{"too many betas", FORMAT_ANTHROPIC, FORMAT_OPENAI_CHAT,
		ANT_HEAD(",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"betas\":[\"b\""),
		",\"b%1$d\"", "]}", "", 0},
};

static size_t occurrences(struct slice text, const char *what) {
	size_t count = 0;
	for (size_t at; (at = slice_find(text, slice_of(what))) != SIZE_MAX; count++) {
		text = slice_from(text, at + strlen(what));
	}
	return count;
}

static void run(const struct long_case *test) {
	struct arena arena;
	struct buf body, flat;
	struct error error;
	struct chat_request request;
	struct format_built built = {0};
	arena_init(&arena, NULL, 0);
	struct chat_losses losses = {.arena = &arena};
	buf_init(&body, 0);
	buf_init(&flat, 0);
	buf_append_str(&body, test->head);
	for (int i = 0; i < ROUNDS; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		buf_printf(&body, test->round, i);
#pragma GCC diagnostic pop
	}
	buf_append_str(&body, test->tail);
	struct format_parse parse = {.body = buf_slice(&body), .arena = &arena};
	parse.tree = json_parse(&arena, parse.body, NULL, &error);
	assert_non_null(parse.tree);
	const struct format_target target = {
		.model = SLICE("m"), .family = model_family_of(SLICE("m"))};
	bool ok = format_get(test->from)->parse_request(&parse, &request, &error) &&
		  format_get(test->to)->build_request(&request, &target, &built, &losses, &error);
	if (ok != (test->count > 0)) {
		fail_msg("%s: %s", test->title, ok ? "passed" : error.message);
	}
	if (ok) {
		struct iovec iov[64];
		int count = buf_iovec(&built.body, 0, iov, 64);
		for (int i = 0; i < count; i++) {
			buf_append(&flat, slice_make(iov[i].iov_base, iov[i].iov_len));
		}
		size_t found = occurrences(buf_slice(&flat), test->counted);
		if (found != test->count) {
			fail_msg("%s: %zu times %s", test->title, found, test->counted);
		}
	}
	buf_finish(&built.body);
	buf_finish(&flat);
	buf_finish(&body);
	arena_finish(&arena);
}

static void long_requests(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		run(&cases[i]);
	}
}

int test_long_requests(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(long_requests)};
	return cmocka_run_group_tests_name("formats/long_requests", tests, NULL, NULL);
}
