/* run_json.c: a run as NDJSON (workflows.md 8.3): one compact object a line, each as soon as it is
 * known, and exactly one Result, the last. */
#include <stdlib.h>

#include "base/mem.h"
#include "cli/run_display.h"

struct run_json {
	struct run_display display; /* the first member */
	struct arena arena;         /* of one event */
	struct arena lasting;
	/* Per step: the backends told of so far. */
	struct backend_names {
		struct slice *items;
		size_t len, cap;
	} * backends;
};

static struct slice masked(struct run_json *json, struct slice text) {
	struct runner_secrets *secrets = json->display.options.secrets;
	return secrets != NULL ? runner_secrets_mask(secrets, text, &json->arena) : text;
}

static void put_text(
	struct run_json *json, struct json_writer *w, const char *key, struct slice text) {
	json_put_string(w, key, masked(json, text));
}

/* null when it is absent. */
static void put_optional(
	struct run_json *json, struct json_writer *w, const char *key, struct slice text) {
	if (text.data == NULL) {
		json_put_null(w, key);
	} else {
		put_text(json, w, key, text);
	}
}

static void put_usage(struct json_writer *w, const struct step_usage *usage) {
	if (usage->is_known) {
		json_write_key(w, "usage");
		json_begin_object(w);
		json_put_int(w, "input_tokens", usage->input_tokens);
		json_put_int(w, "output_tokens", usage->output_tokens);
		json_end_object(w);
	}
	if (usage->cost_microusd >= 0) {
		json_write_key(w, "cost");
		json_write_double(w, (double)usage->cost_microusd / 1e6);
	}
}

/* ---- one line ---- */

struct line {
	struct buf text;
	struct json_writer writer;
};

static struct json_writer *begin(struct line *line, const char *type) {
	buf_init(&line->text, 0);
	json_writer_init(&line->writer, &line->text, false);
	json_begin_object(&line->writer);
	json_put_cstr(&line->writer, "type", type);
	return &line->writer;
}

/* Whole, at once: a reader of the stream sees lines. */
static void end(struct line *line, FILE *out) {
	json_end_object(&line->writer);
	buf_append_byte(&line->text, '\n');
	fwrite(line->text.data, 1, line->text.len, out);
	fflush(out);
	buf_finish(&line->text);
}

/* ---- events ---- */

static void tell_start(struct run_json *json, const struct run_event *event) {
	const struct run_display_options *options = &json->display.options;
	struct line line;
	struct json_writer *w = begin(&line, "WorkflowStart");
	struct buf arguments;
	json_put_string(w, "name", options->workflow->name);
	json_put_int(w, "steps", (int64_t)event->total);
	if (options->run_id != NULL) {
		json_put_cstr(w, "run_id", options->run_id);
	}
	buf_init(&arguments, 0);
	if (value_to_json(options->arguments, &json->arena, 0, &arguments, NULL)) {
		json_put_raw(w, "args", masked(json, buf_slice(&arguments)));
	}
	buf_finish(&arguments);
	put_optional(json, w, "team", options->team);
	put_optional(json, w, "ecosystem", options->ecosystem);
	end(&line, options->out);
}

static void tell_step_start(struct run_json *json, const struct run_event *event) {
	struct line line;
	struct json_writer *w = begin(&line, "StepStart");
	json_put_string(w, "name", event->step->name);
	json_put_int(w, "index", (int64_t)event->index);
	json_put_int(w, "total", (int64_t)event->total);
	end(&line, json->display.options.out);
}

static void tell_error(struct run_json *json, const struct run_event *event,
	const struct step_error *error, bool will_retry) {
	struct line line;
	struct json_writer *w = begin(&line, "StepError");
	json_put_string(w, "name", event->step->name);
	put_text(json, w, "error", error->message);
	json_put_cstr(w, "kind", failure_class_names[error->class]);
	if (error->backend.len > 0) {
		json_put_string(w, "backend", error->backend);
	}
	if (error->command.len > 0) {
		put_text(json, w, "command", error->command);
	}
	if (error->exit_code >= 0) {
		json_put_int(w, "exit_code", error->exit_code);
	}
	if (error->http_status > 0) {
		json_put_int(w, "http_status", error->http_status);
	}
	json_put_int(w, "attempt", error->attempt > 0 ? error->attempt : 1);
	if (error->max_attempts > 0) {
		json_put_int(w, "max_attempts", error->max_attempts);
	}
	json_put_bool(w, "will_retry", will_retry);
	if (will_retry) {
		json_put_int(w, "retry_in_ms", (int64_t)event->retry_in_ms);
	}
	end(&line, json->display.options.out);
}

