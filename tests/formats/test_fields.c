/* test_fields.c: no field of a request vanishes (IR-5). For every client dialect each field of its
 * table is set, one at a time, and built for every upstream dialect: the body changes, a loss is
 * recorded, or the request is refused. The fields are in cases/fields.json:
 *   client, path  the dialect; the path of its call, where that says something
 *   base          a request that says as little as it can
 *   fields        name; set (members put into the base); base (members the reference has too);
 *                 quiet (upstream dialects or models, or "*", for which it may have no effect) and
 * why */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "formats/format.h"

int test_fields(void);

/* Upstreams that differ in what they take. */
static const struct {
	enum format_id format;
	const char *model;
	uint32_t quirks;
} targets[] = {
	{FORMAT_OPENAI_CHAT, "gpt-4.1", QUIRK_OFFICIAL},
	{FORMAT_OPENAI_CHAT, "gpt-5", QUIRK_OFFICIAL},
	{FORMAT_OPENAI_CHAT, "some-model", 0},
	{FORMAT_OPENAI_RESPONSES, "gpt-5", QUIRK_OFFICIAL},
	{FORMAT_ANTHROPIC, "claude-sonnet-4-5", QUIRK_OFFICIAL},
	{FORMAT_ANTHROPIC, "claude-opus-4-8", QUIRK_OFFICIAL},
	{FORMAT_ANTHROPIC, "claude-3-5-haiku-20241022", 0},
	{FORMAT_GEMINI, "gemini-2.5-pro", QUIRK_OFFICIAL},
	{FORMAT_GEMINI, "gemini-3-pro", QUIRK_OFFICIAL},
	{FORMAT_OLLAMA, "qwen3", 0},
};
#define TARGETS (sizeof targets / sizeof *targets)

struct outcome {
	bool is_refused;
	struct slice body;
	struct chat_losses losses;
};

static bool is_in(const struct json *object, const struct json *member, struct arena *arena) {
	return json_get_slice(object, json_key(member, arena)) != NULL;
}

/* The base with the members of `set` in place of its own. */
static struct slice merge(struct arena *arena, const struct json *base, const struct json *set) {
	struct buf out;
	struct json_writer w;
	buf_init(&out, 0);
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_each (member, base) {
		if (!is_in(set, member, arena)) {
			json_write_key_slice(&w, json_key(member, arena));
			json_write_node(&w, member);
		}
	}
	json_each (member, set) {
		json_write_key_slice(&w, json_key(member, arena));
		json_write_node(&w, member);
	}
	json_end_object(&w);
	struct slice merged = arena_dup(arena, buf_slice(&out));
	buf_finish(&out);
	return merged;
}

static struct slice flatten(struct arena *arena, struct buf *body) {
	size_t total = buf_total(body);
	char *bytes = arena_alloc(arena, total + 1);
	buf_copy_out(body, 0, bytes, total);
	buf_finish(body);
	return slice_make(bytes, total);
}

static struct outcome build(struct arena *arena, const struct json *client, size_t target,
	const struct json *base, const struct json *set) {
	const struct format *from = format_find(json_string(json_get(client, "client"), arena));
	const struct format *to = format_get(targets[target].format);
	struct outcome outcome = {.losses.arena = arena};
	struct chat_request request = {.arena = arena};
	struct format_built built = {0};
	struct error error;
	struct format_parse parse = {
		.body = merge(arena, base, set),
		.path = json_string(json_get(client, "path"), arena),
		.arena = arena,
	};
	parse.tree = json_parse(arena, parse.body, NULL, &error);
	assert_non_null(parse.tree);
	if (!from->parse_request(&parse, &request, &error)) {
		outcome.is_refused = true;
		return outcome;
	}
	const struct format_target to_model = {.model = slice_of(targets[target].model),
		.family = model_family_of(slice_of(targets[target].model)),
		.quirks = targets[target].quirks,
		.stream = request.stream};
	buf_init(&built.body, 0);
	outcome.is_refused =
		!format_build_request(to, &request, &to_model, &built, &outcome.losses, &error);
	for (size_t i = 0; i < built.beta_count; i++) {
		buf_append(&built.body, built.betas[i]); /* a header, but it goes out */
	}
	outcome.body = flatten(arena, &built.body);
	return outcome;
}

static bool has_loss(const struct chat_losses *losses, const struct chat_loss *loss) {
	for (size_t i = 0; i < losses->len; i++) {
		if (strcmp(losses->items[i].field, loss->field) == 0 &&
			strcmp(losses->items[i].rule, loss->rule) == 0) {
			return true;
		}
	}
	return false;
}

static bool lost_more(const struct outcome *with, const struct outcome *without) {
	for (size_t i = 0; i < with->losses.len; i++) {
		if (!has_loss(&without->losses, &with->losses.items[i])) {
			return true;
		}
	}
	return false;
}

static bool may_be_quiet(const struct json *field, const struct format *to, size_t target) {
	json_each (name, json_get(field, "quiet")) {
		if (json_string_is(name, "*") || json_string_is(name, to->name) ||
			json_string_is(name, targets[target].model)) {
			return true;
		}
	}
	return false;
}

static size_t check_field(const struct json *client, const struct json *field, size_t target) {
	const struct format *to = format_get(targets[target].format);
	struct arena arena;
	struct error error;
	size_t bad = 0;
	if (to == NULL || to->build_request == NULL) {
		return 0;
	}
	arena_init(&arena, NULL, 0);
	struct slice reference = merge(&arena, json_get(client, "base"), json_get(field, "base"));
	const struct json *base = json_parse(&arena, reference, NULL, &error);
	const struct outcome without = build(&arena, client, target, base, NULL);
	const struct outcome with = build(&arena, client, target, base, json_get(field, "set"));
	assert_false(without.is_refused);
	bool is_seen =
		with.is_refused || lost_more(&with, &without) || !slice_eq(with.body, without.body);
	if (!is_seen && !may_be_quiet(field, to, target)) {
		print_error("%.*s of %.*s vanishes on the way to %s (%s): %.*s\n",
			SLICE_FMT(json_raw(json_get(field, "name"))),
			SLICE_FMT(json_raw(json_get(client, "client"))), to->name,
			targets[target].model, SLICE_FMT(with.body));
		bad++;
	}
	arena_finish(&arena);
	return bad;
}

static void ir_5_nothing_vanishes(void **state) {
	struct buf text = {0};
	struct arena arena;
	struct error error = {0};
	size_t bad = 0;
	(void)state;
	arena_init(&arena, NULL, 0);
	assert_true(file_read("tests/formats/cases/fields.json", 1 << 20, &text, &error));
	const struct json *clients = json_parse(&arena, buf_slice(&text), NULL, &error);
	if (clients == NULL) {
		fail_msg("%s", error.message);
	}
	json_each (client, clients) {
		assert_non_null(format_find(json_string(json_get(client, "client"), &arena)));
		json_each (field, json_get(client, "fields")) {
			for (size_t target = 0; target < TARGETS; target++) {
				bad += check_field(client, field, target);
			}
		}
	}
	arena_finish(&arena);
	buf_finish(&text);
	assert_int_equal(bad, 0);
}

int test_fields(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ir_5_nothing_vanishes),
	};
	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
