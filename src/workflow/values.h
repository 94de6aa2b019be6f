/* values.h: what the files of workflow/ need of values.c beyond result.h. */
#ifndef LLMMUX_WORKFLOW_VALUES_H
#define LLMMUX_WORKFLOW_VALUES_H

#include "base/clock.h"
#include "workflow/result.h"

/* One step as templates see it; the result must live as long as the value. */
struct value result_value(const struct step_result *result, struct arena *arena);

/* ---- what objects are made of ---- */
/* A field of an object: its name and how it is found. Lists of rows end with a NULL name. */
struct result_field {
	const char *name;
	struct value (*get)(const struct value_object *object, struct arena *arena);
};
bool result_get_field(const struct result_field *fields, const struct value_object *object,
	struct arena *arena, struct value key, struct value *out);
const char *const *result_field_names(const struct result_field *fields, struct arena *arena);
/* Absent texts are empty; absent data is undefined. */
struct value result_text(struct slice text);
struct value result_data(const struct json *data, struct arena *arena);
/* What is no field is a member of the data (5.10: steps.fix.action). False: it has none such. */
bool result_data_member(
	const struct json *data, struct arena *arena, struct value key, struct value *out);
/* `outputs`: by name and by number, prints as `text`. */
struct value result_outputs(const struct step_output *entries, size_t count, bool are_named,
	struct slice text, struct arena *arena);

/* Texts of several sources as one: blocks `=== name ===`, newline, text, joined by one blank line
 * (workflows.md 3.3). Zeroed but for the arena. */
struct output_blocks {
	struct arena *arena;
	struct {
		struct slice *items;
		size_t len, cap;
	} parts;
	size_t total;
};
void output_blocks_add(struct output_blocks *blocks, struct slice name, struct slice text);
struct slice output_blocks_text(const struct output_blocks *blocks);

#endif
