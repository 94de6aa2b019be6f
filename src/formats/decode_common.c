/* decode_common.c: the shell around every dialect's decoder. */
#include "formats/decode_common.h"

#include <stdio.h>

#include "base/encoding.h"
#include "formats/names.h"

#define DEFAULT_MAX_ANSWER ((size_t)100 * 1024 * 1024)
#define BOM SLICE("\xef\xbb\xbf")

static struct decode *decode_of(struct format_decoder *decoder) {
	return (struct decode *)decoder;
}

void decode_fail(struct decode *d, const struct error *error) {
	chat_emit_error(&d->emitter, error, d->is_frame_on_wire);
}

void decode_end(struct decode *d) {
	chat_emit_end(&d->emitter);
}

/* ---- names ---- */

static bool is_declared(const struct decode *d, struct slice name) {
	return chat_request_find_tool(d->options.request, name) != NULL;
}

struct slice decode_tool_name(const struct decode *d, struct slice upstream_name) {
	static const struct slice prefixes[] = {
		SLICE_INIT("functions."), SLICE_INIT("default_api:"), SLICE_INIT("default_api.")};
	struct slice name = upstream_name;
	if (d->options.built != NULL) {
		name = names_to_client(&d->options.built->names, upstream_name);
	}
	if (d->options.request == NULL || is_declared(d, name)) {
		return name;
	}
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		struct slice rest = slice_from(name, prefixes[i].len);
		if (slice_starts_with(name, prefixes[i]) && is_declared(d, rest)) {
			return rest; /* E-54 */
		}
	}
	return name;
}

bool decode_is_custom(const struct decode *d, struct slice client_name) {
	const struct chat_tool *tool =
		d->options.request ? chat_request_find_tool(d->options.request, client_name) : NULL;
	return tool != NULL && tool->kind == CHAT_TOOL_CUSTOM;
}

struct slice decode_custom_input(struct decode *d, struct slice args) {
	const struct json *input = json_get(json_parse(&d->scratch, args, NULL, NULL), "input");
	return json_is(input, JSON_STRING) ? json_string(input, &d->scratch) : args;
}

/* ---- wire ---- */

/* Bytes go on as they came only when they are of the kind the client waits for. */
static bool keeps_wire(const struct decode *d) {
	bool wants_stream =
		d->options.request != NULL ? d->options.request->stream : d->options.is_stream;
	return d->options.keep_wire && wants_stream == (d->mode == DECODE_STREAM);
}

/* Data of several lines has no place of its own in the frame: the frame is written again. */
static void write_frame(struct buf *out, struct slice event, struct slice data) {
	struct slice line;
	if (event.len > 0) {
		buf_append_str(out, "event: ");
		buf_append(out, event);
		buf_append_byte(out, '\n');
	}
	while (slice_split(&data, '\n', &line)) {
		buf_append_str(out, "data: ");
		buf_append(out, line);
		buf_append_byte(out, '\n');
	}
	buf_append_byte(out, '\n');
}

/* Sends `raw`, which holds `text`, with one value replaced. */
static void send_edited(struct decode *d, struct slice raw, struct slice text, struct slice event,
	const struct json *value, struct slice with) {
	buf_reset(&d->wire, BUF_REF_MIN);
	bool is_inside = text.data >= raw.data && text.data + text.len <= raw.data + raw.len;
	if (is_inside) {
		struct json_edit edit = json_edit_replace(raw, value, with);
		json_splice(raw, &edit, 1, &d->wire);
	} else {
		struct buf edited;
		struct json_edit edit = json_edit_replace(text, value, with);
		buf_init(&edited, 0);
		json_splice(text, &edit, 1, &edited);
		write_frame(&d->wire, event, buf_slice(&edited));
		buf_finish(&edited);
	}
	chat_emit_wire(&d->emitter, buf_slice(&d->wire));
}

/* The bytes of a frame or a whole answer; `text` is the JSON in it and `tree` its tree. */
static void send_wire(struct decode *d, struct slice raw, struct slice text, struct slice event,
	const struct json *tree) {
	d->is_frame_on_wire = keeps_wire(d);
	if (!d->is_frame_on_wire) {
		return;
	}
	if (tree != NULL && d->dialect->is_hidden != NULL && d->dialect->is_hidden(d, tree)) {
		return;
	}
	const struct json *value = NULL;
	struct slice with = d->echo_json;
	int64_t number = 0;
	char digits[24];
	if (tree != NULL && d->echo_json.data != NULL) {
		value = d->dialect->model_node(tree);
	}
	if (tree != NULL && value == NULL && d->dialect->renumber != NULL) {
		value = d->dialect->renumber(d, tree, &number);
		if (value != NULL) {
			int len = snprintf(digits, sizeof digits, "%lld", (long long)number);
			with = slice_make(digits, (size_t)len);
		}
	}
	if (value != NULL && !slice_eq(json_raw(value), with)) {
		send_edited(d, raw, text, event, value, with);
	} else {
		chat_emit_wire(&d->emitter, raw);
	}
}

