/* decode_common.h: the shell around every dialect's decoder.
 *
 *   bytes --> stream or whole body? --> frames --> JSON --> dialect's on_frame / on_whole -->
 * emitter
 *
 * The shell owns the buffers and the emitter, sends WIRE before the events of a frame, finds
 * answers that are not what was asked for (E-38: a JSON error or an HTML page instead of a stream),
 * and ends the answer. A dialect only says what a piece of JSON means. */
#ifndef LLMMUX_FORMATS_DECODE_COMMON_H
#define LLMMUX_FORMATS_DECODE_COMMON_H

#include "chat/emit.h"
#include "formats/format.h"
#include "net/sse.h"

struct decode;

struct decode_dialect {
	/* Of lines, `event` is always empty, and a body is a stream when one was asked for or its
	 * content type says so: its first byte tells nothing. */
	enum format_framing framing;
	/* Data of the frame that ends a stream, e.g. "[DONE]"; NULL: the dialect calls decode_end.
	 */
	const char *end_marker;
	/* The frame that ends a stream, as this dialect writes it: for a spliced client whose
	 * upstream left it out (AN-37, design.md 6 "end of a stream"). */
	struct slice end_frame;
	/* True when the JSON is an error object: it is read by parse_error, and the answer ends. */
	bool (*is_error)(const struct json *tree, struct slice event);
	void (*parse_error)(int status, const struct http_headers *headers, struct slice body,
		struct error *error);
	/* One frame of a stream; `event` is its name or empty. */
	void (*on_frame)(struct decode *d, const struct json *tree, struct slice event);
	/* A whole answer. */
	void (*on_whole)(struct decode *d, const struct json *tree);
	/* What counts of a frame or a whole answer when an envelope may stand around it (GI-2):
	 * `tree` itself, something inside it, or NULL when there is nothing for anybody. May be
	 * NULL. */
	const struct json *(*payload)(struct decode *d, const struct json *tree);
	/* With keep_wire: the frame is not for the client (hidden usage, a second start). May be
	 * NULL. */
	bool (*is_hidden)(const struct decode *d, const struct json *tree);
	/* The value of the model's name in a frame or a whole answer, to be replaced by echo_model;
	 * NULL when it is not in there. */
	const struct json *(*model_node)(const struct json *tree);
	/* A stream was cut: `error` says how, or is NULL when it just ended. Tells a spliced client
	 * in the dialect's own words, and fails. May be NULL: then the client's encoder does. */
	void (*on_cut)(struct decode *d, const struct error *error);
	/* With keep_wire: a number in the frame that the client must read as *number; NULL when
	 * there is none. May be NULL. */
	const struct json *(*renumber)(
		const struct decode *d, const struct json *tree, int64_t *number);
};

enum decode_mode {
	DECODE_UNDECIDED, /* nothing but white space so far */
	DECODE_STREAM,
	DECODE_WHOLE
};

/* A dialect's decoder begins with this struct. */
struct decode {
	struct format_decoder base;
	const struct decode_dialect *dialect;
	struct format_decoder_options options;
	struct chat_emitter emitter;
	enum decode_mode mode;
	union {
		struct sse_reader sse;
		struct line_reader lines;
	} reader;               /* by the dialect's framing */
	struct buf whole;       /* a whole body, or what came before the mode was clear */
	struct buf wire;        /* a rewritten frame */
	struct buf unwrapped;   /* a frame without its envelope */
	struct arena scratch;   /* the tree of the current frame */
	struct slice echo_json; /* echo_model as a JSON string; absent = leave */
	bool is_frame_on_wire;  /* the frame being read was sent as WIRE */
	bool is_wire_cut;       /* the last frame was sent as WIRE without its empty line */
};

/* Fills the struct, which the dialect allocated in the arena. `provider` says who can verify the
 * proofs of the thinking in it. */
void decode_init(struct decode *d, const struct decode_dialect *dialect,
	const struct format_decoder_options *options, enum format_id provider);

/* The decoder's functions, for a dialect that has to free something of its own in destroy (and sets
 * base.ops after decode_init). */
void decode_feed(struct format_decoder *decoder, struct slice bytes);
void decode_finish(struct format_decoder *decoder, const struct error *transport_error);
void decode_destroy(struct format_decoder *decoder);

/* An error the dialect found in the current frame: error and end. */
void decode_fail(struct decode *d, const struct error *error);
/* The wire says that the answer is over. */
void decode_end(struct decode *d);
/* Bytes of our own between the upstream's, for a client that gets those; false when it does not. */
bool decode_send_wire(struct decode *d, struct slice bytes);
/* The client's name of a tool that comes back (NM-1), without the prefixes some models invent
 * (E-54). */
struct slice decode_tool_name(const struct decode *d, struct slice upstream_name);

/* E-110: whether the client declared a tool of that name as a custom one, which went out as a
 * function of one text. */
bool decode_is_custom(const struct decode *d, struct slice client_name);
/* The input of such a tool in the arguments of the function; the arguments themselves when they are
 * not as expected. Lives as long as the frame. */
struct slice decode_custom_input(struct decode *d, struct slice args);

#endif
