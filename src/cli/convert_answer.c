/* convert_answer.c: `convert response` and `convert stream`: an upstream's answer as a client gets
 * it.
 *
 *   pieces of the input ─► (lines framed) ─► decoder ─► watch ─► encoder ─► (payloads alone) ─► out
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/convert.h"
#include "net/sse.h"

#define PIECE_BYTES 65536

struct answer {
	struct convert *convert;
	bool is_stream;
	struct chat_request request; /* what the client would have asked */
	struct chat_sink watch;      /* sees errors on the way to the encoder */
	struct chat_sink *encoder;
	struct format_decoder *decoder;
	struct buf out;
	struct error error; /* kind NONE: none came */
	struct line_reader lines_in;
	struct sse_reader frames_out;
};

static bool is_sse(const struct format *format) {
	return format->framing == FRAMING_SSE;
}

/* ---- out ---- */

static bool print_payload(const struct sse_frame *frame, void *data) {
	struct answer *answer = data;
	/* End markers are no payloads: every line is JSON. */
	if (frame->data.data && json_is_valid(frame->data)) {
		fprintf(answer->convert->context->out, "%.*s\n", SLICE_FMT(frame->data));
	}
	return true;
}

/* Hands on what the encoder has written so far. */
static void flush(struct answer *answer) {
	FILE *out = answer->convert->context->out;
	struct slice bytes = buf_slice(&answer->out);
	if (bytes.len == 0) {
		return;
	}
	if (answer->convert->is_lines && is_sse(answer->convert->to)) {
		sse_feed(&answer->frames_out, bytes, print_payload, answer, NULL);
	} else {
		fwrite(bytes.data, 1, bytes.len, out);
	}
	fflush(out);
	buf_reset(&answer->out, PIECE_BYTES);
}

static void on_event(struct chat_sink *sink, const struct chat_event *event) {
	struct answer *answer = (struct answer *)((char *)sink - offsetof(struct answer, watch));
	if (event->type == CHAT_EVENT_ERROR) {
		answer->error = *event->error.error;
	}
	chat_sink_send(answer->encoder, event);
}

/* ---- in ---- */

static bool feed_line(struct slice line, struct slice raw, void *data) {
	struct answer *answer = data;
	const struct format *from = answer->convert->from;
	(void)raw;
	if (slice_trim(line).len == 0) {
		return true;
	}
	if (!is_sse(from)) {
		answer->decoder->ops->feed(answer->decoder, line);
		answer->decoder->ops->feed(answer->decoder, SLICE("\n"));
	} else {
		answer->decoder->ops->feed(answer->decoder, SLICE("data: "));
		answer->decoder->ops->feed(answer->decoder, line);
		answer->decoder->ops->feed(answer->decoder, SLICE("\n\n"));
	}
	flush(answer);
	return true;
}

static bool feed(struct answer *answer, struct slice bytes, struct error *error) {
	if (answer->convert->is_lines) {
		return line_feed(&answer->lines_in, bytes, feed_line, answer, error);
	}
	answer->decoder->ops->feed(answer->decoder, bytes);
	flush(answer);
	return true;
}

/* Reads the input to its end, or until the answer is over. */
static bool feed_input(struct answer *answer, int fd, struct error *error) {
	char piece[PIECE_BYTES];
	while (!answer->decoder->has_ended) {
		ssize_t count = read(fd, piece, sizeof piece);
		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0) {
			return error_set_errno(error, ERROR_INTERNAL, errno, "cannot read %s",
				answer->convert->name);
		}
		if (count == 0) {
			break;
		}
		if (!feed(answer, slice_make(piece, (size_t)count), error)) {
			return false;
		}
	}
	if (answer->convert->is_lines) {
		line_end(&answer->lines_in, feed_line, answer);
	}
	answer->decoder->ops->finish(answer->decoder, NULL);
	return true;
}

/* ---- the pieces together ---- */

/* A client that asked for everything an answer can hold. */
static void imagine_request(struct answer *answer) {
	const struct convert *convert = answer->convert;
	answer->request = (struct chat_request){
		.arena = &answer->convert->arena,
		.client_format = convert->to->id,
		.model = convert->model,
		.stream = answer->is_stream,
		.has_stream_options = true,
		.include_usage = TRI_TRUE,
		.reasoning = {.mode = CHAT_REASONING_ADAPTIVE, .include_text = TRI_TRUE},
	};
}

static void connect_both(struct answer *answer) {
	struct convert *convert = answer->convert;
	bool is_same = convert->from == convert->to;
	const struct format_encoder_options encoder = {
		.arena = &convert->arena,
		.out = &answer->out,
		.request = &answer->request,
		.is_stream = answer->is_stream,
		.model = convert->model,
		.force_model = convert->model.len > 0,
		.now_s = clock_wall_ms() / 1000,
	};
	answer->watch.on_event = on_event;
	answer->encoder = is_same ? format_splice_encoder_create(convert->to, &encoder)
				  : convert->to->encoder_create(&encoder);
	const struct format_decoder_options decoder = {
		.arena = &convert->arena,
		.sink = &answer->watch,
		.request = &answer->request,
		.is_stream = answer->is_stream,
		.keep_wire = is_same,
		.echo_model = is_same ? convert->model : (struct slice){0},
		.max_answer_bytes = CONVERT_INPUT_MAX,
	};
	answer->decoder = convert->from->decoder_create(&decoder);
}

/* What a client would get for an answer that is an error: the format's own body. A stream has said
 * it in band already. */
static int report_error(struct answer *answer) {
	if (!answer->is_stream) {
		buf_reset(&answer->out, 0);
		answer->convert->to->encode_error(&answer->error, (struct slice){0}, &answer->out);
		if (!slice_ends_with(buf_slice(&answer->out), SLICE("\n"))) {
			buf_append_byte(&answer->out, '\n');
		}
	}
	flush(answer);
	return convert_fail(answer->convert, &answer->error);
}

static int run(struct answer *answer, int fd) {
	struct error error = {0};
	imagine_request(answer);
	connect_both(answer);
	line_reader_init(&answer->lines_in, 0);
	sse_reader_init(&answer->frames_out, CONVERT_INPUT_MAX);
	int code = COMMAND_OK;
	if (!feed_input(answer, fd, &error)) {
		code = convert_fail(answer->convert, &error);
	} else if (answer->error.kind != ERROR_NONE) {
		code = report_error(answer);
	} else {
		if (!answer->is_stream && !slice_ends_with(buf_slice(&answer->out), SLICE("\n"))) {
			buf_append_byte(&answer->out, '\n');
		}
		flush(answer);
	}
	sse_end(&answer->frames_out, print_payload, answer);
	answer->decoder->ops->destroy(answer->decoder);
	line_reader_finish(&answer->lines_in);
	sse_reader_finish(&answer->frames_out);
	buf_finish(&answer->out);
	return code;
}

int convert_answer(struct convert *convert, bool is_stream) {
	if (!convert->from->decoder_create) {
		struct error error;
		error_set(&error, ERROR_NOT_SUPPORTED,
			"no upstream speaks %s, so there is no answer of one to read",
			convert->from->name);
		return convert_fail(convert, &error);
	}
	bool is_stdin = strcmp(convert->path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(convert->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return command_fail(convert->context, COMMAND_FAILED, "cannot open %s: %s",
			convert->path, strerror(errno));
	}
	struct answer answer = {.convert = convert, .is_stream = is_stream};
	int code = run(&answer, fd);
	if (!is_stdin) {
		close(fd);
	}
	return code;
}