static void tell_step_end(struct run_json *json, const struct run_event *event) {
	const struct step_result *result = event->result;
	struct line line;
	if (result->status == STEP_SKIPPED) {
		struct json_writer *w = begin(&line, "StepSkipped");
		json_put_string(w, "name", event->step->name);
		put_text(json, w, "reason", result->skip_reason);
		end(&line, json->display.options.out);
		return;
	}
	if (result->status == STEP_FAILED && result->has_error) {
		tell_error(json, event, &result->error, false);
	}
	struct json_writer *w = begin(&line, "StepComplete");
	json_put_string(w, "name", event->step->name);
	json_put_int(w, "duration_ms", (int64_t)result->duration_ms);
	json_put_bool(w, "success", result->status == STEP_OK);
	json_put_cstr(w, "status", step_status_names[result->status]);
	if (result->backend.len > 0) {
		json_put_string(w, "backend", result->backend);
	}
	put_usage(w, &result->usage);
	if (result->status == STEP_FAILED) {
		json_put_bool(w, "continued", result->is_continued);
	}
	if (result->is_resumed) {
		json_put_bool(w, "resumed", true);
	}
	if (result->is_from_cache) {
		json_put_bool(w, "cached", true);
	}
	end(&line, json->display.options.out);
}

static void tell_progress(struct run_json *json, const struct run_event *event) {
	struct backend_names *names = &json->backends[event->step->number];
	bool is_known = event->backend.len == 0;
	for (size_t i = 0; i < names->len; i++) {
		is_known = is_known || slice_eq(names->items[i], event->backend);
	}
	if (!is_known) {
		*ARENA_PUSH(&json->lasting, names) = arena_dup(&json->lasting, event->backend);
	}
	struct line line;
	struct json_writer *w = begin(&line, "ParallelProgress");
	json_put_string(w, "step", event->step->name);
	json_write_key(w, "backends");
	json_begin_array(w);
	for (size_t i = 0; i < names->len; i++) {
		json_write_string(w, names->items[i]);
	}
	json_end_array(w);
	json_put_int(w, "completed", (int64_t)event->done);
	json_put_int(w, "total", (int64_t)event->of);
	end(&line, json->display.options.out);
}

static void tell_output(struct run_json *json, const struct run_event *event) {
	struct line line;
	struct json_writer *w = begin(&line, "StepOutput");
	json_put_string(w, "name", event->step->name);
	json_put_string(w, "backend", event->backend);
	put_text(json, w, "chunk", event->text);
	end(&line, json->display.options.out);
}

static void tell_message(struct run_json *json, const struct run_event *event) {
	struct line line;
	struct json_writer *w = begin(&line, "Info");
	json_put_cstr(w, "level", event->type == RUN_EVENT_WARNING ? "warning" : "info");
	if (event->step != NULL) {
		json_put_string(w, "name", event->step->name);
	}
	put_text(json, w, "message", event->text);
	end(&line, json->display.options.out);
}

static void tell_failure(FILE *out, const char *kind, struct slice message) {
	struct line line;
	struct json_writer *w = begin(&line, "WorkflowError");
	json_put_string(w, "error", message);
	if (kind != NULL) {
		json_put_cstr(w, "kind", kind);
	}
	end(&line, out);
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct run_json *json = (struct run_json *)observer;
	switch (event->type) {
	case RUN_EVENT_START:
		tell_start(json, event);
		break;
	case RUN_EVENT_STEP_START:
		tell_step_start(json, event);
		break;
	case RUN_EVENT_STEP_OUTPUT:
		tell_output(json, event);
		break;
	case RUN_EVENT_STEP_PROGRESS:
		tell_progress(json, event);
		break;
	case RUN_EVENT_STEP_RETRY:
		tell_error(json, event, event->error, true);
		break;
	case RUN_EVENT_STEP_END:
		tell_step_end(json, event);
		break;
	case RUN_EVENT_INFO:
	case RUN_EVENT_WARNING:
		tell_message(json, event);
		break;
	case RUN_EVENT_END:
		if (event->error != NULL) {
			tell_failure(json->display.options.out,
				failure_class_names[event->error->class],
				masked(json, event->error->message));
		} else if (event->end == RUN_CANCELLED) {
			tell_failure(json->display.options.out, "cancelled",
				SLICE("the run was interrupted"));
		}
		if (json->display.options.on_end != NULL) {
			json->display.options.on_end(json->display.options.data, event->end);
		}
		break;
	}
	arena_finish(&json->arena);
}

