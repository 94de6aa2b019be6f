/* http1.c: strict HTTP/1.1 request heads and chunked bodies (RFC 9112), incremental, no I/O.
 *
 * The rule behind every refusal: where two parsers could disagree about where a message ends, this
 * one does not guess. */
#include "net/http1.h"

static enum http1_result refuse(
	struct error *error, enum error_kind kind, int status, const char *message) {
	error_set(error, kind, "%s", message);
	if (error) {
		error->http_status = status;
	}
	return HTTP1_ERROR;
}

static enum http1_result bad(struct error *error, const char *message) {
	return refuse(error, ERROR_INVALID_REQUEST, 400, message);
}

static enum http1_result too_large(struct error *error, const char *message) {
	return refuse(error, ERROR_TOO_LARGE, 431, message);
}

/* ---- finding the end of a head ---- */

/* The number of bytes of empty lines before the request line. */
static size_t leading_empty_lines(struct slice bytes) {
	size_t at = 0;
	while (at + 2 <= bytes.len && at < 2 * HTTP1_EMPTY_LINES_MAX && bytes.data[at] == '\r' &&
		bytes.data[at + 1] == '\n') {
		at += 2;
	}
	return at;
}

/* What can be refused before the head is whole, so that a client that speaks something else (TLS,
 * say) gets its answer at once. */
static enum http1_result check_first_byte(struct slice bytes, size_t start, struct error *error) {
	if (start >= bytes.len) {
		return HTTP1_NEED_MORE;
	}
	char first = bytes.data[start];
	if (first == '\r' && start + 1 == bytes.len && start < 2 * HTTP1_EMPTY_LINES_MAX) {
		return HTTP1_NEED_MORE;
	}
	if (first < 'A' || first > 'Z') {
		return bad(error, "the request does not begin with a method");
	}
	return HTTP1_OK;
}

/* Finds the empty line from *scanned on; *end is the offset behind it. */
static enum http1_result find_end(
	struct slice bytes, size_t start, size_t *scanned, size_t *end, struct error *error) {
	size_t at = *scanned > start ? *scanned : start;
	while (at < bytes.len) {
		const char *lf = memchr(bytes.data + at, '\n', bytes.len - at);
		if (!lf) {
			*scanned = bytes.len;
			return HTTP1_NEED_MORE;
		}
		size_t i = (size_t)(lf - bytes.data);
		if (i == start || bytes.data[i - 1] != '\r') {
			return bad(error, "a line of the request head ends in a bare LF");
		}
		if (i >= start + 3 && bytes.data[i - 2] == '\n') {
			*end = i + 1;
			return HTTP1_OK;
		}
		at = i + 1;
	}
	*scanned = at;
	return HTTP1_NEED_MORE;
}

/* ---- the request line ---- */

static enum http1_result parse_version(
	struct slice version, struct http1_head *head, struct error *error) {
	if (version.len != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.' ||
		version.data[5] < '0' || version.data[5] > '9' || version.data[7] < '0' ||
		version.data[7] > '9') {
		return bad(error, "the request line has no HTTP version");
	}
	if (version.data[5] != '1' || version.data[7] > '1') {
		return refuse(error, ERROR_NOT_SUPPORTED, 505,
			"only HTTP/1.0 and HTTP/1.1 are spoken here");
	}
	head->minor_version = version.data[7] - '0';
	return HTTP1_OK;
}

static enum http1_result check_target_form(const struct http1_head *head, struct error *error) {
	struct slice target = head->target;
	if (slice_is(head->method, "CONNECT")) {
		return refuse(error, ERROR_METHOD, 405, "CONNECT is not offered: this is no proxy");
	}
	if (target.data[0] == '/' || slice_istarts_with(target, SLICE("http://")) ||
		slice_istarts_with(target, SLICE("https://")) ||
		(slice_is(target, "*") && slice_is(head->method, "OPTIONS"))) {
		return HTTP1_OK;
	}
	return bad(error, "the request target is neither a path nor an http URL");
}

static enum http1_result parse_request_line(
	struct slice line, struct http1_head *head, struct error *error) {
	size_t first = slice_find_byte(line, ' ');
	if (first == SIZE_MAX) {
		return bad(error, "the request line is not METHOD TARGET VERSION");
	}
	head->method = slice_make(line.data, first);
	if (!http_is_method(head->method)) {
		return bad(error, "the request method is malformed");
	}
	struct slice rest = slice_make(line.data + first + 1, line.len - first - 1);
	size_t second = slice_find_byte(rest, ' ');
	if (second == SIZE_MAX) {
		return bad(error, "the request line has no HTTP version");
	}
	head->target = slice_make(rest.data, second);
	if (!http_is_target(head->target)) {
		return bad(error, "the request target has a forbidden character");
	}
	enum http1_result result = parse_version(
		slice_make(rest.data + second + 1, rest.len - second - 1), head, error);
	return result == HTTP1_OK ? check_target_form(head, error) : result;
}

