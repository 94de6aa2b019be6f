/* test_sse.c: the reader and writer of server-sent events, by hand-made cases and every recorded
 * stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>

#include "base/file.h"
#include "net/sse.h"
#include "support/fixtures.h"

int test_sse(void);

/* What a reader gave, as text: one line a frame, `raw|event|data|flags` with escapes; and the raws
 * in a row. */
struct seen {
	struct buf text;
	struct buf raws;
	size_t frames;
	size_t stop_after; /* 0 = never */
};

static void put_escaped(struct buf *out, struct slice s) {
	if (!s.data) {
		buf_append_str(out, "(none)");
		return;
	}
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (c == '\n') {
			buf_append_str(out, "\\n");
		} else if (c == '\r') {
			buf_append_str(out, "\\r");
		} else {
			buf_append_byte(out, c);
		}
	}
}

static bool see_frame(const struct sse_frame *frame, void *data) {
	struct seen *seen = data;
	put_escaped(&seen->text, frame->raw);
	buf_append_byte(&seen->text, '|');
	put_escaped(&seen->text,
		slice_make(frame->event.data ? frame->event.data : "", frame->event.len));
	buf_append_byte(&seen->text, '|');
	put_escaped(&seen->text, frame->data);
	buf_append_str(&seen->text, frame->is_comment ? "|comment" : "|");
	buf_append_str(&seen->text, frame->is_cut ? "cut\n" : "\n");
	buf_append(&seen->raws, frame->raw);
	seen->frames++;
	return seen->frames != seen->stop_after;
}

static void seen_finish(struct seen *seen) {
	buf_finish(&seen->text);
	buf_finish(&seen->raws);
}

/* A small generator of our own, so that cuts repeat. */
static uint32_t next_random(uint32_t *state) {
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Feeds in pieces: `step` 0 = whole, 1 = bytes, more = random up to it. The pieces are copied to
 * memory of exactly their size, so that a sanitizer sees reads beyond them. */
static struct seen read_all(struct slice input, size_t step, uint32_t seed) {
	struct seen seen = {0};
	struct sse_reader reader;
	struct error error;
	sse_reader_init(&reader, 0);
	for (size_t at = 0; at < input.len;) {
		size_t len = step == 0 ? input.len : 1 + next_random(&seed) % step;
		struct slice piece = slice_sub(input, at, len);
		char *copy = malloc(piece.len);
		assert_non_null(copy);
		memcpy(copy, piece.data, piece.len);
		assert_true(
			sse_feed(&reader, slice_make(copy, piece.len), see_frame, &seen, &error));
		free(copy);
		at += piece.len;
	}
	assert_true(sse_end(&reader, see_frame, &seen));
	sse_reader_finish(&reader);
	return seen;
}

static void assert_slices_equal(struct slice got, struct slice wanted, const char *what) {
	if (!slice_eq(got, wanted)) {
		fail_msg("%s: got\n%.*s\nwanted\n%.*s", what, SLICE_FMT(got), SLICE_FMT(wanted));
	}
}

static const struct {
	const char *name, *input, *wanted;
} cases[] = {
	{"LF", "data: a\n\ndata: b\n\n", "data: a\\n\\n||a|\ndata: b\\n\\n||b|\n"},
	{"E-4 CRLF", "event: e\r\ndata: a\r\n\r\ndata: b\r\n\r\n",
		"event: e\\r\\ndata: a\\r\\n\\r\\n|e|a|\ndata: b\\r\\n\\r\\n||b|\n"},
	{"E-4 CR", "data: a\r\rdata: b\r\r", "data: a\\r\\r||a|\ndata: b\\r\\r||b|\n"},
	{"E-4 CR CR LF: the LF counts to the next frame", "data: a\r\r\ndata: b\r\r\n",
		"data: a\\r\\r||a|\n\\ndata: b\\r\\r||b|\n\\n||(none)|comment\n"},
	{"E-4 mixed", "data: a\n\r\ndata: b\r\n\n", "data: a\\n\\r\\n||a|\ndata: b\\r\\n\\n||b|\n"},
	{"E-4 LF CR", "data: a\n\rdata: b\n\r", "data: a\\n\\r||a|\ndata: b\\n\\r||b|\n"},
	{"E-5 joined", "data: a\ndata\ndata:b\n\n", "data: a\\ndata\\ndata:b\\n\\n||a\\n\\nb|\n"},
	{"E-6 no space, two spaces", "data:{}\n\ndata:  x\n\n",
		"data:{}\\n\\n||{}|\ndata:  x\\n\\n|| x|\n"},
	{"E-7 comments, id, retry", ": ping\n\nid: 1\nretry: 5\n\n: c\ndata: a\n\n",
		": ping\\n\\n||(none)|comment\nid: 1\\nretry: 5\\n\\n||(none)|\n"
		": c\\ndata: a\\n\\n||a|\n"},
	{"E-7 BOM",
		"\xEF\xBB\xBF"
		"data: a\n\n\xEF\xBB\xBF"
		"data: b\n\n",
		"\xEF\xBB\xBF"
		"data: a\\n\\n||a|\n\xEF\xBB\xBF"
		"data: b\\n\\n||(none)|\n"},
	{"E-7 BOM and an empty line", "\xEF\xBB\xBF\n\ndata: a\n\n",
		"\xEF\xBB\xBF\\n||(none)|comment\n\\n||(none)|comment\ndata: a\\n\\n||a|\n"},
	{"half a BOM", "\xEF\xBB: x\n\n", "\xEF\xBB: x\\n\\n||(none)|\n"},
	{"E-8 cut", "data: a\n\ndata: {\"x\":1}\n",
		"data: a\\n\\n||a|\ndata: {\"x\":1}\\n||{\"x\":1}|cut\n"},
	{"E-8 cut in the line", "data: {\"x\"", "data: {\"x\"||{\"x\"|cut\n"},
	{"E-9 DONE", "data: [DONE] \n\ndata:[DONE]\n\n",
		"data: [DONE] \\n\\n||[DONE] |\ndata:[DONE]\\n\\n||[DONE]|\n"},
	{"the last event name counts", "event: a\nevent: b\ndata: c\n\n",
		"event: a\\nevent: b\\ndata: c\\n\\n|b|c|\n"},
	{"other fields", "datax: 1\ndat: 2\n Data: 3\nevents: 4\n\n",
		"datax: 1\\ndat: 2\\n Data: 3\\nevents: 4\\n\\n||(none)|\n"},
	{"empty data", "data\n\ndata:\n\n", "data\\n\\n|||\ndata:\\n\\n|||\n"},
	{"empty lines", "\n\r\n\r\rdata: a\n\n\n",
		"\\n||(none)|comment\n\\r\\n||(none)|comment\n\\r||(none)|comment\n\\r||(none)|"
		"comment\n"
		"data: a\\n\\n||a|\n\\n||(none)|comment\n"},
	{"nothing", "", ""},
};

static void test_cases(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice input = slice_of(cases[i].input);
		for (size_t step = 0; step < 4; step++) {
			struct seen seen = read_all(input, step, 7);
			if (!slice_is(buf_slice(&seen.raws), cases[i].input)) {
				fail_msg("%s: raws do not add up to the input", cases[i].name);
			}
			assert_slices_equal(
				buf_slice(&seen.text), slice_of(cases[i].wanted), cases[i].name);
			seen_finish(&seen);
		}
	}
}

