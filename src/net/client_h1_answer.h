/* client_h1_answer.h: the bytes of one HTTP/1.x answer (RFC 9112), incremental, no I/O: head, body,
 * codings.
 *
 * Where two readers could disagree about where the answer ends, this one refuses; elsewhere it puts
 * up with what servers send: no reason phrase, bare LF, obs-text, blanks before a colon, the same
 * Content-Length twice. Private to net/client*.c. */
#ifndef LLMMUX_NET_CLIENT_H1_ANSWER_H
#define LLMMUX_NET_CLIENT_H1_ANSWER_H

#include "base/buf.h"
#include "net/http1.h"
#include "net/inflate.h"

/* More interim (1xx) heads than this are no answer. */
#define H1_INTERIM_MAX 32

enum h1_answer_state {
	H1_ANSWER_HEAD,
	H1_ANSWER_LENGTH,      /* `left` bytes are to come */
	H1_ANSWER_CHUNKED,     /* chunks */
	H1_ANSWER_UNTIL_CLOSE, /* whatever comes before the end of the connection */
	H1_ANSWER_OVER
};

enum h1_event {
	H1_NEED_MORE,
	H1_HEAD,      /* the final head is whole: status and headers */
	H1_DATA,      /* a run of the decoded body */
	H1_END,       /* the answer is whole; *in stands behind it */
	H1_TOO_LARGE, /* the head is beyond its limit */
	H1_NOT_HTTP,
	H1_BROKEN_FRAMING,
	H1_BROKEN_CODING
};

struct h1_answer {
	enum h1_answer_state state;
	bool is_bodyless; /* whatever the head says: the request was HEAD */
	bool keep_alive;  /* the server may be asked again on this connection */
	int status;
	int minor_version;
	unsigned interims;
	size_t max_head;
	size_t line_len;              /* bytes of the head's unfinished line */
	struct buf *head;             /* the final head as it came; the headers point into it */
	struct http_headers *headers; /* malloc'd (VEC) */
	uint64_t left;
	struct http1_chunked chunked;
	struct inflater inflater;
	size_t deframed; /* first bytes of the next *in that are coded payload, without framing */
};

/* What the parser writes to is the caller's: both are emptied here and live as long as he likes. */
void h1_answer_init(struct h1_answer *answer, bool is_bodyless, size_t max_head, struct buf *head,
	struct http_headers *headers);
void h1_answer_finish(struct h1_answer *answer);
/* Takes from *in (advanced) what makes one event; *data is the run of H1_DATA, in `in` or in
 * `room` (of room_size bytes, at least 1 KiB), where codings are decoded to. Call until
 * H1_NEED_MORE (then *in is empty), H1_END or an error. What is left of *in may be kept and given
 * again later, with what follows it. */
enum h1_event h1_answer_next(struct h1_answer *answer, struct slice *in, char *room,
	size_t room_size, struct slice *data);
/* The connection ended: H1_END when that ends the answer, H1_NEED_MORE when it is cut short, or
 * an error. */
enum h1_event h1_answer_close(struct h1_answer *answer);
/* Drops Content-Encoding, and with it Content-Length: told of a body that was decoded, neither is
 * true. */
void h1_drop_coding(struct http_headers *headers);

#endif
