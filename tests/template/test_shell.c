/* test_shell.c: how values are written in shell text, by the cases of shell.txt (workflows.md 6.6);
 * what a real shell makes of it is test_shell_proof.c's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "template/template_internal.h"

int test_shell(void);

#define HOLE '\x01'

/* \n \t \\, and \1 for the hole. */
static void unescape(struct slice text, struct buf *out) {
	buf_reset(out, 4096);
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];
		if (byte == '\\' && i + 1 < text.len) {
			char next = text.data[++i];
			byte = next == 'n' ? '\n' : next == 't' ? '\t' : next == '1' ? HOLE : next;
		}
		buf_append_byte(out, byte);
	}
}

/* The text with the value in its holes; false with *problem. */
static bool fill(struct slice text, struct slice value, size_t limit, struct buf *out,
	const char **problem) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct shell_lexer *lexer = shell_lexer_new(&arena);
	struct slice part;
	bool is_ok = true, is_first = true;
	buf_init(out, limit);
	while (is_ok && slice_split(&text, HOLE, &part)) {
		is_ok = (is_first || shell_emit_value(lexer, value, out, problem)) &&
			shell_emit_literal(lexer, part, out, problem);
		is_first = false;
	}
	is_ok = is_ok && shell_finish(lexer, problem);
	arena_finish(&arena);
	return is_ok;
}

static size_t failures, count;

static void check(unsigned line, struct slice text, struct slice value, struct slice wanted,
	bool is_refused) {
	struct buf out;
	const char *problem = NULL;
	bool is_ok = fill(text, value, 0, &out, &problem);
	bool is_right = is_ok ? !is_refused && slice_eq(buf_slice(&out), wanted)
			      : is_refused && problem && slice_contains(slice_of(problem), wanted);
	if (!is_right) {
		print_error("tests/template/shell.txt:%u\n  result: %.*s\n  wanted: %.*s\n", line,
			SLICE_FMT(is_ok ? buf_slice(&out) : slice_of(problem ? problem : "?")),
			SLICE_FMT(wanted));
		failures++;
	}
	count++;
	buf_finish(&out);
}

static void values_are_written_by_context(void **state) {
	(void)state;
	struct error error;
	struct buf file, text = {0}, value = {0}, wanted = {0};
	buf_init(&file, 1 << 20);
	assert_true(file_read("tests/template/shell.txt", 1 << 20, &file, &error));
	struct slice rest = buf_slice(&file), line;
	unsigned number = 0;
	failures = count = 0;
	while (slice_split(&rest, '\n', &line)) {
		number++;
		struct slice tail = slice_from(line, 2);
		switch (line.len > 0 ? line.data[0] : '#') {
		case 'T':
			unescape(tail, &text);
			unescape(SLICE("a'b\"c$(x)"), &value);
			break;
		case 'V':
			unescape(tail, &value);
			break;
		case '=':
		case '!':
			unescape(tail, &wanted);
			check(number, buf_slice(&text), buf_slice(&value), buf_slice(&wanted),
				line.data[0] == '!');
			break;
		default:
			assert_true(line.len == 0 || line.data[0] == '#');
		}
	}
	buf_finish(&file);
	buf_finish(&text);
	buf_finish(&value);
	buf_finish(&wanted);
	assert_true(count > 70);
	assert_int_equal(failures, 0);
}

static void nul_bytes_are_refused_everywhere(void **state) {
	(void)state;
	static const char *const texts[] = {
		"echo \x01", "echo '\x01'", "# \x01", "cat <<A\n\x01\nA\n"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct buf out;
		const char *problem = NULL;
		assert_false(fill(slice_of(texts[i]), slice_make("a\0b", 3), 0, &out, &problem));
		assert_non_null(strstr(problem, "NUL"));
		buf_finish(&out);
	}
}

/* Nesting beyond what is followed: literal text passes, a value is refused. */
static void depth_is_bounded(void **state) {
	(void)state;
	struct buf text = {0}, out;
	const char *problem = NULL;
	for (int i = 0; i < 500; i++) {
		buf_append_str(&text, "\"$(");
	}
	assert_true(fill(buf_slice(&text), SLICE("x"), 0, &out, &problem));
	buf_finish(&out);
	buf_append_byte(&text, HOLE);
	assert_false(fill(buf_slice(&text), SLICE("x"), 0, &out, &problem));
	assert_non_null(strstr(problem, "too deep"));
	buf_finish(&out);
	buf_finish(&text);
}

/* Every limit of the buffer, from nothing on: refused without a problem, or whole. */
static void a_full_buffer_is_told(void **state) {
	(void)state;
	struct slice text = SLICE("echo \"`echo '\x01'`\" $'a\\n\x01' <<E\n\x01\nE\n");
	struct buf whole;
	const char *problem = NULL;
	assert_true(fill(text, SLICE("it's"), 0, &whole, &problem));
	for (size_t limit = 1; limit < whole.len; limit++) {
		struct buf out;
		assert_false(fill(text, SLICE("it's"), limit, &out, &problem));
		assert_null(problem);
		assert_true(out.failed);
		buf_finish(&out);
	}
	buf_finish(&whole);
}

int test_shell(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_written_by_context),
		cmocka_unit_test(nul_bytes_are_refused_everywhere),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(a_full_buffer_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
