/* command.c: the backend that runs a program for each request (workflows.md 2.1).
 *
 *   STARTING ─(end of turn)─► RUNNING ─on_done─► ENDED
 *        └── it cannot start: the error is told at the end of the turn
 *
 * What the program prints is the answer: streamed as it comes when the request streams, else told
 * at its end; JSON is read when it is whole. One newline at the end is not part of an answer. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "chat/emit.h"
#include "mux/command_internal.h"

enum command_state {
	COMMAND_STARTING, /* told at the end of the turn: `failure`, if it could not start */
	COMMAND_RUNNING,
	COMMAND_ENDED
};

struct backend_call {
	struct chat_sink sink; /* in front of the request's: drops what follows a release */
	struct command_backend *backend;
	struct backend_request request;
	enum command_state state;
	struct chat_emitter emitter;
	struct loop_deferred deferred;
	struct command_plan plan;
	struct process *process;
	struct error failure;
	struct buf out;           /* all of stdout */
	size_t sent;              /* bytes of `out` that were streamed */
	struct slice held_stderr; /* what the log waits with */
	uint64_t timeout_ms;      /* 0: none */
	bool is_limited_by_call;
	bool streams, reads_json, is_released;
};

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct backend_call *call = (struct backend_call *)(void *)sink;
	if (!call->is_released) {
		chat_sink_send(call->request.sink, event);
	}
}

/* ---- what is told ---- */

static void start(struct backend_call *call, struct slice model) {
	struct slice none = {0};
	struct slice own = call->backend->settings->model;
	if (!call->emitter.has_started) {
		chat_emit_start(&call->emitter, none,
			model.len > 0 ? model
			: own.len > 0 ? own
				      : call->request.model,
			0, none, none);
	}
}

static void end(struct backend_call *call) {
	struct slice none = {0};
	chat_emit_finish(&call->emitter, 0, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&call->emitter);
}

static void fail(struct backend_call *call, struct error *error) {
	error_mask_secrets(error->message);
	error_set_where(error, "%s", call->backend->base.name);
	chat_emit_error(&call->emitter, error, false);
}

/* The end without one LF or CRLF. */
static size_t answer_length(struct slice out) {
	if (slice_ends_with(out, SLICE("\r\n"))) {
		return out.len - 2;
	}
	return out.len - (slice_ends_with(out, SLICE("\n")) ? 1 : 0);
}

/* What may not be the end yet: "\n", "\r\n", and the "\r" that may become one. */
static size_t safe_length(struct slice out) {
	return slice_ends_with(out, SLICE("\r")) ? out.len - 1 : answer_length(out);
}

static void send_up_to(struct backend_call *call, size_t len) {
	if (len > call->sent) {
		struct slice text = slice_sub(buf_slice(&call->out), call->sent, len - call->sent);
		call->sent = len;
		start(call, (struct slice){0});
		chat_emit_text(&call->emitter, 0, text);
	}
}

/* What comes in pieces is masked as a whole: the beginning of a secret waits for its rest. */
static void log_stderr(struct backend_call *call, struct slice bytes, bool is_last) {
	const struct command_backend *backend = call->backend;
	struct runner_secrets *secrets = backend->context.secrets;
	if (!log_enabled(backend->mux->log, LOG_DEBUG)) {
		return;
	}
	struct arena arena;
	arena_init(&arena, NULL, 0);
	if (secrets != NULL) {
		struct slice text = arena_printf(
			&arena, "%.*s%.*s", SLICE_FMT(call->held_stderr), SLICE_FMT(bytes));
		size_t pending = is_last ? 0 : runner_secrets_pending(secrets, text);
		call->held_stderr =
			arena_dup(call->request.arena, slice_from(text, text.len - pending));
		bytes = runner_secrets_mask(
			secrets, slice_sub(text, 0, text.len - pending), &arena);
	}
	bytes = slice_trim(bytes);
	if (bytes.len > 0) {
		log_debug(backend->mux->log, "%s says on stderr: %.*s", backend->base.name,
			SLICE_FMT(bytes));
	}
	arena_finish(&arena);
}

