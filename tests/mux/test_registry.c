/* test_registry.c: which backend a model name leads to, and what the model is called there
 * (gateway.md 4.2, 2.5). */
#include "mux/mux_help.h"

int test_registry(void);

static const char yaml[] = "providers:\n"
			   "  - type: openai\n"
			   "    api-keys: [key-1, key-2]\n"
			   "    excluded-models: [\"*-nano\"]\n"
			   "  - type: openai\n"
			   "    name: Local\n"
			   "    base-url: http://127.0.0.1:PORT/v1\n"
			   "    models:\n"
			   "      - {name: llama-3.3, alias: llama, force-mapping: true}\n"
			   "      - {name: gpt-4o}\n"
			   "  - type: claude\n"
			   "    api-key: key-3\n"
			   "  - type: claude\n"
			   "    name: other\n"
			   "    base-url: http://127.0.0.1:PORT\n"
			   "    enabled: false\n"
			   "    api-key: key-4\n"
			   "routing:\n"
			   "  aliases:\n"
			   "    Fast: llama\n"
			   "    faster: fast\n"
			   "    one: two\n"
			   "    two: one\n"
			   "    a1: a2\n    a2: a3\n    a3: a4\n    a4: a5\n    a5: llama\n"
			   "    a0: a1\n"
			   "    pinned: local://anything\n"
			   "    deep: llama(high)\n"
			   "    to: \"fro(low)\"\n    fro: \"to(high)\"\n"
			   "    odd(low): gpt-4o\n"
			   "    big: claude-opus-4-8\n";

/* name -> "backend model" for each target, joined by ", "; "!" when nothing takes it, "?" when its
 * suffix says nothing; "~" marks a name that answers keep (force-mapping). Behind them what a
 * suffix asks for. */
static const struct {
	const char *name, *route;
} routes[] = {
	{"llama", "local llama-3.3~"},
	{"gpt-4o", "openai gpt-4o, local gpt-4o"},
	{"gpt-5", "openai gpt-5"},
	{"claude-opus-4-8", "claude claude-opus-4-8"},
	/* 2.5 */
	{"gpt-5-nano", "!"},
	{"gpt-4.1-NANO", "!"},
	/* unlisted: to the vendor of the family */
	{"gpt-5.9-preview", "openai gpt-5.9-preview"},
	{"claude-opus-9", "claude claude-opus-9"},
	/* no vendor known, and two backends without a list */
	{"mystery-1", "!"},
	{"", "!"},
	/* provider://model */
	{"local://llama", "local llama-3.3~"},
	{"LOCAL://gpt-4o", "local gpt-4o"},
	{"local://unlisted", "local unlisted"},
	{"openai://gpt-5-nano", "!"},
	{"openai://", "!"},
	{"nobody://gpt-4o", "!"},
	{"other://claude-opus-4-8", "!"},
	{"claude://mystery-1", "claude mystery-1"},
	/* aliases: any case, chains up to five, loops */
	{"fast", "local llama-3.3~"},
	{"FAST", "local llama-3.3~"},
	{"faster", "local llama-3.3~"},
	{"a1", "local llama-3.3~"},
	{"a0", "!"},
	{"one", "!"},
	{"pinned", "local anything"},
	{"big", "claude claude-opus-4-8"},
	/* the demo */
	{"demo/echo", "demo demo/echo"},
	{"demo://echo", "demo demo/echo"},
	{"demo://demo/echo", "demo demo/echo"},
	{"demo/none", "!"},
	/* RE-6: a suffix says how much to think, unless the whole name is a known one */
	{"llama(high)", "local llama-3.3~ on high"},
	{"LLAMA(HIGH)", "!"},
	{"FAST( HIGH )", "local llama-3.3~ on high"},
	{"gpt-5 (8192)", "openai gpt-5 on 8192"},
	{"claude-opus-4-8(xhigh)", "claude claude-opus-4-8 on xhigh"},
	{"claude-opus-4-8(max)", "claude claude-opus-4-8 on max"},
	{"claude-opus-4-8(minimal)", "claude claude-opus-4-8 on minimal"},
	{"claude-opus-4-8(none)", "claude claude-opus-4-8 off"},
	{"claude-opus-4-8(0)", "claude claude-opus-4-8 off"},
	{"claude-opus-4-8(Auto)", "claude claude-opus-4-8 auto"},
	{"claude-opus-4-8(-1)", "claude claude-opus-4-8 auto"},
	{"claude-opus-9(low)", "claude claude-opus-9 on low"},
	{"local://unlisted(medium)", "local unlisted on medium"},
	{"local://llama(low)", "local llama-3.3~ on low"},
	{"demo/echo(low)", "demo demo/echo on low"},
	{"odd(low)", "openai gpt-4o, local gpt-4o"},
	/* an alias may have one too, and that of the client counts */
	{"deep", "local llama-3.3~ on high"},
	{"deep(low)", "local llama-3.3~ on low"},
	{"to", "!"},
	{"(high)", "!"},
	{"gpt-5(high", "openai gpt-5(high"},
	{"gpt-5(much)", "?"},
	{"gpt-5()", "?"},
	{"gpt-5(-2)", "?"},
	{"gpt-5(99999999999999999999)", "?"},
	{"mystery-1(high)", "!"},
};

