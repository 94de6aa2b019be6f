/* check_sink.h: a sink for tests. It verifies the invariants EV-1..EV-6 of every event it gets and
 * records the events as comparable text: one JSON object a line, adjacent deltas of a part merged,
 * WIRE bytes apart. Header-only, because tests/support is linked into the lowest folders too. */
#ifndef LLMMUX_TESTS_CHECK_SINK_H
#define LLMMUX_TESTS_CHECK_SINK_H

#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "chat/emit.h"

#define CHECK_MAX_CANDIDATES 128
#define CHECK_MAX_PARTS 4096

struct check_part {
	bool is_open;
	bool is_tool;
	enum chat_part_kind kind;
};
struct check_candidate {
	bool has_begun, is_finished;
	uint32_t next_part, next_tool;
	struct check_part parts[CHECK_MAX_PARTS];
};

struct check_sink {
	struct chat_sink sink;
	struct check_candidate *candidates; /* calloc'd */
	bool has_started, has_failed, has_ended;
	bool mask_ids; /* leave the ids of tool calls out of the record: some are made up */
	struct buf record, wire;
	/* the merged delta that is not recorded yet */
	bool has_pending;
	struct chat_event pending;
	struct buf pending_text;
	size_t events, pings, usages;
	struct chat_usage usage; /* the last */
	struct error error;
	char problem[256]; /* the first broken invariant; empty = none */
};

static inline void check_sink_complain(
	struct check_sink *s, const char *rule, const struct chat_event *event) {
	if (s->problem[0] == '\0') {
		snprintf(s->problem, sizeof s->problem, "%s broken by event %zu (%s)", rule,
			s->events, chat_event_name(event->type));
	}
}

static inline void check_sink_flush(struct check_sink *s) {
	if (s->has_pending) {
		s->pending.text = buf_slice(&s->pending_text);
		chat_event_to_json(&s->pending, &s->record);
		buf_append_byte(&s->record, '\n');
		s->has_pending = false;
		buf_reset(&s->pending_text, SIZE_MAX);
	}
}

static inline bool check_sink_is_delta(enum chat_event_type type) {
	return type == CHAT_EVENT_TEXT_DELTA || type == CHAT_EVENT_THINKING_DELTA ||
	       type == CHAT_EVENT_REFUSAL_DELTA || type == CHAT_EVENT_TOOL_ARGS_DELTA;
}

static inline void check_sink_record(struct check_sink *s, const struct chat_event *event) {
	if (event->type == CHAT_EVENT_WIRE) {
		buf_append(&s->wire, event->text);
		return;
	}
	if (check_sink_is_delta(event->type)) {
		if (s->has_pending && (s->pending.type != event->type ||
					      s->pending.candidate != event->candidate ||
					      s->pending.part != event->part)) {
			check_sink_flush(s);
		}
		s->pending = *event;
		s->has_pending = true;
		buf_append(&s->pending_text, event->text);
		return;
	}
	check_sink_flush(s);
	struct chat_event shown = *event;
	if (event->type == CHAT_EVENT_TOOL_START && s->mask_ids) {
		shown.tool.id = (struct slice){0};
	}
	chat_event_to_json(&shown, &s->record);
	buf_append_byte(&s->record, '\n');
}

static inline void check_sink_open(
	struct check_sink *s, struct check_candidate *c, const struct chat_event *event) {
	bool is_tool = event->type == CHAT_EVENT_TOOL_START;
	if (event->part != c->next_part || event->part >= CHECK_MAX_PARTS) {
		check_sink_complain(s, "EV-2 (numbers grow from 0)", event);
		return;
	}
	if (!is_tool) {
		for (uint32_t i = 0; i < c->next_part; i++) {
			if (c->parts[i].is_open && !c->parts[i].is_tool) {
				check_sink_complain(s, "EV-3 (one after the other)", event);
			}
		}
	}
	if (is_tool && event->tool.index != c->next_tool++) {
		check_sink_complain(s, "EV-2 (tool index)", event);
	}
	if (is_tool && event->tool.id.len == 0) {
		check_sink_complain(s, "EV-2 (a call has an id)", event);
	}
	c->parts[c->next_part++] = (struct check_part){
		true, is_tool, is_tool ? CHAT_PART_TOOL_CALL : event->part_start.kind};
}

