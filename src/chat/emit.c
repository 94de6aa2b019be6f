/* emit.c: the emitter behind every decoder; it makes EV-1..EV-6 true for any sequence of calls. */
#include "chat/emit.h"

#include "base/encoding.h"
#include "base/random.h"

#define MAX_CANDIDATES 128
#define REPLACEMENT SLICE("\xef\xbf\xbd") /* U+FFFD */

/* What a delta ended inside of (EV-4): the first bytes of a UTF-8 sequence, or half a surrogate
 * pair of an escape (E-2). */
struct tail {
	char bytes[4];
	uint8_t len;
	uint16_t high;
};

struct emit_tool {
	int64_t key;
	uint32_t part;
	bool is_open;
	size_t args_bytes;
	struct tail tail;
};

struct chat_emit_candidate {
	bool has_begun, is_finished;
	bool has_open; /* a text, thinking or refusal part is open: `kind`, `part`, `tail` */
	enum chat_part_kind kind;
	uint32_t part, next_part;
	size_t open_tools;
	struct tail tail;
	struct {
		struct emit_tool *items;
		size_t len, cap;
	} tools;
};

/* Where a run of text goes. */
struct target {
	enum chat_event_type type;
	uint32_t candidate, part;
	struct tail *tail;
};

void chat_emitter_init(struct chat_emitter *e, struct chat_sink *sink, struct arena *arena) {
	*e = (struct chat_emitter){.sink = sink,
		.arena = arena,
		.max_open_parts = CHAT_MAX_OPEN_PARTS,
		.max_args_bytes = CHAT_MAX_ARGS_BYTES};
	chat_usage_init(&e->usage);
}

/* ---- the beginning ---- */

void chat_emit_start(struct chat_emitter *e, struct slice id, struct slice model, int64_t created_s,
	struct slice service_tier, struct slice fingerprint) {
	if (e->has_started || e->has_ended) {
		return;
	}
	e->has_started = true;
	chat_sink_send(
		e->sink, &(struct chat_event){.type = CHAT_EVENT_START,
				 .start = {id, model, created_s, service_tier, fingerprint}});
}

static void send_event(struct chat_emitter *e, const struct chat_event *event) {
	struct slice none = {0};
	chat_emit_start(e, none, none, 0, none, none);
	chat_sink_send(e->sink, event);
}

static void fail(struct chat_emitter *e, enum error_kind kind, const char *message) {
	struct error error;
	error_set(&error, kind, "%s", message);
	chat_emit_error(e, &error, false);
}

/* The candidate, made when it is new; NULL when nothing more may be said about it. */
static struct chat_emit_candidate *candidate_at(struct chat_emitter *e, uint32_t number) {
	if (e->has_ended) {
		return NULL;
	}
	if (number >= MAX_CANDIDATES) {
		fail(e, ERROR_UPSTREAM_PROTOCOL, "the upstream sent more than 128 choices");
		return NULL;
	}
	if (number >= e->candidate_count) {
		arena_grow(e->arena, (void **)&e->candidates, &e->candidate_cap, number + 1,
			sizeof *e->candidates);
		memset(&e->candidates[e->candidate_count], 0,
			(number + 1 - e->candidate_count) * sizeof *e->candidates);
		e->candidate_count = number + 1;
	}
	struct chat_emit_candidate *c = &e->candidates[number];
	c->has_begun = true;
	/* E-22: content after the finish reason belongs to no part an encoder could still write */
	return c->is_finished ? NULL : c;
}

static bool is_too_wide(struct chat_emitter *e) {
	size_t open = 0;
	for (size_t i = 0; i < e->candidate_count; i++) {
		open += e->candidates[i].open_tools + (e->candidates[i].has_open ? 1 : 0);
	}
	if (open < e->max_open_parts) {
		return false;
	}
	fail(e, ERROR_TOO_LARGE, "the upstream's answer has too many open parts");
	return true;
}

/* ---- text: whole characters only (EV-4) ---- */

static void send_text(struct chat_emitter *e, const struct target *to, struct slice text) {
	if (text.len > 0) {
		send_event(e, &(struct chat_event){.type = to->type,
				      .candidate = to->candidate,
				      .part = to->part,
				      .text = text});
	}
}

