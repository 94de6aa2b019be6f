/* test_command_read.c: JSON outputs of programs and failures in words, by cases (workflows.md 2.1,
 * 2.5). Each file of cases/command-read is one output: a line of JSON that says what is to be read
 * from what follows it. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "formats/format.h"
#include "mux/command_internal.h"
#include "mux/mux_help.h"

int test_command_read(void);

#define CASES "tests/mux/cases/command-read"

static void expect_text(
	const char *name, const char *what, const struct json *expected, struct slice text) {
	struct arena arena = {0};
	struct slice wanted = json_string(expected, &arena);
	if (expected != NULL && !slice_eq(wanted, text)) {
		fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", name, what, SLICE_FMT(text),
			SLICE_FMT(wanted));
	}
	arena_finish(&arena);
}

static void expect_count(const char *name, const struct json *usage, const char *key, int64_t got) {
	int64_t wanted = -1;
	json_int64(json_get(usage, key), &wanted);
	if (usage != NULL && wanted != got) {
		fail_msg("%s: %s is %lld, not %lld", name, key, (long long)got, (long long)wanted);
	}
}

/* {"text":..,"model":..,"failure":..,"error":part of the message,"path":json_path,"data":true,
 * "usage":{..}} */
static void read_case(const char *name, struct slice file) {
	struct arena arena = {0};
	struct error error = {0};
	struct command_reading reading;
	struct slice out = file;
	struct slice head;
	slice_split(&out, '\n', &head);
	const struct json *expected = json_parse(&arena, head, NULL, &error);
	if (expected == NULL) {
		fail_msg("%s: %s", name, error.message);
	}
	struct slice path = json_string(json_get(expected, "path"), &arena);
	bool is_read = command_read(out, path, &arena, &reading, &error);
	const struct json *refusal = json_get(expected, "error");
	if (is_read != (refusal == NULL)) {
		fail_msg("%s: %s", name, is_read ? "was read" : error.message);
	}
	if (refusal != NULL) {
		assert_int_equal(error.kind, ERROR_UPSTREAM_PROTOCOL);
		assert_non_null(
			strstr(error.message, arena_strdup(&arena, json_string(refusal, &arena))));
	} else {
		bool has_data = false;
		json_bool(json_get(expected, "data"), &has_data);
		expect_text(name, "failure", json_get(expected, "failure"), reading.failure);
		if (json_get(expected, "failure") == NULL) {
			assert_int_equal(reading.failure.len, 0);
			expect_text(name, "text", json_get(expected, "text"), reading.text);
		}
		expect_text(name, "model", json_get(expected, "model"), reading.model);
		assert_int_equal(reading.data != NULL, has_data);
		const struct json *usage = json_get(expected, "usage");
		expect_count(name, usage, "input_uncached", reading.usage.input_uncached);
		expect_count(name, usage, "cache_read", reading.usage.cache_read);
		expect_count(name, usage, "cache_write", reading.usage.cache_write);
		expect_count(name, usage, "output_total", reading.usage.output_total);
		expect_count(name, usage, "reasoning", reading.usage.reasoning);
	}
	arena_finish(&arena);
}

static void outputs_are_read_as_their_first_line_says(void **state) {
	size_t count = 0;
	(void)state;
	DIR *dir = opendir(CASES);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char path[400];
		struct buf text = {0};
		struct error error;
		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof path, CASES "/%s", entry->d_name);
		assert_true(file_read(path, 1 << 20, &text, &error));
		read_case(entry->d_name, buf_slice(&text));
		buf_finish(&text);
		count++;
	}
	closedir(dir);
	assert_true(count >= 15);
}

/* Every beginning of an output is read or refused, and none of them breaks anything. */
static void cut_outputs_do_no_harm(void **state) {
	static const char whole[] =
		"{\"type\":\"assistant\",\"message\":{\"model\":\"m\",\"content\":[{\"type\":"
		"\"text\","
		"\"text\":\"\\ud83d\\ude00\"}]}}\n{\"type\":\"message\",\"role\":\"assistant\","
		"\"content\":\"x\",\"delta\":true}\n{\"type\":\"result\",\"is_error\":true,"
		"\"result\":7,\"usage\":{\"input_tokens\":-1}}\n{\"type\":\"error\",\"message\":{}}"
		"\n";
	(void)state;
	for (size_t len = 0; len <= sizeof whole - 1; len++) {
		struct arena arena = {0};
		struct command_reading reading;
		struct error error;
		char *copy = arena_strdup(&arena, slice_make(whole, len));
		command_read(slice_make(copy, len), (struct slice){0}, &arena, &reading, &error);
		command_read(slice_make(copy, len), SLICE("a.0.\\."), &arena, &reading, &error);
		arena_finish(&arena);
	}
}