static void on_output(void *data, enum process_stream stream, struct slice bytes) {
	struct backend_call *call = data;
	if (stream == PROCESS_STDERR) {
		log_stderr(call, bytes, false);
		return;
	}
	buf_append(&call->out, bytes);
	if (call->streams) {
		send_up_to(call, safe_length(buf_slice(&call->out)));
	}
}

/* ---- how it ended ---- */

static void note_outcome(struct backend_call *call, const struct process_result *result) {
	struct arena *arena = call->request.arena;
	struct runner_secrets *secrets = call->backend->context.secrets;
	struct command_outcome *outcome = ARENA_NEW(arena, struct command_outcome);
	struct slice err = arena_dup(arena, result->err);
	log_stderr(call, (struct slice){0}, true);
	*outcome = (struct command_outcome){
		.exit_code = result->exit_code,
		/* It is quoted in messages; what is in stdout is an answer. */
		.err = secrets != NULL ? runner_secrets_mask(secrets, err, arena) : err,
		.out = buf_slice(&call->out),
		.is_repaired = !utf8_valid(buf_slice(&call->out), NULL),
	};
	call->request.report->command = outcome;
}

static void set_data(struct backend_call *call, const struct json *data) {
	struct command_outcome *outcome = ARENA_NEW(call->request.arena, struct command_outcome);
	*outcome = *call->request.report->command;
	outcome->data = data;
	call->request.report->command = outcome;
}

/* "exit code 3", "signal 9 (exit code 137)" */
static struct slice describe_exit(const struct process_result *result, struct arena *arena) {
	return result->signal_number != 0
		       ? arena_printf(arena, "was ended by signal %d (exit code %d)",
				 result->signal_number, result->exit_code)
		       : arena_printf(arena, "ended with exit code %d", result->exit_code);
}

/* An error by what was said, with the kind and the delay that follow from it. */
static void fail_saying(struct backend_call *call, const char *how, struct slice said,
	struct slice err, struct slice out) {
	const struct runner_backend *settings = call->backend->settings;
	struct runner_secrets *secrets = call->backend->context.secrets;
	struct error error;
	if (secrets != NULL) {
		said = runner_secrets_mask(secrets, said, call->request.arena);
	}
	error_set(&error, ERROR_INTERNAL, "%s %s%s%.*s", call->backend->base.name, how,
		said.len > 0 ? ": " : "", SLICE_FMT(said));
	command_classify(err, out, &settings->rate_limit_patterns, &error);
	fail(call, &error);
}

static void fail_by_exit(struct backend_call *call, const struct process_result *result) {
	struct slice out = buf_slice(&call->out);
	struct arena *arena = call->request.arena;
	struct command_reading reading = {0};
	struct error ignored;
	struct slice said = command_telling_line(result->err, out, arena);
	/* Agents that print JSON say there what went wrong. */
	if (call->reads_json &&
		command_read(out, call->backend->settings->json_path, arena, &reading, &ignored) &&
		reading.failure.len > 0) {
		said = command_telling_line(reading.failure, (struct slice){0}, arena);
	}
	fail_saying(call, describe_exit(result, arena).data, said, result->err, out);
}

static void fail_by_limit(struct backend_call *call, const struct process_result *result) {
	const char *name = call->backend->base.name;
	struct error error;
	char limit[CLOCK_TEXT_MAX];
	clock_format_duration((int64_t)call->timeout_ms, limit);
	if (result->end == PROCESS_TIMED_OUT) {
		error_set(&error, ERROR_TIMEOUT, "%s did not end within %s%s and was ended", name,
			limit, call->is_limited_by_call ? " that were left" : " (timeout)");
	} else if (result->end == PROCESS_TOO_MUCH) {
		error_set(&error, ERROR_TOO_LARGE,
			"%s printed more than %lld bytes (max_output_bytes) and was ended", name,
			(long long)call->backend->settings->max_output_bytes);
	} else {
		error_set(&error, ERROR_CANCELLED, "%s was ended", name);
	}
	fail(call, &error);
}

