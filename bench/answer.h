/* An incremental HTTP/1.1 answer reader that counts what the benchmark wants to know. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include "common.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

#define ANSWER_HEAD_LIMIT 8192u

enum answer_state {
	ANSWER_HEAD,
	ANSWER_BODY, /* `left` bytes of a body with Content-Length */
	ANSWER_CHUNK_SIZE,
	ANSWER_CHUNK_DATA, /* `left` bytes of a chunk */
	ANSWER_CHUNK_END,
	ANSWER_TRAILER,
	ANSWER_DONE,
	ANSWER_BROKEN,
};

struct answer {
	enum answer_state state;
	int status;
	bool closes; /* the server said Connection: close */
	uint64_t left;
	size_t line_size; /* bytes of the current trailer line */
	uint64_t body_bytes, http_chunks;
	uint64_t sse_events;  /* blank lines in the body */
	uint64_t texts;       /* '~' in the body: bench-upstream puts one into each piece of text */
	const char *end_mark; /* what a complete answer contains, written without blanks */
	size_t end_matched;
	bool has_ended; /* end_mark was seen */
	char last;      /* last body byte that is not CR */
	size_t head_size;
	char head[ANSWER_HEAD_LIMIT + 1];
};

/* Begins a new answer. The mark must outlive it. */
static inline void answer_start(struct answer *answer, const char *end_mark) {
	memset(answer, 0, offsetof(struct answer, head));
	answer->end_mark = end_mark;
}

static inline void answer_scan(struct answer *answer, const char *data, size_t size) {
	answer->body_bytes += size;
	for (size_t i = 0; i < size; i++) {
		char byte = data[i];
		if (byte == '\r') {
			continue;
		}
		answer->texts += byte == '~';
		answer->sse_events += byte == '\n' && answer->last == '\n';
		answer->last = byte;
		if (answer->has_ended || byte == ' ') {
			continue;
		}
		bool matches = byte == answer->end_mark[answer->end_matched];
		answer->end_matched = matches                       ? answer->end_matched + 1
				      : byte == answer->end_mark[0] ? 1
								    : 0;
		answer->has_ended = answer->end_mark[answer->end_matched] == '\0';
	}
}

/* The value of a header (name with its colon), or NULL. */
static inline const char *answer_header(const struct answer *answer, const char *name) {
	const char *line = answer->head;
	while ((line = strchr(line, '\n')) != NULL) {
		line++;
		if (strncasecmp(line, name, strlen(name)) == 0) {
			line += strlen(name);
			return line + strspn(line, " \t");
		}
	}
	return NULL;
}

static inline void answer_parse_head(struct answer *answer) {
	answer->head[answer->head_size] = '\0';
	if (strncmp(answer->head, "HTTP/1.1 ", 9) != 0) {
		answer->state = ANSWER_BROKEN;
		return;
	}
	answer->status = atoi(answer->head + 9);
	const char *connection = answer_header(answer, "connection:");
	const char *length = answer_header(answer, "content-length:");
	const char *coding = answer_header(answer, "transfer-encoding:");
	answer->closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
	if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0) {
		answer->state = ANSWER_CHUNK_SIZE;
	} else if (length != NULL) {
		answer->left = strtoull(length, NULL, 10);
		answer->state = answer->left == 0 ? ANSWER_DONE : ANSWER_BODY;
	} else {
		answer->state = ANSWER_BROKEN;
	}
}

/* Takes head bytes up to the blank line; returns how many. */
static inline size_t answer_take_head(struct answer *answer, const char *data, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if (answer->head_size == ANSWER_HEAD_LIMIT) {
			answer->state = ANSWER_BROKEN;
			return i;
		}
		answer->head[answer->head_size++] = data[i];
		if (data[i] == '\n' && answer->head_size >= 4 &&
			memcmp(answer->head + answer->head_size - 4, "\r\n\r\n", 4) == 0) {
			answer_parse_head(answer);
			return i + 1;
		}
	}
	return size;
}

/* Takes one byte of a chunk-size line, the line end after a chunk, or the trailer. */
static inline void answer_take_framing(struct answer *answer, char byte) {
	static const char digits[] = "0123456789abcdef";
	if (byte == '\r') {
		return;
	}
	switch (answer->state) {
	case ANSWER_CHUNK_SIZE:
		if (byte == '\n') {
			answer->http_chunks += answer->left > 0;
			answer->state = answer->left > 0 ? ANSWER_CHUNK_DATA : ANSWER_TRAILER;
			answer->line_size = 0;
			return;
		}
		const char *digit = byte == '\0' ? NULL : strchr(digits, byte | 0x20);
		if (digit == NULL || answer->left >> 32 != 0) {
			answer->state = ANSWER_BROKEN;
			return;
		}
		answer->left = answer->left * 16 + (uint64_t)(digit - digits);
		return;
	case ANSWER_CHUNK_END:
		answer->state = byte == '\n' ? ANSWER_CHUNK_SIZE : ANSWER_BROKEN;
		return;
	default:
		if (byte != '\n') {
			answer->line_size++;
		} else if (answer->line_size == 0) {
			answer->state = ANSWER_DONE;
		} else {
			answer->line_size = 0;
		}
	}
}

/*
 * Takes bytes of the answer until it is complete or broken; returns how many were taken. Bodies
 * without length or chunks are refused: no server of the benchmark sends them.
 */
static inline size_t answer_feed(struct answer *answer, const char *data, size_t size) {
	size_t at = 0;
	while (at < size && answer->state != ANSWER_DONE && answer->state != ANSWER_BROKEN) {
		if (answer->state == ANSWER_HEAD) {
			at += answer_take_head(answer, data + at, size - at);
		} else if (answer->state == ANSWER_BODY || answer->state == ANSWER_CHUNK_DATA) {
			size_t part = size - at < answer->left ? size - at : (size_t)answer->left;
			answer_scan(answer, data + at, part);
			at += part;
			answer->left -= part;
			if (answer->left == 0) {
				answer->state = answer->state == ANSWER_BODY ? ANSWER_DONE
									     : ANSWER_CHUNK_END;
			}
		} else {
			answer_take_framing(answer, data[at++]);
		}
	}
	return at;
}

#endif
