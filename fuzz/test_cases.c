/* test_cases.c: fuzz target of the cases of `llm-mux test`: any text is read, its problems are
 * printed, and what its cases expect is compared with a text. */
#include <stdlib.h>

#include "cli/test_cases.h"
#include "fuzz_leaks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size);
	struct arena arena;
	struct problems problems;
	struct test_cases cases = {0};
	arena_init(&arena, NULL, 0);
	problems_init(&problems, &arena, "w.test.toml", text);
	bool is_good = test_cases_read(text, "/nowhere", &arena, &problems, &cases);
	if (is_good != (problems.error_count == 0) || (is_good && cases.len == 0)) {
		abort();
	}
	struct buf out;
	buf_init(&out, 0);
	problems_print(&problems, false, &out);
	for (size_t i = 0; is_good && i < cases.len; i++) {
		const char *wrong =
			test_text_check(&cases.items[i].output, "the text", text, &arena);
		buf_append_str(&out, wrong != NULL ? wrong : "");
	}
	buf_finish(&out);
	arena_finish(&arena);
	return 0;
}