static void succeed_with_text(struct backend_call *call) {
	send_up_to(call, answer_length(buf_slice(&call->out)));
	start(call, (struct slice){0});
	end(call);
}

static void succeed_with_json(struct backend_call *call) {
	struct slice out = buf_slice(&call->out);
	struct command_reading reading;
	struct error error = {0};
	if (!command_read(out, call->backend->settings->json_path, call->request.arena, &reading,
		    &error)) {
		struct error told;
		error_set(&told, error.kind, "%s: %s", call->backend->base.name, error.message);
		fail(call, &told);
		return;
	}
	if (reading.failure.len > 0) {
		struct slice said = command_telling_line(
			reading.failure, (struct slice){0}, call->request.arena);
		fail_saying(call, "says that it failed", said, reading.failure, (struct slice){0});
		return;
	}
	set_data(call, reading.data);
	start(call, reading.model);
	chat_emit_text(&call->emitter, 0, reading.text);
	if (chat_usage_is_known(&reading.usage)) {
		chat_emit_usage(&call->emitter, &reading.usage);
	}
	end(call);
}

static void on_done(void *data, const struct process_result *result) {
	struct backend_call *call = data;
	call->state = COMMAND_ENDED;
	command_plan_finish(&call->plan);
	note_outcome(call, result);
	if (result->end == PROCESS_EXITED && result->exit_code == 0) {
		if (call->reads_json) {
			succeed_with_json(call);
		} else {
			succeed_with_text(call);
		}
	} else if (result->end == PROCESS_EXITED || result->end == PROCESS_SIGNALLED) {
		fail_by_exit(call, result);
	} else {
		fail_by_limit(call, result);
	}
}

/* ---- the beginning ---- */

/* The earlier of the backend's limit and the call's. */
static void choose_timeout(struct backend_call *call, struct loop *loop) {
	int64_t own_ms = call->backend->settings->timeout_ms;
	uint64_t now_ms = loop_now_ms(loop);
	uint64_t at_ms = call->request.deadline_ms;
	uint64_t left_ms = at_ms > now_ms ? at_ms - now_ms : 1;
	call->timeout_ms = own_ms > 0 ? (uint64_t)own_ms : 0;
	call->is_limited_by_call =
		at_ms != 0 && (call->timeout_ms == 0 || left_ms < call->timeout_ms);
	call->timeout_ms = call->is_limited_by_call ? left_ms : call->timeout_ms;
}

static bool spawn(struct backend_call *call, struct error *error) {
	const struct backend_request *request = &call->request;
	const struct runner_backend *settings = call->backend->settings;
	struct slice prompt;
	if (request->request->op != CHAT_OP_CHAT) {
		return error_set(error, ERROR_NOT_SUPPORTED,
			"the program %s answers questions and does nothing else",
			call->backend->base.name);
	}
	if (!command_prompt(request->request, request->losses, request->arena, &prompt, error) ||
		!command_plan_make(call->backend, request, prompt, &call->plan, error)) {
		return false;
	}
	struct loop *loop = request->mux_loop->loop;
	choose_timeout(call, loop);
	const struct process_options options = {
		.argv = call->plan.argv.items,
		.cwd = request->cwd,
		.variables = call->plan.variables.items,
		.variable_count = call->plan.variables.len,
		.input = call->plan.input,
		.max_output =
			settings->max_output_bytes > 0 ? (size_t)settings->max_output_bytes : 0,
		.timeout_ms = call->timeout_ms,
		.kill_grace_ms =
			settings->kill_grace_ms > 0 ? (uint64_t)settings->kill_grace_ms : 0,
		.streams_output = true,
		.watchdog = call->backend->context.watchdog,
		.on_output = on_output,
		.on_done = on_done,
		.data = call,
	};
	call->process = process_start(loop, &options, error);
	return call->process != NULL;
}

