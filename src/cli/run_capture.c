/* run_capture.c: what was told on standard error before a run began, for the Result that also such
 * a run ends with in JSON mode (workflows.md 8.3). */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/run.h"

#define CAPTURE_MAX ((size_t)64 * 1024)

struct run_capture {
	FILE *err, *tee;
	struct buf text;
};

static ssize_t write_tee(void *cookie, const char *bytes, size_t size) {
	struct run_capture *capture = cookie;
	size_t room = CAPTURE_MAX - capture->text.len;
	buf_append(&capture->text, slice_make(bytes, size < room ? size : room));
	return (ssize_t)fwrite(bytes, 1, size, capture->err);
}

struct run_capture *run_capture_begin(struct command_context *context) {
	if (!run_flags_want_json(context)) {
		return NULL;
	}
	struct run_capture *capture = mem_calloc(1, sizeof *capture);
	capture->err = context->err;
	buf_init(&capture->text, 0);
	capture->tee = fopencookie(capture, "w", (cookie_io_functions_t){.write = write_tee});
	if (capture->tee != NULL) {
		setvbuf(capture->tee, NULL, _IONBF, 0);
		context->err = capture->tee;
	}
	return capture;
}

void run_capture_end(struct run_capture *capture, struct command_context *context, bool has_run) {
	if (capture == NULL) {
		return;
	}
	if (capture->tee != NULL) {
		fclose(capture->tee);
	}
	context->err = capture->err;
	if (!has_run) {
		struct slice message = slice_trim(buf_slice(&capture->text));
		if (slice_starts_with(message, SLICE("llm-mux: "))) {
			message = slice_from(message, sizeof "llm-mux: " - 1);
		}
		run_json_refuse(context->out, message.len > 0 ? message : SLICE("nothing was run"));
	}
	buf_finish(&capture->text);
	free(capture);
}
