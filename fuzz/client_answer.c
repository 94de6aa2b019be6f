/* client_answer.c: fuzz target of the HTTP client's answer parser: whole and byte-wise arrival must
 * agree on head, body and end. The first byte says whether the request was HEAD. */
#include <stdlib.h>

#include "base/vec.h"
#include "net/client_h1_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A gzip of some bytes may hold very many: enough is enough. */
#define BODY_MAX ((size_t)1 << 20)

struct reading {
	struct h1_answer answer;
	struct buf head, body;
	struct http_headers headers;
	enum h1_event end;
};

static void feed(struct reading *reading, struct slice in) {
	char room[1024];
	do {
		struct slice data = {0};
		reading->end = h1_answer_next(&reading->answer, &in, room, sizeof room, &data);
		if (reading->end == H1_DATA) {
			buf_append(&reading->body, data);
		}
	} while ((reading->end == H1_HEAD || reading->end == H1_DATA) &&
		 reading->body.len < BODY_MAX);
	if (reading->end == H1_NEED_MORE && in.len > 0) {
		abort(); /* bytes would be lost */
	}
}

static void read_all(struct reading *reading, struct slice in, size_t step, bool is_head) {
	h1_answer_init(&reading->answer, is_head, 4096, &reading->head, &reading->headers);
	reading->end = H1_NEED_MORE;
	while (in.len > 0 && reading->end == H1_NEED_MORE) {
		feed(reading, slice_sub(in, 0, step));
		in = slice_from(in, step);
	}
	if (reading->end == H1_NEED_MORE) {
		reading->end = h1_answer_close(&reading->answer);
	}
}

static void finish(struct reading *reading) {
	h1_answer_finish(&reading->answer);
	buf_finish(&reading->head);
	buf_finish(&reading->body);
	VEC_FINISH(&reading->headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	struct reading whole = {0}, bytewise = {0};
	struct slice in = slice_make((const char *)data + 1, size - 1);
	read_all(&whole, in, in.len, data[0] & 1);
	read_all(&bytewise, in, 1, data[0] & 1);
	/* What zlib made of the bytes before the broken one is not given out. */
	bool is_same_body = whole.end == H1_BROKEN_CODING ||
			    slice_eq(buf_slice(&whole.body), buf_slice(&bytewise.body));
	bool is_cut = whole.body.len >= BODY_MAX || bytewise.body.len >= BODY_MAX;
	if (!is_cut && (whole.end != bytewise.end || whole.headers.len != bytewise.headers.len ||
			       whole.answer.status != bytewise.answer.status || !is_same_body)) {
		abort();
	}
	finish(&whole);
	finish(&bytewise);
	return 0;
}
