/* config.c: fuzz target of the options engine: any YAML through the core table, shown again. */
#include <stdlib.h>

#include "config/config.h"
#include "fuzz_leaks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct option_set set;
	config_options_init(&set, &arena, NULL, 0);
	struct problems problems;
	problems_init(&problems, &arena, "fuzz", text);
	struct json *tree = yaml_parse(&arena, text, &problems);
	if (tree) {
		options_apply_tree(&set, tree, &problems);
	}
	struct buf out;
	buf_init(&out, 0);
	problems_print(&problems, false, &out);
	buf_reset(&out, 0);
	options_show(&set, true, true, &out);
	if (!json_is_valid(buf_slice(&out))) {
		abort();
	}
	buf_finish(&out);
	arena_finish(&arena);
	return 0;
}