/* ---- the end ---- */

static void write_step(
	struct run_json *json, struct json_writer *w, const struct step_result *result) {
	json_write_key_slice(w, result->step->name);
	json_begin_object(w);
	json_put_cstr(w, "status", step_status_names[result->status]);
	put_text(json, w, "output", result->output);
	if (result->has_error) {
		put_text(json, w, "error", result->error.message);
		json_put_cstr(w, "kind", failure_class_names[result->error.class]);
	}
	if (result->status == STEP_SKIPPED) {
		put_text(json, w, "skip_reason", result->skip_reason);
	}
	json_put_int(w, "duration_ms", (int64_t)result->duration_ms);
	if (result->backend.len > 0) {
		json_put_string(w, "backend", result->backend);
	}
	if (result->prompt.len > 0 && json->display.options.is_traced) {
		put_text(json, w, "prompt", result->prompt);
	}
	put_usage(w, &result->usage);
	json_end_object(w);
}

/* "plan": lists of the steps that may run at once, in order. */
static void write_waves(struct run_json *json, struct json_writer *w) {
	const struct workflow *workflow = json->display.options.workflow;
	const size_t *waves;
	size_t count = run_plan_waves(workflow, &json->arena, &waves);
	json_write_key(w, "plan");
	json_begin_array(w);
	for (size_t wave = 1; wave <= count; wave++) {
		json_begin_array(w);
		for (size_t place = 0; place < workflow->steps.len; place++) {
			size_t number = workflow->order[place];
			if (waves[number] == wave) {
				json_write_string(w, workflow->steps.items[number].name);
			}
		}
		json_end_array(w);
	}
	json_end_array(w);
}

static size_t count_completed(const struct run_results *results) {
	size_t count = 0;
	for (size_t i = 0; results != NULL && i < results->workflow->steps.len; i++) {
		enum step_status status = results->items[i].status;
		count += status == STEP_OK || status == STEP_FAILED || status == STEP_SKIPPED;
	}
	return count;
}

static void close_json(struct run_display *display, const struct run_summary *summary) {
	struct run_json *json = (struct run_json *)display;
	const struct run_results *results = summary->results;
	bool is_success = summary->end == RUN_OK;
	struct line line;
	struct json_writer *w = begin(&line, "WorkflowComplete");
	json_put_bool(w, "success", is_success);
	json_put_int(w, "duration_ms", (int64_t)summary->duration_ms);
	json_put_int(w, "steps_completed", (int64_t)count_completed(results));
	put_usage(w, &summary->usage);
	if (summary->files_dir != NULL) {
		json_put_cstr(w, "files", summary->files_dir);
	}
	if (summary->resume_command != NULL) {
		json_put_cstr(w, "resume", summary->resume_command);
	}
	end(&line, display->options.out);
	w = begin(&line, "Result");
	json_put_bool(w, "success", is_success);
	put_optional(json, w, "output", summary->final_text);
	if (display->options.run_id != NULL) {
		json_put_cstr(w, "run_id", display->options.run_id);
	}
	put_usage(w, &summary->usage);
	json_write_key(w, "steps");
	json_begin_object(w);
	for (size_t i = 0; results != NULL && i < results->workflow->steps.len; i++) {
		write_step(json, w, &results->items[i]);
	}
	json_end_object(w);
	if (summary->is_dry_run) {
		write_waves(json, w);
	}
	end(&line, display->options.out);
	arena_finish(&json->arena);
}

void run_json_refuse(FILE *out, struct slice message) {
	struct line line;
	tell_failure(out, NULL, message);
	struct json_writer *w = begin(&line, "Result");
	json_put_bool(w, "success", false);
	json_put_null(w, "output");
	json_put_string(w, "error", message);
	json_write_key(w, "steps");
	json_begin_object(w);
	json_end_object(w);
	end(&line, out);
}

static void destroy(struct run_display *display) {
	struct run_json *json = (struct run_json *)display;
	arena_finish(&json->arena);
	arena_finish(&json->lasting);
	free(json);
}

struct run_display *run_json_create(const struct run_display_options *options) {
	struct run_json *json = mem_calloc(1, sizeof *json);
	json->display = (struct run_display){
		.observer = {on_event},
		.options = *options,
		.close = close_json,
		.destroy = destroy,
	};
	arena_init(&json->arena, NULL, 0);
	arena_init(&json->lasting, NULL, 0);
	json->backends =
		ARENA_ARRAY(&json->lasting, struct backend_names, options->workflow->steps.len + 1);
	return &json->display;
}
