/* test_mutation.c: recorded answers, cut off and broken in many ways, through every decoder and
 * into every encoder (T-6): no crash, no limit passed, EV-1 to EV-6 kept, exactly one end. Seeded:
 * a failure names the file and the number that repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/recorded.h"

int test_mutation(void);

#define MUTATIONS 6 /* of a file */
#define ANSWER_MAX ((size_t)48 * 1024)

/* Low, so that they are met. */
#define MAX_ARGS ((size_t)600)
#define MAX_OPEN 6
#define MAX_ANSWER ((size_t)64 * 1024)

struct random {
	uint64_t state;
};

static size_t pick(struct random *random, size_t below) {
	random->state = random->state * 6364136223846793005u + 1442695040888963407u;
	return below > 0 ? (size_t)(random->state >> 33) % below : 0;
}

/* ---- broken bytes ---- */

/* What breaks a parser best. */
static const char *const shards[] = {"\"", "\\", "\\u", "\\ud83d", "{", "}", "[", "]", ",", ":",
	"null", "-1", "1e999", "99999999999999999999", "true", "\n", "\n\n", "\r", "\r\n",
	"data: ", "event: error\n", "data: [DONE]\n\n", "\xef\xbb\xbf", "\xf0\x9f", "\xff",
	"\"index\":7", "\"type\":\"error\"", "{\"error\":{\"message\":\"x\"}}",
	"\"finish_reason\":\"stop\"", "\"candidates\":[]", "\"done\":true", "[[[[[[[[[[[[[[[["};

static void cut_off(struct buf *bytes, struct random *random) {
	bytes->len = pick(random, bytes->len + 1);
}

static void flip(struct buf *bytes, struct random *random) {
	for (size_t i = 1 + pick(random, 8); i > 0 && bytes->len > 0; i--) {
		bytes->data[pick(random, bytes->len)] = (char)pick(random, 256);
	}
}

/* Replaces a run by other bytes. */
static void replace(struct buf *bytes, size_t at, size_t len, struct slice with) {
	struct buf out = {0};
	buf_append(&out, slice_make(bytes->data, at));
	buf_append(&out, with);
	buf_append(&out, slice_make(bytes->data + at + len, bytes->len - at - len));
	buf_finish(bytes);
	*bytes = out;
}

static void leave_out(struct buf *bytes, struct random *random) {
	size_t at = pick(random, bytes->len + 1);
	replace(bytes, at, pick(random, (bytes->len - at) / 2 + 1), SLICE(""));
}

static void repeat(struct buf *bytes, struct random *random) {
	size_t at = pick(random, bytes->len + 1), len = pick(random, bytes->len - at + 1);
	struct buf copy = {0};
	buf_append(&copy, slice_make(bytes->data + at, len));
	replace(bytes, pick(random, bytes->len + 1), 0, buf_slice(&copy));
	buf_finish(&copy);
}

static void insert(struct buf *bytes, struct random *random) {
	for (size_t i = 1 + pick(random, 4); i > 0; i--) {
		const char *shard = shards[pick(random, sizeof shards / sizeof *shards)];
		replace(bytes, pick(random, bytes->len + 1), 0, slice_of(shard));
	}
}

/* A line in place of another one. */
static void move_line(struct buf *bytes, struct random *random) {
	size_t at = pick(random, bytes->len + 1);
	size_t begin = slice_find_byte(slice_from(buf_slice(bytes), at), '\n');
	if (begin == SIZE_MAX) {
		return;
	}
	size_t len = slice_find_byte(slice_from(buf_slice(bytes), at + begin + 1), '\n');
	if (len == SIZE_MAX) {
		return;
	}
	struct buf line = {0};
	buf_append(&line, slice_make(bytes->data + at + begin + 1, len + 1));
	replace(bytes, at + begin + 1, len + 1, SLICE(""));
	size_t to = slice_find_byte(buf_slice(bytes), '\n');
	replace(bytes, to == SIZE_MAX ? 0 : to + 1, 0, buf_slice(&line));
	buf_finish(&line);
}

static void mutate(struct buf *bytes, struct random *random) {
	static void (*const ways[])(struct buf * bytes, struct random * random) = {
		cut_off, flip, leave_out, repeat, insert, move_line};
	for (size_t i = 1 + pick(random, 3); i > 0; i--) {
		ways[pick(random, sizeof ways / sizeof *ways)](bytes, random);
	}
}

/* ---- limits ---- */

/* Before the checker: no call has longer arguments and no more parts are open than allowed. */
struct limit_sink {
	struct chat_sink sink;
	struct chat_sink *next;
	size_t args[4096]; /* by part, of candidate 0 */
	size_t open;
	const char *problem;
};

static void limit_event(struct chat_sink *sink, const struct chat_event *event) {
	struct limit_sink *limit = (struct limit_sink *)sink;
	bool is_start =
		event->type == CHAT_EVENT_PART_START || event->type == CHAT_EVENT_TOOL_START;
	bool is_end = event->type == CHAT_EVENT_PART_END || event->type == CHAT_EVENT_TOOL_END;
	if (event->candidate == 0 && event->part < 4096) {
		size_t *args = &limit->args[event->part];
		*args += event->type == CHAT_EVENT_TOOL_ARGS_DELTA ? event->text.len : 0;
		limit->problem = *args > MAX_ARGS ? "arguments beyond the limit" : limit->problem;
		limit->open += is_start;
		limit->open -= is_end;
		limit->problem = limit->open > MAX_OPEN ? "too many open parts" : limit->problem;
	}
	chat_sink_send(limit->next, event);
}

