/* step_result.c: fuzz target of results in the record of a run: what is read is written the same
 * again. */
#include <stdlib.h>

#include "workflow/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write(const struct step_result *result, struct arena *arena, struct buf *out) {
	buf_init(out, 0);
	result_to_json(result, arena, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct workflow_step step = {.name = SLICE_INIT("step")};
	struct arena arena;
	struct error error = {0};
	struct step_result first;
	struct step_result second;
	arena_init(&arena, NULL, 0);
	const struct json *json =
		json_parse(&arena, slice_make((const char *)data, size), NULL, &error);
	if (json != NULL && result_from_json(&step, json, &arena, &first, &error)) {
		struct buf once;
		struct buf twice;
		write(&first, &arena, &once);
		json = json_parse(&arena, arena_dup(&arena, buf_slice(&once)), NULL, &error);
		if (json == NULL || !result_from_json(&step, json, &arena, &second, &error)) {
			abort();
		}
		write(&second, &arena, &twice);
		if (!slice_eq(buf_slice(&once), buf_slice(&twice))) {
			abort();
		}
		buf_finish(&once);
		buf_finish(&twice);
	}
	arena_finish(&arena);
	return 0;
}
