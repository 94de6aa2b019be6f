/* run_console.c: a run as lines on standard error (workflows.md 8.3).
 *
 *   [1/4] collect... ok (0.3s)        lines that stay: ends, retries, warnings, streamed text
 *   [2/4] review ... 12.3s  claude    on a terminal, a region below them: one line per running step
 *   [3/4] lint   ... 11.9s
 *
 * The region is redrawn at most ten times a second (run_frame.h). */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "cli/run_display.h"
#include "cli/run_frame.h"
#include "cli/run_lines.h"

#define REDRAW_MS 100
#define HEARTBEAT_MS 30000

struct shown_step {
	bool is_running;
	uint64_t started_ms, told_ms; /* told_ms: when a line last said that it runs */
	struct slice backend;
	size_t done, of;    /* of 0: not several */
	struct buf partial; /* streamed, without its line end yet */
};

struct run_console {
	struct run_display display; /* the first member */
	struct arena arena;         /* of one event */
	struct arena lasting;
	struct shown_step *steps;
	size_t step_count, running;
	size_t ended[STEP_CANCELLED + 1];
	struct loop_timer timer;
	struct run_frame frame;
	uint64_t drawn_ms; /* when the region was drawn last */
	unsigned spin;
	bool is_over;
	const char *shown_failure; /* the message of the last failure block */
};

static uint64_t now_ms(const struct run_console *console) {
	return console->display.options.now_ms != NULL ? console->display.options.now_ms()
						       : clock_monotonic_ms();
}

static void put_step(struct run_console *console, const struct run_event *event) {
	buf_printf(&console->frame.text, "[%zu/%zu] %.*s", event->index, event->total,
		SLICE_FMT(event->step->name));
}

/* ---- the region ---- */

static void put_running(
	struct run_console *console, const struct shown_step *shown, size_t number, size_t width) {
	const struct workflow_step *step = &console->display.options.workflow->steps.items[number];
	char took[RUN_DURATION_MAX];
	struct buf line;
	buf_init(&line, 0);
	run_words_duration(now_ms(console) - shown->started_ms, took);
	buf_printf(&line, " [%zu/%zu] %.*s  %s", number + 1, console->step_count,
		SLICE_FMT(step->name), took);
	const uint64_t *expected_ms = console->display.options.expected_ms;
	if (expected_ms != NULL && expected_ms[number] > 0) {
		run_words_duration(expected_ms[number], took);
		buf_printf(&line, " (last time %s)", took);
	}
	if (shown->of > 0) {
		buf_printf(&line, "  %zu of %zu", shown->done, shown->of);
	}
	if (shown->backend.len > 0) {
		buf_printf(&line, "  %.*s", SLICE_FMT(shown->backend));
	}
	size_t columns = utf8_length(buf_slice(&line)) + 4;
	if (shown->partial.len > 0 && columns + 10 < width) {
		buf_append_str(&line, "  ");
		run_words_append(&line,
			run_frame_cut_front(buf_slice(&shown->partial), width - columns - 2));
	}
	run_frame_coloured(&console->frame, RUN_COLOUR_YELLOW,
		run_frame_spinner(&console->frame, console->spin));
	buf_append(
		&console->frame.text, run_frame_cut(buf_slice(&line), width > 3 ? width - 3 : 1));
	buf_append_str(&console->frame.text, "\x1b[K\n");
	buf_finish(&line);
}

static size_t put_region(void *data) {
	struct run_console *console = data;
	size_t width, height;
	size_t rows = 0, hidden = 0;
	run_frame_measure(&console->frame, &width, &height);
	for (size_t i = 0; i < console->step_count; i++) {
		if (console->steps[i].is_running && rows + 2 < height) {
			put_running(console, &console->steps[i], i, width);
			rows++;
		} else {
			hidden += console->steps[i].is_running;
		}
	}
	if (hidden > 0) {
		buf_printf(&console->frame.text, "  and %zu more\x1b[K\n", hidden);
		rows++;
	}
	return rows;
}

