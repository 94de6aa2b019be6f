/* test_values.c: values as their own: order, equality, maps, JSON, and objects that stand for a
 * plain value (workflows.md 3.3, 5.10, 6.2, 6.3). */
#include <stdio.h>
#include <stdlib.h>

#include "template/template_help.h"

static struct value from_text(struct arena *arena, const char *text) {
	struct error error;
	const struct json *json = json_parse(arena, slice_of(text), NULL, &error);
	assert_non_null(json);
	return value_from_json(arena, json);
}

static void expect_print(struct arena *arena, struct value value, const char *wanted) {
	struct slice text = value_text(value, arena);
	if (!slice_is(text, wanted)) {
		fail_msg("got %.*s, wanted %s", SLICE_FMT(text), wanted);
	}
}

/* ---- order and equality ---- */

static const char *const ordered[] = {"null", "false", "true", "-9223372036854775808", "-1.5", "-1",
	"0", "0.5", "1", "1.5", "9007199254740992", "9007199254740993", "9223372036854775807",
	"1e300", "\"\"", "\"A\"", "\"a\"", "\"aa\"", "\"é\"", "[]", "[null]", "[1]", "[1,2]",
	"[1,3]", "[2]", "[[]]", "{}", "{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"a\":2}", "{\"b\":1}"};
#define ORDERED_COUNT (sizeof ordered / sizeof *ordered)

static int sign(int number) {
	return (number > 0) - (number < 0);
}

static void order_is_total(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < ORDERED_COUNT; i++) {
		for (size_t k = 0; k < ORDERED_COUNT; k++) {
			struct value a = from_text(&arena, ordered[i]);
			struct value b = from_text(&arena, ordered[k]);
			int wanted = (i > k) - (i < k);
			if (sign(value_compare(a, b, &arena)) != wanted) {
				fail_msg("%s and %s", ordered[i], ordered[k]);
			}
			/* Equality is by value over kinds of numbers: true is 1. */
			bool is_one =
				(strcmp(ordered[i], "true") == 0 && strcmp(ordered[k], "1") == 0) ||
				(strcmp(ordered[i], "1") == 0 && strcmp(ordered[k], "true") == 0) ||
				(strcmp(ordered[i], "false") == 0 &&
					strcmp(ordered[k], "0") == 0) ||
				(strcmp(ordered[i], "0") == 0 && strcmp(ordered[k], "false") == 0);
			assert_int_equal(value_equal(a, b, &arena), i == k || is_one);
		}
	}
	assert_true(value_equal(from_text(&arena, "{\"a\":1,\"b\":[2.0]}"),
		from_text(&arena, "{\"b\":[2],\"a\":1.0}"), &arena));
	assert_int_equal(value_compare(from_text(&arena, "{\"a\":1,\"b\":2}"),
				 from_text(&arena, "{\"b\":2,\"a\":1}"), &arena),
		0);
	assert_true(value_equal(value_undefined(), value_undefined(), &arena));
	assert_false(value_equal(value_undefined(), value_none(), &arena));
	assert_true(value_compare(value_undefined(), value_none(), &arena) < 0);
	arena_finish(&arena);
}

/* ---- maps ---- */

static void maps_keep_order_and_find_all(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct value_map *map = value_map_new(&arena);
	for (int64_t i = 0; i < 5000; i++) {
		char name[32];
		snprintf(name, sizeof name, "key %d", (int)i);
		struct slice key = arena_dup(&arena, slice_of(name));
		assert_true(value_map_put(&arena, map, value_string(key), value_int(i)));
		assert_true(value_map_put(&arena, map, value_int(i), value_int(-i)));
	}
	assert_int_equal(map->len, 10000);
	for (int64_t i = 0; i < 5000; i++) {
		char name[32];
		snprintf(name, sizeof name, "key %d", (int)i);
		assert_int_equal(value_map_get_named(map, name).integer, i);
		assert_int_equal(value_map_get(map, value_float((double)i)).integer, -i);
		assert_int_equal(map->items[2 * i].value.integer, i);
	}
	assert_int_equal(value_map_get_named(map, "key 5000").type, VALUE_UNDEFINED);
	/* 1, 1.0 and true are one key; a new value keeps the place. */
	assert_true(value_map_put(&arena, map, value_bool(true), value_int(7)));
	assert_int_equal(map->len, 10000);
	assert_int_equal(map->items[3].value.integer, 7);
	assert_int_equal(value_map_get(map, value_none()).type, VALUE_UNDEFINED);
	arena_finish(&arena);
}

/* ---- JSON ---- */

