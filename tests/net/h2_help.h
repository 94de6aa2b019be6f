/* h2_help.h: a client of HTTP/2 that sends frames as they are given, right or wrong. */
#ifndef LLMMUX_TESTS_NET_H2_HELP_H
#define LLMMUX_TESTS_NET_H2_HELP_H

#include <nghttp2/nghttp2.h>

#include "net/server_help.h"

struct h2 {
	struct client c;
	nghttp2_hd_inflater *inflater;
	/* Of the latest GOAWAY; they come among the answers. */
	int goaways;
	uint32_t goaway_stream, goaway_code;
};

struct h2_frame {
	uint8_t type, flags;
	int32_t stream;
	struct buf payload;
};

/* Connects and sends the preface and empty SETTINGS; takes the server's SETTINGS and ACK. */
void h2_open(struct h2 *h, struct fixture *f);
/* The same on a connection of the test's. */
void h2_greet(struct h2 *h);
void h2_close(struct h2 *h);

void h2_send(struct h2 *h, uint8_t type, uint8_t flags, int32_t stream, struct slice payload);
/* The frame's bytes to `out`. */
void h2_put_frame(
	struct buf *out, uint8_t type, uint8_t flags, int32_t stream, struct slice payload);
void h2_put_u32(struct buf *out, uint32_t number);
/* A header without indexing (RFC 7541 6.2.2). */
void h2_put_header(struct buf *block, struct slice name, struct slice value);
/* HEADERS of a request, with more headers ("name", "value", ..., NULL) or none (NULL). */
void h2_request(struct h2 *h, int32_t stream, const char *method, const char *path, bool is_last,
	const char *const *more);
void h2_window(struct h2 *h, int32_t stream, uint32_t more);

/* The next frame; false at the end of the connection. The payload is the caller's. */
bool h2_next(struct h2 *h, struct h2_frame *frame);
/* Skips until so many GOAWAY frames have come in all. */
void h2_await_goaway(struct h2 *h, int count);
/* Skips to the next frame of that type; its payload is the caller's. */
void h2_until(struct h2 *h, uint8_t type, struct h2_frame *frame);

struct h2_answer {
	int status;
	char *head; /* "name: value\n" each */
	struct buf body;
	bool is_whole; /* END_STREAM came */
	int32_t reset; /* the code of RST_STREAM; -1: none */
};
/* Takes frames until the stream ends, by END_STREAM or a reset. Opens both windows for what it
 * takes. */
void h2_answer(struct h2 *h, int32_t stream, struct h2_answer *answer);
void h2_answer_free(struct h2_answer *answer);
/* Takes one answer and checks status and, unless NULL, body. */
void h2_expect(struct h2 *h, int32_t stream, int status, const char *body);
/* The stream is reset with that code before it is answered. */
void h2_expect_reset(struct h2 *h, int32_t stream, uint32_t code);
/* GOAWAY with that code, and the end of the connection. */
void h2_expect_goaway(struct h2 *h, uint32_t code);

#endif