/* Nothing is written when nothing has changed. */
static void flush_frame(struct run_console *console) {
	if (console->frame.text.len > 0 || console->running > 0 || console->frame.region_rows > 0) {
		run_frame_flush(&console->frame, put_region, console);
		console->drawn_ms = now_ms(console);
	}
}

static void on_timer(struct loop_timer *timer) {
	struct run_console *console = timer->data;
	uint64_t now = now_ms(console);
	bool is_live = console->display.options.is_live;
	console->spin++;
	for (size_t i = 0; !is_live && i < console->step_count; i++) {
		struct shown_step *shown = &console->steps[i];
		if (shown->is_running && now - shown->told_ms >= HEARTBEAT_MS) {
			const struct workflow_step *step =
				&console->display.options.workflow->steps.items[i];
			char took[RUN_DURATION_MAX];
			shown->told_ms = now;
			run_words_duration(now - shown->started_ms, took);
			run_frame_begin_line(&console->frame);
			buf_printf(&console->frame.text, "[%zu/%zu] %.*s... still running (%s)",
				i + 1, console->step_count, SLICE_FMT(step->name), took);
			run_frame_end_line(&console->frame);
		}
	}
	flush_frame(console);
	if (console->running > 0) {
		loop_timer_start(timer, is_live ? REDRAW_MS : HEARTBEAT_MS / 3);
	}
}

static void watch(struct run_console *console) {
	const struct run_display_options *options = &console->display.options;
	if (options->loop != NULL && !options->is_quiet && !console->frame.is_held &&
		!loop_timer_is_armed(&console->timer)) {
		loop_timer_start(&console->timer, options->is_live ? REDRAW_MS : HEARTBEAT_MS / 3);
	}
}

/* ---- streamed text ---- */

static void put_streamed_line(
	struct run_console *console, const struct workflow_step *step, struct slice line) {
	if (console->running > 1) {
		run_frame_begin_colour(&console->frame, RUN_COLOUR_DIM);
		buf_printf(&console->frame.text, "%.*s | ", SLICE_FMT(step->name));
		run_frame_end_colour(&console->frame);
	}
	run_words_append(&console->frame.text, line);
	run_frame_end_line(&console->frame);
}

static void end_streamed(struct run_console *console, const struct workflow_step *step) {
	struct shown_step *shown = &console->steps[step->number];
	if (shown->partial.len > 0) {
		put_streamed_line(console, step, buf_slice(&shown->partial));
		buf_finish(&shown->partial);
	}
}

static void show_output(struct run_console *console, const struct run_event *event) {
	struct shown_step *shown = &console->steps[event->step->number];
	struct slice text = run_frame_masked(&console->frame, event->text);
	shown->told_ms = now_ms(console);
	if (!console->display.options.is_live && console->running < 2) {
		run_words_append(&console->frame.text, text);
		console->frame.is_mid_line =
			text.len > 0 ? text.data[text.len - 1] != '\n' : console->frame.is_mid_line;
		return;
	}
	run_frame_begin_line(&console->frame);
	buf_append(&shown->partial, text);
	size_t at;
	while ((at = slice_find_byte(buf_slice(&shown->partial), '\n')) != SIZE_MAX) {
		put_streamed_line(
			console, event->step, slice_sub(buf_slice(&shown->partial), 0, at));
		buf_consume(&shown->partial, at + 1);
	}
}

/* ---- the end of a step ---- */

static void put_failure(struct run_console *console, const struct step_error *error) {
	console->shown_failure = error->message.data;
	run_lines_failure(&console->frame, error);
}

