/* stop.c: stop sequences an upstream does not take, enforced on the way (E-47). */
#include "chat/stop.h"

/* A part that is open, to be closed at a hit. */
struct open_part {
	uint32_t number;
	bool is_tool;
};

struct chat_stop_candidate {
	bool has_begun, is_finished;
	bool was_cut;  /* by us: the rest of the candidate is dropped */
	uint32_t part; /* the text part `held` belongs to */
	char *held;    /* longest - 1 bytes at most */
	size_t held_len;
	struct {
		struct open_part *items;
		size_t len, cap;
	} open;
};

static struct chat_stop_candidate *candidate_at(struct chat_stop *stop, uint32_t number) {
	while (stop->candidates.len <= number) {
		struct chat_stop_candidate *c = ARENA_PUSH(stop->arena, &stop->candidates);
		c->held = arena_alloc(stop->arena, stop->longest + 1);
	}
	stop->candidates.items[number].has_begun = true;
	return &stop->candidates.items[number];
}

static void send_text(
	struct chat_stop *stop, uint32_t candidate, uint32_t part, struct slice text) {
	if (text.len > 0) {
		chat_sink_send(stop->next, &(struct chat_event){.type = CHAT_EVENT_TEXT_DELTA,
						   .candidate = candidate,
						   .part = part,
						   .text = text});
	}
}

static void flush_held(struct chat_stop *stop, uint32_t candidate) {
	struct chat_stop_candidate *c = &stop->candidates.items[candidate];
	struct slice held = slice_make(c->held, c->held_len);
	c->held_len = 0;
	send_text(stop, candidate, c->part, held);
}

/* The first hit in the text; of two at one place the one listed first. */
static size_t find_hit(const struct chat_stop *stop, struct slice text, size_t *which) {
	size_t first = SIZE_MAX;
	for (size_t i = 0; i < stop->count; i++) {
		size_t at = stop->sequences[i].len > 0 ? slice_find(text, stop->sequences[i])
						       : SIZE_MAX;
		if (at < first) {
			first = at;
			*which = i;
		}
	}
	return first;
}

/* How many bytes at the end could be the beginning of a sequence. */
static size_t open_end(const struct chat_stop *stop, struct slice text) {
	size_t from = text.len >= stop->longest ? text.len - stop->longest + 1 : 0;
	for (size_t at = from; at < text.len; at++) {
		struct slice tail = slice_from(text, at);
		for (size_t i = 0; i < stop->count; i++) {
			if (slice_starts_with(stop->sequences[i], tail)) {
				return tail.len;
			}
		}
	}
	return 0;
}

static bool is_complete(const struct chat_stop *stop) {
	for (size_t i = 0; i < stop->candidates.len; i++) {
		if (stop->candidates.items[i].has_begun && !stop->candidates.items[i].is_finished) {
			return false;
		}
	}
	return true;
}

static void send_end(struct chat_stop *stop) {
	stop->has_ended = true;
	chat_sink_send(stop->next, &(struct chat_event){.type = CHAT_EVENT_END});
}

static void cut(struct chat_stop *stop, uint32_t candidate, struct slice sequence) {
	struct chat_stop_candidate *c = &stop->candidates.items[candidate];
	for (size_t i = 0; i < c->open.len; i++) {
		chat_sink_send(stop->next,
			&(struct chat_event){.type = c->open.items[i].is_tool ? CHAT_EVENT_TOOL_END
									      : CHAT_EVENT_PART_END,
				.candidate = candidate,
				.part = c->open.items[i].number});
	}
	chat_sink_send(stop->next, &(struct chat_event){.type = CHAT_EVENT_FINISH,
					   .candidate = candidate,
					   .finish = {.reason = CHAT_FINISH_STOP_SEQUENCE,
						   .stop_sequence = sequence}});
	c->is_finished = c->was_cut = stop->has_hit = true;
	c->held_len = 0;
	if (is_complete(stop)) {
		send_end(stop);
	}
}

static void on_text(struct chat_stop *stop, const struct chat_event *event) {
	struct chat_stop_candidate *c = &stop->candidates.items[event->candidate];
	struct slice text = event->text;
	size_t which = 0;
	struct buf joined = {0};
	if (c->held_len > 0) {
		buf_append(&joined, slice_make(c->held, c->held_len));
		buf_append(&joined, text);
		text = buf_slice(&joined);
		c->held_len = 0;
	}
	size_t hit = find_hit(stop, text, &which);
	if (hit != SIZE_MAX) {
		send_text(stop, event->candidate, event->part, slice_sub(text, 0, hit));
		cut(stop, event->candidate, stop->sequences[which]);
	} else {
		size_t kept = open_end(stop, text);
		send_text(stop, event->candidate, event->part, slice_sub(text, 0, text.len - kept));
		memcpy(c->held, text.data + text.len - kept, kept);
		c->held_len = kept;
		c->part = event->part;
	}
	buf_finish(&joined);
}

static void track_open(struct chat_stop *stop, const struct chat_event *event) {
	struct chat_stop_candidate *c = &stop->candidates.items[event->candidate];
	bool is_tool = event->type == CHAT_EVENT_TOOL_START;
	if (is_tool || event->type == CHAT_EVENT_PART_START) {
		*ARENA_PUSH(stop->arena, &c->open) = (struct open_part){event->part, is_tool};
	}
	for (size_t i = 0; i < c->open.len && (event->type == CHAT_EVENT_PART_END ||
						      event->type == CHAT_EVENT_TOOL_END);
		i++) {
		if (c->open.items[i].number == event->part) {
			c->open.items[i] = c->open.items[--c->open.len];
			break;
		}
	}
}

/* Events that belong to a candidate. */
static void on_candidate_event(struct chat_stop *stop, const struct chat_event *event) {
	struct chat_stop_candidate *c = candidate_at(stop, event->candidate);
	if (c->was_cut) {
		return;
	}
	if (event->type == CHAT_EVENT_TEXT_DELTA) {
		on_text(stop, event);
		return;
	}
	flush_held(stop, event->candidate);
	track_open(stop, event);
	c->is_finished = event->type == CHAT_EVENT_FINISH;
	chat_sink_send(stop->next, event);
	if (stop->has_hit && is_complete(stop)) {
		send_end(stop);
	}
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct chat_stop *stop = (struct chat_stop *)sink;
	if (stop->has_ended) {
		return;
	}
	switch (event->type) {
	case CHAT_EVENT_START:
	case CHAT_EVENT_USAGE:
	case CHAT_EVENT_PING:
	case CHAT_EVENT_WIRE:
	case CHAT_EVENT_ERROR:
		chat_sink_send(stop->next, event);
		break;
	case CHAT_EVENT_END:
		send_end(stop);
		break;
	default:
		on_candidate_event(stop, event);
		break;
	}
}

void chat_stop_init(struct chat_stop *stop, struct chat_sink *next, struct arena *arena,
	const struct slice *sequences, size_t count) {
	*stop = (struct chat_stop){.sink = {on_event},
		.next = next,
		.arena = arena,
		.sequences = sequences,
		.count = count};
	for (size_t i = 0; i < count; i++) {
		stop->longest = sequences[i].len > stop->longest ? sequences[i].len : stop->longest;
	}
}
