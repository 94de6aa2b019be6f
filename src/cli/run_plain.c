/* run_plain.c: a run as plain lines on standard error, its final text on standard output. */
#include "base/clock.h"
#include "cli/run.h"

static struct slice masked(struct run_plain *plain, struct slice text) {
	return runner_secrets_mask(plain->secrets, text, &plain->arena);
}

/* A dry run: what the step would run, ask or change. */
static void print_plan(struct run_plain *plain, const struct run_event *event) {
	FILE *out = plain->context->out;
	const struct step_result *result = event->result;
	struct slice name = event->step->name;
	fprintf(out, "[%zu/%zu] %.*s: %s", event->index, event->total, SLICE_FMT(name),
		step_type_names[event->step->type]);
	if (result->backend.len > 0 && event->step->type == STEP_QUERY) {
		fprintf(out, " %.*s", SLICE_FMT(result->backend));
	}
	if (result->usage.is_known) {
		fprintf(out, ", about %lld tokens", (long long)result->usage.input_tokens);
	}
	if (result->usage.cost_microusd >= 0) {
		fprintf(out, ", from $%.6f", (double)result->usage.cost_microusd / 1e6);
	}
	fputc('\n', out);
	struct slice rest = masked(plain, result->diff.len > 0 ? result->diff : result->prompt);
	struct slice line;
	while (rest.len > 0 && slice_split(&rest, '\n', &line)) {
		fprintf(out, "    %.*s\n", SLICE_FMT(line));
	}
}

static void print_step_end(struct run_plain *plain, const struct run_event *event) {
	FILE *err = plain->context->err;
	const struct step_result *result = event->result;
	if (plain->is_dry_run && result->status == STEP_OK) {
		print_plan(plain, event);
		return;
	}
	char took[CLOCK_TEXT_MAX];
	clock_format_duration((int64_t)result->duration_ms, took);
	struct slice name = event->step->name;
	switch (result->status) {
	case STEP_OK:
		fprintf(err, "[%zu/%zu] %.*s... ok (%s)\n", event->index, event->total,
			SLICE_FMT(name), result->is_resumed ? "done before" : took);
		return;
	case STEP_SKIPPED:
		fprintf(err, "[%zu/%zu] %.*s... skipped: %.*s\n", event->index, event->total,
			SLICE_FMT(name), SLICE_FMT(result->skip_reason));
		return;
	case STEP_CANCELLED:
		fprintf(err, "[%zu/%zu] %.*s... cancelled\n", event->index, event->total,
			SLICE_FMT(name));
		return;
	case STEP_PENDING:
	case STEP_RUNNING:
	case STEP_FAILED:
		break;
	}
	struct slice message = masked(plain, result->error.message);
	fprintf(err, "[%zu/%zu] %.*s... FAIL (%s)\nerror: step `%.*s`: %s: %.*s\n", event->index,
		event->total, SLICE_FMT(name), took, SLICE_FMT(name),
		failure_class_names[result->error.class], SLICE_FMT(message));
}

static void on_event(struct run_observer *observer, const struct run_event *event) {
	struct run_plain *plain = (struct run_plain *)observer;
	FILE *err = plain->context->err;
	struct slice text = masked(plain, event->text);
	struct slice name = event->step != NULL ? event->step->name : SLICE("");
	switch (event->type) {
	case RUN_EVENT_STEP_OUTPUT:
		fprintf(err, "%.*s", SLICE_FMT(text));
		break;
	case RUN_EVENT_STEP_RETRY:
		text = masked(plain, event->error->message);
		fprintf(err, "%.*s: %.*s; trying again in %llu ms\n", SLICE_FMT(name),
			SLICE_FMT(text), (unsigned long long)event->retry_in_ms);
		break;
	case RUN_EVENT_STEP_END:
		print_step_end(plain, event);
		break;
	case RUN_EVENT_INFO:
	case RUN_EVENT_WARNING:
		fprintf(err, "%s%.*s%s%.*s\n", event->type == RUN_EVENT_WARNING ? "warning: " : "",
			SLICE_FMT(name), name.len > 0 ? ": " : "", SLICE_FMT(text));
		break;
	case RUN_EVENT_END:
		if (event->error != NULL) {
			text = masked(plain, event->error->message);
			fprintf(err, "the run failed: %.*s\n", SLICE_FMT(text));
		}
		plain->on_end(plain->data, event->end);
		break;
	case RUN_EVENT_START:
	case RUN_EVENT_STEP_START:
	case RUN_EVENT_STEP_PROGRESS:
		break;
	}
	fflush(err);
	arena_finish(&plain->arena);
}

void run_plain_init(struct run_plain *plain, const struct command_context *context,
	struct runner_secrets *secrets) {
	*plain = (struct run_plain){.observer = {on_event}, .context = context, .secrets = secrets};
	arena_init(&plain->arena, NULL, 0);
}

void run_plain_finish(struct run_plain *plain) {
	arena_finish(&plain->arena);
}