static void show_step_end(struct run_console *console, const struct run_event *event) {
	const struct step_result *result = event->result;
	struct shown_step *shown = &console->steps[event->step->number];
	const struct run_display_options *options = &console->display.options;
	run_frame_begin_line(&console->frame);
	end_streamed(console, event->step);
	console->running -= shown->is_running;
	shown->is_running = false;
	console->ended[result->status]++;
	if (options->is_quiet && (result->status != STEP_FAILED || result->is_continued)) {
		return;
	}
	put_step(console, event);
	buf_append_str(&console->frame.text, "... ");
	switch (result->status) {
	case STEP_SKIPPED:
		run_frame_mark(&console->frame, RUN_MARK_SKIPPED);
		buf_append_str(&console->frame.text,
			console->display.options.has_utf8 ? " skipped: " : ": ");
		run_frame_text(&console->frame, result->skip_reason);
		run_frame_end_line(&console->frame);
		return;
	case STEP_CANCELLED:
		run_frame_mark(&console->frame, RUN_MARK_STOPPED);
		run_lines_how(&console->frame, result, options->is_verbose);
		run_frame_end_line(&console->frame);
		return;
	case STEP_FAILED:
		run_frame_mark(&console->frame, RUN_MARK_FAILED);
		run_lines_how(&console->frame, result, options->is_verbose);
		buf_append_str(&console->frame.text, result->is_continued ? " and went on" : "");
		run_frame_end_line(&console->frame);
		put_failure(console, &result->error);
		run_lines_more(&console->frame, result, options->is_verbose, options->is_traced);
		return;
	case STEP_PENDING:
	case STEP_RUNNING:
	case STEP_OK:
		break;
	}
	run_frame_mark(&console->frame, RUN_MARK_OK);
	run_lines_how(&console->frame, result, options->is_verbose);
	/* items of a loop that failed while others did not */
	bool lacks_some = result->has_error && !result->is_resumed;
	buf_append_str(&console->frame.text, lacks_some ? " and went on" : "");
	run_frame_end_line(&console->frame);
	if (lacks_some) {
		put_failure(console, &result->error);
	}
	run_lines_more(&console->frame, result, options->is_verbose, options->is_traced);
}

/* ---- other events ---- */

static void show_start(struct run_console *console, const struct run_event *event) {
	const struct run_display_options *options = &console->display.options;
	run_frame_begin_colour(&console->frame, RUN_COLOUR_BOLD);
	run_frame_text(&console->frame, options->workflow->name);
	run_frame_end_colour(&console->frame);
	buf_printf(&console->frame.text, ": %zu %s", event->total,
		event->total == 1 ? "step" : "steps");
	if (options->team.len > 0) {
		buf_printf(&console->frame.text, ", team %.*s", SLICE_FMT(options->team));
	}
	if (options->ecosystem.len > 0) {
		buf_printf(&console->frame.text, ", ecosystem %.*s", SLICE_FMT(options->ecosystem));
	}
	run_frame_end_line(&console->frame);
}

static void show_step_start(struct run_console *console, const struct run_event *event) {
	struct shown_step *shown = &console->steps[event->step->number];
	console->running += !shown->is_running;
	shown->is_running = true;
	shown->started_ms = shown->told_ms = now_ms(console);
	watch(console);
}

static void show_progress(struct run_console *console, const struct run_event *event) {
	struct shown_step *shown = &console->steps[event->step->number];
	bool is_news = event->done > shown->done;
	shown->done = event->done;
	shown->of = event->of;
	shown->backend =
		arena_dup(&console->lasting, event->backend.len > 0 ? event->backend : event->text);
	if (console->display.options.is_verbose && !console->display.options.is_live && is_news) {
		put_step(console, event);
		buf_printf(&console->frame.text, ": %zu of %zu", event->done, event->of);
		buf_printf(&console->frame.text, shown->backend.len > 0 ? " (%.*s)" : "%.*s",
			SLICE_FMT(shown->backend));
		run_frame_end_line(&console->frame);
	}
}

