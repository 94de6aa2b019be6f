/* mock.c: the backend of tests: replies that stand in the configuration, chosen by a regular
 * expression on the prompt (issue 4, 11; workflows.md 11, rank 29).
 *
 *   [[backends.fake.replies]]
 *   match = "(?i)review"      the first row that matches, and has not answered `times` times,
 * answers text = "fine" error = "rate_limit"      with a text: the failure comes behind it
 *
 * A prompt that no row takes fails and shows its first line, so that a test says what it lacks. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "chat/emit.h"
#include "data/regex.h"
#include "mux/role_internal.h"
#include "tokens/estimate.h"

#define LINE_SHOWN 100
#define MOCK_EXIT_CODE 1 /* of the program that an `execution` failure speaks of */

struct mock_reply {
	const struct runner_reply *row;
	struct regex *match; /* NULL: any prompt */
	int64_t given;
};

struct mock {
	struct backend base;
	struct arena arena;
	struct mock_reply *replies;
	size_t reply_count;
	int64_t *calls; /* or NULL */
};

struct backend_call {
	struct chat_sink sink; /* drops what follows a release */
	struct mock *mock;
	struct backend_request request;
	const struct runner_reply *row; /* NULL: none fits */
	struct slice prompt, rest;
	bool has_begun, is_released, is_paused;
	struct chat_emitter emitter;
	struct loop_timer timer;
};

static const struct {
	const char *name;
	enum error_kind kind;
} failures[] = {
	{"timeout", ERROR_TIMEOUT},
	{"rate_limit", ERROR_RATE_LIMIT},
	{"network", ERROR_NETWORK},
	{"unavailable", ERROR_UNAVAILABLE},
	{"parse_error", ERROR_UPSTREAM_PROTOCOL},
	{"verification", ERROR_VERIFICATION},
	{"auth_error", ERROR_UPSTREAM_CREDENTIAL},
	{"config_error", ERROR_CONFIGURATION},
	{"execution", ERROR_INTERNAL},
	{"template_error", ERROR_TEMPLATE},
};

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct backend_call *call = (struct backend_call *)(void *)sink;
	if (!call->is_released) {
		chat_sink_send(call->request.sink, event);
	}
}

static void fail_as_told(struct backend_call *call) {
	struct error error;
	enum error_kind kind = ERROR_INTERNAL;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		if (slice_is(call->row->error, failures[i].name)) {
			kind = failures[i].kind;
		}
	}
	error_set(&error, kind, "the mock was told to fail: %.*s", SLICE_FMT(call->row->error));
	if (kind == ERROR_INTERNAL) {
		struct command_outcome *outcome =
			ARENA_NEW(call->request.arena, struct command_outcome);
		outcome->exit_code = MOCK_EXIT_CODE;
		call->request.report->command = outcome;
	}
	chat_emit_error(&call->emitter, &error, false);
}

static void fail_without_reply(struct backend_call *call) {
	struct error error;
	struct slice line = slice_trim(call->prompt);
	size_t end = slice_find_byte(line, '\n');
	line = end == SIZE_MAX ? line : slice_sub(line, 0, end);
	bool is_cut = line.len > LINE_SHOWN;
	line = slice_sub(line, 0, utf8_whole_prefix(slice_sub(line, 0, LINE_SHOWN)));
	error_set(&error, ERROR_CONFIGURATION, "the mock `%s` has no reply for: %.*s%s",
		call->mock->base.name, SLICE_FMT(line), is_cut ? "..." : "");
	chat_emit_error(&call->emitter, &error, false);
}

/* A word with the blanks before it, or everything when nobody wants a stream. */
static struct slice next_piece(struct backend_call *call) {
	struct slice rest = call->rest;
	size_t at = 0;
	bool in_word = false;
	while (at < rest.len && call->request.request->stream) {
		bool is_blank = rest.data[at] == ' ' || rest.data[at] == '\n';
		if (is_blank && in_word) {
			break;
		}
		in_word |= !is_blank;
		at++;
	}
	at = call->request.request->stream ? at : rest.len;
	call->rest = slice_from(rest, at);
	return slice_sub(rest, 0, at);
}

static void begin(struct backend_call *call) {
	struct slice none = {0};
	call->has_begun = true;
	if (call->row == NULL) {
		fail_without_reply(call);
	} else if (call->row->error.len > 0 && call->row->text.len == 0) {
		fail_as_told(call);
	} else {
		call->rest = call->row->text;
		chat_emit_start(&call->emitter, none, call->request.model, 0, none, none);
	}
}

static void finish(struct backend_call *call) {
	struct slice none = {0};
	struct chat_usage usage;
	if (call->row->error.len > 0) {
		fail_as_told(call);
		return;
	}
	chat_usage_init(&usage);
	usage.input_uncached = tokens_estimate(call->prompt);
	usage.output_total = tokens_estimate(call->row->text);
	usage.is_estimated = true;
	chat_emit_usage(&call->emitter, &usage);
	chat_emit_finish(&call->emitter, 0, CHAT_FINISH_STOP, none, none, none);
	chat_emit_end(&call->emitter);
}

