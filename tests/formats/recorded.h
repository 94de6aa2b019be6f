/* recorded.h: recorded exchanges of ../shared/fixtures/upstream through the decoders and encoders.
 */
#ifndef LLMMUX_TESTS_FORMATS_RECORDED_H
#define LLMMUX_TESTS_FORMATS_RECORDED_H

#include "formats/format.h"
#include "support/check_sink.h"

/* One exchange of index.jsonl. */
struct recorded {
	const char *name;     /* file name of the answer */
	struct slice answer;  /* wire bytes; *.chunks.txt framed as INDEX.md says */
	struct slice request; /* absent when none was recorded */
	struct slice path;    /* of the request's URL; absent when it was not recorded */
	struct slice wire;    /* what a spliced client gets of the answer; absent = all of it */
	int64_t status;
	bool is_stream;
	bool is_count; /* a count_tokens exchange */
	bool is_wire;  /* not re-serialised: bytes as on the wire */
};

/* Calls visit for every exchange of a folder ("anthropic"); returns how many, 0 when the fixtures
 * are absent (a line was printed: call skip()). */
size_t recorded_each(
	const char *folder, void (*visit)(const struct recorded *exchange, void *data), void *data);

/* How the bytes of an answer are cut. */
enum cut {
	CUT_WHOLE,
	CUT_BYTES,
	CUT_RANDOM
};

/* Decodes into `check` (initialised here; the caller finishes it). */
void recorded_decode(const struct format *format, const struct recorded *exchange, enum cut cut,
	unsigned seed, bool keep_wire, struct check_sink *check);

/* Decodes and encodes as `to`, streamed or whole, into `out`. Returns false when the answer ended
 * in an error. */
bool recorded_translate(const struct format *from, const struct format *to,
	const struct recorded *exchange, bool is_stream, struct buf *out);

/* Order rules of the dialect's streams (formats.md section 2). NULL, or what is wrong. */
const char *check_anthropic_stream(struct slice wire, struct arena *arena);
const char *check_openai_chat_stream(struct slice wire, struct arena *arena);
const char *check_openai_responses_stream(struct slice wire, struct arena *arena);
const char *check_gemini_stream(struct slice wire, struct arena *arena);
const char *check_gemini_array(struct slice wire, struct arena *arena);
const char *check_gemini_whole(struct slice body, struct arena *arena);
const char *check_openai_completions_stream(struct slice wire, struct arena *arena);
const char *check_ollama_stream(struct slice wire, struct arena *arena);
/* What whole answers must have. */
const char *check_anthropic_whole(struct slice body, struct arena *arena);
const char *check_openai_chat_whole(struct slice body, struct arena *arena);
const char *check_openai_responses_whole(struct slice body, struct arena *arena);
const char *check_openai_completions_whole(struct slice body, struct arena *arena);
const char *check_ollama_whole(struct slice body, struct arena *arena);

#endif
