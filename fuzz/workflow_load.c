/* workflow_load.c: fuzz target of workflow files: any text is loaded and checked, its problems are
 * printed and its graph is drawn. */
#include <stdlib.h>

#include "fuzz_leaks.h"
#include "workflow/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size);
	struct arena arena;
	arena_init(&arena, NULL, 0);
	static const struct runner_config runner;
	/* No files: what is included or nested is not found. */
	const struct workflow_places places = {0};
	struct problems problems;
	problems_init(&problems, &arena, "<built-in>/fuzz.toml", text);
	struct workflow *workflow = NULL;
	bool is_good = workflow_validate(
		"<built-in>/fuzz.toml", "built-in", text, &runner, &places, &problems, &workflow);
	if (is_good != (problems.error_count == 0) || is_good != (workflow != NULL)) {
		abort();
	}
	struct buf out;
	buf_init(&out, 0);
	problems_print(&problems, false, &out);
	for (int format = GRAPH_TEXT; workflow && format <= GRAPH_MERMAID; format++) {
		workflow_graph(workflow, (enum graph_format)format, NULL, &out);
	}
	buf_finish(&out);
	workflow_destroy(workflow);
	arena_finish(&arena);
	return 0;
}