/* A piece a turn, so that a stream can be paused and released between any two. */
static void on_timer(struct loop_timer *timer) {
	struct backend_call *call = timer->data;
	if (!call->has_begun) {
		begin(call);
	}
	if (call->rest.len > 0 && !call->is_released) {
		chat_emit_text(&call->emitter, 0, next_piece(call));
	}
	if (call->is_released || call->emitter.has_ended) {
		return;
	}
	if (call->rest.len > 0) {
		if (!call->is_paused) {
			loop_timer_start(&call->timer, 0);
		}
		return;
	}
	finish(call);
}

static bool fits(const struct mock_reply *reply, struct slice prompt) {
	if (reply->row->times > 0 && reply->given >= reply->row->times) {
		return false;
	}
	return reply->match == NULL ||
	       (utf8_valid(prompt, NULL) &&
		       regex_search(reply->match, prompt, 0, NULL) == REGEX_MATCH);
}

static const struct runner_reply *choose(struct mock *mock, struct slice prompt) {
	for (size_t i = 0; i < mock->reply_count; i++) {
		if (fits(&mock->replies[i], prompt)) {
			mock->replies[i].given++;
			return mock->replies[i].row;
		}
	}
	return NULL;
}

static struct slice prompt_of(const struct chat_request *request, struct arena *arena) {
	for (size_t i = request->messages.len; i > 0; i--) {
		const struct chat_message *message = &request->messages.items[i - 1];
		if (message->role == CHAT_ROLE_USER) {
			return chat_parts_text(arena, &message->parts, "\n");
		}
	}
	return SLICE("");
}

static struct backend_call *submit(struct backend *backend, const struct backend_request *request) {
	struct mock *mock = (struct mock *)(void *)backend;
	struct backend_call *call = ARENA_NEW(request->arena, struct backend_call);
	call->sink.on_event = on_event;
	call->mock = mock;
	call->request = *request;
	call->prompt = prompt_of(request->request, request->arena);
	call->row = choose(mock, call->prompt);
	if (mock->calls != NULL) {
		++*mock->calls;
	}
	request->report->upstream_format = request->request->client_format;
	chat_emitter_init(&call->emitter, &call->sink, request->arena);
	loop_timer_init(request->mux_loop->loop, &call->timer, on_timer, call);
	loop_timer_start(&call->timer,
		call->row != NULL && call->row->delay_ms > 0 ? (uint64_t)call->row->delay_ms : 0);
	return call;
}

static void pause(struct backend_call *call) {
	call->is_paused = true;
	if (call->has_begun) {
		loop_timer_stop(&call->timer);
	}
}

static void resume(struct backend_call *call) {
	call->is_paused = false;
	if (call->has_begun && !call->emitter.has_ended && !call->is_released) {
		loop_timer_start(&call->timer, 0);
	}
}

static void release(struct backend_call *call) {
	call->is_released = true;
	loop_timer_stop(&call->timer);
}

static bool takes_model(const struct backend *backend, struct slice model, struct slice *name) {
	(void)backend;
	*name = model;
	return true;
}

static bool takes_candidates(const struct backend *backend, const struct chat_request *request) {
	(void)backend;
	return !request->has_n || request->n <= 1;
}

static void describe(const struct backend *backend, struct mux_backend_info *info) {
	(void)backend;
	info->type = "mock";
	info->base_url = "canned replies";
}

static void destroy(struct backend *backend) {
	struct mock *mock = (struct mock *)(void *)backend;
	arena_finish(&mock->arena);
	free(mock);
}

static const struct backend_kind kind = {
	.name = "mock",
	.submit = submit,
	.pause = pause,
	.resume = resume,
	.release = release,
	.takes_model = takes_model,
	.takes_candidates = takes_candidates,
	.describe = describe,
	.destroy = destroy,
};

struct backend *mock_create(const struct runner_backend *settings, struct error *error) {
	struct mock *mock = mem_calloc(1, sizeof *mock);
	struct error wrong;
	mock->base.kind = &kind;
	arena_init(&mock->arena, NULL, 0);
	mock->base.name = arena_strdup(&mock->arena, settings->name);
	mock->reply_count = settings->replies.len;
	mock->calls = settings->calls;
	mock->replies = ARENA_ARRAY(&mock->arena, struct mock_reply, mock->reply_count + 1);
	for (size_t i = 0; i < mock->reply_count; i++) {
		const struct runner_reply *row = &settings->replies.items[i];
		mock->replies[i].row = row;
		if (row->match.len == 0) {
			continue;
		}
		mock->replies[i].match = regex_compile(&mock->arena, row->match, &wrong);
		if (mock->replies[i].match == NULL) {
			error_set(error, ERROR_CONFIGURATION,
				"`match` of reply %zu of the mock `%s` (%s:%u): %s", i + 1,
				mock->base.name, row->place.file != NULL ? row->place.file : "?",
				(unsigned)row->place.line, wrong.message);
			destroy(&mock->base);
			return NULL;
		}
	}
	return &mock->base;
}