/* ---- 2.5 ---- */

struct failure_case {
	const char *err, *out;
	enum error_kind kind;
	int64_t delay_ms;
};
static const struct failure_case failure_cases[] = {
	{"Unauthorized", "", ERROR_UPSTREAM_CREDENTIAL, -1},
	{"", "INVALID API KEY", ERROR_UPSTREAM_CREDENTIAL, -1},
	{"status 401:", "", ERROR_UPSTREAM_CREDENTIAL, -1},
	{"(403)", "", ERROR_UPSTREAM_CREDENTIAL, -1},
	{"port 4013", "", ERROR_INTERNAL, -1},
	{"x401", "", ERROR_INTERNAL, -1},
	{"401x and _403", "", ERROR_INTERNAL, -1},
	{"4290 then 429", "", ERROR_RATE_LIMIT, -1},
	/* The first class of the table counts, not the first place in the text. */
	{"429 for 401", "", ERROR_UPSTREAM_CREDENTIAL, -1},
	{"Rate Limit reached", "", ERROR_RATE_LIMIT, -1},
	{"rate_limit_error", "", ERROR_RATE_LIMIT, -1},
	{"RESOURCE_EXHAUSTED", "", ERROR_RATE_LIMIT, -1},
	{"Claude usage limit reached", "", ERROR_RATE_LIMIT, -1},
	{"529", "", ERROR_RATE_LIMIT, -1},
	{"connect ECONNRESET", "", ERROR_NETWORK, -1},
	{"getaddrinfo ENOTFOUND api", "", ERROR_NETWORK, -1},
	{"", "502", ERROR_NETWORK, -1},
	{"boom", "", ERROR_INTERNAL, -1},
	{"", "", ERROR_INTERNAL, -1},
	{"custom words", "", ERROR_RATE_LIMIT, -1},
	/* Delays. */
	{"429, retry after 30", "", ERROR_RATE_LIMIT, 30000},
	{"429\nRetry-After: 2\n", "", ERROR_RATE_LIMIT, 2000},
	{"429 try again in 20ms", "", ERROR_RATE_LIMIT, 20},
	{"429 try again in 1.5s.", "", ERROR_RATE_LIMIT, 1500},
	{"429 try again in 2m", "", ERROR_RATE_LIMIT, 120000},
	{"429 try again in 7 minutes", "", ERROR_RATE_LIMIT, 420000},
	{"429 try again in 3 seconds", "", ERROR_RATE_LIMIT, 3000},
	{"429 try again in a while; try again in 4", "", ERROR_RATE_LIMIT, 4000},
	{"429", "please try again in 5s", ERROR_RATE_LIMIT, 5000},
	{"429 retry after 99999999999999999999", "", ERROR_RATE_LIMIT, 86400000},
	{"429 retry after -1", "", ERROR_RATE_LIMIT, -1},
	{"boom, retry after 3", "", ERROR_INTERNAL, -1},
};

static void failures_are_known_by_their_words(void **state) {
	struct slice words[] = {SLICE(""), SLICE("Custom Words")};
	const struct option_strings more = {.items = words, .len = 2, .cap = 2};
	(void)state;
	for (size_t i = 0; i < sizeof failure_cases / sizeof *failure_cases; i++) {
		const struct failure_case *row = &failure_cases[i];
		struct error error;
		error_set(&error, ERROR_INTERNAL, "x");
		command_classify(slice_of(row->err), slice_of(row->out), &more, &error);
		if (error.kind != row->kind || error.retry_after_ms != row->delay_ms) {
			fail_msg("%s|%s: %s, %lld ms", row->err, row->out,
				error_kind_info(error.kind)->name, (long long)error.retry_after_ms);
		}
	}
}

/* 299 bytes and a character of two. */
static void a_long_line_is_cut_between_characters(void **state) {
	char text[302];
	struct arena arena = {0};
	(void)state;
	memset(text, 'x', 299);
	memcpy(text + 299, "\xC3\xA4", 3);
	assert_int_equal(command_telling_line(slice_of(text), SLICE(""), &arena).len, 299);
	arena_finish(&arena);
}