/* Sends text that does not end inside a sequence; bad bytes become U+FFFD (E-84). */
static void send_clean(struct chat_emitter *e, const struct target *to, struct slice text) {
	size_t bad;
	while (!utf8_valid(text, &bad)) {
		send_text(e, to, slice_sub(text, 0, bad));
		send_text(e, to, REPLACEMENT);
		text = slice_from(text, bad + 1);
		/* the rest of one broken sequence is one replacement, not three */
		while (text.len > 0 && ((unsigned char)text.data[0] & 0xc0) == 0x80) {
			text = slice_from(text, 1);
		}
	}
	send_text(e, to, text);
}

static size_t sequence_len(char lead) {
	unsigned char byte = (unsigned char)lead;
	return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

static void send_bytes(struct chat_emitter *e, const struct target *to, struct slice text) {
	struct tail *tail = to->tail;
	while (tail->len > 0 && text.len > 0) {
		if (((unsigned char)text.data[0] & 0xc0) != 0x80) {
			tail->len = 0;
			send_text(e, to, REPLACEMENT);
			break;
		}
		tail->bytes[tail->len++] = text.data[0];
		text = slice_from(text, 1);
		if (tail->len == sequence_len(tail->bytes[0])) {
			struct slice whole = slice_make(tail->bytes, tail->len);
			tail->len = 0;
			send_clean(e, to, whole);
		}
	}
	size_t whole = utf8_whole_prefix(text);
	send_clean(e, to, slice_sub(text, 0, whole));
	struct slice cut = slice_from(text, whole);
	if (cut.len > 0 && cut.len < sizeof tail->bytes) {
		memcpy(tail->bytes, cut.data, cut.len);
		tail->len = (uint8_t)cut.len;
	}
}

static void flush_tail(struct chat_emitter *e, const struct target *to) {
	if (to->tail->len > 0 || to->tail->high != 0) {
		*to->tail = (struct tail){0};
		send_text(e, to, REPLACEMENT);
	}
}

static void send_decoded(struct chat_emitter *e, const struct target *to, struct slice text) {
	if (to->tail->high != 0) {
		flush_tail(e, to);
	}
	send_bytes(e, to, text);
}

/* ---- escaped text ---- */

/* Decoded bytes on their way out: no allocation, at most a few events more. */
struct decoded {
	struct chat_emitter *e;
	const struct target *to;
	size_t len;
	char bytes[2048];
};

static void decoded_flush(struct decoded *out) {
	send_bytes(out->e, out->to, slice_make(out->bytes, out->len));
	out->len = 0;
}

static void decoded_add(struct decoded *out, struct slice text) {
	if (out->len + text.len > sizeof out->bytes) {
		decoded_flush(out);
	}
	if (text.len > sizeof out->bytes / 2) {
		send_bytes(out->e, out->to, text);
		return;
	}
	memcpy(out->bytes + out->len, text.data, text.len);
	out->len += text.len;
}

static void decoded_add_code(struct decoded *out, uint32_t code) {
	char utf8[4];
	decoded_add(out, slice_make(utf8, utf8_encode(code, utf8)));
}

static int hex_digit(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Reads the four digits behind "\u"; false when they are not there. */
static bool read_unit(struct slice text, uint32_t *unit) {
	*unit = 0;
	for (size_t i = 2; i < 6; i++) {
		int digit = i < text.len ? hex_digit(text.data[i]) : -1;
		if (digit < 0) {
			return false;
		}
		*unit = *unit * 16 + (uint32_t)digit;
	}
	return true;
}

static void add_unit(struct decoded *out, uint32_t unit) {
	struct tail *tail = out->to->tail;
	if (tail->high != 0 && unit >= 0xdc00 && unit < 0xe000) {
		uint32_t high = tail->high;
		tail->high = 0;
		decoded_add_code(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
		return;
	}
	if (tail->high != 0) {
		tail->high = 0;
		decoded_add(out, REPLACEMENT);
	}
	if (unit >= 0xd800 && unit < 0xdc00) {
		tail->high = (uint16_t)unit;
	} else if (unit >= 0xdc00 && unit < 0xe000) {
		decoded_add(out, REPLACEMENT);
	} else {
		decoded_add_code(out, unit);
	}
}

/* One escape at the front of the text; returns its length. */
static size_t add_escape(struct decoded *out, struct slice text) {
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t unit;
	if (text.len >= 2 && text.data[1] == 'u' && read_unit(text, &unit)) {
		add_unit(out, unit);
		return 6;
	}
	const char *at = text.len >= 2 && text.data[1] != '\0' ? strchr(from, text.data[1]) : NULL;
	add_unit(out, at != NULL ? (unsigned char)to[at - from] : 0xfffd);
	return text.len >= 2 ? 2 : 1;
}

static void send_escaped(struct chat_emitter *e, const struct target *to, struct slice text) {
	size_t at = slice_find_byte(text, '\\');
	if (at == SIZE_MAX) {
		send_decoded(e, to, text);
		return;
	}
	struct decoded out = {.e = e, .to = to};
	while (text.len > 0) {
		size_t run = at == SIZE_MAX ? text.len : at;
		if (run > 0) {
			if (to->tail->high != 0) {
				to->tail->high = 0;
				decoded_add(&out, REPLACEMENT);
			}
			decoded_add(&out, slice_sub(text, 0, run));
			text = slice_from(text, run);
		}
		if (text.len > 0) {
			text = slice_from(text, add_escape(&out, text));
		}
		at = slice_find_byte(text, '\\');
	}
	decoded_flush(&out);
}

/* ---- parts that come one after the other ---- */

static const struct {
	enum chat_event_type type;
	enum chat_part_kind kind;
} delta_kinds[] = {
	{CHAT_EVENT_TEXT_DELTA, CHAT_PART_TEXT},
	{CHAT_EVENT_THINKING_DELTA, CHAT_PART_THINKING},
	{CHAT_EVENT_REFUSAL_DELTA, CHAT_PART_REFUSAL},
};

static enum chat_event_type delta_of(enum chat_part_kind kind) {
	return kind == CHAT_PART_THINKING  ? CHAT_EVENT_THINKING_DELTA
	       : kind == CHAT_PART_REFUSAL ? CHAT_EVENT_REFUSAL_DELTA
					   : CHAT_EVENT_TEXT_DELTA;
}

static void close_open(struct chat_emitter *e, uint32_t number) {
	struct chat_emit_candidate *c = &e->candidates[number];
	if (!c->has_open) {
		return;
	}
	flush_tail(e, &(struct target){delta_of(c->kind), number, c->part, &c->tail});
	c->has_open = false;
	send_event(e, &(struct chat_event){
			      .type = CHAT_EVENT_PART_END, .candidate = number, .part = c->part});
}

static bool open_part(struct chat_emitter *e, uint32_t number, enum chat_part_kind kind) {
	struct chat_emit_candidate *c = candidate_at(e, number);
	if (c == NULL) {
		return false;
	}
	if (c->has_open && c->kind == kind) {
		return true;
	}
	close_open(e, number);
	if (is_too_wide(e)) {
		return false;
	}
	c->has_open = true;
	c->kind = kind;
	c->part = c->next_part++;
	c->tail = (struct tail){0};
	send_event(e, &(struct chat_event){.type = CHAT_EVENT_PART_START,
			      .candidate = number,
			      .part = c->part,

			      .part_start = {.kind = kind, .provider = e->provider}});
	return true;
}

static void emit_delta(struct chat_emitter *e, enum chat_event_type type, uint32_t number,
	struct slice text, bool is_escaped) {
	enum chat_part_kind kind = CHAT_PART_TEXT;
	for (size_t i = 0; i < sizeof delta_kinds / sizeof *delta_kinds; i++) {
		kind = delta_kinds[i].type == type ? delta_kinds[i].kind : kind;
	}
	/* E-27: an empty delta opens nothing */
	if (text.len == 0 || !open_part(e, number, kind)) {
		return;
	}
	struct chat_emit_candidate *c = &e->candidates[number];
	struct target to = {type, number, c->part, &c->tail};
	(is_escaped ? send_escaped : send_decoded)(e, &to, text);
}

void chat_emit_text(struct chat_emitter *e, uint32_t candidate, struct slice text) {
	emit_delta(e, CHAT_EVENT_TEXT_DELTA, candidate, text, false);
}

void chat_emit_thinking(struct chat_emitter *e, uint32_t candidate, struct slice text) {
	emit_delta(e, CHAT_EVENT_THINKING_DELTA, candidate, text, false);
}

void chat_emit_refusal(struct chat_emitter *e, uint32_t candidate, struct slice text) {
	emit_delta(e, CHAT_EVENT_REFUSAL_DELTA, candidate, text, false);
}

void chat_emit_escaped(struct chat_emitter *e, enum chat_event_type which, uint32_t candidate,
	struct slice escaped) {
	emit_delta(e, which, candidate, escaped, true);
}

void chat_emit_close(struct chat_emitter *e, uint32_t candidate) {
	if (!e->has_ended && candidate < e->candidate_count) {
		close_open(e, candidate);
	}
}

/* An event about the open part of a kind, which is opened when it is not. */
static void emit_about(struct chat_emitter *e, enum chat_part_kind kind, enum chat_event_type type,
	uint32_t number, struct slice text) {
	if (open_part(e, number, kind)) {
		send_event(e, &(struct chat_event){.type = type,
				      .candidate = number,
				      .part = e->candidates[number].part,
				      .text = text});
	}
}

void chat_emit_signature(struct chat_emitter *e, uint32_t candidate, struct slice signature) {
	emit_about(e, CHAT_PART_THINKING, CHAT_EVENT_SIGNATURE, candidate, signature);
}

bool chat_emit_is_open(const struct chat_emitter *e, uint32_t candidate, enum chat_part_kind kind) {
	return !e->has_ended && candidate < e->candidate_count &&
	       e->candidates[candidate].has_open && e->candidates[candidate].kind == kind;
}

void chat_emit_open_signature(struct chat_emitter *e, uint32_t candidate, struct slice signature) {
	if (chat_emit_is_open(e, candidate, CHAT_PART_TEXT)) {
		emit_about(e, CHAT_PART_TEXT, CHAT_EVENT_SIGNATURE, candidate, signature);
	} else if (chat_emit_is_open(e, candidate, CHAT_PART_THINKING)) {
		chat_emit_signature(e, candidate, signature);
	}
}

void chat_emit_citation(struct chat_emitter *e, uint32_t candidate, struct slice citation) {
	emit_about(e, CHAT_PART_TEXT, CHAT_EVENT_CITATION, candidate, citation);
}

void chat_emit_logprobs(struct chat_emitter *e, uint32_t candidate, struct slice logprobs) {
	if (candidate_at(e, candidate) != NULL) {
		send_event(e, &(struct chat_event){.type = CHAT_EVENT_LOGPROBS,
				      .candidate = candidate,
				      .text = logprobs});
	}
}

/* A part that comes whole: start and end. */
static void emit_whole(struct chat_emitter *e, uint32_t number, struct chat_event event) {
	struct chat_emit_candidate *c = candidate_at(e, number);
	if (c == NULL) {
		return;
	}
	close_open(e, number);
	event.type = CHAT_EVENT_PART_START;
	event.candidate = number;
	event.part = c->next_part++;
	send_event(e, &event);
	send_event(
		e, &(struct chat_event){
			   .type = CHAT_EVENT_PART_END, .candidate = number, .part = event.part});
}

void chat_emit_redacted(
	struct chat_emitter *e, uint32_t candidate, struct slice data, enum format_id provider) {
	emit_whole(e, candidate,
		(struct chat_event){.part_start = {.kind = CHAT_PART_THINKING,
					    .is_redacted = true,
					    .data = data,
					    .provider = provider}});
}

void chat_emit_image(
	struct chat_emitter *e, uint32_t candidate, struct slice media_type, struct slice data) {
	emit_whole(e, candidate,
		(struct chat_event){
			.part_start = {
				.kind = CHAT_PART_IMAGE, .data = data, .media_type = media_type}});
}

void chat_emit_block(struct chat_emitter *e, uint32_t candidate, enum chat_part_kind kind,
	struct slice raw_type, struct slice raw, enum format_id provider) {
	emit_whole(e, candidate,
		(struct chat_event){.part_start = {.kind = kind,
					    .data = raw,
					    .raw_type = raw_type,
					    .provider = provider}});
}

/* ---- tool calls ---- */

static struct emit_tool *tool_at(const struct chat_emitter *e, uint32_t number, int64_t key) {
	if (e->has_ended || number >= e->candidate_count) {
		return NULL;
	}
	const struct chat_emit_candidate *c = &e->candidates[number];
	for (size_t i = c->tools.len; i > 0; i--) {
		if (c->tools.items[i - 1].is_open && c->tools.items[i - 1].key == key) {
			return &c->tools.items[i - 1];
		}
	}
	return NULL;
}

static void close_tool(struct chat_emitter *e, uint32_t number, struct emit_tool *tool) {
	flush_tail(
		e, &(struct target){CHAT_EVENT_TOOL_ARGS_DELTA, number, tool->part, &tool->tail});
	tool->is_open = false;
	e->candidates[number].open_tools--;
	send_event(
		e, &(struct chat_event){
			   .type = CHAT_EVENT_TOOL_END, .candidate = number, .part = tool->part});
}

bool chat_emit_tool_start(struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice id,
	struct slice name, enum chat_tool_kind kind, struct slice signature) {
	struct chat_emit_candidate *c = candidate_at(e, candidate);
	if (c == NULL) {
		return false;
	}
	close_open(e, candidate);
	struct emit_tool *tool = tool_at(e, candidate, key);
	if (tool != NULL) {
		close_tool(e, candidate, tool);
	}
	if (is_too_wide(e)) {
		return false;
	}
	char made[32];
	if (id.len == 0) {
		random_id(made, "call_", 24);
		id = slice_of(made);
	}
	struct chat_event event = {.type = CHAT_EVENT_TOOL_START,
		.candidate = candidate,
		.part = c->next_part++,
		.tool = {.id = id,
			.name = name,
			.kind = kind,
			.index = (uint32_t)c->tools.len,
			.signature = signature}};
	tool = ARENA_PUSH(e->arena, &c->tools);
	*tool = (struct emit_tool){.key = key, .part = event.part, .is_open = true};
	c->open_tools++;
	send_event(e, &event);
	return true;
}

static void emit_args(struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice text,
	bool is_escaped) {
	struct emit_tool *tool = tool_at(e, candidate, key);
	if (tool == NULL || text.len == 0) {
		return;
	}
	if (text.len > e->max_args_bytes - tool->args_bytes) {
		fail(e, ERROR_TOO_LARGE,
			"the upstream's arguments of a tool call are larger than allowed");
		return;
	}
	tool->args_bytes += text.len;
	struct target to = {CHAT_EVENT_TOOL_ARGS_DELTA, candidate, tool->part, &tool->tail};
	(is_escaped ? send_escaped : send_decoded)(e, &to, text);
}

void chat_emit_tool_args(
	struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice text) {
	emit_args(e, candidate, key, text, false);
}

void chat_emit_tool_args_escaped(
	struct chat_emitter *e, uint32_t candidate, int64_t key, struct slice escaped) {
	emit_args(e, candidate, key, escaped, true);
}

void chat_emit_tool_end(struct chat_emitter *e, uint32_t candidate, int64_t key) {
	struct emit_tool *tool = tool_at(e, candidate, key);
	if (tool != NULL) {
		close_tool(e, candidate, tool);
	}
}

bool chat_emit_tool_is_open(const struct chat_emitter *e, uint32_t candidate, int64_t key) {
	return tool_at(e, candidate, key) != NULL;
}

size_t chat_emit_tool_count(const struct chat_emitter *e, uint32_t candidate) {
	return candidate < e->candidate_count ? e->candidates[candidate].tools.len : 0;
}

/* ---- the end ---- */

void chat_emit_usage(struct chat_emitter *e, const struct chat_usage *usage) {
	if (e->has_ended) {
		return;
	}
	struct slice known_tier = e->usage.service_tier;
	chat_usage_merge(&e->usage, usage);
	if (e->usage.service_tier.data != NULL && !slice_eq(e->usage.service_tier, known_tier)) {
		known_tier = arena_dup(e->arena, e->usage.service_tier);
	}
	e->usage.service_tier = known_tier;
	send_event(e, &(struct chat_event){.type = CHAT_EVENT_USAGE, .usage = &e->usage});
	/* the raw object lives no longer than the caller's bytes */
	e->usage.native = (struct slice){0};
}

static void close_all(struct chat_emitter *e, uint32_t number) {
	close_open(e, number);
	struct chat_emit_candidate *c = &e->candidates[number];
	for (size_t i = 0; i < c->tools.len && c->open_tools > 0; i++) {
		if (c->tools.items[i].is_open) {
			close_tool(e, number, &c->tools.items[i]);
		}
	}
}

void chat_emit_finish(struct chat_emitter *e, uint32_t candidate, enum chat_finish_reason reason,
	struct slice native_reason, struct slice stop_sequence, struct slice detail) {
	struct chat_emit_candidate *c = candidate_at(e, candidate);
	if (c == NULL) {
		return;
	}
	close_all(e, candidate);
	/* FR-1 and OC-27: a stop with calls is a call, a call without calls is a stop */
	bool has_calls = c->tools.len > 0;
	if (has_calls && (reason == CHAT_FINISH_STOP || reason == CHAT_FINISH_OTHER)) {
		reason = CHAT_FINISH_TOOL_CALLS;
	} else if (!has_calls && reason == CHAT_FINISH_TOOL_CALLS) {
		reason = CHAT_FINISH_STOP;
	}
	c->is_finished = true;
	send_event(e, &(struct chat_event){.type = CHAT_EVENT_FINISH,
			      .candidate = candidate,
			      .finish = {reason, native_reason, stop_sequence, detail}});
}

bool chat_emit_is_complete(const struct chat_emitter *e) {
	bool has_one = false;
	for (size_t i = 0; i < e->candidate_count; i++) {
		if (e->candidates[i].has_begun && !e->candidates[i].is_finished) {
			return false;
		}
		has_one = has_one || e->candidates[i].is_finished;
	}
	return has_one;
}

static void send_end(struct chat_emitter *e) {
	send_event(e, &(struct chat_event){.type = CHAT_EVENT_END});
	e->has_ended = true;
}

void chat_emit_error(struct chat_emitter *e, const struct error *error, bool is_on_wire) {
	if (e->has_ended) {
		return;
	}
	for (uint32_t i = 0; i < e->candidate_count; i++) {
		close_all(e, i);
	}
	send_event(e, &(struct chat_event){.type = CHAT_EVENT_ERROR, .error = {error, is_on_wire}});
	send_end(e);
}

void chat_emit_ping(struct chat_emitter *e) {
	if (!e->has_ended) {
		chat_sink_send(e->sink, &(struct chat_event){.type = CHAT_EVENT_PING});
	}
}

void chat_emit_wire(struct chat_emitter *e, struct slice bytes) {
	if (!e->has_ended && bytes.len > 0) {
		chat_sink_send(
			e->sink, &(struct chat_event){.type = CHAT_EVENT_WIRE, .text = bytes});
	}
}

void chat_emit_end(struct chat_emitter *e) {
	if (e->has_ended) {
		return;
	}
	if (chat_emit_is_complete(e)) {
		send_end(e);
	} else if (e->candidate_count == 0) {
		fail(e, ERROR_UPSTREAM_PROTOCOL, "the upstream's answer ended without any content");
	} else {
		fail(e, ERROR_UPSTREAM_PROTOCOL,
			"the upstream's answer was cut: it ended without a finish reason");
	}
}

void chat_emit_restart(struct chat_emitter *e) {
	if (e->has_ended) {
		return;
	}
	if (e->candidate_count == 0) {
		chat_usage_init(&e->usage);
		return;
	}
	for (uint32_t i = 0; i < e->candidate_count; i++) {
		close_all(e, i);
	}
}
