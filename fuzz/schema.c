/* schema.c: fuzz target of JSON Schema: the input is a schema, a NUL, and an
 * instance. Checking with and without a list of violations agree. */
#include <stdlib.h>

#include "data/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice schema_text = slice_make((const char *)data, size), instance_text;
	size_t cut = slice_find_byte(schema_text, '\0');
	instance_text = cut == SIZE_MAX ? SLICE("{\"a\":[1,\"x\",null]}")
					: slice_from(schema_text, cut + 1);
	schema_text = slice_sub(schema_text, 0, cut);
	struct arena arena;
	struct error error = {0};
	arena_init(&arena, NULL, 0);
	const struct json *tree = json_parse(&arena, schema_text, NULL, &error);
	const struct json *instance = json_parse(&arena, instance_text, NULL, &error);
	struct schema *schema = tree && instance ? schema_compile(&arena, tree, &error) : NULL;
	if (schema) {
		struct schema_violations violations = {0};
		bool is_valid = schema_check(schema, instance, &arena, &violations);
		if (is_valid != schema_check(schema, instance, &arena, NULL) ||
			is_valid != (violations.len == 0)) {
			abort();
		}
	}
	if (tree) {
		schema_compile_short(&arena, tree, &error);
	}
	arena_finish(&arena);
	return 0;
}
