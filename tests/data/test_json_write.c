/* test_json_write.c: commas, escapes, numbers, strings in parts, references. */
#include "json_help.h"

#include <stdio.h>

static void write_sample(struct json_writer *w) {
	json_begin_object(w);
	json_put_string(w, "s", SLICE("a\"b"));
	json_put_cstr(w, "none", NULL);
	json_put_int(w, "i", -5);
	json_put_bool(w, "t", true);
	json_put_null(w, "n");
	json_put_raw(w, "raw", SLICE("[1, 2]"));
	json_write_key(w, "empty");
	json_begin_object(w);
	json_end_object(w);
	json_write_key_slice(w, SLICE("k\n"));
	json_begin_array(w);
	json_write_uint(w, UINT64_MAX);
	json_write_int(w, INT64_MIN);
	json_begin_array(w);
	json_end_array(w);
	json_begin_object(w);
	json_put_int(w, "x", 0);
	json_end_object(w);
	json_write_bool(w, false);
	json_write_null(w);
	json_write_cstr(w, "end");
	json_end_array(w);
	json_end_object(w);
}

static void places_commas(void **state) {
	struct buf out = {0};
	struct json_writer w;
	(void)state;
	json_writer_init(&w, &out, false);
	write_sample(&w);
	assert_text(buf_slice(&out),
		"{\"s\":\"a\\\"b\",\"none\":null,\"i\":-5,\"t\":true,\"n\":null,\"raw\":[1, 2],"
		"\"empty\":{},\"k\\n\":[18446744073709551615,-9223372036854775808,[],{\"x\":0},"
		"false,null,\"end\"]}");
	buf_reset(&out, 0);
	json_writer_init(&w, &out, true);
	write_sample(&w);
	assert_text(buf_slice(&out),
		"{\n  \"s\": \"a\\\"b\",\n  \"none\": null,\n  \"i\": -5,\n  \"t\": true,\n  "
		"\"n\": null,\n"
		"  \"raw\": [1, 2],\n  \"empty\": {},\n  \"k\\n\": [\n    18446744073709551615,\n"
		"    -9223372036854775808,\n    [],\n    {\n      \"x\": 0\n    },\n    false,\n"
		"    null,\n    \"end\"\n  ]\n}");
	buf_finish(&out);
}

static void rewrites_trees(void **state) {
	static const char *const texts[] = {"1", "[]", "{}", "[[],{}]", "[[[1]],2]",
		"{\"a\":{\"b\":[1,{\"c\":null}],\"d\":\"\\u0041\"},\"e\\n\":-0.0}",
		"[1,[2,[3]],[[4],5]]"};
	struct arena arena = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buf out = {0};
		struct json_writer w;
		json_writer_init(&w, &out, false);
		json_write_tree(&w, parse(&arena, texts[i]));
		assert_text(buf_slice(&out), texts[i]);
		buf_finish(&out);
	}
	/* A node that has siblings is written alone; containers without source bytes by their
	 * children. */
	struct json *root = parse(&arena, " [ {\"a\" : 1} , 2 ] ");
	struct buf out = {0};
	struct json_writer w;
	json_writer_init(&w, &out, false);
	json_begin_array(&w);
	json_write_tree(&w, root->child);
	json_write_node(&w, root->child);
	root->child->raw = NULL;
	json_write_node(&w, root->child);
	json_write_node(&w, NULL);
	json_write_tree(&w, NULL);
	json_end_array(&w);
	assert_text(buf_slice(&out), "[{\"a\":1},{\"a\" : 1},{\"a\":1},null,null]");
	buf_finish(&out);
	arena_finish(&arena);
}

/* E-82: every byte, alone and behind enough others to meet the vector path. */
static void escapes_every_byte(void **state) {
	struct arena arena = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	for (unsigned c = 0; c < 0x80; c++) {
		char text[40], expected[8];
		struct buf out = {0};
		memset(text, 'x', sizeof text);
		text[0] = text[17] = text[39] = (char)c;
		assert_true(json_escape(slice_make(text, 1), &out));
		const char *shorthand = c ? strchr("\"\"\\\\\bb\ff\nn\rr\tt", (int)c) : NULL;
		if (c == '"' || c == '\\' || (c < 0x20 && shorthand)) {
			snprintf(expected, sizeof expected, "\\%c", shorthand[1]);
		} else if (c < 0x20) {
			snprintf(expected, sizeof expected, "\\u%04x", c);
		} else {
			snprintf(expected, sizeof expected, "%c", (int)c);
		}
		assert_text(buf_slice(&out), expected);
		buf_reset(&out, 0);
		struct json_writer w;
		json_writer_init(&w, &out, false);
		json_write_string(&w, slice_make(text, sizeof text));
		assert_slice(json_string(parse_slice(&arena, buf_slice(&out)), &arena),
			slice_make(text, sizeof text));
		buf_finish(&out);
	}
	arena_finish(&arena);
}

