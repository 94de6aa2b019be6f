/* fanout.c: one request answered by several calls: n > 1 where the upstream gives one answer a
 * request (formats.md E-40), and several prompts of a completion (CO-1).
 *
 *   the request ─► part 0: prompt 0, sample 0 ─► mux_call ─┐
 *              ─► part 1: prompt 0, sample 1 ─► mux_call ─┼► candidates renumbered ─► sink
 *              ─► part 2: prompt 1, sample 0 ─► mux_call ─┘  (prompt-major)
 *
 * A backend made of calls: each part is routed and retried by itself. At most FANOUT_RUNNING run at
 * a time. The first failure ends all of them. The prompt is counted once, what was said is summed.
 */
#include "mux/mux_internal.h"

#define FANOUT_RUNNING 8

struct fanout {
	struct backend base;
	struct route route; /* of every part */
	bool splits_n;      /* a part is one sample, not one prompt */
};

/* A content part of an answer that has begun and not ended. */
struct open_part {
	uint32_t candidate, part;
	bool is_tool;
};

struct fanout_part {
	struct chat_sink sink;
	struct backend_call *owner;
	struct chat_request request;
	struct mux_call *call;    /* NULL: not started, or over */
	uint32_t first_candidate; /* its candidate 0, of the whole answer */
	bool is_first_of_prompt;
	struct chat_usage usage;
	struct {
		struct open_part *items;
		size_t len, cap;
	} open;
};

struct backend_call {
	const struct fanout *fanout;
	struct backend_request request;
	struct fanout_part *parts;
	size_t count, started, ended;
	bool has_start, has_failed, is_paused, is_released;
	struct error *error; /* NULL: none; found before anything ran */
	struct loop_deferred deferred;
};

static void send(struct backend_call *call, const struct chat_event *event) {
	if (!call->is_released) {
		chat_sink_send(call->request.sink, event);
	}
}

static void release_part(struct fanout_part *part) {
	if (part->call != NULL) {
		mux_call_release(part->call);
		part->call = NULL;
	}
}

/* ---- usage ---- */

static void add(int64_t *sum, int64_t count) {
	if (count >= 0) {
		*sum = (*sum > 0 ? *sum : 0) + count;
	}
}

static void add_usage(struct chat_usage *sum, const struct fanout_part *part) {
	static const size_t input[] = {
		offsetof(struct chat_usage, input_uncached),
		offsetof(struct chat_usage, cache_read),
		offsetof(struct chat_usage, cache_write),
		offsetof(struct chat_usage, cache_write_5m),
		offsetof(struct chat_usage, cache_write_1h),
		offsetof(struct chat_usage, tool_use_prompt),
		offsetof(struct chat_usage, audio_in),
	};
	static const size_t output[] = {
		offsetof(struct chat_usage, output_total),
		offsetof(struct chat_usage, reasoning),
		offsetof(struct chat_usage, audio_out),
		offsetof(struct chat_usage, accepted_prediction),
		offsetof(struct chat_usage, rejected_prediction),
		offsetof(struct chat_usage, web_searches),
		offsetof(struct chat_usage, web_fetches),
	};
	char *to = (char *)sum;
	const char *from = (const char *)&part->usage;
	for (size_t i = 0; part->is_first_of_prompt && i < sizeof input / sizeof *input; i++) {
		add((int64_t *)(void *)(to + input[i]),
			*(const int64_t *)(const void *)(from + input[i]));
	}
	for (size_t i = 0; i < sizeof output / sizeof *output; i++) {
		add((int64_t *)(void *)(to + output[i]),
			*(const int64_t *)(const void *)(from + output[i]));
	}
	sum->is_estimated |= part->usage.is_estimated;
}

static void send_usage(struct backend_call *call) {
	struct chat_usage sum;
	chat_usage_init(&sum);
	for (size_t i = 0; i < call->count; i++) {
		add_usage(&sum, &call->parts[i]);
	}
	if (chat_usage_is_known(&sum)) {
		send(call, &(struct chat_event){.type = CHAT_EVENT_USAGE, .usage = &sum});
	}
}

/* ---- what the parts say ---- */

/* The whole answer is reported as its first part was: they differ in what they say alone. */
static void take_report(struct backend_call *call, const struct fanout_part *part) {
	const struct mux_report *from = mux_call_report(part->call);
	struct mux_report *to = call->request.report;
	to->backend = from->backend;
	to->account = from->account;
	to->upstream_model = from->upstream_model;
	to->upstream_format = from->upstream_format;
	to->forces_name = from->forces_name;
	to->returned = from->returned;
	for (size_t i = 0; i < from->losses->len; i++) {
		const struct chat_loss *loss = &from->losses->items[i];
		(loss->is_altered ? chat_alter : chat_drop)(
			call->request.losses, loss->rule, loss->field, loss->reason);
	}
}

