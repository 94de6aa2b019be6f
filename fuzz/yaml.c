/* yaml.c: fuzz target of the YAML reader: what it accepts has valid JSON text under it. */
#include <stdlib.h>

#include "data/document.h"

/* libfyaml 0.7.12 loses a buffer or a token on some of its error paths; that is not ours to mend.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
	return "leak:libfyaml.so\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	struct problems problems;
	problems_init(&problems, &arena, "fuzz", text);
	struct json *tree = yaml_parse(&arena, text, &problems);
	/* A tree or an error, never both and never neither. */
	if ((tree != NULL) != (problems.error_count == 0)) {
		abort();
	}
	if (tree && !json_is_valid(json_raw(tree))) {
		abort();
	}
	struct buf out;
	buf_init(&out, 0);
	problems_print(&problems, false, &out);
	buf_finish(&out);
	arena_finish(&arena);
	return 0;
}