bool decode_send_wire(struct decode *d, struct slice bytes) {
	bool is_kept = keeps_wire(d);
	if (is_kept) {
		chat_emit_wire(&d->emitter, bytes);
	}
	return is_kept;
}

/* ---- JSON ---- */

/* E-84: bad bytes of an upstream become U+FFFD for the translation; the wire keeps them. False
 * beyond the arena's cap. */
static bool clean_copy(struct arena *arena, struct slice text, struct slice *clean) {
	char *copy = arena_try_alloc(arena, text.len * 3 + 1), *at = copy;
	size_t bad;
	if (copy == NULL) {
		return false;
	}
	while (!utf8_valid(text, &bad)) {
		memcpy(at, text.data, bad);
		memcpy(at + bad, "\xef\xbf\xbd", 3);
		at += bad + 3;
		text = slice_from(text, bad + 1);
		while (text.len > 0 && ((unsigned char)text.data[0] & 0xc0) == 0x80) {
			text = slice_from(text, 1);
		}
	}
	if (text.len > 0) {
		memcpy(at, text.data, text.len);
		at += text.len;
	}
	*clean = slice_make(copy, (size_t)(at - copy));
	return true;
}

/* Two trees when bytes were bad: *as_sent points into `text`, the result into a clean copy. */
static const struct json *parse(
	struct decode *d, struct slice text, const struct json **as_sent, struct error *error) {
	const struct json_limits limits = {
		.max_depth = d->options.max_json_depth, .skip_utf8_check = true};
	bool is_clean = utf8_valid(text, NULL);
	*as_sent = json_parse(&d->scratch, text, &limits, error);
	if (*as_sent == NULL || is_clean) {
		return *as_sent;
	}
	if (!clean_copy(&d->scratch, text, &text)) {
		error_set(error, ERROR_TOO_LARGE, "it is too large to mend its UTF-8");
		return NULL;
	}
	return json_parse(&d->scratch, text, &limits, error);
}

static void fail_with(struct decode *d, enum error_kind kind, const char *what) {
	struct error error;
	error_set(&error, kind, "%s", what);
	decode_fail(d, &error);
}

static void fail_not_json(struct decode *d, const struct error *found) {
	struct error error;
	d->is_frame_on_wire = false;
	error_set(&error,
		found->kind == ERROR_TOO_LARGE ? ERROR_TOO_LARGE : ERROR_UPSTREAM_PROTOCOL,
		"the upstream's answer is not the JSON it should be: %s", found->message);
	decode_fail(d, &error);
}

static void read_error(struct decode *d, struct slice text) {
	struct error error;
	d->dialect->parse_error(200, NULL, text, &error);
	decode_fail(d, &error);
}

/* ---- streams ---- */

/* The frame without its envelope, for the wire: what the client's own API would have sent. */
static struct slice unwrapped_frame(struct decode *d, struct slice event, struct slice text) {
	buf_reset(&d->unwrapped, BUF_REF_MIN);
	write_frame(&d->unwrapped, event, text);
	return buf_slice(&d->unwrapped);
}

static const struct json *payload_of(struct decode *d, const struct json *tree) {
	return d->dialect->payload != NULL ? d->dialect->payload(d, tree) : tree;
}

static void on_json_frame(struct decode *d, const struct sse_frame *frame, struct slice text) {
	struct error error;
	const struct json *as_sent;
	struct slice raw = frame->raw;
	const struct json *tree = parse(d, text, &as_sent, &error);
	if (tree == NULL) {
		fail_not_json(d, &error);
		return;
	}
	const struct json *payload = payload_of(d, tree);
	if (payload == NULL) {
		return;
	}
	if (payload != tree) {
		as_sent = as_sent == tree ? payload : payload_of(d, as_sent);
		tree = payload;
		text = json_raw(as_sent);
		raw = unwrapped_frame(d, frame->event, text);
	}
	send_wire(d, raw, text, frame->event, as_sent);
	d->is_wire_cut = frame->is_cut;
	if (d->dialect->is_error(tree, frame->event)) {
		read_error(d, json_raw(tree));
	} else {
		d->dialect->on_frame(d, tree, frame->event);
	}
}