static void describe(const struct route *route, struct buf *out) {
	for (size_t i = 0; i < route->count; i++) {
		buf_printf(out, "%s%s %.*s%s", i > 0 ? ", " : "", route->targets[i].backend->name,
			SLICE_FMT(route->targets[i].model),
			route->targets[i].forces_name ? "~" : "");
	}
	const struct chat_reasoning *reasoning = route->reasoning;
	if (reasoning == NULL) {
		return;
	}
	buf_append_str(out, reasoning->mode == CHAT_REASONING_ON    ? " on"
			    : reasoning->mode == CHAT_REASONING_OFF ? " off"
								    : " auto");
	if (reasoning->effort.data != NULL) {
		buf_printf(out, " %.*s", SLICE_FMT(reasoning->effort));
	}
	if (reasoning->has_budget) {
		buf_printf(out, " %lld", (long long)reasoning->budget_tokens);
	}
}

static void test_routes(void **state) {
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, yaml);
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		struct arena arena;
		struct route route;
		struct error error;
		struct buf text;
		arena_init(&arena, NULL, 0);
		buf_init(&text, 0);
		if (registry_resolve(
			    &f.mux->registry, slice_of(routes[i].name), &arena, &route, &error)) {
			describe(&route, &text);
		} else if (error.kind == ERROR_INVALID_REQUEST) {
			assert_string_equal(error.param, "model");
			buf_append_byte(&text, '?');
		} else {
			assert_int_equal(error.kind, ERROR_NOT_FOUND);
			assert_string_equal(error.code, "model_not_found");
			assert_string_equal(error.param, "model");
			buf_append_byte(&text, '!');
		}
		buf_append_byte(&text, '\0');
		if (strcmp(text.data, routes[i].route) != 0) {
			print_error("model '%s'\n", routes[i].name);
		}
		assert_string_equal(text.data, routes[i].route);
		buf_finish(&text);
		arena_finish(&arena);
	}
	mux_fixture_end(&f);
}

static void test_suggestions(void **state) {
	static const struct {
		const char *name, *message;
	} cases[] = {
		{"lama", "The model 'lama' does not exist here. Did you mean llama?"},
		{"Demo/Ecko",
			"The model 'Demo/Ecko' does not exist here. Did you mean demo/echo, "},
		{"zzzzzzzzzzzz",
			"The model 'zzzzzzzzzzzz' does not exist here. GET /v1/models lists"},
		{"one", "The model 'one' does not exist here."},
	};
	struct mux_fixture f;
	(void)state;
	mux_fixture_begin(&f, yaml);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct route route;
		struct error error;
		struct arena arena;
		arena_init(&arena, NULL, 0);
		assert_false(registry_resolve(
			&f.mux->registry, slice_of(cases[i].name), &arena, &route, &error));
		if (!slice_starts_with(slice_of(error.message), slice_of(cases[i].message))) {
			fail_msg("%s", error.message);
		}
		arena_finish(&arena);
	}
	mux_fixture_end(&f);
}

