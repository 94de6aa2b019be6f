/* run_lines.c: the lines that tell how a step ended: its time, its backends, its failure. */
#include "cli/run_lines.h"

#include "cli/run_display.h"

#define STDERR_LINES_MAX 15

/* The last lines of a text. */
static struct slice tail_of(struct slice text) {
	text = slice_trim(text);
	size_t lines = 0;
	for (size_t at = text.len; at > 0; at--) {
		if (text.data[at - 1] == '\n' && ++lines == STDERR_LINES_MAX) {
			return slice_from(text, at);
		}
	}
	return text;
}

static void put_fact(struct run_frame *frame, const char *name, struct slice text) {
	if (text.len > 0) {
		buf_printf(&frame->text, "  %-8s ", name);
		struct slice line = slice_trim(run_frame_masked(frame, text));
		size_t end = slice_find_byte(line, '\n');
		run_words_append(&frame->text, end == SIZE_MAX ? line : slice_sub(line, 0, end));
		buf_append_str(&frame->text, end == SIZE_MAX ? "" : " ...");
		run_frame_end_line(frame);
	}
}

static void put_exit(struct run_frame *frame, const struct step_error *error) {
	struct buf text;
	buf_init(&text, 0);
	if (error->exit_code >= 0) {
		buf_printf(&text, "exit code %d", error->exit_code);
	}
	if (error->http_status > 0) {
		buf_printf(&text, "%sHTTP status %d", text.len > 0 ? ", " : "", error->http_status);
	}
	if (error->max_attempts > 1) {
		buf_printf(&text, "%sattempt %u of %u", text.len > 0 ? ", " : "", error->attempt,
			error->max_attempts);
	}
	put_fact(frame, "ended:", buf_slice(&text));
	buf_finish(&text);
}

/* Kind, message, command, exit code, the end of its stderr, and what may help. */
void run_lines_failure(struct run_frame *frame, const struct step_error *error) {
	const char *hint = run_words_hint(error);
	struct slice message = slice_trim(error->message);
	struct slice err = slice_trim(error->err);
	buf_append_str(&frame->text, "  ");
	run_frame_coloured(frame, RUN_COLOUR_RED, "error: ");
	buf_printf(&frame->text, "%s: ", failure_class_names[error->class]);
	size_t end = slice_find_byte(message, '\n');
	run_frame_text(frame, end == SIZE_MAX ? message : slice_sub(message, 0, end));
	run_frame_end_line(frame);
	if (end != SIZE_MAX) {
		run_frame_block(frame, "    ", tail_of(slice_from(message, end + 1)));
	}
	put_fact(frame, "command:", error->command);
	put_exit(frame, error);
	if (err.len > 0 && !slice_eq(err, message)) {
		struct slice tail = tail_of(err);
		buf_printf(&frame->text, "  stderr%s:", tail.len < err.len ? " (its end)" : "");
		run_frame_end_line(frame);
		run_frame_block(frame, "    ", tail);
	}
	if (hint != NULL) {
		buf_printf(&frame->text, "  hint:    %s", hint);
		run_frame_end_line(frame);
	}
}

void run_lines_more(struct run_frame *frame, const struct step_result *result, bool is_verbose,
	bool is_traced) {
	if (is_verbose && result->status == STEP_OK && slice_trim(result->err).len > 0) {
		buf_append_str(&frame->text, "  stderr:");
		run_frame_end_line(frame);
		run_frame_block(frame, "    ", result->err);
	}
	if (is_traced && result->prompt.len > 0) {
		buf_append_str(&frame->text, "  prompt:");
		run_frame_end_line(frame);
		run_frame_block(frame, "    ", result->prompt);
	}
	if (is_traced && result->output.len > 0) {
		buf_append_str(&frame->text, "  output:");
		run_frame_end_line(frame);
		run_frame_block(frame, "    ", result->output);
	}
}

/* Several backends: how many answered, and which (8.3). */
static void put_backends(struct run_frame *frame, const struct step_result *result) {
	size_t answered = result->backends.len;
	size_t asked = answered + result->failed_backends.len;
	if (!result->outputs_are_named || asked < 2) {
		return;
	}
	run_frame_begin_colour(frame, RUN_COLOUR_DIM);
	buf_printf(&frame->text, "  %zu of %zu: ", answered, asked);
	for (size_t i = 0; i < answered; i++) {
		buf_printf(&frame->text, "%s%.*s", i > 0 ? ", " : "",
			SLICE_FMT(result->backends.items[i]));
	}
	run_frame_end_colour(frame);
	for (size_t i = 0; i < result->failed_backends.len; i++) {
		struct slice name = result->failed_backends.items[i].name;
		run_frame_begin_colour(frame, RUN_COLOUR_YELLOW);
		buf_printf(&frame->text, "%s%.*s failed", answered + i > 0 ? ", " : "",
			SLICE_FMT(name));
		run_frame_end_colour(frame);
	}
}

void run_lines_how(struct run_frame *frame, const struct step_result *result, bool is_verbose) {
	char took[RUN_DURATION_MAX];
	run_words_duration(result->duration_ms, took);
	buf_printf(&frame->text, " (%s)",
		result->is_resumed      ? "done before"
		: result->is_from_cache ? "from the cache"
					: took);
	if (is_verbose && result->backend.len > 0) {
		struct buf usage;
		buf_init(&usage, 0);
		run_words_usage(&result->usage, &usage);
		run_frame_begin_colour(frame, RUN_COLOUR_DIM);
		buf_printf(&frame->text, "  %.*s%s%.*s", SLICE_FMT(result->backend),
			usage.len > 0 ? ", " : "", (int)usage.len, usage.len > 0 ? usage.data : "");
		run_frame_end_colour(frame);
		buf_finish(&usage);
	}
	put_backends(frame, result);
}