static void on_deferred(struct loop_deferred *deferred) {
	struct backend_call *call = deferred->data;
	call->state = COMMAND_ENDED;
	fail(call, &call->failure);
}

static void free_call(void *data) {
	struct backend_call *call = data;
	buf_finish(&call->out);
}

static struct backend_call *submit(struct backend *backend, const struct backend_request *request) {
	struct backend_call *call = ARENA_NEW(request->arena, struct backend_call);
	call->backend = (struct command_backend *)(void *)backend;
	call->sink.on_event = on_event;
	call->request = *request;
	call->reads_json = command_reads_json(call->backend->settings);
	call->streams = request->request->stream && !call->reads_json;
	call->deferred = (struct loop_deferred){.fn = on_deferred, .data = call};
	chat_emitter_init(&call->emitter, &call->sink, request->arena);
	arena_on_finish(request->arena, free_call, call);
	call->state = COMMAND_RUNNING;
	if (!spawn(call, &call->failure)) {
		command_plan_finish(&call->plan);
		call->state = COMMAND_STARTING;
		loop_defer(request->mux_loop->loop, &call->deferred);
	}
	return call;
}

static void pause_call(struct backend_call *call) {
	if (call->process != NULL) {
		process_pause(call->process);
	}
}

static void resume_call(struct backend_call *call) {
	if (call->process != NULL) {
		process_resume(call->process);
	}
}

/* `out` stays until the arena goes: the report points into it. An agent is asked to end, for it may
 * have programs of its own to end, in sessions of theirs. */
static void release(struct backend_call *call) {
	call->is_released = true;
	call->state = COMMAND_ENDED;
	loop_defer_cancel(&call->deferred);
	process_dismiss(call->process);
	call->process = NULL;
	command_plan_finish(&call->plan);
}

/* ---- the backend ---- */

static bool takes_model(const struct backend *backend, struct slice model, struct slice *name) {
	(void)backend;
	(void)model;
	(void)name;
	return false;
}

static bool takes_candidates(const struct backend *backend, const struct chat_request *request) {
	(void)backend;
	(void)request;
	return false;
}

static void describe(const struct backend *backend, struct mux_backend_info *info) {
	const struct command_backend *command =
		(const struct command_backend *)(const void *)backend;
	info->type = "command";
	info->base_url = command->settings->command.data;
	info->accounts = 1;
	info->models = 1;
}

static void destroy(struct backend *backend) {
	free(backend);
}

static const struct backend_kind command_kind = {
	.name = "command",
	.keeps_time = true,
	.submit = submit,
	.pause = pause_call,
	.resume = resume_call,
	.release = release,
	.takes_model = takes_model,
	.takes_candidates = takes_candidates,
	.describe = describe,
	.destroy = destroy,
};

struct backend *command_backend_create(struct mux *mux, const struct runner_backend *settings,
	const struct command_context *context, struct error *error) {
	if (settings->command.len == 0) {
		error_set(error, ERROR_CONFIGURATION,
			"backends.%.*s has no command to run: set `command`, or `type`",
			SLICE_FMT(settings->name));
		return NULL;
	}
	struct command_backend *backend = mem_calloc(1, sizeof *backend);
	backend->base.kind = &command_kind;
	backend->base.name = settings->name.data;
	backend->mux = mux;
	backend->settings = settings;
	backend->context = *context;
	if (backend->context.environment == NULL) {
		backend->context.environment = environ;
	}
	return &backend->base;
}

bool command_backend_is_available(
	const struct backend *backend, struct arena *arena, struct error *error) {
	return command_find_program(
		       (const struct command_backend *)(const void *)backend, arena, error) != NULL;
}