static void json_goes_in_and_out(void **state) {
	(void)state;
	static const struct {
		const char *in, *printed, *json;
	} cases[] = {
		{"[1,1.0,-0,1e2,1.5e-9]", "[1, 1.0, 0, 100.0, 0.0000000015]",
			"[1,1.0,0,100.0,1.5e-09]"},
		{"[18446744073709551616,1e400]", "[\"18446744073709551616\", \"1e400\"]",
			"[\"18446744073709551616\",\"1e400\"]"},
		{"{\"b\":null,\"a\":[true,{}],\"\":\"\"}",
			"{\"b\": none, \"a\": [true, {}], \"\": \"\"}",
			"{\"b\":null,\"a\":[true,{}],\"\":\"\"}"},
		{"\"a\\u0000\\\"\\n\\ud800\"", NULL, "\"a\\u0000\\\"\\n\xef\xbf\xbd\""},
		{"{\"a\":1,\"a\":2}", "{\"a\": 2}", "{\"a\":2}"},
		{"[1e16,1e15,123456789012345680]",
			"[10000000000000000.0, 1000000000000000.0, "
			"123456789012345680]",
			"[1e+16,1000000000000000.0,123456789012345680]"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct buf out;
		struct error error = {0};
		arena_init(&arena, NULL, 0);
		buf_init(&out, 0);
		struct value value = from_text(&arena, cases[i].in);
		if (cases[i].printed) {
			expect_print(&arena, value, cases[i].printed);
		}
		assert_true(value_to_json(value, &arena, 0, &out, &error));
		if (!slice_is(buf_slice(&out), cases[i].json)) {
			fail_msg("got %.*s, wanted %s", SLICE_FMT(buf_slice(&out)), cases[i].json);
		}
		assert_true(json_is_valid(buf_slice(&out)));
		buf_finish(&out);
		arena_finish(&arena);
	}
}

static void json_is_indented(void **state) {
	(void)state;
	struct arena arena;
	struct buf out;
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	assert_true(value_to_json(
		from_text(&arena, "{\"a\":[1,{}],\"b\":[]}"), &arena, 2, &out, &error));
	assert_true(
		slice_is(buf_slice(&out), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}"));
	assert_false(value_to_json(value_float(1e308 * 10), &arena, 0, &out, &error));
	assert_int_equal(error.kind, ERROR_TEMPLATE);
	out.limit = 4;
	buf_reset(&out, 0);
	assert_false(value_to_json(from_text(&arena, "[1,2,3]"), &arena, 0, &out, &error));
	assert_non_null(strstr(error.message, "too large"));
	buf_finish(&out);
	arena_finish(&arena);
}

static void floats_read_back(void **state) {
	(void)state;
	uint64_t bits = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		double number;
		memcpy(&number, &bits, sizeof number);
		struct buf out;
		buf_init(&out, 0);
		assert_true(value_print_float(number, &out));
		buf_append_byte(&out, '\0');
		double back = strtod(out.data, NULL);
		if (number == number && memcmp(&back, &number, sizeof back) != 0) {
			fail_msg("%.17g became %s", number, out.data);
		}
		assert_true(number != number || strchr(out.data, '.') != NULL);
		buf_finish(&out);
	}
}

/* ---- objects ---- */

/* As a step's outputs are (3.3): texts by name and number, printed as their first. */
struct texts {
	struct value_object object;
	const char *names[2], *values[2];
};

static const struct texts *texts_of(const struct value_object *object) {
	return (const struct texts *)(const void *)object;
}

static bool texts_get(const struct value_object *object, struct arena *arena, struct value key,
	struct value *out) {
	(void)arena;
	const struct texts *texts = texts_of(object);
	for (size_t i = 0; i < 2; i++) {
		if ((key.type == VALUE_STRING && slice_is(key.string, texts->names[i])) ||
			(key.type == VALUE_INT && key.integer == (int64_t)i)) {
			*out = value_string(slice_of(texts->values[i]));
			return true;
		}
	}
	return false;
}

static struct value texts_plain(const struct value_object *object, struct arena *arena) {
	(void)arena;
	return value_string(slice_of(texts_of(object)->values[0]));
}

static struct value texts_list(const struct value_object *object, struct arena *arena) {
	struct value_list *list = value_list_new(arena);
	for (size_t i = 0; i < 2; i++) {
		assert_true(value_list_push(
			arena, list, value_string(slice_of(texts_of(object)->values[i]))));
	}
	return value_of_list(list);
}

static struct value texts_map(const struct value_object *object, struct arena *arena) {
	struct value_map *map = value_map_new(arena);
	for (size_t i = 0; i < 2; i++) {
		assert_true(value_map_put_named(arena, map, texts_of(object)->names[i],
			value_string(slice_of(texts_of(object)->values[i]))));
	}
	return value_of_map(map);
}

static const char *const *texts_names(const struct value_object *object, struct arena *arena) {
	const char **names = ARENA_ARRAY(arena, const char *, 3);
	memcpy(names, texts_of(object)->names, 2 * sizeof *names);
	return names;
}

static const struct value_object_kind texts_kind = {
	.name = "outputs",
	.get = texts_get,
	.plain = texts_plain,
	.list = texts_list,
	.map = texts_map,
	.names = texts_names,
};

static void objects_stand_for_plain_values(void **state) {
	(void)state;
	static const struct texts texts = {
		{&texts_kind}, {"claude", "gpt"}, {"first text", "second"}};
	static const struct {
		const char *template, *wanted;
	} cases[] = {
		{"{{ o }}", "first text"},
		{"{{ o.claude }}|{{ o['gpt'] }}|{{ o[1] }}|{{ o.text }}",
			"first text|second|second|first text"},
		{"{% for x in o %}[{{ x }}]{% endfor %}", "[first text][second]"},
		{"{{ o == 'first text' }} {{ o != 'x' }} {{ o < 'g' }} {{ 'second' in o }} {{ not "
		 "o }}",
			"true true true true false"},
		{"{{ o ~ '!' }} {{ o + '?' }} {{ o * 2 }}",
			"first text! first text? first textfirst text"},
		{"{{ [o, {'k': o}] }}", "[\"first text\", {\"k\": \"first text\"}]"},
		{"{{ o[:1] }} {% set a, b = o %}{{ b }}", "[\"first text\"] second"},
		{"{{ o.cluade }}", "UndefinedError 1:6: `o.cluade` is undefined"},
		{"{{ o.gpt.x.y }}", "UndefinedError 1:10: `o.gpt.x` is undefined"},
		{"{{ o() }}", "InvalidOperation 1:4: a value of type outputs cannot be called"},
		{"{{ {o: 1} }}", "{\"first text\": 1}"},
		{"{{ 'a' if o }}{% if o %}b{% endif %}{{ o and 'c' }}", "abc"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct help_render render;
		help_init(&render, NULL);
		struct value_map *globals = value_map_new(&render.arena);
		value_map_put_named(&render.arena, globals, "o", value_object(&texts.object));
		render.globals = value_of_map(globals);
		render.options.undefined = TEMPLATE_STRICT;
		help_run(&render, slice_of(cases[i].template));
		if (!slice_is(help_result(&render), cases[i].wanted)) {
			fail_msg("%s\n  got    %.*s\n  wanted %s", cases[i].template,
				SLICE_FMT(help_result(&render)), cases[i].wanted);
		}
		if (strstr(cases[i].template, "cluade")) {
			assert_string_equal(render.error.hint, "did you mean `claude`?");
		}
		help_finish(&render);
	}
	struct arena arena;
	struct buf out;
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	assert_true(value_to_json(value_object(&texts.object), &arena, 0, &out, &error));
	assert_true(slice_is(buf_slice(&out), "{\"claude\":\"first text\",\"gpt\":\"second\"}"));
	buf_finish(&out);
	arena_finish(&arena);
}

/* Globals may be an object that is asked by name and lists nothing, as `env` is (6.2). */
static bool environment_get(const struct value_object *object, struct arena *arena,
	struct value key, struct value *out) {
	(void)object;
	if (key.type != VALUE_STRING || !slice_starts_with(key.string, SLICE("V_"))) {
		return false;
	}
	*out = value_string(arena_printf(arena, "<%.*s>", SLICE_FMT(key.string)));
	return true;
}

static void globals_may_be_an_object(void **state) {
	(void)state;
	static const struct value_object_kind kind = {.name = "env", .get = environment_get};
	static const struct value_object environment = {&kind};
	struct help_render render;
	help_init(&render, NULL);
	render.globals = value_object(&environment);
	help_run(&render, SLICE("{{ V_A }}{{ other }}{{ V_B }}"));
	assert_true(slice_is(help_result(&render), "<V_A><V_B>"));
	render.options.undefined = TEMPLATE_STRICT;
	help_run(&render, SLICE("{{ other }}"));
	assert_int_equal(render.error.kind, TEMPLATE_ERROR_UNDEFINED);
	help_finish(&render);
}

static void errors_become_the_programs_own(void **state) {
	(void)state;
	struct help_render render;
	struct error error;
	help_init(&render, "{\"steps\": {\"analyze\": {}}}");
	help_run(&render, SLICE("\n{{ steps.anaylze.output }}"));
	assert_false(render.is_ok);
	template_error_to_error(&render.error, &error);
	assert_int_equal(error.kind, ERROR_TEMPLATE);
	assert_string_equal(error.where, "case:2:10");
	assert_string_equal(error.message, "UndefinedError: `steps.anaylze` is undefined in "
					   "`steps.anaylze.output` (did you mean "
					   "`analyze`?)");
	assert_string_equal(render.error.path, "steps.anaylze.output");
	assert_int_equal(render.error.path_undefined_at, 6);
	help_finish(&render);
}

int test_values(void);
int test_values(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_total),
		cmocka_unit_test(maps_keep_order_and_find_all),
		cmocka_unit_test(json_goes_in_and_out),
		cmocka_unit_test(json_is_indented),
		cmocka_unit_test(floats_read_back),
		cmocka_unit_test(objects_stand_for_plain_values),
		cmocka_unit_test(globals_may_be_an_object),
		cmocka_unit_test(errors_become_the_programs_own),
	};
	return cmocka_run_group_tests_name("template/values", tests, NULL, NULL);
}