/* Every text of up to six of these bytes, so that no pair of states is forgotten. */
static void test_cuts_do_not_matter(void **state) {
	(void)state;
	static const char alphabet[] = {'\n', '\r', ':', 'd', '\xEF'};
	char text[6];
	for (size_t len = 1; len <= sizeof text; len++) {
		size_t count = 1;
		for (size_t i = 0; i < len; i++) {
			count *= sizeof alphabet;
		}
		for (size_t n = 0; n < count; n++) {
			size_t rest = n;
			for (size_t i = 0; i < len; i++) {
				text[i] = alphabet[rest % sizeof alphabet];
				rest /= sizeof alphabet;
			}
			struct slice input = slice_make(text, len);
			struct seen whole = read_all(input, 0, 0);
			struct seen bytes = read_all(input, 1, 0);
			assert_slices_equal(buf_slice(&whole.raws), input, "raws");
			assert_slices_equal(
				buf_slice(&bytes.text), buf_slice(&whole.text), "byte by byte");
			seen_finish(&whole);
			seen_finish(&bytes);
		}
	}
}

static void test_zero_copy(void **state) {
	(void)state;
	struct sse_reader reader;
	struct seen seen = {0};
	struct error error;
	sse_reader_init(&reader, 0);
	assert_true(sse_feed(
		&reader, SLICE("data: a\n\nevent: x\ndata: b\n\n"), see_frame, &seen, &error));
	assert_int_equal(seen.frames, 2);
	assert_null(reader.held.data);
	assert_null(reader.joined.data);
	sse_reader_finish(&reader);
	seen_finish(&seen);
}