static void on_end_marker(struct decode *d, const struct sse_frame *frame) {
	/* a marker that claims a success there was not is kept from the client */
	if (chat_emit_is_complete(&d->emitter)) {
		send_wire(d, frame->raw, frame->data, frame->event, NULL);
	}
	d->is_frame_on_wire = false;
	decode_end(d);
}

static bool on_frame(const struct sse_frame *frame, void *data) {
	struct decode *d = data;
	struct slice text = slice_trim(frame->data);
	if (text.len == 0 && frame->is_cut) {
		/* half a line is of no use to a client */
	} else if (text.len == 0) {
		send_wire(d, frame->raw, text, frame->event, NULL);
		if (frame->is_comment) {
			chat_emit_ping(&d->emitter);
		}
	} else if (d->dialect->end_marker != NULL && slice_is(text, d->dialect->end_marker)) {
		on_end_marker(d, frame);
	} else if (!frame->is_cut || json_is_valid(text)) {
		/* E-8: a frame without its end counts when its JSON is whole */
		on_json_frame(d, frame, text);
	}
	d->is_frame_on_wire = false;
	arena_finish(&d->scratch);
	d->base.has_ended = d->emitter.has_ended;
	return !d->base.has_ended;
}

/* OU-7: the last line counts without its end, when its JSON is whole. */
static bool on_line(struct slice line, struct slice raw, void *data) {
	const struct sse_frame frame = {
		.raw = raw, .data = line, .is_cut = !slice_ends_with(raw, SLICE("\n"))};
	return on_frame(&frame, data);
}

static void feed_stream(struct decode *d, struct slice bytes) {
	struct error error = {0};
	bool ok = d->dialect->framing == FRAMING_LINES
			  ? line_feed(&d->reader.lines, bytes, on_line, d, &error)
			  : sse_feed(&d->reader.sse, bytes, on_frame, d, &error);
	if (!ok && error.kind != ERROR_NONE) {
		decode_fail(d, &error);
	}
}

static void end_stream(struct decode *d) {
	if (d->dialect->framing == FRAMING_LINES) {
		line_end(&d->reader.lines, on_line, d);
	} else {
		sse_end(&d->reader.sse, on_frame, d);
	}
}

/* ---- whole answers ---- */

static void feed_whole(struct decode *d, struct slice bytes) {
	if (!buf_append(&d->whole, bytes)) {
		fail_with(d, ERROR_TOO_LARGE, "the upstream's answer is larger than allowed");
	}
}

static void finish_whole(struct decode *d) {
	struct error error;
	const struct json *as_sent;
	struct slice text = buf_slice(&d->whole);
	if (slice_starts_with(slice_trim(text), SLICE("<"))) {
		read_error(d, text);
		return;
	}
	const struct json *tree = parse(d, text, &as_sent, &error);
	const struct json *payload = tree != NULL ? payload_of(d, tree) : NULL;
	if (payload != NULL && payload != tree) {
		as_sent = as_sent == tree ? payload : payload_of(d, as_sent);
		tree = payload;
		text = json_raw(as_sent);
	}
	if (tree == NULL) {
		fail_not_json(d, &error);
	} else if (d->dialect->is_error(tree, SLICE(""))) {
		read_error(d, json_raw(tree));
	} else {
		send_wire(d, text, text, SLICE(""), as_sent);
		d->dialect->on_whole(d, tree);
		d->is_frame_on_wire = false;
		decode_end(d);
	}
}

/* ---- the decoder's face ---- */

/* E-38: the first byte counts, whatever the content type said: a line of a stream begins with a
 * colon or one of the fields data, event, id and retry, and everything else is no stream. */
static enum decode_mode mode_of(const struct decode *d, struct slice head) {
	if (head.len < BOM.len && slice_starts_with(BOM, head)) {
		return DECODE_UNDECIDED;
	}
	head = slice_trim(slice_starts_with(head, BOM) ? slice_from(head, BOM.len) : head);
	if (head.len == 0) {
		return DECODE_UNDECIDED;
	}
	if (d->dialect->framing == FRAMING_LINES) {
		bool is_asked = d->options.request != NULL && d->options.request->stream;
		bool is_stream = head.data[0] == '{' && (d->options.is_stream || is_asked);
		return is_stream ? DECODE_STREAM : DECODE_WHOLE;
	}
	return slice_find_byte(SLICE(":deir"), head.data[0]) != SIZE_MAX ? DECODE_STREAM
									 : DECODE_WHOLE;
}

