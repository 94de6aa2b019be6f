/* run_lines.h: the lines that tell how a step ended. */
#ifndef LLMMUX_CLI_RUN_LINES_H
#define LLMMUX_CLI_RUN_LINES_H

#include "cli/run_frame.h"
#include "workflow/result.h"

/* " (1.2s)", and behind it who answered. */
void run_lines_how(struct run_frame *frame, const struct step_result *result, bool is_verbose);
/* Kind, message, command, exit code, the end of its stderr, and what may help: lines of their own.
 */
void run_lines_failure(struct run_frame *frame, const struct step_error *error);
/* What --verbose and --trace show below a step's line. */
void run_lines_more(
	struct run_frame *frame, const struct step_result *result, bool is_verbose, bool is_traced);

#endif