static void test_stop(void **state) {
	(void)state;
	struct sse_reader reader;
	struct seen seen = {.stop_after = 2};
	struct error error = {.kind = ERROR_INTERNAL};
	sse_reader_init(&reader, 0);
	assert_false(sse_feed(
		&reader, SLICE("data: a\n\ndata: b\n\ndata: c\n\n"), see_frame, &seen, &error));
	assert_int_equal(error.kind, ERROR_NONE);
	assert_false(sse_feed(&reader, SLICE("data: d\n\n"), see_frame, &seen, &error));
	assert_false(sse_end(&reader, see_frame, &seen));
	assert_int_equal(seen.frames, 2);
	sse_reader_finish(&reader);
	seen_finish(&seen);
}

/* A frame of exactly the limit passes, one byte more is refused, however it is cut. */
static void test_limit(void **state) {
	(void)state;
	static const struct slice input = SLICE_INIT("data: 1234\n\ndata: 12345\n\n");
	for (size_t step = 1; step <= input.len; step++) {
		struct sse_reader reader;
		struct seen seen = {0};
		struct error error = {0};
		bool good = true;
		sse_reader_init(&reader, 12);
		for (size_t at = 0; at < input.len && good; at += step) {
			good = sse_feed(
				&reader, slice_sub(input, at, step), see_frame, &seen, &error);
		}
		assert_false(good);
		assert_int_equal(error.kind, ERROR_TOO_LARGE);
		assert_int_equal(seen.frames, 1);
		sse_reader_finish(&reader);
		seen_finish(&seen);
	}
}

/* A line without an end is refused when the limit is passed and costs no more than the limit. */
static void test_endless_line(void **state) {
	(void)state;
	struct sse_reader reader;
	struct seen seen = {0};
	struct error error = {0};
	char piece[1000];
	size_t fed = 0;
	memset(piece, 'x', sizeof piece);
	sse_reader_init(&reader, 100000);
	while (sse_feed(&reader, slice_make(piece, sizeof piece), see_frame, &seen, &error)) {
		fed += sizeof piece;
		assert_true(fed <= 100000);
	}
	assert_int_equal(error.kind, ERROR_TOO_LARGE);
	assert_true(reader.held.cap <= 2 * 100000);
	sse_reader_finish(&reader);
	seen_finish(&seen);
}

static void check_stream(const char *path) {
	struct buf file = {0};
	struct error error;
	assert_true(file_read(path, 16 * 1024 * 1024, &file, &error));
	struct slice input = buf_slice(&file);
	struct seen whole = read_all(input, 0, 0);
	assert_slices_equal(buf_slice(&whole.raws), input, path);
	static const size_t steps[] = {1, 5, 80, 3000};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct seen cut = read_all(input, steps[i], 42 + (uint32_t)i);
		assert_slices_equal(buf_slice(&cut.text), buf_slice(&whole.text), path);
		seen_finish(&cut);
	}
	seen_finish(&whole);
	buf_finish(&file);
}

static void test_fixtures(void **state) {
	(void)state;
	char path[2048], *dir_path = fixtures_path("upstream");
	if (!dir_path) {
		skip();
	}
	DIR *families = opendir(dir_path);
	if (!families) {
		fail_msg("cannot read %s", dir_path);
	}
	size_t count = 0;
	for (struct dirent *family; (family = readdir(families));) {
		snprintf(path, sizeof path, "%s/%s", dir_path, family->d_name);
		DIR *files = family->d_name[0] == '.' ? NULL : opendir(path);
		for (struct dirent *file; files && (file = readdir(files));) {
			if (!slice_ends_with(slice_of(file->d_name), SLICE(".sse"))) {
				continue;
			}
			snprintf(path, sizeof path, "%s/%s/%s", dir_path, family->d_name,
				file->d_name);
			check_stream(path);
			count++;
		}
		if (files) {
			closedir(files);
		}
	}
	closedir(families);
	free(dir_path);
	assert_true(count > 0);
}

static void test_write(void **state) {
	(void)state;
	struct buf out = {0};
	assert_true(sse_write(&out, NULL, SLICE("{}")));
	assert_true(sse_write(&out, "ping", SLICE("{\"a\":1}")));
	assert_true(sse_write_comment(&out, "keep-alive"));
	assert_slices_equal(buf_slice(&out),
		SLICE("data: {}\n\nevent: ping\ndata: {\"a\":1}\n\n: keep-alive\n\n"), "written");
	buf_finish(&out);
	buf_init(&out, 8);
	assert_false(sse_write(&out, NULL, SLICE("too long for it")));
	assert_true(out.failed);
	buf_finish(&out);
}

int test_sse(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_cuts_do_not_matter),
		cmocka_unit_test(test_zero_copy),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_write),
	};
	return cmocka_run_group_tests_name("net/sse", tests, NULL, NULL);
}
