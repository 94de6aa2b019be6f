/* values.h: what the files of workflow/ need of values.c beyond result.h. */
#ifndef LLMMUX_WORKFLOW_VALUES_H
#define LLMMUX_WORKFLOW_VALUES_H

#include "base/clock.h"
#include "workflow/result.h"

/* One step as templates see it; the result must live as long as the value. */
struct value result_value(const struct step_result *result, struct arena *arena);

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
