/* test_options.c: what the rows drive: show, schema, template, help, further tables; and that every
 * row keeps its promises. */
#include "config_help.h"

/* A table as an upper floor would hand it in. */
struct extra {
	bool is_on;
	int64_t size;
	struct option_strings names;
};
static const struct option_row extra_rows[] = {
	{.key = "extra.on",
		.type = OPTION_BOOL,
		.offset = offsetof(struct extra, is_on),
		.default_text = "true",
		.help = "Whether it is on",
		.since = "0.1"},
	{.key = "extra.size",
		.type = OPTION_SIZE,
		.offset = offsetof(struct extra, size),
		.default_text = "2KB",
		.help = "How large",
		.since = "0.1"},
	{.key = "routing.names",
		.type = OPTION_STRING_LIST,
		.offset = offsetof(struct extra, names),
		.help = "Names",
		.since = "0.1"},
};
static const struct option_table extra_table = {
	.rows = extra_rows,
	.row_count = sizeof extra_rows / sizeof *extra_rows,
	.struct_size = sizeof(struct extra),
};

static void test_further_table(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	f.tables[0] = &extra_table;
	f.table_count = 1;
	config_fixture_write(&f, "config.yaml",
		"extra: {on: false}\nrouting: {names: a, aliases: {b: c}}\n", 0600);
	config_fixture_env(&f, "LLM_MUX_EXTRA_SIZE=3KB");
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	const struct extra *extra = config_section(c, &extra_table);
	assert_non_null(extra);
	assert_false(extra->is_on);
	assert_int_equal(extra->size, 3072);
	assert_int_equal(extra->names.len, 1);
	assert_int_equal(c->aliases.len, 1);
	assert_null(config_section(c, NULL));
	config_fixture_write(&f, "config.yaml", "extra: {onn: false}\n", 0600);
	assert_null(config_fixture_load(&f, NULL));
	assert_non_null(strstr(f.report.data, "did you mean `extra.on`?"));
	config_fixture_end(&f);
}