static void show_retry(struct run_console *console, const struct run_event *event) {
	const struct step_error *error = event->error;
	struct slice message = slice_trim(error->message);
	size_t end = slice_find_byte(message, '\n');
	char wait[RUN_DURATION_MAX];
	run_frame_begin_line(&console->frame);
	buf_reset(&console->steps[event->step->number].partial, 0);
	put_step(console, event);
	buf_append_str(&console->frame.text, "... ");
	run_frame_begin_colour(&console->frame, RUN_COLOUR_YELLOW);
	buf_append_str(&console->frame.text, "retry");
	run_frame_end_colour(&console->frame);
	buf_append_str(&console->frame.text, ": ");
	if (error->backend.len > 0) {
		buf_printf(&console->frame.text, "%.*s: ", SLICE_FMT(error->backend));
	}
	buf_printf(&console->frame.text, "%s: ", failure_class_names[error->class]);
	run_frame_text(&console->frame, end == SIZE_MAX ? message : slice_sub(message, 0, end));
	buf_printf(&console->frame.text, " (attempt %u", error->attempt > 0 ? error->attempt : 1);
	if (error->max_attempts > 0) {
		buf_printf(&console->frame.text, " of %u", error->max_attempts);
	}
	run_words_duration(event->retry_in_ms, wait);
	buf_printf(&console->frame.text, event->retry_in_ms > 0 ? ", again in %s)" : ", again now)",
		wait);
	run_frame_end_line(&console->frame);
}

static void show_message(struct run_console *console, const struct run_event *event) {
	run_frame_begin_line(&console->frame);
	if (event->type == RUN_EVENT_WARNING) {
		run_frame_coloured(&console->frame, RUN_COLOUR_YELLOW, "warning: ");
	}
	if (event->step != NULL) {
		put_step(console, event);
		buf_append_str(&console->frame.text, ": ");
	}
	run_frame_text(&console->frame, event->text);
	run_frame_end_line(&console->frame);
}

static void show_end(struct run_console *console, const struct run_event *event) {
	console->is_over = true;
	loop_timer_stop(&console->timer);
	for (size_t i = 0; i < console->step_count; i++) {
		console->running -= console->steps[i].is_running;
		console->steps[i].is_running = false;
	}
	run_frame_begin_line(&console->frame);
	if (event->error != NULL && event->error->message.data != console->shown_failure) {
		put_failure(console, event->error);
	}
}

/* Failures alone, but also what they need to know. */
static bool is_for_quiet(enum run_event_type type) {
	return type == RUN_EVENT_STEP_START || type == RUN_EVENT_STEP_END || type == RUN_EVENT_END;
}

static void show(struct run_console *console, const struct run_event *event) {
	switch (event->type) {
	case RUN_EVENT_START:
		show_start(console, event);
		break;
	case RUN_EVENT_STEP_START:
		show_step_start(console, event);
		break;
	case RUN_EVENT_STEP_OUTPUT:
		show_output(console, event);
		break;
	case RUN_EVENT_STEP_PROGRESS:
		show_progress(console, event);
		break;
	case RUN_EVENT_STEP_RETRY:
		show_retry(console, event);
		break;
	case RUN_EVENT_STEP_END:
		show_step_end(console, event);
		break;
	case RUN_EVENT_INFO:
	case RUN_EVENT_WARNING:
		show_message(console, event);
		break;
	case RUN_EVENT_END:
		show_end(console, event);
		break;
	}
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct run_console *console = (struct run_console *)observer;
	if (!console->display.options.is_quiet || is_for_quiet(event->type)) {
		show(console, event);
	}
	/* what is only redrawn waits for the timer, but for the first row */
	bool is_first = event->type == RUN_EVENT_STEP_START &&
			(console->frame.region_rows == 0 ||
				now_ms(console) - console->drawn_ms >= REDRAW_MS);
	if (console->frame.text.len > 0 || is_first || event->type == RUN_EVENT_END) {
		flush_frame(console);
	}
	arena_finish(&console->arena);
	if (event->type == RUN_EVENT_END && console->display.options.on_end != NULL) {
		console->display.options.on_end(console->display.options.data, event->end);
	}
}

/* ---- the last lines ---- */

static void put_counts(struct run_console *console) {
	static const struct {
		enum step_status status;
		const char *word;
	} rows[] = {{STEP_OK, "ok"}, {STEP_FAILED, "failed"}, {STEP_SKIPPED, "skipped"}};
	size_t left = console->step_count;
	const char *comma = "";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t count = console->ended[rows[i].status];
		left -= count < left ? count : left;
		if (count > 0) {
			buf_printf(&console->frame.text, "%s%zu %s", comma, count, rows[i].word);
			comma = ", ";
		}
	}
	if (left > 0) {
		buf_printf(&console->frame.text, "%s%zu not run to the end", comma, left);
	}
}

