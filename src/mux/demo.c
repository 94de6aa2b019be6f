/* demo.c: the backend that needs no account and no network, so that the first curl answers, and so
 * that users can see how their client takes errors, tools, thinking and slow streams. Everything it
 * says begins with "[demo]" where the form allows it. */
#include <stdlib.h>

#include "base/mem.h"
#include "chat/emit.h"
#include "mux/demo.h"

#define PACE_MS 2
#define SLOW_PACE_MS 200

const struct demo_model demo_models[] = {
	{"demo/echo", "Demo: says your last message", 0, PACE_MS, ERROR_NONE, -1, NULL},
	{"demo/think", "Demo: thinks, then says your last message", DEMO_THINKS, PACE_MS,
		ERROR_NONE, -1, NULL},
	{"demo/tool", "Demo: calls the first tool it is offered", DEMO_CALLS_TOOLS, PACE_MS,
		ERROR_NONE, -1, NULL},
	{"demo/slow", "Demo: a word every 200 ms", 0, SLOW_PACE_MS, ERROR_NONE, -1, NULL},
	{"demo/embed", "Demo: vectors of texts", DEMO_EMBEDS, 0, ERROR_NONE, -1, NULL},
	{"demo/error-401", "Demo: refuses the credential", 0, 0, ERROR_AUTHENTICATION, -1,
		"invalid_api_key"},
	{"demo/error-404", "Demo: does not know the model", 0, 0, ERROR_NOT_FOUND, -1,
		"model_not_found"},
	{"demo/error-429", "Demo: limits the rate", 0, 0, ERROR_RATE_LIMIT, 2000,
		"rate_limit_exceeded"},
	{"demo/error-500", "Demo: fails", 0, 0, ERROR_INTERNAL, -1, NULL},
	{"demo/error-529", "Demo: is overloaded", 0, 0, ERROR_OVERLOADED, -1, NULL},
	{"demo/midstream-error", "Demo: fails halfway", DEMO_FAILS_LATE, PACE_MS, ERROR_NONE, -1,
		NULL},
	{"demo/truncated", "Demo: is cut off halfway", DEMO_CUT, PACE_MS, ERROR_NONE, -1, NULL},
	{0},
};

struct backend_call {
	struct chat_sink sink; /* in front of the request's: drops what follows a release */
	struct backend_request request;
	const struct demo_model *model;
	struct demo_script script;
	size_t at;
	struct chat_emitter emitter;
	struct stop_match *stop;
	struct loop_timer timer;
	struct loop *loop;
	bool is_paused, is_released;
};

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct backend_call *call = (struct backend_call *)(void *)sink;
	if (!call->is_released) {
		chat_sink_send(call->request.sink, event);
	}
}

static void fail(struct backend_call *call) {
	const struct demo_model *model = call->model;
	bool is_late = model->error == ERROR_NONE;
	struct error error;
	error_set(&error, is_late ? ERROR_INTERNAL : model->error,
		"[demo] This error was asked for by the model's name, %s.", model->id);
	error.retry_after_ms = is_late ? -1 : model->retry_after_ms;
	if (model->error_code != NULL) {
		memcpy(error.code, model->error_code, strlen(model->error_code) + 1);
	}
	error_set_where(&error, "demo");
	chat_emit_error(&call->emitter, &error, false);
}

static void call_tool(struct backend_call *call, uint32_t candidate, const struct demo_step *step) {
	struct chat_emitter *e = &call->emitter;
	struct slice id = arena_printf(call->request.arena, "call_%.*s_%u",
		SLICE_FMT(call->script.id), (unsigned)candidate);
	struct slice none = {0};
	if (chat_emit_tool_start(e, candidate, 0, id, step->name, step->tool_kind, none)) {
		chat_emit_tool_args(e, candidate, 0, step->text);
		chat_emit_tool_end(e, candidate, 0);
	}
}

static void play_step(struct backend_call *call, uint32_t candidate, const struct demo_step *step) {
	struct chat_emitter *e = &call->emitter;
	struct slice none = {0};
	switch (step->kind) {
	case DEMO_THINKING:
		chat_emit_thinking(e, candidate, step->text);
		break;
	case DEMO_TEXT:
		chat_emit_text(e, candidate, step->text);
		break;
	case DEMO_TOOL:
		call_tool(call, candidate, step);
		break;
	case DEMO_FINISH:
		chat_emit_finish(e, candidate, step->reason, none, none, none);
		break;
	case DEMO_ERROR:
		fail(call);
		break;
	case DEMO_END:
		break;
	}
}

static bool is_over(const struct backend_call *call) {
	return call->is_released || call->emitter.has_ended ||
	       (call->stop != NULL && stop_match_has_ended(call->stop));
}

static void refuse(struct backend_call *call, const struct error *error) {
	chat_emit_error(&call->emitter, error, false);
}

/* A model that makes vectors does nothing else, and no other model makes any. */
static bool begin_embed(struct backend_call *call) {
	const struct chat_request *chat = call->request.request;
	bool can_embed = (call->model->traits & DEMO_EMBEDS) != 0;
	struct error error;
	if (can_embed != (chat->op == CHAT_OP_EMBED) && call->model->error == ERROR_NONE) {
		error_set_param(&error, ERROR_INVALID_REQUEST, "model",
			can_embed ? "[demo] %s makes embeddings; ask demo/echo for an answer"
				  : "[demo] %s makes no embeddings; ask demo/embed",
			call->model->id);
		refuse(call, &error);
		return true;
	}
	if (chat->op != CHAT_OP_EMBED || call->model->error != ERROR_NONE) {
		return false;
	}
	const struct embed_response *response =
		demo_embed(chat->embed, slice_of(call->model->id), call->request.arena, &error);
	if (response == NULL) {
		refuse(call, &error);
		return true;
	}
	call->request.report->embedded = response;
	call->emitter.has_ended = true;
	send_count(&call->sink, slice_of(call->model->id), response->usage.input_tokens, true);
	return true;
}