static void feed_undecided(struct decode *d, struct slice bytes) {
	feed_whole(d, bytes);
	if (d->emitter.has_ended) {
		return;
	}
	d->mode = mode_of(d, buf_slice(&d->whole));
	if (d->mode == DECODE_STREAM) {
		struct buf head = d->whole;
		d->whole = (struct buf){.limit = head.limit};
		feed_stream(d, buf_slice(&head));
		buf_finish(&head);
	}
}

void decode_feed(struct format_decoder *decoder, struct slice bytes) {
	struct decode *d = decode_of(decoder);
	if (d->base.has_ended || bytes.len == 0) {
		return;
	}
	switch (d->mode) {
	case DECODE_UNDECIDED:
		feed_undecided(d, bytes);
		break;
	case DECODE_STREAM:
		feed_stream(d, bytes);
		break;
	case DECODE_WHOLE:
		feed_whole(d, bytes);
		break;
	}
	d->base.has_ended = d->emitter.has_ended;
}

/* Clients wait for the end marker: a complete answer gets the one its upstream left out. */
static void send_missing_end(struct decode *d) {
	if (d->mode != DECODE_STREAM || d->emitter.has_ended ||
		!chat_emit_is_complete(&d->emitter)) {
		return;
	}
	if (d->is_wire_cut && d->dialect->framing == FRAMING_SSE) {
		decode_send_wire(d, SLICE("\n\n"));
	}
	decode_send_wire(d, d->dialect->end_frame);
}

void decode_finish(struct format_decoder *decoder, const struct error *transport_error) {
	struct decode *d = decode_of(decoder);
	if (d->mode == DECODE_STREAM && !d->base.has_ended) {
		end_stream(d);
	}
	bool is_cut = d->mode == DECODE_STREAM && !d->emitter.has_ended &&
		      !chat_emit_is_complete(&d->emitter);
	if (is_cut && d->dialect->on_cut != NULL) {
		d->dialect->on_cut(d, transport_error);
	}
	/* a complete answer stays one, however its connection ended */
	if (transport_error != NULL && !chat_emit_is_complete(&d->emitter)) {
		decode_fail(d, transport_error);
	} else if (d->mode == DECODE_WHOLE && !d->emitter.has_ended) {
		finish_whole(d);
	}
	send_missing_end(d);
	decode_end(d);
	arena_finish(&d->scratch);
	d->base.has_ended = true;
}

void decode_destroy(struct format_decoder *decoder) {
	struct decode *d = decode_of(decoder);
	if (d->dialect->framing == FRAMING_LINES) {
		line_reader_finish(&d->reader.lines);
	} else {
		sse_reader_finish(&d->reader.sse);
	}
	buf_finish(&d->whole);
	buf_finish(&d->wire);
	buf_finish(&d->unwrapped);
	arena_finish(&d->scratch);
}

static const struct format_decoder_ops ops = {
	.feed = decode_feed,
	.finish = decode_finish,
	.destroy = decode_destroy,
};

void decode_init(struct decode *d, const struct decode_dialect *dialect,
	const struct format_decoder_options *options, enum format_id provider) {
	*d = (struct decode){.base = {.ops = &ops}, .dialect = dialect, .options = *options};
	chat_emitter_init(&d->emitter, options->sink, options->arena);
	d->emitter.provider = provider;
	if (options->max_open_parts > 0) {
		d->emitter.max_open_parts = options->max_open_parts;
	}
	if (options->max_args_bytes > 0) {
		d->emitter.max_args_bytes = options->max_args_bytes;
	}
	if (dialect->framing == FRAMING_LINES) {
		line_reader_init(&d->reader.lines, options->max_line_bytes);
	} else {
		sse_reader_init(&d->reader.sse, options->max_line_bytes);
	}
	buf_init(&d->whole,
		options->max_answer_bytes ? options->max_answer_bytes : DEFAULT_MAX_ANSWER);
	buf_init(&d->wire, 0);
	buf_init(&d->unwrapped, 0);
	arena_init(&d->scratch, options->arena->pool, 0);
	if (options->echo_model.data != NULL) {
		struct buf json;
		struct json_writer w;
		buf_init(&json, 0);
		json_writer_init(&w, &json, false);
		json_write_string(&w, options->echo_model);
		d->echo_json = arena_dup(options->arena, buf_slice(&json));
		buf_finish(&json);
	}
}
