/* stop_match.c: stop sequences the upstream does not take, enforced on the way to the client
 * (E-47).
 *
 * Per candidate the end of the text is held back while it may be the beginning of a stop sequence
 * (at most the longest one less a byte). On a hit the text is cut before it, the candidate's parts
 * are closed and it finishes with stop_sequence; the rest it says is dropped. With one candidate
 * the answer ends there. */
#include "base/encoding.h"
#include "mux/mux_internal.h"
#include "tokens/estimate.h"

struct stop_candidate {
	struct buf held; /* the end of the open text part */
	uint32_t part;
	bool is_done;
	struct {
		uint32_t *items; /* tool parts that are open */
		size_t len, cap;
	} tools;
};

struct stop_match {
	struct chat_sink sink;
	struct chat_sink *next;
	struct arena *arena;
	const struct chat_request *request;
	struct format_counter counter;
	const struct slice *stops;
	size_t count, longest;
	bool has_ended, has_usage;
	int64_t text_tokens;
	struct {
		struct stop_candidate **items; /* by candidate number */
		size_t len, cap;
	} candidates;
};

static void finish_candidate(void *data) {
	buf_finish(&((struct stop_candidate *)data)->held);
}

static struct stop_candidate *candidate_of(struct stop_match *match, uint32_t number) {
	while (match->candidates.len <= number) {
		struct stop_candidate *candidate = ARENA_NEW(match->arena, struct stop_candidate);
		arena_on_finish(match->arena, finish_candidate, candidate);
		*ARENA_PUSH(match->arena, &match->candidates) = candidate;
	}
	return match->candidates.items[number];
}

static void send_text(struct stop_match *match, uint32_t number,
	const struct stop_candidate *candidate, struct slice text) {
	if (text.len == 0) {
		return;
	}
	match->text_tokens += tokens_estimate(text);
	chat_sink_send(match->next, &(struct chat_event){.type = CHAT_EVENT_TEXT_DELTA,
					    .candidate = number,
					    .part = candidate->part,
					    .text = text});
}

/* The first place where a stop sequence begins; of two there the longer one. SIZE_MAX when none. */
static size_t find_stop(const struct stop_match *match, struct slice text, struct slice *stop) {
	size_t first = SIZE_MAX;
	for (size_t i = 0; i < match->count; i++) {
		size_t at = slice_find(text, match->stops[i]);
		if (match->stops[i].len > 0 && at != SIZE_MAX &&
			(at < first || (at == first && match->stops[i].len > stop->len))) {
			first = at;
			*stop = match->stops[i];
		}
	}
	return first;
}

/* How many bytes at the end of the text may begin a stop sequence. */
static size_t undecided(const struct stop_match *match, struct slice text) {
	size_t most = match->longest > 0 ? match->longest - 1 : 0;
	for (size_t len = text.len < most ? text.len : most; len > 0; len--) {
		struct slice tail = slice_from(text, text.len - len);
		for (size_t i = 0; i < match->count; i++) {
			if (match->stops[i].len > len && slice_starts_with(match->stops[i], tail)) {
				return len;
			}
		}
	}
	return 0;
}

/* Usage the upstream had no time to tell. */
static void send_estimate(struct stop_match *match) {
	struct chat_usage usage;
	chat_usage_init(&usage);
	usage.input_uncached = format_count_tokens(&match->counter, match->request, NULL);
	usage.output_total = match->text_tokens;
	usage.is_estimated = true;
	chat_sink_send(
		match->next, &(struct chat_event){.type = CHAT_EVENT_USAGE, .usage = &usage});
}

