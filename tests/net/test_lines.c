/* test_lines.c: the line reader of NDJSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "net/sse.h"

int test_lines(void);

struct seen {
	struct buf lines; /* each followed by '|' */
	struct buf raws;
	size_t count;
	size_t stop_after;
};

static bool see_line(struct slice line, struct slice raw, void *data) {
	struct seen *seen = data;
	assert_true(line.len > 0);
	buf_append(&seen->lines, line);
	buf_append_byte(&seen->lines, '|');
	buf_append(&seen->raws, raw);
	seen->count++;
	return seen->count != seen->stop_after;
}

static const struct {
	const char *input, *lines;
	size_t untold; /* bytes of empty lines at the end, which belong to no line */
} cases[] = {
	{"{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}|", 0},
	{"{\"a\":1}\r\n\r\n{\"b\":2}\r\n", "{\"a\":1}|{\"b\":2}|", 0},
	{"\n\n\r\na\n\n\nb", "a|b|", 0},
	{"a\rb\nc", "a\rb|c|", 0},
	{"a\n\r\rb\r\n", "a|\r\rb|", 0},
	{"a\n\n\r\n", "a|", 3},
	{"a\n\r", "a|", 1},
	{"", "", 0},
};

static void test_cases(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice input = slice_of(cases[i].input);
		for (size_t step = 1; step <= input.len + 1; step++) {
			struct line_reader reader;
			struct seen seen = {0};
			struct error error;
			line_reader_init(&reader, 0);
			for (size_t at = 0; at < input.len; at += step) {
				assert_true(line_feed(&reader, slice_sub(input, at, step), see_line,
					&seen, &error));
			}
			assert_true(line_end(&reader, see_line, &seen));
			assert_true(slice_is(buf_slice(&seen.lines), cases[i].lines));
			assert_true(slice_eq(buf_slice(&seen.raws),
				slice_sub(input, 0, input.len - cases[i].untold)));
			line_reader_finish(&reader);
			buf_finish(&seen.lines);
			buf_finish(&seen.raws);
		}
	}
}

static void test_zero_copy(void **state) {
	(void)state;
	struct line_reader reader;
	struct seen seen = {0};
	line_reader_init(&reader, 0);
	assert_true(line_feed(&reader, SLICE("a\n\nb\n"), see_line, &seen, NULL));
	assert_int_equal(seen.count, 2);
	assert_null(reader.held.data);
	line_reader_finish(&reader);
	buf_finish(&seen.lines);
	buf_finish(&seen.raws);
}

static void test_limit(void **state) {
	(void)state;
	static const struct slice input = SLICE_INIT("1234\n12345\n");
	for (size_t step = 1; step <= input.len; step++) {
		struct line_reader reader;
		struct seen seen = {0};
		struct error error = {0};
		bool good = true;
		line_reader_init(&reader, 5);
		for (size_t at = 0; at < input.len && good; at += step) {
			good = line_feed(
				&reader, slice_sub(input, at, step), see_line, &seen, &error);
		}
		assert_false(good);
		assert_int_equal(error.kind, ERROR_TOO_LARGE);
		assert_int_equal(seen.count, 1);
		line_reader_finish(&reader);
		buf_finish(&seen.lines);
		buf_finish(&seen.raws);
	}
}

static void test_stop(void **state) {
	(void)state;
	struct line_reader reader;
	struct seen seen = {.stop_after = 1};
	struct error error = {.kind = ERROR_INTERNAL};
	line_reader_init(&reader, 0);
	assert_false(line_feed(&reader, SLICE("a\nb\n"), see_line, &seen, &error));
	assert_int_equal(error.kind, ERROR_NONE);
	assert_false(line_feed(&reader, SLICE("c\n"), see_line, &seen, &error));
	assert_false(line_end(&reader, see_line, &seen));
	assert_int_equal(seen.count, 1);
	line_reader_finish(&reader);
	buf_finish(&seen.lines);
	buf_finish(&seen.raws);
}

int test_lines(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_zero_copy),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_stop),
	};
	return cmocka_run_group_tests_name("net/lines", tests, NULL, NULL);
}