static const struct {
	struct slice text;
	const char *json;
} utf8_cases[] = {
	{SLICE_INIT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
		"\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
	{SLICE_INIT("\x7f\xE2\x80\xA8/"), "\"\x7f\xE2\x80\xA8/\""},
	{SLICE_INIT("a\xFFz"), "\"a\xEF\xBF\xBDz\""},
	{SLICE_INIT("\x80\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{SLICE_INIT("\xC3"), "\"\xEF\xBF\xBD\""},
	{SLICE_INIT("\xE2\x82"), "\"\xEF\xBF\xBD\""},
	{SLICE_INIT("\xE2\x82x"), "\"\xEF\xBF\xBDx\""},
	{SLICE_INIT("\xF0\x9F\x98"), "\"\xEF\xBF\xBD\""},
	{SLICE_INIT("\xF0\x9F\x98\""), "\"\xEF\xBF\xBD\\\"\""},
	{SLICE_INIT("\xF0\x9F\xC3\xA9"), "\"\xEF\xBF\xBD\xC3\xA9\""},
	{SLICE_INIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{SLICE_INIT("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{SLICE_INIT("\xF4\x90\x80\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
	{SLICE_INIT("\xFF\xC3"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
};

static void repairs_utf8(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof utf8_cases / sizeof *utf8_cases; i++) {
		struct slice copy = exact_copy(utf8_cases[i].text);
		struct buf out = {0};
		struct json_writer w;
		json_writer_init(&w, &out, false);
		json_write_string(&w, copy);
		assert_text(buf_slice(&out), utf8_cases[i].json);
		assert_true(json_is_valid(buf_slice(&out)));
		buf_finish(&out);
		free_copy(copy);
	}
}

/* The same whatever the cuts (EV-4). */
static void joins_parts(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof utf8_cases / sizeof *utf8_cases; i++) {
		struct slice text = utf8_cases[i].text;
		/* Bit k of `cuts`: a part ends behind byte k. */
		for (unsigned cuts = 0; cuts < 1u << text.len; cuts++) {
			struct buf out = {0};
			struct json_writer w;
			size_t from = 0;
			json_writer_init(&w, &out, false);
			json_begin_string(&w);
			for (size_t k = 0; k < text.len; k++) {
				if (cuts & (1u << k)) {
					json_write_string_part(
						&w, slice_sub(text, from, k + 1 - from));
					json_write_string_part(&w, (struct slice){0});
					from = k + 1;
				}
			}
			json_write_string_part(&w, slice_from(text, from));
			json_end_string(&w);
			assert_text(buf_slice(&out), utf8_cases[i].json);
			buf_finish(&out);
		}
	}
}

static void writes_doubles(void **state) {
	static const struct {
		double value;
		const char *text;
	} cases[] = {{0, "0"}, {1, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"},
		{0.1 + 0.2, "0.30000000000000004"}, {1e300, "1e+300"},
		{5e-324, "4.94065645841247e-324"}, {1.0 / 3, "0.3333333333333333"},
		{123456789012345680.0, "1.2345678901234568e+17"}, {__builtin_inf(), "null"},
		{-__builtin_inf(), "null"}, {__builtin_nan(""), "null"}};
	struct arena arena = {0};
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		struct json_writer w;
		double back;
		json_writer_init(&w, &out, false);
		json_write_double(&w, cases[i].value);
		assert_text(buf_slice(&out), cases[i].text);
		if (json_double(parse_slice(&arena, buf_slice(&out)), &back)) {
			assert_true(back == cases[i].value);
		}
		buf_finish(&out);
	}
	arena_finish(&arena);
}

static void keeps_references(void **state) {
	struct buf text = {0}, refs = {.allow_refs = true}, plain = {0};
	(void)state;
	for (int i = 0; i < 4 * BUF_REF_MIN; i++) {
		buf_append_byte(&text, i == 2 * BUF_REF_MIN ? '\n' : 'b');
	}
	struct buf *outs[] = {&refs, &plain};
	for (size_t i = 0; i < 2; i++) {
		struct json_writer w;
		json_writer_init(&w, outs[i], false);
		json_begin_array(&w);
		json_write_string(&w, buf_slice(&text));
		json_write_int(&w, 1);
		json_end_array(&w);
	}
	assert_int_equal(refs.ref_count, 2);
	assert_true(refs.len < 100);
	assert_int_equal(buf_total(&refs), plain.len);
	struct iovec iov[8];
	int count = buf_iovec(&refs, 0, iov, 8);
	size_t at = 0;
	for (int i = 0; i < count; i++) {
		assert_true(at + iov[i].iov_len <= plain.len);
		assert_memory_equal(plain.data + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	assert_int_equal(at, plain.len);
	buf_finish(&refs);
	buf_finish(&plain);
	buf_finish(&text);
}

static void limit_is_sticky(void **state) {
	struct buf out;
	struct json_writer w;
	(void)state;
	buf_init(&out, 10);
	json_writer_init(&w, &out, true);
	write_sample(&w);
	assert_true(out.failed);
	assert_true(out.len <= 10);
	assert_false(json_escape(SLICE(""), &out));
	buf_finish(&out);
}

int test_json_write(void);
int test_json_write(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_commas),
		cmocka_unit_test(rewrites_trees),
		cmocka_unit_test(escapes_every_byte),
		cmocka_unit_test(repairs_utf8),
		cmocka_unit_test(joins_parts),
		cmocka_unit_test(writes_doubles),
		cmocka_unit_test(keeps_references),
		cmocka_unit_test(limit_is_sticky),
	};
	return cmocka_run_group_tests_name("json write", tests, NULL, NULL);
}