/* A name as long as a message is cut in it, not a crash. */
static void test_long_name(void **state) {
	struct mux_fixture f;
	struct route route;
	struct error error;
	struct arena arena;
	char name[5000];
	(void)state;
	memset(name, 'x', sizeof name);
	mux_fixture_begin(&f, yaml);
	arena_init(&arena, NULL, 0);
	assert_false(registry_resolve(
		&f.mux->registry, slice_make(name, sizeof name), &arena, &route, &error));
	assert_true(strlen(error.message) < 300);
	arena_finish(&arena);
	mux_fixture_end(&f);
}

static void test_list(void **state) {
	struct mux_fixture f;
	size_t count;
	(void)state;
	mux_fixture_begin(&f, yaml);
	const struct mux_model *models = mux_models(f.mux, &count);
	bool has_llama = false;
	for (size_t i = 0; i < count; i++) {
		assert_true(i == 0 || slice_compare(models[i - 1].id, models[i].id) < 0);
		assert_false(slice_ends_with(models[i].id, SLICE("-nano")));
		assert_int_equal(
			models[i].is_demo, slice_starts_with(models[i].id, SLICE("demo/")));
		if (models[i].is_demo) {
			assert_string_equal(models[i].owned_by, "demo");
		}
		has_llama |= slice_is(models[i].id, "llama");
	}
	assert_true(has_llama);
	assert_true(slice_is(mux_find_model(f.mux, SLICE("big"))->id, "claude-opus-4-8"));
	assert_true(slice_is(mux_find_model(f.mux, SLICE("local://gpt-4o"))->id, "gpt-4o"));
	assert_int_equal(mux_find_model(f.mux, SLICE("big"))->context_tokens, 200000);
	assert_null(mux_find_model(f.mux, SLICE("nothing")));
	assert_true(mux_is_ready(f.mux));
	mux_fixture_end(&f);
}

/* One backend without a list takes whatever nobody lists. */
static void test_single_open_backend(void **state) {
	struct mux_fixture f;
	struct route route;
	struct error error;
	struct arena arena;
	(void)state;
	mux_fixture_begin(&f, "providers:\n  - type: openai\n    name: local\n"
			      "    base-url: http://127.0.0.1:PORT/v1\n");
	arena_init(&arena, NULL, 0);
	static const char *const names[] = {"mystery-1", "claude-opus-9", "vendor/some:7b"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_true(registry_resolve(
			&f.mux->registry, slice_of(names[i]), &arena, &route, &error));
		assert_string_equal(route.targets[0].backend->name, "local");
		assert_true(slice_is(route.targets[0].model, names[i]));
	}
	arena_finish(&arena);
	mux_fixture_end(&f);
}

static void count_backend(const struct mux_backend_info *info, void *data) {
	struct buf *text = data;
	buf_printf(text, "%s(%s,%zu,%zu,%d,%d) ", info->name, info->type, info->accounts,
		info->keys, info->takes_any_model, info->is_demo);
}

static void test_backends(void **state) {
	struct mux_fixture f;
	struct buf text;
	(void)state;
	mux_fixture_begin(&f, yaml);
	buf_init(&text, 0);
	mux_each_backend(f.mux, count_backend, &text);
	buf_append_byte(&text, '\0');
	assert_string_equal(text.data,
		"openai(openai,2,2,1,0) local(openai,1,0,0,0) claude(claude,1,1,1,0) "
		"demo(demo,0,0,0,1) ");
	buf_finish(&text);
	mux_fixture_end(&f);

	mux_fixture_begin(&f, "port: 1\n");
	assert_false(mux_is_ready(f.mux));
	mux_fixture_end(&f);
}

int test_registry(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_suggestions),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_single_open_backend),
		cmocka_unit_test(test_backends),
	};
	return cmocka_run_group_tests_name("mux/registry", tests, NULL, NULL);
}