static void the_telling_line_is_found(void **state) {
	static const struct {
		const char *err, *out, *line;
	} rows[] = {
		{"first\nsecond\n", "out", "first"},
		{"\n \r\n  third \n", "", "third"},
		{"", "answer\nlast words\n\n", "last words"},
		{"\033[1;31mred\033[0m", "", "red"},
		{"\033[31m\033[0m\nnext", "", "next"},
		{"a\tb\x01", "", "a b"},
		/* What warns is not what failed, and of the rest an error says most. */
		{"warning: x\nWARN y\nreal", "", "real"},
		{"Tool v1\n-----\nERROR: it broke\nError: later", "", "ERROR: it broke"},
		{"(node:1) Warning: old\n2026 error: no\n", "", "2026 error: no"},
		{"warning: alone", "out", "warning: alone"},
		{"terrorist\nx", "", "terrorist"},
		{"", "", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena arena = {0};
		struct slice line =
			command_telling_line(slice_of(rows[i].err), slice_of(rows[i].out), &arena);
		if (!slice_is(line, rows[i].line)) {
			fail_msg("%s: \"%.*s\"", rows[i].err, SLICE_FMT(line));
		}
		arena_finish(&arena);
	}
}

/* ---- requests as texts ---- */

static void conversations_become_transcripts(void **state) {
	static const struct {
		const char *messages, *text; /* text NULL: refused */
	} rows[] = {
		{"[{\"role\":\"user\",\"content\":\"Hi\\n\"}]", "Hi\n"},
		{"[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"Hi\"}]",
			"S\n\nHi"},
		{"[{\"role\":\"user\",\"content\":\"A\"},{\"role\":\"assistant\",\"content\":\"B\"}"
		 ","
		 "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"C\"},{\"type\":"
		 "\"text\",\"text\":\"D\"}]}]",
			"Below is a conversation so far. Answer its last message as the assistant; "
			"write the answer alone.\n\nUser: A\n\nAssistant: B\n\nUser: CD\n"},
		{"[{\"role\":\"user\",\"content\":\"A\"},{\"role\":\"assistant\",\"tool_calls\":[{"
		 "\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
		 "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"R\"}]",
			"Below is a conversation so far. Answer its last message as the assistant; "
			"write the answer alone.\n\nUser: A\n\nAssistant: [calls the tool f with "
			"{}]\n\nTool: [the tool answered:\nR]\n"},
		{"[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
		 "\"https://x/y.png\"}}]}]",
			NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arena arena = {0};
		struct error error = {0};
		struct chat_losses losses = {.arena = &arena};
		struct http_headers headers = {0};
		struct chat_request request = {.arena = &arena};
		struct slice prompt;
		struct format_parse parse = {.arena = &arena,
			.op = CHAT_OP_CHAT,
			.headers = &headers,
			.body = arena_printf(&arena,
				"{\"model\":\"m\",\"temperature\":1,\"messages\":%s}",
				rows[i].messages)};
		parse.tree = json_parse(&arena, parse.body, NULL, &error);
		assert_non_null(parse.tree);
		assert_true(
			format_get(FORMAT_OPENAI_CHAT)->parse_request(&parse, &request, &error));
		bool is_text = command_prompt(&request, &losses, &arena, &prompt, &error);
		assert_int_equal(is_text, rows[i].text != NULL);
		if (!is_text) {
			assert_int_equal(error.kind, ERROR_NOT_SUPPORTED);
		} else if (!slice_is(prompt, rows[i].text)) {
			fail_msg("%.*s", SLICE_FMT(prompt));
		}
		assert_int_equal(losses.len, 1);
		assert_string_equal(losses.items[0].field, "temperature");
		arena_finish(&arena);
	}
}

int test_command_read(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_are_read_as_their_first_line_says),
		cmocka_unit_test(cut_outputs_do_no_harm),
		cmocka_unit_test(failures_are_known_by_their_words),
		cmocka_unit_test(the_telling_line_is_found),
		cmocka_unit_test(a_long_line_is_cut_between_characters),
		cmocka_unit_test(conversations_become_transcripts),
	};
	return cmocka_run_group_tests_name("command_read", tests, NULL, NULL);
}