/* A request line is looked at as soon as it is whole, once: whoever speaks something else is not
 * kept waiting for the rest of a head. `seen` bytes had been searched before. */
static enum http1_result check_first_line(
	struct slice bytes, size_t start, size_t seen, struct error *error) {
	size_t from = seen > start ? seen : start;
	const char *lf = memchr(bytes.data + from, '\n', bytes.len - from);
	if (!lf || memchr(bytes.data + start, '\n', from - start)) {
		return HTTP1_NEED_MORE;
	}
	struct http1_head head = {0};
	struct slice line = slice_make(bytes.data + start, (size_t)(lf - bytes.data) - start - 1);
	return parse_request_line(line, &head, error) == HTTP1_ERROR ? HTTP1_ERROR
								     : HTTP1_NEED_MORE;
}

/* ---- headers ---- */

/* What the parser itself must understand, gathered while the list is read. */
struct framing {
	unsigned hosts, lengths, codings;
	bool says_close, says_keep_alive;
};

static enum http1_result read_host(
	struct slice value, struct http1_head *head, struct framing *framing, struct error *error) {
	(void)head;
	if (++framing->hosts > 1) {
		return bad(error, "there is more than one Host header");
	}
	return http_is_host(value) ? HTTP1_OK : bad(error, "the Host header is malformed");
}

static enum http1_result read_length(
	struct slice value, struct http1_head *head, struct framing *framing, struct error *error) {
	if (++framing->lengths > 1) {
		return bad(error, "there is more than one Content-Length header");
	}
	if (value.len == 0 || value.len > 19) {
		return bad(error, "the Content-Length header is malformed");
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9') {
			return bad(error, "the Content-Length header is malformed");
		}
	}
	return slice_to_int64(value, &head->content_length)
		       ? HTTP1_OK
		       : bad(error, "the Content-Length header is malformed");
}

static enum http1_result read_coding(
	struct slice value, struct http1_head *head, struct framing *framing, struct error *error) {
	if (++framing->codings > 1) {
		return bad(error, "there is more than one Transfer-Encoding header");
	}
	if (!slice_ieq(value, SLICE("chunked"))) {
		return refuse(error, ERROR_NOT_SUPPORTED, 501,
			"the only Transfer-Encoding understood is chunked");
	}
	head->is_chunked = true;
	return HTTP1_OK;
}

static enum http1_result read_connection(
	struct slice value, struct http1_head *head, struct framing *framing, struct error *error) {
	(void)head;
	(void)error;
	struct slice part;
	while (slice_split(&value, ',', &part)) {
		part = slice_trim(part);
		framing->says_close |= slice_ieq(part, SLICE("close"));
		framing->says_keep_alive |= slice_ieq(part, SLICE("keep-alive"));
	}
	return HTTP1_OK;
}

static enum http1_result read_expect(
	struct slice value, struct http1_head *head, struct framing *framing, struct error *error) {
	(void)framing;
	if (!slice_ieq(value, SLICE("100-continue"))) {
		return refuse(error, ERROR_INVALID_REQUEST, 417,
			"the only expectation understood is 100-continue");
	}
	head->expects_continue = head->minor_version == 1;
	return HTTP1_OK;
}

static const struct {
	struct slice name;
	enum http1_result (*read)(struct slice value, struct http1_head *head,
		struct framing *framing, struct error *error);
} known_headers[] = {
	{SLICE_INIT("host"), read_host},
	{SLICE_INIT("content-length"), read_length},
	{SLICE_INIT("transfer-encoding"), read_coding},
	{SLICE_INIT("connection"), read_connection},
	{SLICE_INIT("expect"), read_expect},
};

static enum http1_result parse_header_line(struct slice line, struct arena *arena,
	struct http1_head *head, struct framing *framing, struct error *error) {
	if (line.data[0] == ' ' || line.data[0] == '\t') {
		return bad(error, "a header is folded over several lines");
	}
	size_t colon = slice_find_byte(line, ':');
	if (colon == SIZE_MAX) {
		return bad(error, "a header line has no colon");
	}
	struct slice name = slice_make(line.data, colon);
	if (!http_is_token(name)) {
		return bad(error, "a header name is malformed");
	}
	struct slice value = slice_make(line.data + colon + 1, line.len - colon - 1);
	/* Before trimming, which would also cut CR. */
	if (!http_is_field_value(value)) {
		return bad(error, "a header value holds a control character");
	}
	value = slice_trim(value);
	http_headers_add(arena, &head->headers, name, value);
	for (size_t i = 0; i < sizeof known_headers / sizeof *known_headers; i++) {
		if (known_headers[i].name.len == name.len &&
			slice_ieq(known_headers[i].name, name)) {
			return known_headers[i].read(value, head, framing, error);
		}
	}
	return HTTP1_OK;
}