static void cut(struct stop_match *match, uint32_t number, struct stop_candidate *candidate,
	struct slice stop) {
	struct chat_sink *next = match->next;
	candidate->is_done = true;
	chat_sink_send(next,
		&(struct chat_event){
			.type = CHAT_EVENT_PART_END, .candidate = number, .part = candidate->part});
	for (size_t i = 0; i < candidate->tools.len; i++) {
		chat_sink_send(next, &(struct chat_event){.type = CHAT_EVENT_TOOL_END,
					     .candidate = number,
					     .part = candidate->tools.items[i]});
	}
	bool is_only = !match->request->has_n || match->request->n <= 1;
	if (is_only && !match->has_usage) {
		send_estimate(match);
	}
	chat_sink_send(next, &(struct chat_event){.type = CHAT_EVENT_FINISH,
				     .candidate = number,
				     .finish.reason = CHAT_FINISH_STOP_SEQUENCE,
				     .finish.stop_sequence = stop});
	if (is_only) {
		match->has_ended = true;
		chat_sink_send(next, &(struct chat_event){.type = CHAT_EVENT_END});
	}
}

static void on_text(struct stop_match *match, const struct chat_event *event) {
	struct stop_candidate *candidate = candidate_of(match, event->candidate);
	candidate->part = event->part;
	buf_append(&candidate->held, event->text);
	struct slice text = buf_slice(&candidate->held), stop = {0};
	size_t at = find_stop(match, text, &stop);
	if (at != SIZE_MAX) {
		send_text(match, event->candidate, candidate, slice_sub(text, 0, at));
		cut(match, event->candidate, candidate, stop);
		return;
	}
	/* EV-4: what is let go ends with a whole character. */
	struct slice ready = slice_sub(text, 0, text.len - undecided(match, text));
	ready.len = utf8_whole_prefix(ready);
	send_text(match, event->candidate, candidate, ready);
	buf_consume(&candidate->held, ready.len);
}

static void close_tool(struct stop_candidate *candidate, uint32_t part) {
	for (size_t i = 0; i < candidate->tools.len; i++) {
		if (candidate->tools.items[i] == part) {
			candidate->tools.items[i] = candidate->tools.items[--candidate->tools.len];
			return;
		}
	}
}

static bool is_of_candidate(enum chat_event_type type) {
	return type != CHAT_EVENT_START && type != CHAT_EVENT_USAGE && type != CHAT_EVENT_ERROR &&
	       type != CHAT_EVENT_PING && type != CHAT_EVENT_WIRE && type != CHAT_EVENT_END;
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct stop_match *match = (struct stop_match *)(void *)sink;
	if (match->has_ended) {
		return;
	}
	if (event->type == CHAT_EVENT_USAGE) {
		match->has_usage = true;
	}
	if (!is_of_candidate(event->type)) {
		chat_sink_send(match->next, event);
		return;
	}
	struct stop_candidate *candidate = candidate_of(match, event->candidate);
	if (candidate->is_done) {
		return;
	}
	switch (event->type) {
	case CHAT_EVENT_TEXT_DELTA:
		on_text(match, event);
		return;
	case CHAT_EVENT_PART_END:
		send_text(match, event->candidate, candidate, buf_slice(&candidate->held));
		buf_reset(&candidate->held, 4096);
		break;
	case CHAT_EVENT_TOOL_START:
		*ARENA_PUSH(match->arena, &candidate->tools) = event->part;
		break;
	case CHAT_EVENT_TOOL_END:
		close_tool(candidate, event->part);
		break;
	default:
		break;
	}
	chat_sink_send(match->next, event);
}

struct stop_match *stop_match_create(const struct chat_request *request,
	const struct format_counter *counter, const struct slice *stops, size_t count,
	struct chat_sink *next, struct arena *arena) {
	struct stop_match *match = ARENA_NEW(arena, struct stop_match);
	match->sink.on_event = on_event;
	match->next = next;
	match->arena = arena;
	match->request = request;
	match->counter = *counter;
	match->stops = stops;
	match->count = count;
	for (size_t i = 0; i < count; i++) {
		match->longest = stops[i].len > match->longest ? stops[i].len : match->longest;
	}
	return match;
}

struct chat_sink *stop_match_sink(struct stop_match *match) {
	return &match->sink;
}

bool stop_match_has_ended(const struct stop_match *match) {
	return match->has_ended;
}
