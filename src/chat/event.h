/* event.h: the canonical events of an answer (formats.md 1.5) and the sink that takes them.
 *
 *   start (part_start delta* part_end | tool_start args* tool_end | usage | ping)* finish end
 *
 * EV-1 start first and once; end last and once; nothing after error but end. WIRE and PING stand
 *      outside this order: they may come before start.
 * EV-2 each part has one start and one end; numbers grow from 0 in order of start, per candidate.
 * EV-3 tool parts may be open side by side; all other parts come one after the other.
 * EV-4 text is whole UTF-8 and whole characters.   EV-5 usage may come 0..n times, the last wins.
 * EV-6 finish once per candidate after its parts ended; an answer that was cut ends in error.
 * EV-8 slices of an event live until the sink returns. */
#ifndef LLMMUX_CHAT_EVENT_H
#define LLMMUX_CHAT_EVENT_H

#include "chat/request.h"

enum chat_event_type {
	CHAT_EVENT_START,
	CHAT_EVENT_PART_START, /* text, thinking, refusal, image, server tool, raw */
	CHAT_EVENT_TEXT_DELTA,
	CHAT_EVENT_THINKING_DELTA,
	CHAT_EVENT_SIGNATURE, /* the whole proof of the open thinking part; gem: also of a text */
	CHAT_EVENT_REFUSAL_DELTA,
	/* Raw JSON in its maker's shape. Other encoders read `url`, `title` and, where they are
	 * there, `start_index` and `end_index`: code points of the part's text (E-107). */
	CHAT_EVENT_CITATION,
	CHAT_EVENT_PART_END,
	CHAT_EVENT_TOOL_START,
	CHAT_EVENT_TOOL_ARGS_DELTA,
	CHAT_EVENT_TOOL_END,
	CHAT_EVENT_LOGPROBS, /* raw cc logprobs object of the chunk: {"content":[...],...} */
	CHAT_EVENT_USAGE,
	CHAT_EVENT_FINISH,
	CHAT_EVENT_ERROR,
	CHAT_EVENT_PING,
	CHAT_EVENT_WIRE, /* splice: the upstream's own bytes, before the events decoded from them */
	CHAT_EVENT_END,
	CHAT_EVENT_TYPE_COUNT
};

enum chat_finish_reason {
	CHAT_FINISH_STOP,
	CHAT_FINISH_STOP_SEQUENCE,
	CHAT_FINISH_LENGTH,
	CHAT_FINISH_TOOL_CALLS,
	CHAT_FINISH_CONTENT_FILTER,
	CHAT_FINISH_REFUSAL,
	CHAT_FINISH_PAUSE,
	CHAT_FINISH_OTHER,
	CHAT_FINISH_COUNT
};
/* "stop", "tool_calls" ... for logs and `convert`. */
const char *chat_finish_name(enum chat_finish_reason reason);

/* Token counts; -1 = not known. input total = uncached + cache_read + cache_write +
 * tool_use_prompt (4.4). */
struct chat_usage {
	int64_t input_uncached, cache_read, cache_write, cache_write_5m, cache_write_1h;
	int64_t output_total, reasoning;
	int64_t tool_use_prompt; /* gem: input tokens of built-in tools */
	int64_t audio_in, audio_out, accepted_prediction, rejected_prediction;
	int64_t web_searches, web_fetches;
	int64_t total_ns, load_ns, prompt_ns, eval_ns; /* oll */
	struct slice native;                           /* the upstream's raw object */
	struct slice service_tier;                     /* as the upstream said */
	bool is_estimated;
};
/* All counts unknown. */
void chat_usage_init(struct chat_usage *usage);
/* Takes every known field of `newer` (EV-5: the last wins field by field). */
void chat_usage_merge(struct chat_usage *usage, const struct chat_usage *newer);
/* Adds every known count of `more`, of another answer (an attempt before it, another backend). */
void chat_usage_add(struct chat_usage *sum, const struct chat_usage *more);
/* Sum of the known input fields; -1 when none is known. */
int64_t chat_usage_input_total(const struct chat_usage *usage);
/* True when any count is known. */
bool chat_usage_is_known(const struct chat_usage *usage);

struct chat_event {
	enum chat_event_type type;
	uint32_t candidate;
	uint32_t part;
	struct slice text; /* deltas, signature, citation (raw JSON), logprobs (raw), wire bytes */
	union {
		struct {
			struct slice id, model; /* absent = the upstream said none */
			int64_t created_s;      /* 0 unknown */
			struct slice service_tier, fingerprint;
		} start;
		struct {
			enum chat_part_kind kind;
			bool is_redacted;  /* thinking: `data` is the opaque proof */
			struct slice data; /* redacted proof; image base64 or URL; raw block */
			struct slice media_type; /* image */
			struct slice raw_type;   /* server tool, raw: the block's type word */
			enum format_id provider;
		} part_start;
		struct {
			struct slice id, name;
			enum chat_tool_kind kind;
			uint32_t index;         /* counts tool calls from 0, per candidate */
			struct slice signature; /* gem */
		} tool;
		const struct chat_usage *usage;
		struct {
			enum chat_finish_reason reason;
			struct slice native_reason;
			struct slice stop_sequence; /* absent = none */
			struct slice detail;        /* raw (ant stop_details) */
		} finish;
		struct {
			const struct error *error;
			bool is_on_wire; /* splice: the WIRE bytes before it already say so to the
					    client */
		} error;
	};
};

struct chat_sink {
	/* Takes one event; must not call back into the source except through pause and resume. */
	void (*on_event)(struct chat_sink *sink, const struct chat_event *event);
};

static inline void chat_sink_send(struct chat_sink *sink, const struct chat_event *event) {
	sink->on_event(sink, event);
}

/* Name for logs and `convert`. */
const char *chat_event_name(enum chat_event_type type);
/* Writes the event as one JSON object (for debugging and tests). */
void chat_event_to_json(const struct chat_event *event, struct buf *out);

#endif