static void begin(struct backend_call *call) {
	const struct chat_request *chat = call->request.request;
	struct slice none = {0};
	if (begin_embed(call)) {
		return;
	}
	if (chat->op == CHAT_OP_COUNT) {
		call->request.report->is_estimated_count = true;
		call->emitter.has_ended = true;
		send_count(
			&call->sink, slice_of(call->model->id), format_estimate_tokens(chat), true);
		return;
	}
	struct error error;
	if (chat->op == CHAT_OP_COMPACT) {
		error_set(&error, ERROR_NOT_SUPPORTED,
			"the demo cannot compact conversations (RS-29)");
		chat_emit_error(&call->emitter, &error, false);
		return;
	}
	if (!format_check_state(chat, &error)) {
		chat_emit_error(&call->emitter, &error, false);
		return;
	}
	if (call->model->error != ERROR_NONE) {
		fail(call);
		return;
	}
	demo_write(call->model, chat, call->request.arena, &call->script);
	chat_emit_start(&call->emitter, call->script.id, slice_of(call->model->id), 0, none, none);
}

/* Plays until a pause of the model's pace, or the end. Whole answers are not paced, but for the
 * slow model. */
static void play(struct backend_call *call) {
	const struct chat_request *chat = call->request.request;
	int64_t candidates = chat->has_n && chat->n > 1 ? chat->n : 1;
	bool is_paced = chat->stream || call->model->pace_ms > PACE_MS;
	while (!is_over(call) && !call->is_paused) {
		if (call->at == call->script.len) {
			chat_emit_end(&call->emitter);
			return;
		}
		const struct demo_step *step = &call->script.items[call->at++];
		if (step->kind == DEMO_FINISH) {
			chat_emit_usage(&call->emitter, &call->script.usage);
		}
		for (int64_t i = 0; i < candidates && !is_over(call); i++) {
			play_step(call, (uint32_t)i, step);
		}
		if (step->is_paced && is_paced && !is_over(call)) {
			loop_timer_start(&call->timer, call->model->pace_ms);
			return;
		}
	}
}

static void on_timer(struct loop_timer *timer) {
	struct backend_call *call = timer->data;
	if (call->script.items == NULL) {
		begin(call);
	}
	play(call);
}

static struct backend_call *submit(struct backend *backend, const struct backend_request *request) {
	const struct chat_request *chat = request->request;
	struct backend_call *call = ARENA_NEW(request->arena, struct backend_call);
	(void)backend;
	call->sink.on_event = on_event;
	call->request = *request;
	call->model = demo_models;
	while (!slice_is(request->model, call->model->id)) {
		call->model++;
	}
	request->report->upstream_format = chat->client_format;
	struct chat_sink *sink = &call->sink;
	if (chat->stop_count > 0) {
		const struct format_counter counter = {
			request->mux_loop->mux->tokens, request->model};
		call->stop = stop_match_create(
			chat, &counter, chat->stop, chat->stop_count, sink, request->arena);
		sink = stop_match_sink(call->stop);
	}
	chat_emitter_init(&call->emitter, sink, request->arena);
	loop_timer_init(request->mux_loop->loop, &call->timer, on_timer, call);
	loop_timer_start(&call->timer, 0);
	return call;
}

static void pause(struct backend_call *call) {
	call->is_paused = true;
	loop_timer_stop(&call->timer);
}

static void resume(struct backend_call *call) {
	call->is_paused = false;
	if (!is_over(call)) {
		loop_timer_start(&call->timer, 0);
	}
}

static void release(struct backend_call *call) {
	call->is_released = true;
	loop_timer_stop(&call->timer);
}

/* demo://echo and demo://demo/echo. */
static bool takes_model(const struct backend *backend, struct slice model, struct slice *name) {
	(void)backend;
	for (const struct demo_model *m = demo_models; m->id != NULL; m++) {
		struct slice id = slice_of(m->id);
		if (slice_eq(model, id) || slice_eq(model, slice_from(id, strlen("demo/")))) {
			*name = id;
			return true;
		}
	}
	return false;
}

static bool takes_candidates(const struct backend *backend, const struct chat_request *request) {
	(void)backend;
	(void)request;
	return true;
}

static void describe(const struct backend *backend, struct mux_backend_info *info) {
	(void)backend;
	info->type = "demo";
	info->base_url = "built in";
	info->models = sizeof demo_models / sizeof *demo_models - 1;
}

static void destroy(struct backend *backend) {
	free(backend);
}

static const struct backend_kind kind = {
	.name = "demo",
	.submit = submit,
	.pause = pause,
	.resume = resume,
	.release = release,
	.takes_model = takes_model,
	.takes_candidates = takes_candidates,
	.describe = describe,
	.destroy = destroy,
};

struct backend *demo_create(struct mux *mux) {
	struct backend *demo = mem_calloc(1, sizeof *demo);
	*demo = (struct backend){.kind = &kind, .name = "demo", .is_demo = true};
	for (const struct demo_model *model = demo_models; model->id != NULL; model++) {
		const struct mux_model facts = {
			.owned_by = "demo",
			.display_name = model->display_name,
			.is_demo = true,
			.capabilities = (model->traits & DEMO_EMBEDS) != 0 ? MODEL_EMBEDS : 0,
		};
		registry_add(&mux->registry, demo, slice_of(model->id), slice_of(model->id), false,
			&facts);
	}
	return demo;
}
