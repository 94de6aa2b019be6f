/* runner_config.c: fuzz target of the runner's options: layers of TOML, cut at zero bytes, one on
 * top of the other; what is in force is shown, and what waits for trust is told. */
#include <stdlib.h>

#include "config/runner.h"
#include "fuzz_leaks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(
	void *context, const char *path, const struct json *value, uint32_t line, uint32_t column) {
	(void)line;
	(void)column;
	runner_print_untrusted(context, path, value);
}

static void miss(
	void *context, const struct option_place *place, const char *path, const char *key) {
	if (!place->file || !*path || !*key) {
		abort();
	}
	options_report_missing(context, place, path, key);
}

/* What an untrusted file may not do is told of every file, whatever else is wrong with it. */
static void apply_layer(
	struct option_set *set, struct arena *arena, struct slice text, struct buf *out) {
	struct problems problems;
	problems_init(&problems, arena, "fuzz.toml", text);
	struct json *tree = toml_parse(arena, text, &problems);
	if (tree) {
		runner_each_untrusted(tree, arena, see, out);
		options_apply_tree(set, tree, &problems);
	}
	options_check_required(set, miss, &problems);
	problems_print(&problems, false, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice rest = slice_make((const char *)data, size), text;
	static const struct option_table *const tables[] = {&runner_table};
	struct arena arena;
	struct option_set set;
	struct buf out;
	arena_init(&arena, NULL, 0);
	buf_init(&out, 0);
	options_init(&set, &arena, tables, 1, NULL);
	for (int i = 0; i < 3 && rest.data && slice_split(&rest, '\0', &text); i++) {
		apply_layer(&set, &arena, text, &out);
	}
	buf_reset(&out, 0);
	options_show(&set, true, true, &out);
	if (!json_is_valid(buf_slice(&out))) {
		abort();
	}
	options_show(&set, false, true, &out);
	buf_finish(&out);
	arena_finish(&arena);
	return 0;
}
