/* test_clients.c: the rows of the table of clients, their templates, and the shells' quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/clients.h"
#include "cli/shell.h"

int test_clients(void);

/* ---- the table ---- */

/* Every {word} of a template must be a place that is filled; `{env:...}` is opencode's own. */
static void check_places(const char *client, const char *template) {
	static const char *const places[] = {
		"{origin}", "{key}", "{model}", "{snippet}", "{file}", "{home}", "{env:", NULL};
	for (const char *at = template; (at = strchr(at, '{')); at++) {
		bool is_known = at[1] < 'a' || at[1] > 'z';
		for (size_t i = 0; places[i]; i++) {
			is_known = is_known || strncmp(at, places[i], strlen(places[i])) == 0;
		}
		if (!is_known) {
			fail_msg("%s: no place is called as in \"%.20s\"", client, at);
		}
	}
}

static void rows_are_whole(void **state) {
	(void)state;
	for (const struct client *row = client_table; row->name; row++) {
		const char *near;
		assert_ptr_equal(client_find(row->name, &near), row);
		assert_non_null(row->title);
		assert_int_equal(row->api[0], '/');
		assert_true(!row->program == !row->install);
		assert_true(row->variables || row->snippet.text);
		assert_true(!row->snippet.text == !row->snippet.place);
		assert_true(!row->snippet.text == !row->snippet.comment);
		const struct client_variable *variable = row->variables;
		for (; variable && variable->name; variable++) {
			check_places(row->name, variable->value ? variable->value : "");
		}
		for (const char *const *word = row->arguments; word && *word; word++) {
			check_places(row->name, *word);
			assert_null(strstr(*word, "{key}")); /* anyone may read a command line */
		}
		if (row->snippet.text) {
			check_places(row->name, row->snippet.text);
			assert_int_equal(row->snippet.text[strlen(row->snippet.text) - 1], '\n');
		}
	}
}

static void names_are_suggested(void **state) {
	(void)state;
	const char *near;
	assert_null(client_find("claude-cod", &near));
	assert_string_equal(near, "claude-code");
	assert_null(client_find("nothing-like-it", &near));
	assert_null(near);
}

/* ---- templates ---- */

static const struct client sample = {
	.name = "sample",
	.snippet = {.place = "x.json",
		.comment = "//",
		.text = "url {origin}/v1\nmodel \"{model}\"\n{other}\n"},
};
static const struct client prefixed = {.name = "prefixed", .model_prefix = "openai/"};

static const struct {
	const struct client *client;
	const char *model, *file, *template, *wanted;
} templates[] = {
	{&sample, NULL, NULL, "{origin}/v1", "http://h:1/v1"},
	{&sample, NULL, NULL, "{key}{key}", "secretsecret"},
	{&sample, NULL, NULL, "plain {", "plain {"},
	{&sample, NULL, NULL, "m {model}", NULL},
	{&sample, NULL, NULL, "--config={file}", NULL},
	{&sample, NULL, "/x", "--config={file}", "--config=/x"},
	{&sample, "a\"b", NULL, "m {model}", "m a\"b"},
	{&prefixed, "m", NULL, "{model}", "openai/m"},
	{&sample, NULL, NULL, "{snippet}", "url http://h:1/v1\n{other}"},
	{&sample, "a\"b", NULL, "{snippet}", "url http://h:1/v1\nmodel \"a\\\"b\"\n{other}"},
};

static void templates_are_filled(void **state) {
	(void)state;
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
		const struct client_target target = {.arena = &arena,
			.origin = "http://h:1",
			.key = "secret",
			.model = templates[i].model,
			.file = templates[i].file};
		const char *text =
			client_expand(&target, templates[i].client, templates[i].template);
		if (!text || !templates[i].wanted) {
			assert_true(text == templates[i].wanted);
		} else {
			assert_string_equal(text, templates[i].wanted);
		}
	}
	arena_finish(&arena);
}

/* ---- shells ---- */

static const struct {
	const char *shell, *value, *wanted;
} settings[] = {
	{"sh", "it's a \\ $x", "export A='it'\\''s a \\ $x'\n"},
	{"sh", NULL, "unset A\n"},
	{"fish", "it's a \\ $x", "set -gx A 'it\\'s a \\\\ $x'\n"},
	{"fish", NULL, "set -e A\n"},
	{"powershell", "it's a \\ $x", "$env:A = 'it''s a \\ $x'\n"},
	{"powershell", NULL, "Remove-Item Env:A -ErrorAction SilentlyContinue\n"},
};

static void values_are_quoted(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		char *text;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		shell_set(shell_find(settings[i].shell), "A", settings[i].value, out);
		fclose(out);
		assert_string_equal(text, settings[i].wanted);
		free(text);
	}
	assert_null(shell_find("csh"));
	for (size_t i = 0; shell_names[i]; i++) {
		assert_string_equal(shell_names[i], shell_table[i].name);
	}
}

int test_clients(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(names_are_suggested),
		cmocka_unit_test(templates_are_filled),
		cmocka_unit_test(values_are_quoted),
	};
	return cmocka_run_group_tests_name("cli/clients", tests, NULL, NULL);
}