static void close_console(struct run_display *display, const struct run_summary *summary) {
	static const struct {
		enum run_mark mark;
		const char *word;
	} ends[] = {
		[RUN_OK] = {RUN_MARK_OK, "done"},
		[RUN_FAILED] = {RUN_MARK_FAILED, "failed"},
		[RUN_TIMED_OUT] = {RUN_MARK_FAILED, "ran out of time"},
		[RUN_CANCELLED] = {RUN_MARK_STOPPED, "interrupted"},
	};
	struct run_console *console = (struct run_console *)display;
	if (!display->options.is_quiet) {
		char took[RUN_DURATION_MAX];
		struct buf usage;
		buf_init(&usage, 0);
		run_words_duration(summary->duration_ms, took);
		run_words_usage(&summary->usage, &usage);
		run_frame_mark(&console->frame, ends[summary->end].mark);
		buf_printf(&console->frame.text,
			" %.*s %s: ", SLICE_FMT(display->options.workflow->name),
			ends[summary->end].word);
		put_counts(console);
		buf_printf(&console->frame.text, " in %s%s%.*s%s", took, usage.len > 0 ? ", " : "",
			(int)usage.len, usage.len > 0 ? usage.data : "",
			summary->is_dry_run ? " (dry run: nothing was done)" : "");
		run_frame_end_line(&console->frame);
		buf_finish(&usage);
		if (summary->files_dir != NULL) {
			buf_printf(&console->frame.text, "outputs: %s", summary->files_dir);
			run_frame_end_line(&console->frame);
		}
	}
	if (summary->resume_command != NULL) {
		buf_printf(&console->frame.text, "to go on from here: %s", summary->resume_command);
		run_frame_end_line(&console->frame);
	}
	flush_frame(console);
}

static void suspend(struct run_display *display, bool is_suspended) {
	struct run_console *console = (struct run_console *)display;
	if (is_suspended && !console->frame.is_held) {
		loop_timer_stop(&console->timer);
		run_frame_clear(&console->frame);
	}
	/* the cursor stands behind the question until it is answered */
	console->frame.is_mid_line = is_suspended;
	console->frame.is_held = is_suspended;
	if (!is_suspended && !console->is_over) {
		flush_frame(console);
		watch(console);
	}
}

static void print_line(struct run_display *display, struct slice line) {
	struct run_console *console = (struct run_console *)display;
	run_frame_begin_line(&console->frame);
	run_words_append(&console->frame.text, line);
	run_frame_end_line(&console->frame);
	flush_frame(console);
}

static void destroy(struct run_display *display) {
	struct run_console *console = (struct run_console *)display;
	if (display->options.loop != NULL) {
		loop_timer_stop(&console->timer);
	}
	for (size_t i = 0; i < console->step_count; i++) {
		buf_finish(&console->steps[i].partial);
	}
	buf_finish(&console->frame.text);
	arena_finish(&console->arena);
	arena_finish(&console->lasting);
	free(console);
}

struct run_display *run_console_create(const struct run_display_options *options) {
	struct run_console *console = mem_calloc(1, sizeof *console);
	console->display = (struct run_display){
		.observer = {on_event},
		.options = *options,
		.suspend = suspend,
		.print_line = print_line,
		.close = close_console,
		.destroy = destroy,
	};
	arena_init(&console->arena, NULL, 0);
	arena_init(&console->lasting, NULL, 0);
	console->step_count = options->workflow->steps.len;
	console->steps = ARENA_ARRAY(&console->lasting, struct shown_step, console->step_count + 1);
	for (size_t i = 0; i < console->step_count; i++) {
		buf_init(&console->steps[i].partial, 0);
	}
	console->frame = (struct run_frame){
		.out = options->out,
		.has_colour = options->has_colour,
		.has_utf8 = options->has_utf8,
		.is_live = options->is_live,
		.width = options->width,
		.secrets = options->secrets,
		.arena = &console->arena,
	};
	buf_init(&console->frame.text, 0);
	loop_timer_init(options->loop, &console->timer, on_timer, console);
	return &console->display;
}