/* ---- a run ---- */

struct trial {
	const struct format *from;
	const struct recorded *exchange;
	struct slice bytes;
	struct random random;
};

static void decode(
	struct trial *trial, bool keep_wire, struct arena *arena, struct chat_sink *sink) {
	const struct chat_request request = {.stream = trial->exchange->is_stream, .arena = arena};
	const struct format_decoder_options options = {
		.arena = arena,
		.sink = sink,
		.request = &request,
		.is_stream = trial->exchange->is_stream,
		.keep_wire = keep_wire,
		.max_answer_bytes = MAX_ANSWER,
		.max_line_bytes = 16 * 1024,
		.max_args_bytes = MAX_ARGS,
		.max_open_parts = MAX_OPEN,
		.max_json_depth = 32,
	};
	struct format_decoder *decoder = trial->from->decoder_create(&options);
	for (struct slice rest = trial->bytes; rest.len > 0;) {
		size_t size = 1 + pick(&trial->random, rest.len < 400 ? rest.len : 400);
		/* Exactly sized, so that a sanitizer sees a read past the piece. */
		char *piece = malloc(size);
		memcpy(piece, rest.data, size);
		decoder->ops->feed(decoder, slice_make(piece, size));
		free(piece);
		rest = slice_from(rest, size);
	}
	decoder->ops->finish(decoder, NULL);
	decoder->ops->destroy(decoder);
}

/* NULL, or what is wrong. */
static const char *check_events(struct trial *trial, char problem[256]) {
	struct arena arena;
	struct check_sink check;
	struct limit_sink *limit = calloc(1, sizeof *limit);
	arena_init(&arena, NULL, 0);
	check_sink_init(&check);
	limit->sink.on_event = limit_event;
	limit->next = &check.sink;
	decode(trial, pick(&trial->random, 2) == 0, &arena, &limit->sink);
	snprintf(problem, 256, "%s",
		check.problem[0]   ? check.problem
		: !check.has_ended ? "no end"
		: limit->problem   ? limit->problem
				   : "");
	check_sink_finish(&check);
	arena_finish(&arena);
	free(limit);
	return problem[0] ? problem : NULL;
}

static const char *check_encoded(struct trial *trial, const struct format *to, bool is_stream) {
	struct arena arena;
	struct buf out = {0};
	arena_init(&arena, NULL, 0);
	const struct chat_request request = {
		.stream = is_stream, .arena = &arena, .include_usage = TRI_TRUE};
	const struct format_encoder_options options = {.arena = &arena,
		.out = &out,
		.request = &request,
		.is_stream = is_stream,
		.model = SLICE("m"),
		.request_id = SLICE("req_1")};
	decode(trial, false, &arena, to->encoder_create(&options));
	bool is_good = is_stream || out.len == 0 || json_is_valid(buf_slice(&out));
	arena_finish(&arena);
	buf_finish(&out);
	return is_good ? NULL : "the whole answer is no JSON";
}

struct run {
	const struct format *format;
	size_t bad, trials;
};

static void try_one(struct run *run, const struct recorded *exchange, size_t number) {
	struct buf bytes = {0};
	char problem[256];
	struct trial trial = {.from = run->format,
		.exchange = exchange,
		.random = {number * 7919 + exchange->answer.len}};
	buf_append(&bytes, slice_sub(exchange->answer, 0, ANSWER_MAX));
	mutate(&bytes, &trial.random);
	trial.bytes = buf_slice(&bytes);
	const char *found = check_events(&trial, problem);
	for (size_t i = 0; i < 2 && found == NULL; i++) {
		const struct format *to =
			format_get((enum format_id)pick(&trial.random, FORMAT_COUNT));
		if (to != NULL && to->encoder_create != NULL) {
			found = check_encoded(&trial, to, i == 0);
		}
	}
	if (found != NULL) {
		run->bad++;
		print_error("%s, mutation %zu: %s\n", exchange->name, number, found);
	}
	run->trials++;
	buf_finish(&bytes);
}

static void mutate_exchange(const struct recorded *exchange, void *data) {
	struct run *run = data;
	if (exchange->status != 200 || exchange->is_count) {
		return;
	}
	for (size_t i = 0; i < MUTATIONS; i++) {
		try_one(run, exchange, i);
	}
}

static void t_6_mutations(void **state) {
	static const struct {
		const char *folder;
		enum format_id format;
	} folders[] = {
		{"openai-chat", FORMAT_OPENAI_CHAT},
		{"openai-chat-compat", FORMAT_OPENAI_CHAT},
		{"openai-responses", FORMAT_OPENAI_RESPONSES},
		{"openai-responses-compat", FORMAT_OPENAI_RESPONSES},
		{"anthropic", FORMAT_ANTHROPIC},
		{"anthropic-compat", FORMAT_ANTHROPIC},
		{"gemini", FORMAT_GEMINI},
		{"gemini-vertex", FORMAT_GEMINI},
		{"gemini-cli", FORMAT_GEMINI},
		{"ollama", FORMAT_OLLAMA},
	};
	size_t trials = 0, bad = 0;
	(void)state;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		struct run run = {.format = format_get(folders[i].format)};
		if (run.format == NULL || run.format->decoder_create == NULL) {
			continue;
		}
		if (recorded_each(folders[i].folder, mutate_exchange, &run) == 0) {
			skip();
		}
		trials += run.trials;
		bad += run.bad;
	}
	assert_int_equal(bad, 0);
	assert_true(trials > 1000);
}

int test_mutation(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_6_mutations),
	};
	return cmocka_run_group_tests_name("mutation", tests, NULL, NULL);
}