/* The rules that need all headers (RFC 9112 sections 3.2, 6.1, 6.3, 9.3). */
static enum http1_result check_framing(
	struct http1_head *head, const struct framing *framing, struct error *error) {
	if (head->minor_version == 1 && framing->hosts == 0) {
		return bad(error, "the Host header is missing");
	}
	if (head->is_chunked && framing->lengths > 0) {
		return bad(error, "there are both Content-Length and Transfer-Encoding");
	}
	if (head->is_chunked && head->minor_version == 0) {
		return bad(error, "Transfer-Encoding does not exist in HTTP/1.0");
	}
	head->keep_alive =
		!framing->says_close && (head->minor_version == 1 || framing->says_keep_alive);
	head->expects_continue =
		head->expects_continue && (head->is_chunked || head->content_length > 0);
	return HTTP1_OK;
}

/* The line at the front of *rest, without its CRLF; all lines of a found head end in CRLF. */
static struct slice next_line(struct slice *rest) {
	const char *lf = memchr(rest->data, '\n', rest->len);
	size_t len = (size_t)(lf - rest->data);
	struct slice line = slice_make(rest->data, len - 1);
	*rest = slice_make(lf + 1, rest->len - len - 1);
	return line;
}

enum http1_result http1_parse_head(struct slice bytes, size_t *scanned, size_t max_bytes,
	unsigned max_headers, struct arena *arena, struct http1_head *head, struct error *error) {
	size_t start = leading_empty_lines(bytes);
	enum http1_result result = check_first_byte(bytes, start, error);
	if (result != HTTP1_OK) {
		return result;
	}
	size_t end = 0, seen = *scanned;
	result = find_end(bytes, start, scanned, &end, error);
	if (result == HTTP1_ERROR) {
		return result;
	}
	if (result == HTTP1_NEED_MORE) {
		return bytes.len < max_bytes
			       ? check_first_line(bytes, start, seen, error)
			       : too_large(error, "the request line and headers are too large");
	}
	if (end > max_bytes) {
		return too_large(error, "the request line and headers are too large");
	}
	*head = (struct http1_head){.content_length = -1, .head_len = end};
	/* Without the empty line. */
	struct slice rest = slice_make(bytes.data + start, end - start - 2);
	result = parse_request_line(next_line(&rest), head, error);
	struct framing framing = {0};
	while (result == HTTP1_OK && rest.len > 0) {
		if (head->headers.len >= max_headers) {
			return too_large(error, "the request has too many headers");
		}
		result = parse_header_line(next_line(&rest), arena, head, &framing, error);
	}
	return result == HTTP1_OK ? check_framing(head, &framing, error) : result;
}

static void move_slice(struct slice *s, const char *from, const char *to) {
	s->data = to + (s->data - from);
}

void http1_head_move(struct http1_head *head, const char *from, const char *to) {
	move_slice(&head->method, from, to);
	move_slice(&head->target, from, to);
	for (size_t i = 0; i < head->headers.len; i++) {
		move_slice(&head->headers.items[i].name, from, to);
		move_slice(&head->headers.items[i].value, from, to);
	}
}

/* ---- chunked bodies ---- */

enum chunked_state {
	CHUNKED_SIZE,          /* digits of a chunk's size */
	CHUNKED_EXTENSION,     /* behind ';', up to CR */
	CHUNKED_SIZE_LF,       /* the LF of the size line */
	CHUNKED_DATA,          /* payload, `left` bytes more */
	CHUNKED_DATA_CR,       /* the CR behind the payload */
	CHUNKED_DATA_LF,       /* the LF behind the payload */
	CHUNKED_LINE_START,    /* behind the last chunk: a trailer or the empty line */
	CHUNKED_TRAILER_NAME,  /* a trailer's name, up to ':' */
	CHUNKED_TRAILER_VALUE, /* a trailer's value, up to CR */
	CHUNKED_TRAILER_LF,    /* the LF of a trailer */
	CHUNKED_END_LF,        /* the LF of the empty line */
	CHUNKED_DONE,          /* the body ended */
};

void http1_chunked_init(struct http1_chunked *chunked) {
	*chunked = (struct http1_chunked){.state = CHUNKED_SIZE};
}

