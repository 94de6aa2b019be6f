/* run_help.c: see run_help.h. */
#include "workflow/run_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

/* Far beyond what any test takes: a run that hangs fails instead of stopping the suite. */
#define RUN_HANGS_MS 60000

/* ---- events ---- */

static const char *name_of(struct run_fixture *f, const struct workflow_step *step) {
	return step != NULL ? arena_strdup(&f->arena, step->name) : "";
}

static void log_event(struct run_fixture *f, const struct run_event *event) {
	const char *name = name_of(f, event->step);
	switch (event->type) {
	case RUN_EVENT_START:
		buf_printf(&f->events, "start\n");
		break;
	case RUN_EVENT_STEP_START:
		buf_printf(&f->events, "step %s\n", name);
		break;
	case RUN_EVENT_STEP_OUTPUT:
		buf_printf(&f->events, "output %s: %.*s\n", name, SLICE_FMT(event->text));
		break;
	case RUN_EVENT_STEP_PROGRESS:
		buf_printf(&f->events, "progress %s %zu/%zu\n", name, event->done, event->of);
		break;
	case RUN_EVENT_STEP_RETRY:
		buf_printf(&f->events, "retry %s: %.*s\n", name, SLICE_FMT(event->error->message));
		break;
	case RUN_EVENT_STEP_END:
		buf_printf(
			&f->events, "end %s %s\n", name, step_status_names[event->result->status]);
		break;
	case RUN_EVENT_INFO:
		buf_printf(&f->events, "info %s: %.*s\n", name, SLICE_FMT(event->text));
		break;
	case RUN_EVENT_WARNING:
		buf_printf(&f->events, "warning %s: %.*s\n", name, SLICE_FMT(event->text));
		break;
	case RUN_EVENT_END:
		buf_printf(&f->events, "over\n");
		break;
	}
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct run_fixture *f = (struct run_fixture *)observer;
	assert_false(f->has_ended); /* the end is the last */
	log_event(f, event);
	f->event_count++;
	if (event->type == RUN_EVENT_END) {
		f->has_ended = true;
		f->end = event->end;
		if (event->error != NULL) {
			f->error = arena_strdup(&f->arena, event->error->message);
		}
		loop_stop(f->loop);
	} else if (f->event_count == f->cancel_at) {
		run_cancel(f->run, f->cancels_now);
	} else if (f->event_count == f->release_at) {
		f->wants_release = true;
		loop_stop(f->loop);
	}
}

static void on_hang(struct loop_timer *timer) {
	struct run_fixture *f = timer->data;
	fail_msg("the run hangs after:\n%.*s", SLICE_FMT(buf_slice(&f->events)));
}

/* ---- questions ---- */

static void on_answering(struct loop_deferred *deferred) {
	struct run_fixture *f = deferred->data;
	run_answer(f->run, slice_of(f->answer));
}

static void ask(void *data, const struct run_question *question) {
	struct run_fixture *f = data;
	buf_append(&f->questions, question->text);
	buf_append_byte(&f->questions, '\n');
	loop_defer(f->loop, &f->answering);
}

/* ---- making ---- */

static struct config *load_config(struct run_fixture *f, const char *text) {
	struct error error = {0};
	const char *path = file_join(&f->arena, f->dir, "../config.toml");
	path = arena_printf(&f->arena, "%s.config.toml", f->dir).data;
	assert_true(file_write_atomic(path, slice_of(text), 0600, &error));
	extern char **environ;
	struct runner_request request = {
		.config = {.path = path, .environment = environ},
		.dir = f->dir,
		.ignores_project = true,
	};
	struct buf report;
	buf_init(&report, 0);
	struct config *config = runner_config_load(&request, false, &report, &error);
	if (config == NULL) {
		fail_msg("%s\n%.*s", error.message, SLICE_FMT(buf_slice(&report)));
	}
	buf_finish(&report);
	unlink(path);
	return config;
}

void run_fixture_begin(struct run_fixture *f, const char *config) {
	struct error error = {0};
	char path[] = "/tmp/llm-mux-run-test-XXXXXX";
	memset(f, 0, sizeof *f);
	arena_init(&f->arena, NULL, 0);
	assert_non_null(mkdtemp(path));
	f->dir = realpath(path, NULL);
	assert_non_null(f->dir);
	setenv("TMPDIR", f->dir, 1); /* backups that runs leave go with it */
	f->loop = loop_create(&error);
	assert_non_null(f->loop);
	f->config = load_config(f, config);
	struct mux_options options = {.config = f->config, .user_agent = "llm-mux/test"};
	f->mux = mux_create(&options, &error);
	if (f->mux == NULL) {
		fail_msg("%s", error.message);
	}
	f->mux_loop = mux_loop_create(f->mux, f->loop, &error);
	assert_non_null(f->mux_loop);
	f->observer.on_event = on_event;
	f->answering = (struct loop_deferred){.fn = on_answering, .data = f};
	loop_timer_init(f->loop, &f->watch, on_hang, f);
	extern char **environ;
	f->options = (struct run_options){
		.config = f->config,
		.mux_loop = f->mux_loop,
		.loop = f->loop,
		.environment = environ,
		.dir = f->dir,
		.max_cost_microusd = -1,
		.observer = &f->observer,
		.ask = ask,
		.ask_data = f,
	};
}