static void test_sizes(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
	} cases[] = {
		{"0", 0},
		{"17", 17},
		{"17b", 17},
		{"1K", 1024},
		{"1 KB", 1024},
		{"1kib", 1024},
		{"50MB", 52428800},
		{"2GiB", 2147483648},
		{"", -1},
		{"MB", -1},
		{"-1", -1},
		{"1.5MB", -1},
		{"1TB", -1},
		{"9223372036854775807", INT64_MAX},
		{"9223372036854775807KB", -1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t bytes = -1;
		bool is_good = option_parse_size(slice_of(cases[i].text), &bytes);
		assert_int_equal(is_good, cases[i].bytes >= 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void test_show(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml",
		"api-keys: [client-key-0123456789]\n"
		"proxy-url: http://user:hunter2@proxy:1\n"
		"idle-timeout: 90\n"
		"providers:\n"
		"  - type: openai\n"
		"    api-key: provider-key-0123456789\n"
		"    headers: {X-Secret: header-key-0123456789}\n"
		"    models: [m]\n",
		0600);
	config_fixture_env(&f, "LLM_MUX_THREADS=2");
	f.settings[0] = (struct config_setting){"port", "9000", "--port"};
	f.setting_count = 1;
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	for (int as_json = 0; as_json < 2; as_json++) {
		struct buf out;
		buf_init(&out, 0);
		options_show(&c->options, as_json, false, &out);
		buf_append_byte(&out, '\0');
		assert_null(strstr(out.data, "0123"));
		assert_null(strstr(out.data, "hunter2"));
		assert_non_null(strstr(out.data, "clie...6789"));
		assert_non_null(strstr(out.data, "prov...6789"));
		if (as_json) {
			struct arena arena;
			arena_init(&arena, NULL, 0);
			struct json *tree = json_parse(&arena, slice_of(out.data), NULL, NULL);
			assert_non_null(tree);
			assert_true(json_string_is(
				json_at(tree, SLICE("/idle-timeout/value")), "1m30s"));
			assert_true(json_string_is(
				json_at(tree, SLICE("/port/source")), "command line (--port)"));
			assert_true(json_string_is(
				json_at(tree, SLICE("/providers/value/0/models/0/name")), "m"));
			arena_finish(&arena);
		} else {
			assert_non_null(strstr(out.data, "# environment (LLM_MUX_THREADS)\n"));
			assert_non_null(strstr(out.data, "config.yaml:3\n"));
			assert_non_null(strstr(out.data, "# default\n"));
			/* It is YAML itself. */
			struct arena arena;
			arena_init(&arena, NULL, 0);
			struct problems problems;
			problems_init(&problems, &arena, "show", slice_of(out.data));
			assert_non_null(yaml_parse(&arena, slice_of(out.data), &problems));
			arena_finish(&arena);
		}
		buf_finish(&out);
	}
	config_fixture_end(&f);
}

static void test_schema(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct option_set set;
	const struct option_table *extra = &extra_table;
	config_options_init(&set, &arena, &extra, 1);
	struct buf out;
	buf_init(&out, 0);
	options_schema(&set, "title", &out);
	struct error error;
	struct json *schema = json_parse(&arena, buf_slice(&out), NULL, &error);
	assert_non_null(schema);
	assert_true(json_string_is(
		json_get(schema, "$schema"), "https://json-schema.org/draft/2020-12/schema"));
	static const char *const pointers[] = {"/properties/port/maximum",
		"/properties/tls/properties/cert",
		"/properties/providers/items/properties/api-keys/items/properties/key/description",
		"/properties/providers/items/required/0", "/properties/routing/properties/aliases",
		"/properties/routing/properties/names", "/properties/extra/properties/on/default",
		"/properties/log-format/enum/1", "/properties/usage/deprecated"};
	for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
		if (!json_at(schema, slice_of(pointers[i]))) {
			fail_msg("the schema has no %s", pointers[i]);
		}
	}
	/* Every row is in it, once. */
	for (size_t r = 0; r < config_core_table.row_count; r++) {
		struct buf pointer;
		buf_init(&pointer, 0);
		struct slice rest = slice_of(config_core_table.rows[r].key), part;
		while (slice_split(&rest, '.', &part)) {
			buf_printf(&pointer, "/properties/%.*s", SLICE_FMT(part));
		}
		if (!json_at(schema, buf_slice(&pointer))) {
			fail_msg("the schema has no %s", config_core_table.rows[r].key);
		}
		buf_finish(&pointer);
	}
	buf_finish(&out);
	arena_finish(&arena);
}

/* The template loads as it is, and with every option uncommented, without a problem and without
 * changing a value that has a default. */
static void test_template(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct option_set set;
	config_options_init(&set, &arena, NULL, 0);
	struct buf out, bare;
	buf_init(&out, 0);
	buf_init(&bare, 0);
	options_template(&set, &out);
	buf_append_byte(&out, '\0');
	config_fixture_write(&f, "config.yaml", out.data, 0600);
	assert_non_null(config_fixture_load(&f, NULL));
	assert_int_equal(f.report.len, 1);
	struct slice rest = slice_of(out.data), line;
	while (slice_split(&rest, '\n', &line)) {
		bool is_setting = line.len > 1 && line.data[0] == '#' && line.data[1] != '#';
		buf_append(&bare, is_setting ? slice_from(line, 1) : line);
		buf_append_byte(&bare, '\n');
	}
	buf_append_byte(&bare, '\0');
	config_fixture_write(&f, "config.yaml", bare.data, 0600);
	const struct config *c = config_fixture_load(&f, NULL);
	if (!c) {
		fail_msg("%s", f.report.data);
	}
	assert_int_equal(f.report.len, 1);
	for (size_t r = 0; r < config_core_table.row_count; r++) {
		const struct option_row *row = &config_core_table.rows[r];
		const struct option_source *source = options_source(&c->options, row);
		bool is_later = row->type == OPTION_LATER || row->type == OPTION_IGNORED;
		if (!is_later && !source->is_set) {
			fail_msg("%s is not set by the template", row->key);
		}
	}
	assert_int_equal(c->providers.len, 2);
	assert_int_equal(c->aliases.len, 2);
	assert_int_equal(c->port, CONFIG_DEFAULT_PORT);
	assert_int_equal(c->timeouts.first_byte_ms, 600000);
	buf_finish(&out);
	buf_finish(&bare);
	arena_finish(&arena);
	config_fixture_end(&f);
}

static void count_name(void *context, const struct option_row *row, const char *name) {
	size_t *count = context;
	assert_non_null(row);
	assert_true(strncmp(name, "LLM_MUX_", 8) == 0);
	assert_true(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(name));
	++*count;
}

/* Rows are whole: help, version, a default that its own type reads, keys found by each spelling. */
static void test_rows(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct option_set set;
	config_options_init(&set, &arena, NULL, 0);
	for (size_t r = 0; r < config_core_table.row_count; r++) {
		const struct option_row *row = &config_core_table.rows[r];
		assert_ptr_equal(options_find(&set, slice_of(row->key)), row);
		if (row->type == OPTION_LATER) {
			continue;
		}
		if (!row->help || row->help[strlen(row->help) - 1] == '.') {
			fail_msg("%s has no help, or one with a stop", row->key);
		}
		if (row->type == OPTION_IGNORED) {
			continue;
		}
		assert_non_null(row->since);
		assert_true(row->default_text || row->example);
		char *spelling = arena_strdup(&arena, slice_of(row->key));
		for (char *at = spelling; *at; at++) {
			*at = *at == '-' ? '_' : *at;
		}
		assert_ptr_equal(options_find(&set, slice_of(spelling)), row);
		for (const char *const *old = row->old_names; old && *old; old++) {
			assert_ptr_equal(options_find(&set, slice_of(*old)), row);
		}
		if (row->default_text) {
			struct problems problems;
			problems_init(&problems, &arena, "default", (struct slice){0});
			assert_true(options_apply_text(&set, row, slice_of(row->default_text),
				"default", row->key, &problems));
		}
	}
	size_t names = 0;
	options_each_env(&set, count_name, &names);
	assert_true(names > 30);
	struct buf help;
	buf_init(&help, 0);
	options_help(&set, &help);
	buf_append_byte(&help, '\0');
	assert_non_null(strstr(help.data, "port (number; default 8317)\n    TCP port"));
	assert_non_null(strstr(help.data, "    environment: LLM_MUX_PORT\n"));
	assert_non_null(strstr(help.data, "    type (text), required\n"));
	buf_finish(&help);
	arena_finish(&arena);
}

int test_options(void);
int test_options(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_further_table),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests_name("config/options", tests, NULL, NULL);
}
