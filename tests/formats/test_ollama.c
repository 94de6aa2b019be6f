/* test_ollama.c: the dialects of Ollama and of legacy Completions, in and out (2.2, 2.6, 3.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/cases.h"
#include "formats/format.h"

int test_ollama(void);

static void requests(void **state) {
	(void)state;
	size_t count;
	assert_int_equal(cases_run("ollama_requests.json", &count), 0);
	assert_true(count > 25);
}

static void answers(void **state) {
	(void)state;
	size_t count;
	assert_int_equal(cases_run("ollama_answers.json", &count), 0);
	assert_true(count > 10);
}

/* OU-3: asked again without thinking, once, and only when that was what the upstream refused. */
static void ou_3_mend(void **state) {
	static const struct {
		enum error_kind kind;
		const char *message;
		bool is_mended;
	} cases[] = {
		{ERROR_INVALID_REQUEST, "\"llama3\" does not support thinking", true},
		{ERROR_INVALID_REQUEST, "invalid options", false},
		{ERROR_INTERNAL, "\"llama3\" does not support thinking", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena arena;
		struct chat_losses losses = {.arena = &arena};
		struct error error;
		arena_init(&arena, NULL, 0);
		const struct chat_request request = {.arena = &arena,
			.client_format = FORMAT_OLLAMA,
			.reasoning = {.mode = CHAT_REASONING_ON, .effort = SLICE("high")}};
		error_set(&error, cases[i].kind, "%s", cases[i].message);
		const struct format *ollama = format_get(FORMAT_OLLAMA);
		const struct chat_request *mended = ollama->mend(&request, &error, &losses);
		assert_int_equal(mended != NULL, cases[i].is_mended);
		assert_int_equal(losses.len, cases[i].is_mended);
		if (mended != NULL) {
			assert_true(mended->reasoning.mode == CHAT_REASONING_UNSET);
			assert_null(mended->reasoning.effort.data);
			assert_false(format_can_splice(ollama, mended));
		}
		arena_finish(&arena);
	}
}

int test_ollama(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(ou_3_mend),
	};
	return cmocka_run_group_tests_name("ollama", tests, NULL, NULL);
}