static void note_part(struct fanout_part *part, const struct chat_event *event) {
	bool is_start =
		event->type == CHAT_EVENT_PART_START || event->type == CHAT_EVENT_TOOL_START;
	bool is_end = event->type == CHAT_EVENT_PART_END || event->type == CHAT_EVENT_TOOL_END;
	if (is_start) {
		*ARENA_PUSH(part->request.arena, &part->open) = (struct open_part){
			event->candidate, event->part, event->type == CHAT_EVENT_TOOL_START};
	}
	for (size_t i = 0; is_end && i < part->open.len; i++) {
		if (part->open.items[i].candidate == event->candidate &&
			part->open.items[i].part == event->part) {
			part->open.items[i] = part->open.items[--part->open.len];
			return;
		}
	}
}

static void forward(struct fanout_part *part, const struct chat_event *event) {
	struct chat_event renumbered = *event;
	renumbered.candidate += part->first_candidate;
	note_part(part, &renumbered);
	send(part->owner, &renumbered);
}

/* EV-2: every part of the answer that was begun ends. */
static void close_parts(struct backend_call *call) {
	for (size_t i = 0; i < call->count; i++) {
		const struct fanout_part *part = &call->parts[i];
		for (size_t p = 0; p < part->open.len; p++) {
			const struct open_part *open = &part->open.items[p];
			send(call, &(struct chat_event){
					   .type = open->is_tool ? CHAT_EVENT_TOOL_END
								 : CHAT_EVENT_PART_END,
					   .candidate = open->candidate,
					   .part = open->part,
				   });
		}
	}
}

static void fail(struct backend_call *call, const struct error *error) {
	call->has_failed = true;
	close_parts(call);
	send(call, &(struct chat_event){.type = CHAT_EVENT_ERROR, .error.error = error});
	for (size_t i = 0; i < call->count; i++) {
		release_part(&call->parts[i]);
	}
	send(call, &(struct chat_event){.type = CHAT_EVENT_END});
}

