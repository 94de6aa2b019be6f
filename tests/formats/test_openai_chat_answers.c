/* test_openai_chat_answers.c: answers of the cc dialect, in and out (2.1, 3.1 Decode). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/cases.h"

int test_openai_chat_answers(void);

static void test_cases(void **state) {
	(void)state;
	size_t count;
	assert_int_equal(cases_run("openai_chat_answers.json", &count), 0);
	assert_true(count > 20);
}

int test_openai_chat_answers(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};
	return cmocka_run_group_tests_name("openai_chat_answers", tests, NULL, NULL);
}