static void drop_run(struct run_fixture *f) {
	loop_defer_cancel(&f->answering);
	run_release(f->run);
	f->run = NULL;
	workflow_destroy(f->workflow);
	f->workflow = NULL;
}

void run_fixture_end(struct run_fixture *f) {
	drop_run(f);
	loop_timer_stop(&f->watch);
	/* what was released may still be under way: children, workers */
	loop_run(f->loop);
	mux_loop_destroy(f->mux_loop);
	mux_destroy(f->mux);
	config_unref(f->config);
	loop_destroy(f->loop);
	buf_finish(&f->events);
	buf_finish(&f->questions);
	unsetenv("TMPDIR");
	char command[256];
	snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f->dir);
	arena_finish(&f->arena);
}

/* ---- running ---- */

void run_fixture_load(struct run_fixture *f, const char *toml) {
	drop_run(f);
	struct problems problems;
	struct workflow_places places = {0};
	workflow_places_of(runner_of(f->config), &f->arena, &places);
	struct slice text = arena_dup(&f->arena, slice_of(toml));
	const char *path = file_join(&f->arena, f->dir, "test.toml");
	problems_init(&problems, &f->arena, path, text);
	f->workflow = workflow_load(path, "path", text, &problems);
	if (f->workflow == NULL ||
		!workflow_check(f->workflow, runner_of(f->config), &places, &problems)) {
		struct buf report;
		buf_init(&report, 0);
		problems_print(&problems, false, &report);
		fail_msg("%.*s", SLICE_FMT(buf_slice(&report)));
	}
	f->options.workflow = f->workflow;
	if (f->options.arguments.values.type == VALUE_UNDEFINED) {
		f->options.arguments.values = value_of_map(value_map_new(&f->arena));
	}
}

void run_fixture_run(struct run_fixture *f) {
	struct error error = {0};
	if (f->run != NULL) {
		run_release(f->run);
	}
	f->options.ask = f->answer != NULL ? ask : NULL;
	f->has_ended = f->wants_release = false;
	f->event_count = 0;
	f->error = NULL;
	buf_reset(&f->events, SIZE_MAX);
	f->run = run_create(&f->options, &error);
	if (f->run == NULL) {
		fail_msg("%s", error.message);
	}
	run_start(f->run);
	assert_int_equal(f->event_count, 0);
	loop_timer_start(&f->watch, RUN_HANGS_MS);
	loop_run(f->loop);
	loop_timer_stop(&f->watch);
	if (f->wants_release) {
		run_release(f->run);
		f->run = NULL;
	} else {
		assert_true(f->has_ended);
	}
}

void run_fixture_do(struct run_fixture *f, const char *toml) {
	run_fixture_load(f, toml);
	run_fixture_run(f);
}

/* ---- asking ---- */

const struct step_result *run_fixture_result(struct run_fixture *f, const char *step) {
	const struct workflow_step *found = workflow_find_step(f->workflow, slice_of(step));
	assert_non_null(found);
	return &run_results_of(f->run)->items[found->number];
}

static const char *trace(struct run_fixture *f, const char *step) {
	const struct step_result *result = run_fixture_result(f, step);
	return arena_printf(&f->arena, "step `%s` is %s: output `%.*s`, error `%.*s`\n%.*s", step,
		step_status_names[result->status], SLICE_FMT(result->output),
		(int)result->error.message.len, result->error.message.data,
		SLICE_FMT(buf_slice(&f->events)))
		.data;
}

void assert_output(struct run_fixture *f, const char *step, const char *output) {
	if (!slice_is(run_fixture_result(f, step)->output, output)) {
		fail_msg("expected `%s`; %s", output, trace(f, step));
	}
}

void assert_status(struct run_fixture *f, const char *step, enum step_status status) {
	if (run_fixture_result(f, step)->status != status) {
		fail_msg("expected %s; %s", step_status_names[status], trace(f, step));
	}
}

void assert_error(
	struct run_fixture *f, const char *step, enum failure_class class, const char *part) {
	const struct step_result *result = run_fixture_result(f, step);
	if (!result->has_error || result->error.class != class ||
		!slice_contains(result->error.message, slice_of(part))) {
		fail_msg("expected %s `%s`; %s", failure_class_names[class], part, trace(f, step));
	}
}

void assert_end(struct run_fixture *f, enum run_end end) {
	if (f->end != end) {
		fail_msg("the run ended as %d, not as %d: %s\n%.*s", (int)f->end, (int)end,
			f->error != NULL ? f->error : "", SLICE_FMT(buf_slice(&f->events)));
	}
}

void assert_contains(struct slice text, const char *part) {
	if (!slice_contains(text, slice_of(part))) {
		fail_msg("`%s` is not in: %.*s", part, SLICE_FMT(text));
	}
}

void run_fixture_write(struct run_fixture *f, const char *name, const char *text) {
	struct error error = {0};
	if (!file_write_atomic(file_join(&f->arena, f->dir, name), slice_of(text), 0644, &error)) {
		fail_msg("%s", error.message);
	}
}

const char *run_fixture_read(struct run_fixture *f, const char *name) {
	struct error error = {0};
	struct buf text;
	buf_init(&text, 0);
	bool is_read = file_read(file_join(&f->arena, f->dir, name), 1 << 20, &text, &error);
	const char *copy = is_read ? arena_strdup(&f->arena, buf_slice(&text)) : NULL;
	buf_finish(&text);
	return copy;
}