static void end_part(struct fanout_part *part) {
	struct backend_call *call = part->owner;
	release_part(part);
	if (++call->ended == call->count) {
		send_usage(call);
		send(call, &(struct chat_event){.type = CHAT_EVENT_END});
	} else if (call->started < call->count) {
		/* Not here: the engine of the call that ended is still on the stack. */
		loop_defer(call->request.mux_loop->loop, &call->deferred);
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct fanout_part *part = (struct fanout_part *)(void *)sink;
	struct backend_call *call = part->owner;
	switch (event->type) {
	case CHAT_EVENT_START:
		if (!call->has_start) {
			call->has_start = true;
			take_report(call, part);
			send(call, event);
		}
		break;
	case CHAT_EVENT_USAGE:
		chat_usage_merge(&part->usage, event->usage);
		break;
	case CHAT_EVENT_PING:
		send(call, event);
		break;
	case CHAT_EVENT_ERROR:
		if (!call->has_start) {
			take_report(call, part);
		}
		fail(call, event->error.error);
		break;
	case CHAT_EVENT_END:
		end_part(part);
		break;
	default:
		forward(part, event);
		break;
	}
}

/* ---- the calls ---- */

static void start_part(struct backend_call *call, struct fanout_part *part) {
	const struct mux_request request = {
		.request = &part->request,
		.sink = &part->sink,
		.client_headers = call->request.client_headers,
	};
	part->call = call_submit(call->request.mux_loop, &request, &call->fanout->route);
	if (call->is_paused) {
		mux_call_pause(part->call);
	}
}

static void start_parts(struct backend_call *call) {
	while (call->started < call->count && call->started - call->ended < FANOUT_RUNNING) {
		start_part(call, &call->parts[call->started++]);
	}
}

static void on_deferred(struct loop_deferred *deferred) {
	struct backend_call *call = deferred->data;
	if (call->error != NULL) {
		fail(call, call->error);
	} else if (!call->has_failed) {
		start_parts(call);
	}
}

/* The request of one prompt, of which `n` samples are wanted. */
static void make_request(
	const struct chat_request *whole, size_t prompt, int64_t n, struct chat_request *request) {
	*request = *whole;
	request->has_n = n > 1;
	request->n = n;
	request->is_overridden = true;
	if (whole->prompt_count > 1) {
		request->prompts = NULL;
		request->prompt_count = 0;
		request->messages.items = NULL;
		request->messages.len = request->messages.cap = 0;
		struct chat_message *message = chat_request_push(request, CHAT_ROLE_USER);
		message->has_string_content = true;
		chat_parts_push(request->arena, &message->parts, CHAT_PART_TEXT)->text =
			whole->prompts[prompt];
	}
}

static void make_parts(struct backend_call *call, size_t prompts, size_t samples) {
	const struct chat_request *whole = call->request.request;
	size_t parts_of_prompt = call->fanout->splits_n ? samples : 1;
	call->count = prompts * parts_of_prompt;
	call->parts = ARENA_ARRAY(call->request.arena, struct fanout_part, call->count);
	for (size_t i = 0; i < call->count; i++) {
		struct fanout_part *part = &call->parts[i];
		size_t prompt = i / parts_of_prompt;
		part->sink.on_event = on_event;
		part->owner = call;
		part->is_first_of_prompt = i % parts_of_prompt == 0;
		part->first_candidate = (uint32_t)(call->fanout->splits_n ? i : prompt * samples);
		make_request(whole, prompt, call->fanout->splits_n ? 1 : (int64_t)samples,
			&part->request);
		chat_usage_init(&part->usage);
	}
}

static struct backend_call *submit(struct backend *backend, const struct backend_request *request) {
	const struct chat_request *chat = request->request;
	struct loop *loop = request->mux_loop->loop;
	struct backend_call *call = ARENA_NEW(request->arena, struct backend_call);
	int64_t most = request->mux_loop->mux->config->limits.fan_out;
	int64_t samples = chat->has_n && chat->n > 1 ? chat->n : 1;
	int64_t prompts = chat->prompt_count > 1 ? (int64_t)chat->prompt_count : 1;
	call->fanout = (const struct fanout *)(const void *)backend;
	call->request = *request;
	call->deferred.fn = on_deferred;
	call->deferred.data = call;
	request->report->is_spliced = false;
	if (samples > most / prompts) {
		call->error = ARENA_NEW(request->arena, struct error);
		error_set_param(call->error, ERROR_INVALID_REQUEST, samples > 1 ? "n" : "prompt",
			"the request asks for %lld answers to %lld prompt%s; limits.fan-out allows "
			"%lld answers in all",
			(long long)samples, (long long)prompts, prompts == 1 ? "" : "s",
			(long long)most);
		loop_defer(loop, &call->deferred);
		return call;
	}
	make_parts(call, (size_t)prompts, (size_t)samples);
	start_parts(call);
	return call;
}

static void pause_parts(struct backend_call *call) {
	call->is_paused = true;
	for (size_t i = 0; i < call->count; i++) {
		if (call->parts[i].call != NULL) {
			mux_call_pause(call->parts[i].call);
		}
	}
}

static void resume_parts(struct backend_call *call) {
	call->is_paused = false;
	for (size_t i = 0; i < call->count; i++) {
		if (call->parts[i].call != NULL) {
			mux_call_resume(call->parts[i].call);
		}
	}
}

static void release(struct backend_call *call) {
	call->is_released = true;
	loop_defer_cancel(&call->deferred);
	for (size_t i = 0; i < call->count; i++) {
		release_part(&call->parts[i]);
	}
}

/* The parts have tried what there was. */
static bool can_retry(const struct backend *backend, const struct number_set *tried) {
	(void)backend;
	(void)tried;
	return false;
}

static const struct backend_kind kind = {
	.name = "fanout",
	.submit = submit,
	.pause = pause_parts,
	.resume = resume_parts,
	.release = release,
	.can_retry = can_retry,
};

bool fanout_is_needed(const struct target *target, const struct chat_request *request) {
	if (request->op != CHAT_OP_CHAT) {
		return false;
	}
	return request->prompt_count > 1 ||
	       (request->has_n && request->n > 1 &&
		       !target->backend->kind->takes_candidates(target->backend, request));
}

struct backend *fanout_create(
	const struct route *rest, const struct chat_request *request, struct arena *arena) {
	struct fanout *fanout = ARENA_NEW(arena, struct fanout);
	const struct target *target = &rest->targets[0];
	fanout->base.kind = &kind;
	fanout->base.name = target->backend->name;
	fanout->route = *rest;
	fanout->splits_n = !target->backend->kind->takes_candidates(target->backend, request);
	return &fanout->base;
}
