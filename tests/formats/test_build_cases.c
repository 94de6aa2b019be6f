/* test_build_cases.c: requests of one dialect built for another, from the tables in cases/ (one
 * object a case): rule   spec ids it proves from, to, model, quirks?, op?   the client's dialect,
 * the upstream's, its model, "official" or "codex", "count" request                the client's
 * body want JSON pointer -> value it must have in the built body absent                 JSON
 * pointers that must lead nowhere losses                 rule ids that must be among the recorded
 * losses; an empty list: nothing may be lost error part of the message when the request must be
 * refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "formats/format.h"

int test_build_cases(void);

struct outcome {
	struct buf flat;
	const struct json *built;
	struct chat_losses losses;
	struct error error;
	bool ok;
};

static bool string_member_is(const struct json *test, const char *name, const char *text) {
	return json_string_is(json_get(test, name), text);
}

static void run(struct arena *arena, const struct json *test, struct outcome *outcome) {
	const struct format *from = format_find(json_string(json_get(test, "from"), arena));
	const struct format *to = format_find(json_string(json_get(test, "to"), arena));
	struct chat_request request;
	struct format_built built = {0};
	struct slice model = json_string(json_get(test, "model"), arena);
	assert_non_null(from);
	assert_non_null(to);
	outcome->losses.arena = arena;
	const struct format_parse parse = {.body = json_raw(json_get(test, "request")),
		.tree = json_get(test, "request"),
		.op = string_member_is(test, "op", "count") ? CHAT_OP_COUNT : CHAT_OP_CHAT,
		.arena = arena};
	const struct format_target target = {.model = model,
		.family = model_family_of(model),
		.quirks = string_member_is(test, "quirks", "official") ? QUIRK_OFFICIAL
			  : string_member_is(test, "quirks", "codex")  ? QUIRK_CODEX
								       : 0,
		.stream = json_is(json_at(parse.tree, SLICE("/stream")), JSON_TRUE)};
	outcome->ok =
		from->parse_request(&parse, &request, &outcome->error) &&
		to->build_request(&request, &target, &built, &outcome->losses, &outcome->error);
	struct iovec iov[64];
	int count = buf_iovec(&built.body, 0, iov, 64);
	for (int i = 0; i < count; i++) {
		buf_append(&outcome->flat, slice_make(iov[i].iov_base, iov[i].iov_len));
	}
	buf_finish(&built.body);
	if (outcome->ok) {
		outcome->built =
			json_parse(arena, buf_slice(&outcome->flat), NULL, &outcome->error);
	}
}

static bool has_loss(const struct outcome *outcome, struct slice rule) {
	for (size_t i = 0; i < outcome->losses.len; i++) {
		if (slice_is(rule, outcome->losses.items[i].rule)) {
			return true;
		}
	}
	return false;
}

static size_t compare(struct arena *arena, const struct json *test, const struct outcome *outcome) {
	size_t bad = 0;
	json_each (wanted, json_get(test, "want")) {
		const struct json *got = json_at(outcome->built, json_key(wanted, arena));
		if (!got || !json_equal(got, wanted)) {
			print_error("  %.*s is %.*s, wanted %.*s\n",
				SLICE_FMT(json_key(wanted, arena)), SLICE_FMT(json_raw(got)),
				SLICE_FMT(json_raw(wanted)));
			bad++;
		}
	}
	json_each (pointer, json_get(test, "absent")) {
		if (json_at(outcome->built, json_string(pointer, arena))) {
			print_error("  %.*s must not be there\n", SLICE_FMT(json_raw(pointer)));
			bad++;
		}
	}
	json_each (rule, json_get(test, "losses")) {
		if (!has_loss(outcome, json_string(rule, arena))) {
			print_error("  no loss %.*s was recorded\n", SLICE_FMT(json_raw(rule)));
			bad++;
		}
	}
	const struct json *losses = json_get(test, "losses");
	if (losses != NULL && losses->count == 0 && outcome->losses.len > 0) {
		print_error("  %s must not be told as lost\n", outcome->losses.items[0].field);
		bad++;
	}
	return bad;
}

static size_t run_case(struct arena *arena, const struct json *test) {
	struct outcome outcome = {.built = NULL};
	size_t bad = 0;
	run(arena, test, &outcome);
	const struct json *refusal = json_get(test, "error");
	if (refusal) {
		if (outcome.ok || !slice_contains(slice_of(outcome.error.message),
					  json_string(refusal, arena))) {
			print_error("  must be refused with %.*s, not '%s'\n",
				SLICE_FMT(json_raw(refusal)), outcome.error.message);
			bad++;
		}
	} else if (!outcome.built) {
		print_error("  was refused: %s\n", outcome.error.message);
		bad++;
	} else {
		bad += compare(arena, test, &outcome);
	}
	if (bad > 0) {
		print_error("%.*s (%.*s): built %.*s\n",
			SLICE_FMT(json_raw(json_get(test, "rule"))),
			SLICE_FMT(json_raw(json_get(test, "title"))),
			SLICE_FMT(buf_slice(&outcome.flat)));
	}
	buf_finish(&outcome.flat);
	return bad;
}

static void run_file(const char *path) {
	struct buf text = {0};
	struct arena arena;
	struct error error = {0};
	size_t bad = 0, count = 0;
	arena_init(&arena, NULL, 0);
	assert_true(file_read(path, 1 << 20, &text, &error));
	const struct json *cases = json_parse(&arena, buf_slice(&text), NULL, &error);
	if (!cases) {
		fail_msg("%s: %s", path, error.message);
	}
	json_each (test, cases) {
		bad += run_case(&arena, test);
		count++;
	}
	arena_finish(&arena);
	buf_finish(&text);
	assert_true(count > 0);
	assert_int_equal(bad, 0);
}

static void to_anthropic(void **state) {
	(void)state;
	run_file("tests/formats/cases/to_anthropic.json");
}

static void to_gemini(void **state) {
	(void)state;
	run_file("tests/formats/cases/to_gemini.json");
}

static void from_gemini(void **state) {
	(void)state;
	run_file("tests/formats/cases/from_gemini.json");
}

static void to_openai_responses(void **state) {
	(void)state;
	run_file("tests/formats/cases/to_openai_responses.json");
}

static void from_openai_responses(void **state) {
	(void)state;
	run_file("tests/formats/cases/from_openai_responses.json");
}

int test_build_cases(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_anthropic),
		cmocka_unit_test(to_openai_responses),
		cmocka_unit_test(from_openai_responses),
		cmocka_unit_test(to_gemini),
		cmocka_unit_test(from_gemini),
	};
	return cmocka_run_group_tests_name("build_cases", tests, NULL, NULL);
}
