/* extract.c: fuzz target of JSON extraction: what is found is valid JSON of the text. */
#include <stdlib.h>

#include "data/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice text = slice_make((const char *)data, size);
	struct arena arena;
	enum extract_step step;
	arena_init(&arena, NULL, 0);
	const struct json *found = extract_json(&arena, text, &step);
	if (!found != (step == EXTRACT_NONE) ||
		(found && (found->raw < text.data || !json_is_valid(json_raw(found))))) {
		abort();
	}
	arena_finish(&arena);
	return 0;
}
