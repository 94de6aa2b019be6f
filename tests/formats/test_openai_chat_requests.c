/* test_openai_chat_requests.c: requests of the cc dialect, in and out (2.1, 3.1 Build). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/cases.h"

int test_openai_chat_requests(void);

static void test_cases(void **state) {
	(void)state;
	size_t count;
	assert_int_equal(cases_run("openai_chat_requests.json", &count), 0);
	assert_true(count > 40);
}

int test_openai_chat_requests(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};
	return cmocka_run_group_tests_name("openai_chat_requests", tests, NULL, NULL);
}