static int hex_value(unsigned char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_token_byte(char c) {
	return http_is_token(slice_make(&c, 1));
}

static bool is_value_byte(char c) {
	return http_is_field_value(slice_make(&c, 1));
}

static enum http1_result size_byte(struct http1_chunked *chunked, char c, struct error *error) {
	int value = hex_value((unsigned char)c);
	if (value >= 0) {
		chunked->left = chunked->left << 4 | (unsigned)value;
		/* 16 digits cannot overflow 64 bits; more are padding nobody needs. */
		if (++chunked->digits > 16 || chunked->left > HTTP1_CHUNK_MAX) {
			return bad(error, "a chunk size is too large");
		}
		return HTTP1_OK;
	}
	if (chunked->digits == 0 || (c != '\r' && c != ';')) {
		return bad(error, "a chunk size is malformed");
	}
	chunked->state = c == ';' ? CHUNKED_EXTENSION : CHUNKED_SIZE_LF;
	return HTTP1_OK;
}

static enum http1_result extension_byte(
	struct http1_chunked *chunked, char c, struct error *error) {
	if (c == '\r') {
		chunked->state = CHUNKED_SIZE_LF;
		return HTTP1_OK;
	}
	if (!is_value_byte(c)) {
		return bad(error, "a chunk extension holds a control character");
	}
	if (++chunked->extension_bytes > HTTP1_EXTENSION_MAX) {
		return bad(error, "the chunk extensions are too large");
	}
	return HTTP1_OK;
}

static enum http1_result trailer_byte(struct http1_chunked *chunked, char c, struct error *error) {
	if (++chunked->trailer_bytes > HTTP1_TRAILER_MAX) {
		return too_large(error, "the trailers are too large");
	}
	switch (chunked->state) {
	case CHUNKED_LINE_START:
		if (c == '\r') {
			chunked->state = CHUNKED_END_LF;
			return HTTP1_OK;
		}
		chunked->state = CHUNKED_TRAILER_NAME;
		return is_token_byte(c) ? HTTP1_OK : bad(error, "a trailer name is malformed");
	case CHUNKED_TRAILER_NAME:
		if (c == ':') {
			chunked->state = CHUNKED_TRAILER_VALUE;
			return HTTP1_OK;
		}
		return is_token_byte(c) ? HTTP1_OK : bad(error, "a trailer name is malformed");
	default:
		if (c == '\r') {
			chunked->state = CHUNKED_TRAILER_LF;
			return HTTP1_OK;
		}
		return is_value_byte(c) ? HTTP1_OK
					: bad(error, "a trailer value holds a control character");
	}
}

/* States that accept exactly one byte. */
static const struct {
	enum chunked_state state;
	char byte;
	enum chunked_state next;
} fixed_bytes[] = {
	{CHUNKED_DATA_CR, '\r', CHUNKED_DATA_LF},
	{CHUNKED_DATA_LF, '\n', CHUNKED_SIZE},
	{CHUNKED_TRAILER_LF, '\n', CHUNKED_LINE_START},
	{CHUNKED_END_LF, '\n', CHUNKED_DONE},
};

static enum http1_result framing_byte(struct http1_chunked *chunked, char c, struct error *error) {
	switch (chunked->state) {
	case CHUNKED_SIZE:
		return size_byte(chunked, c, error);
	case CHUNKED_EXTENSION:
		return extension_byte(chunked, c, error);
	case CHUNKED_SIZE_LF:
		if (c != '\n') {
			return bad(error, "a chunk size line does not end in CRLF");
		}
		chunked->state = chunked->left > 0 ? CHUNKED_DATA : CHUNKED_LINE_START;
		chunked->digits = 0;
		return HTTP1_OK;
	case CHUNKED_LINE_START:
	case CHUNKED_TRAILER_NAME:
	case CHUNKED_TRAILER_VALUE:
		return trailer_byte(chunked, c, error);
	default:
		break;
	}
	for (size_t i = 0; i < sizeof fixed_bytes / sizeof *fixed_bytes; i++) {
		if ((int)fixed_bytes[i].state == chunked->state && fixed_bytes[i].byte == c) {
			chunked->state = (int)fixed_bytes[i].next;
			return HTTP1_OK;
		}
	}
	return bad(error, "a chunk does not end in CRLF");
}

enum http1_result http1_chunked_next(
	struct http1_chunked *chunked, struct slice *in, struct slice *out, struct error *error) {
	*out = slice_make(in->data, 0);
	while (chunked->state != CHUNKED_DONE) {
		if (in->len == 0) {
			return HTTP1_NEED_MORE;
		}
		if (chunked->state == CHUNKED_DATA) {
			size_t run = chunked->left < in->len ? (size_t)chunked->left : in->len;
			*out = slice_make(in->data, run);
			*in = slice_make(in->data + run, in->len - run);
			chunked->left -= run;
			chunked->state = chunked->left > 0 ? CHUNKED_DATA : CHUNKED_DATA_CR;
			return HTTP1_NEED_MORE;
		}
		enum http1_result result = framing_byte(chunked, in->data[0], error);
		if (result != HTTP1_OK) {
			return result;
		}
		*in = slice_make(in->data + 1, in->len - 1);
	}
	return HTTP1_OK;
}
