/* hold.c: keeps the beginning of an attempt back until its first real event, so that a failure
 * before it can move to another account, or become a proper error status (gateway.md 6.3).
 *
 * Held: start, usage, wire bytes. Dropped: pings. Everything else opens the hold: then what was
 * held is sent (wire, start, usage) and all further events pass. */
#include "mux/mux_internal.h"

static struct mux_hold *hold_of(struct chat_sink *sink) {
	return (struct mux_hold *)(void *)sink;
}

static void pass(struct mux_hold *hold, const struct chat_event *event) {
	if (!hold->is_closed) {
		chat_sink_send(hold->next, event);
	}
}

static void on_event_open(struct chat_sink *sink, const struct chat_event *event) {
	struct mux_hold *hold = hold_of(sink);
	if (event->type == CHAT_EVENT_START && hold->has_sent_start) {
		return;
	}
	pass(hold, event);
}

static void release_held(struct mux_hold *hold) {
	hold->is_open = true;
	hold->sink.on_event = on_event_open;
	loop_timer_stop(&hold->timer);
	if (buf_total(&hold->wire) > 0) {
		pass(hold, &(struct chat_event){
				   .type = CHAT_EVENT_WIRE, .text = buf_slice(&hold->wire)});
		buf_finish(&hold->wire);
	}
	if (hold->has_start) {
		hold->has_sent_start = true;
		pass(hold, &hold->start);
	}
	if (hold->has_usage) {
		pass(hold, &(struct chat_event){.type = CHAT_EVENT_USAGE, .usage = &hold->usage});
	}
}

static struct slice keep(struct arena *arena, struct slice s) {
	return s.data != NULL ? arena_dup(arena, s) : s;
}

static void keep_start(struct mux_hold *hold, const struct chat_event *event) {
	hold->start = *event;
	hold->start.start.id = keep(hold->arena, event->start.id);
	hold->start.start.model = keep(hold->arena, event->start.model);
	hold->start.start.service_tier = keep(hold->arena, event->start.service_tier);
	hold->start.start.fingerprint = keep(hold->arena, event->start.fingerprint);
	hold->has_start = true;
}

static void keep_usage(struct mux_hold *hold, const struct chat_usage *usage) {
	if (!hold->has_usage) {
		chat_usage_init(&hold->usage);
	}
	chat_usage_merge(&hold->usage, usage);
	hold->usage.native = keep(hold->arena, hold->usage.native);
	hold->usage.service_tier = keep(hold->arena, hold->usage.service_tier);
	hold->has_usage = true;
}

static void fail(struct mux_hold *hold) {
	if (!hold->error) {
		hold->error = ARENA_NEW(hold->arena, struct error);
		error_set(
			hold->error, ERROR_UPSTREAM_PROTOCOL, "the upstream sent an empty answer");
	}
	if (!hold->is_closed) {
		hold->owner->on_failed(hold, hold->error);
	}
}

static void on_event_held(struct chat_sink *sink, const struct chat_event *event) {
	struct mux_hold *hold = hold_of(sink);
	switch (event->type) {
	case CHAT_EVENT_START:
		keep_start(hold, event);
		break;
	case CHAT_EVENT_USAGE:
		keep_usage(hold, event->usage);
		break;
	case CHAT_EVENT_WIRE:
		buf_append(&hold->wire, event->text);
		break;
	case CHAT_EVENT_PING:
		break;
	case CHAT_EVENT_ERROR:
		hold->error = ARENA_NEW(hold->arena, struct error);
		*hold->error = *event->error.error;
		break;
	case CHAT_EVENT_END:
		fail(hold);
		break;
	default:
		release_held(hold);
		pass(hold, event);
		break;
	}
}

static void on_timer(struct loop_timer *timer) {
	struct mux_hold *hold = timer->data;
	if (!hold->has_start) {
		hold->start = (struct chat_event){.type = CHAT_EVENT_START};
		hold->has_start = true;
	}
	release_held(hold);
}

void hold_init(struct mux_hold *hold, struct loop *loop, struct arena *arena,
	struct chat_sink *next, const struct hold_owner *owner) {
	*hold = (struct mux_hold){
		.sink.on_event = on_event_held, .next = next, .arena = arena, .owner = owner};
	loop_timer_init(loop, &hold->timer, on_timer, hold);
}

void hold_start_timer(struct mux_hold *hold, uint64_t delay_ms) {
	loop_timer_start(&hold->timer, delay_ms);
}

bool hold_has_begun(const struct mux_hold *hold) {
	return hold->has_start || buf_total(&hold->wire) > 0;
}

void hold_drop(struct mux_hold *hold) {
	hold->has_start = hold->has_usage = false;
	hold->error = NULL;
	buf_reset(&hold->wire, 0);
}

void hold_close(struct mux_hold *hold) {
	hold->is_closed = true;
	loop_timer_stop(&hold->timer);
	/* While release_held sends the wire bytes they are in use: it frees them itself. */
	if (!hold->is_open) {
		buf_finish(&hold->wire);
	}
}