static inline void check_sink_in_part(
	struct check_sink *s, struct check_candidate *c, const struct chat_event *event) {
	struct check_part *part = event->part < c->next_part && event->part < CHECK_MAX_PARTS
					  ? &c->parts[event->part]
					  : NULL;
	if (part == NULL || !part->is_open) {
		check_sink_complain(s, "EV-2 (part is open)", event);
		return;
	}
	bool is_end = event->type == CHAT_EVENT_PART_END || event->type == CHAT_EVENT_TOOL_END;
	static const enum chat_part_kind kinds[CHAT_EVENT_TYPE_COUNT] = {
		[CHAT_EVENT_TEXT_DELTA] = CHAT_PART_TEXT,
		[CHAT_EVENT_CITATION] = CHAT_PART_TEXT,
		[CHAT_EVENT_THINKING_DELTA] = CHAT_PART_THINKING,
		[CHAT_EVENT_SIGNATURE] = CHAT_PART_THINKING,
		[CHAT_EVENT_REFUSAL_DELTA] = CHAT_PART_REFUSAL,
		[CHAT_EVENT_TOOL_ARGS_DELTA] = CHAT_PART_TOOL_CALL,
	};
	/* GM-32: a text may be signed too */
	bool is_signed_text = event->type == CHAT_EVENT_SIGNATURE && part->kind == CHAT_PART_TEXT;
	if (is_end ? part->is_tool != (event->type == CHAT_EVENT_TOOL_END)
		   : part->kind != kinds[event->type] && !is_signed_text) {
		check_sink_complain(s, "EV-2 (kind of part)", event);
	}
	if (check_sink_is_delta(event->type) &&
		(event->text.len == 0 || !utf8_valid(event->text, NULL))) {
		check_sink_complain(s, "EV-4 (whole characters)", event);
	}
	part->is_open = !is_end;
}

static inline void check_sink_candidate(struct check_sink *s, const struct chat_event *event) {
	if (event->candidate >= CHECK_MAX_CANDIDATES) {
		check_sink_complain(s, "candidate limit", event);
		return;
	}
	struct check_candidate *c = &s->candidates[event->candidate];
	c->has_begun = true;
	if (c->is_finished) {
		check_sink_complain(s, "EV-6 (nothing after finish)", event);
		return;
	}
	switch (event->type) {
	case CHAT_EVENT_PART_START:
	case CHAT_EVENT_TOOL_START:
		check_sink_open(s, c, event);
		break;
	case CHAT_EVENT_FINISH:
		for (uint32_t i = 0; i < c->next_part; i++) {
			if (c->parts[i].is_open) {
				check_sink_complain(s, "EV-6 (parts ended)", event);
			}
		}
		c->is_finished = true;
		break;
	case CHAT_EVENT_LOGPROBS:
		break;
	default:
		check_sink_in_part(s, c, event);
		break;
	}
}

static inline void check_sink_on_end(struct check_sink *s, const struct chat_event *event) {
	s->has_ended = true;
	bool has_one = false;
	for (size_t i = 0; i < CHECK_MAX_CANDIDATES; i++) {
		const struct check_candidate *c = &s->candidates[i];
		has_one = has_one || c->is_finished;
		if (c->has_begun && !c->is_finished && !s->has_failed) {
			check_sink_complain(s, "EV-6 (an end without finish is an error)", event);
		}
		for (uint32_t p = 0; p < c->next_part; p++) {
			if (c->parts[p].is_open) {
				check_sink_complain(s, "EV-2 (part never ended)", event);
			}
		}
	}
	if (!has_one && !s->has_failed) {
		check_sink_complain(s, "EV-6 (nothing finished)", event);
	}
}

static inline void check_sink_on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct check_sink *s = (struct check_sink *)sink;
	bool is_free = event->type == CHAT_EVENT_WIRE || event->type == CHAT_EVENT_PING;
	if (s->has_ended) {
		check_sink_complain(s, "EV-1 (nothing after end)", event);
	} else if (s->has_failed && event->type != CHAT_EVENT_END) {
		check_sink_complain(s, "EV-1 (nothing after error but end)", event);
	} else if (!is_free && s->has_started == (event->type == CHAT_EVENT_START)) {
		check_sink_complain(s, "EV-1 (start first and once)", event);
	}
	switch (event->type) {
	case CHAT_EVENT_START:
		s->has_started = true;
		break;
	case CHAT_EVENT_ERROR:
		s->has_failed = true;
		s->error = *event->error.error;
		break;
	case CHAT_EVENT_USAGE:
		s->usages++;
		s->usage = *event->usage;
		break;
	case CHAT_EVENT_PING:
		s->pings++;
		break;
	case CHAT_EVENT_WIRE:
		break;
	case CHAT_EVENT_END:
		check_sink_on_end(s, event);
		break;
	default:
		check_sink_candidate(s, event);
		break;
	}
	check_sink_record(s, event);
	s->events++;
}

static inline void check_sink_init(struct check_sink *s) {
	memset(s, 0, sizeof *s);
	s->sink.on_event = check_sink_on_event;
	s->candidates = calloc(CHECK_MAX_CANDIDATES, sizeof *s->candidates);
	chat_usage_init(&s->usage);
}

/* The record so far. */
static inline struct slice check_sink_text(struct check_sink *s) {
	check_sink_flush(s);
	return buf_slice(&s->record);
}

static inline void check_sink_finish(struct check_sink *s) {
	buf_finish(&s->record);
	buf_finish(&s->wire);
	buf_finish(&s->pending_text);
	free(s->candidates);
}

#endif
