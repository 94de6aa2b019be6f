/* http1.h: strict HTTP/1.1 parsing (RFC 9112), incremental, no I/O: heads and chunked bodies.
 *
 * Refused: obs-fold, bare CR or LF, CL with TE, duplicate or malformed CL, space before the colon,
 * control bytes, TE other than chunked, HTTP/0.9, lower-case or unknown-version request lines. */
#ifndef LLMMUX_NET_HTTP1_H
#define LLMMUX_NET_HTTP1_H

#include "base/arena.h"
#include "base/error.h"
#include "net/http.h"

struct http1_head {
	struct slice method, target;
	int minor_version; /* 0 or 1 */
	struct http_headers headers;
	int64_t content_length; /* -1: none */
	bool is_chunked;
	bool keep_alive;
	bool expects_continue;
	size_t head_len; /* bytes up to and with the empty line */
};

enum http1_result {
	HTTP1_NEED_MORE,
	HTTP1_OK,
	HTTP1_ERROR
};

/* At most this many empty lines before the request line are skipped (RFC 9112 section 2.2). */
#define HTTP1_EMPTY_LINES_MAX 2

/* Parses a request head at the start of `bytes`; slices point into it. `scanned` remembers how far
 * the search for its end came (start with 0), so that byte-wise arrival stays linear. Errors carry
 * the status to answer (400, 405, 417, 431, 501, 505). Nothing is allocated before the head is
 * whole. */
enum http1_result http1_parse_head(struct slice bytes, size_t *scanned, size_t max_bytes,
	unsigned max_headers, struct arena *arena, struct http1_head *head, struct error *error);

/* After the bytes of a parsed head were copied from `from` to `to`: lets its slices point into the
 * copy. */
void http1_head_move(struct http1_head *head, const char *from, const char *to);

#define HTTP1_EXTENSION_MAX 8192 /* bytes of chunk extensions of one body */
#define HTTP1_TRAILER_MAX 8192   /* bytes of trailers of one body */
#define HTTP1_CHUNK_MAX ((uint64_t)1 << 62)

/* Chunked transfer coding (RFC 9112 section 7.1). */
struct http1_chunked {
	int state;
	uint64_t left; /* of the current chunk */
	unsigned digits;
	size_t trailer_bytes, extension_bytes;
};
/* Before the first chunk. */
void http1_chunked_init(struct http1_chunked *chunked);
/* Consumes from *in (advanced) and gives the next run of payload in *out (maybe empty). Call until
 * *in is empty or the result is not HTTP1_NEED_MORE. HTTP1_OK: the body ended, *in stands behind
 * it. Trailers are checked and dropped. */
enum http1_result http1_chunked_next(
	struct http1_chunked *chunked, struct slice *in, struct slice *out, struct error *error);

#endif
