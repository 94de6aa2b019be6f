/* cases.c: runs table-driven cases.
 *
 * A request case:  name, in (client's body), from, to (formats; openai-chat), model (target's),
 *                  quirks (names), out (the built body), losses (rule ids, exactly), stop (what is
 *                  enforced here), or error {param, kind} of parsing or building.
 * An answer case:  name, chunks (a list: objects are data frames, strings raw frame data) or whole,
 *                  from, request (client's body, of format `client`), built_from (build the request
 *                  first, so that names are mapped), events (as chat_event_to_json writes them,
 *                  adjacent deltas merged), out (what `client` gets, streamed: the frames' data) or
 *                  out_whole, model; want: JSON pointers into the whole answer of `client`, and the
 *                  values there. */
#include "formats/cases.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "formats/format.h"
#include "net/sse.h"
#include "support/check_sink.h"

struct run {
	const struct json *test;
	struct arena arena;
	const struct format *from, *to;
	struct chat_request request;
	struct format_target target;
	struct format_built built;
	struct chat_losses losses;
	struct error error;
	bool has_failed;
};

static void fail(struct run *run, const char *what, struct slice got, struct slice wanted) {
	struct slice name = json_string(json_get(run->test, "name"), &run->arena);
	run->has_failed = true;
	fprintf(stderr, "case '%.*s': %s\n  got    %.*s\n  wanted %.*s\n", SLICE_FMT(name), what,
		SLICE_FMT(got), SLICE_FMT(wanted));
}

static const struct format *format_of(struct run *run, const char *member) {
	struct slice name = json_string(json_get(run->test, member), &run->arena);
	const struct format *format =
		name.data ? format_find(name) : format_get(FORMAT_OPENAI_CHAT);
	if (format == NULL) {
		fail(run, "no such format", name, SLICE("one of the table"));
	}
	return format;
}

static void expect_json(
	struct run *run, const char *what, struct slice got, const struct json *wanted) {
	struct error error = {0};
	const struct json *tree = json_parse(&run->arena, got, NULL, &error);
	if (tree == NULL || !json_equal(tree, wanted)) {
		fail(run, what, got, json_raw(wanted));
	}
}

static struct slice flat(struct run *run, const struct buf *body) {
	size_t size = buf_total(body);
	char *bytes = arena_alloc(&run->arena, size + 1);
	buf_copy_out(body, 0, bytes, size);
	return slice_make(bytes, size);
}

/* ---- requests ---- */

static uint32_t quirks_of(const struct json *list) {
	static const struct {
		const char *name;
		uint32_t quirk;
	} names[] = {
		{"official", QUIRK_OFFICIAL},
		{"codex", QUIRK_CODEX},
		{"no_stream_options", QUIRK_NO_STREAM_OPTIONS},
		{"no_json_schema", QUIRK_NO_JSON_SCHEMA},
		{"reasoning_content", QUIRK_REASONING_CONTENT},
		{"no_developer", QUIRK_NO_DEVELOPER},
	};
	uint32_t quirks = 0;
	json_each (item, list) {
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			quirks |= json_string_is(item, names[i].name) ? names[i].quirk : 0;
		}
	}
	return quirks;
}

static bool parse_and_build(struct run *run, const struct json *body, const struct format *from,
	const struct format *to) {
	const struct format_parse parse = {
		.body = json_raw(body), .tree = body, .arena = &run->arena};
	if (!from->parse_request(&parse, &run->request, &run->error)) {
		return false;
	}
	struct slice model = json_string(json_get(run->test, "model"), &run->arena);
	run->target = (struct format_target){.model = model.data ? model : run->request.model,
		.quirks = quirks_of(json_get(run->test, "quirks")),
		.stream = run->request.stream};
	run->target.family = model_family_of(run->target.model);
	run->losses.arena = &run->arena;
	return format_build_request(
		to, &run->request, &run->target, &run->built, &run->losses, &run->error);
}

static void expect_error(struct run *run, bool ok, const struct json *wanted) {
	if (ok) {
		fail(run, "it was accepted", SLICE(""), json_raw(wanted));
		return;
	}
	const struct json *param = json_get(wanted, "param"), *kind = json_get(wanted, "kind");
	if (param != NULL && !json_string_is(param, run->error.param)) {
		fail(run, "param", slice_of(run->error.param), json_raw(param));
	}
	if (kind != NULL && !json_string_is(kind, error_kind_info(run->error.kind)->name)) {
		fail(run, "kind", slice_of(error_kind_info(run->error.kind)->name), json_raw(kind));
	}
}

static void expect_losses(struct run *run, const struct json *wanted) {
	struct buf got = {0};
	struct json_writer w;
	json_writer_init(&w, &got, false);
	json_begin_array(&w);
	for (size_t i = 0; i < run->losses.len; i++) {
		json_write_cstr(&w, run->losses.items[i].rule);
	}
	json_end_array(&w);
	if (wanted != NULL) {
		expect_json(run, "losses", buf_slice(&got), wanted);
	} else if (run->losses.len > 0) {
		fail(run, "losses", buf_slice(&got), SLICE("none"));
	}
	buf_finish(&got);
}

static void expect_stop(struct run *run, const struct json *wanted) {
	size_t i = 0;
	json_each (item, wanted) {
		bool same = i < run->built.stop_count &&
			    slice_eq(run->built.stop[i], json_string(item, &run->arena));
		i++;
		if (!same) {
			fail(run, "stop enforced here", SLICE(""), json_raw(wanted));
		}
	}
}

static void run_request(struct run *run) {
	const struct json *wanted_error = json_get(run->test, "error");
	bool ok = parse_and_build(run, json_get(run->test, "in"), run->from, run->to);
	if (wanted_error != NULL) {
		expect_error(run, ok, wanted_error);
	} else if (!ok) {
		fail(run, "refused", slice_of(run->error.message), SLICE("a body"));
	} else {
		expect_json(run, "body", flat(run, &run->built.body), json_get(run->test, "out"));
		expect_losses(run, json_get(run->test, "losses"));
		expect_stop(run, json_get(run->test, "stop"));
	}
}

/* ---- answers ---- */

static struct slice answer_of(struct run *run, bool *is_stream) {
	const struct json *chunks = json_get(run->test, "chunks");
	struct buf wire = {0};
	*is_stream = chunks != NULL;
	if (chunks == NULL) {
		buf_append(&wire, json_raw(json_get(run->test, "whole")));
	}
	json_each (chunk, chunks) {
		struct slice data = json_raw(chunk);
		struct slice type = json_string(json_get(chunk, "type"), &run->arena);
		bool is_line = run->from->framing == FRAMING_LINES;
		if (json_is(chunk, JSON_STRING)) {
			data = json_string(chunk, &run->arena);
		} else if (run->from->id == FORMAT_ANTHROPIC) {
			buf_printf(&wire, "event: %.*s\n", SLICE_FMT(type));
		}
		buf_append_str(&wire, is_line ? "" : "data: ");
		for (size_t i = 0; i < data.len; i++) {
			buf_append_byte(&wire, data.data[i] == '\n' ? ' ' : data.data[i]);
		}
		buf_append_str(&wire, is_line ? "\n" : "\n\n");
	}
	struct slice copy = arena_dup(&run->arena, buf_slice(&wire));
	buf_finish(&wire);
	return copy;
}

static void decode(struct run *run, struct chat_sink *sink) {
	bool is_stream;
	struct slice wire = answer_of(run, &is_stream);
	const struct format_decoder_options options = {.arena = &run->arena,
		.sink = sink,
		.request = &run->request,
		.is_stream = is_stream,
		.built = &run->built};
	struct format_decoder *decoder = run->from->decoder_create(&options);
	decoder->ops->feed(decoder, wire);
	decoder->ops->finish(decoder, NULL);
	decoder->ops->destroy(decoder);
}

static void expect_events(struct run *run, const struct json *wanted) {
	struct check_sink check;
	check_sink_init(&check);
	decode(run, &check.sink);
	struct slice rest = check_sink_text(&check), line;
	const struct json *next = wanted->child;
	while (slice_split(&rest, '\n', &line) && line.len > 0) {
		if (next == NULL) {
			fail(run, "one event too many", line, SLICE("nothing"));
			break;
		}
		expect_json(run, "event", line, next);
		next = next->next;
	}
	if (next != NULL) {
		fail(run, "event missing", SLICE(""), json_raw(next));
	}
	if (check.problem[0]) {
		fail(run, "invariant", slice_of(check.problem), SLICE("none broken"));
	}
	check_sink_finish(&check);
}

struct frames {
	struct run *run;
	const struct json *next;
};

static bool expect_frame(const struct sse_frame *frame, void *data) {
	struct frames *frames = data;
	if (frames->next == NULL) {
		fail(frames->run, "one frame too many", frame->data, SLICE("nothing"));
		return false;
	}
	if (!json_is(frames->next, JSON_STRING)) {
		expect_json(frames->run, "frame", frame->data, frames->next);
	} else if (!slice_eq(frame->data, json_string(frames->next, &frames->run->arena))) {
		fail(frames->run, "frame", frame->data, json_raw(frames->next));
	}
	frames->next = frames->next->next;
	return true;
}

static bool expect_line(struct slice line, struct slice raw, void *data) {
	(void)raw;
	return expect_frame(&(struct sse_frame){.data = line}, data);
}

static void expect_frames(struct frames *frames, struct slice wire) {
	if (frames->run->to->framing == FRAMING_LINES) {
		struct line_reader lines;
		line_reader_init(&lines, 0);
		line_feed(&lines, wire, expect_line, frames, NULL);
		line_end(&lines, expect_line, frames);
		line_reader_finish(&lines);
		return;
	}
	struct sse_reader sse;
	sse_reader_init(&sse, 0);
	sse_feed(&sse, wire, expect_frame, frames, NULL);
	sse_end(&sse, expect_frame, frames);
	sse_reader_finish(&sse);
}

static void expect_output(
	struct run *run, const struct json *frames_wanted, const struct json *whole) {
	struct buf out = {0};
	const struct format_encoder_options options = {.arena = &run->arena,
		.out = &out,
		.request = &run->request,
		.is_stream = whole == NULL,
		.model = SLICE("client-model"),
		.now_s = 7};
	decode(run, run->to->encoder_create(&options));
	if (whole != NULL) {
		expect_json(run, "whole answer", buf_slice(&out), whole);
	} else {
		struct frames frames = {run, frames_wanted->child};
		expect_frames(&frames, buf_slice(&out));
		if (frames.next != NULL) {
			fail(run, "frame missing", SLICE(""), json_raw(frames.next));
		}
	}
	buf_finish(&out);
}

/* Single values of the whole answer, where the rest has ids that are made up. */
static void expect_values(struct run *run, const struct json *wanted) {
	struct buf out = {0};
	const struct format_encoder_options options = {.arena = &run->arena,
		.out = &out,
		.request = &run->request,
		.model = SLICE("client-model"),
		.now_s = 7};
	decode(run, run->to->encoder_create(&options));
	const struct json *tree = json_parse(&run->arena, buf_slice(&out), NULL, NULL);
	json_each (value, wanted) {
		const struct json *got = json_at(tree, json_key(value, &run->arena));
		if (got == NULL ? !json_is(value, JSON_NULL) : !json_equal(got, value)) {
			fail(run, arena_strdup(&run->arena, json_key(value, &run->arena)),
				got ? json_raw(got) : buf_slice(&out), json_raw(value));
		}
	}
	buf_finish(&out);
}

static void run_answer(struct run *run) {
	const struct json *events = json_get(run->test, "events");
	const struct json *frames = json_get(run->test, "out");
	const struct json *whole = json_get(run->test, "out_whole");
	const struct json *request = json_get(run->test, "request");
	run->request = (struct chat_request){.arena = &run->arena, .stream = frames != NULL};
	if (request != NULL && !parse_and_build(run, request, run->to, run->from)) {
		fail(run, "request refused", slice_of(run->error.message), SLICE(""));
		return;
	}
	if (events != NULL) {
		expect_events(run, events);
	}
	if (frames != NULL || whole != NULL) {
		expect_output(run, frames, whole);
	}
	if (json_get(run->test, "want") != NULL) {
		expect_values(run, json_get(run->test, "want"));
	}
}

static bool run_case(const struct json *test) {
	struct run run = {.test = test};
	arena_init(&run.arena, NULL, 0);
	bool is_request = json_get(test, "in") != NULL;
	run.from = format_of(&run, "from");
	run.to = format_of(&run, is_request ? "to" : "client");
	if (!run.has_failed) {
		(is_request ? run_request : run_answer)(&run);
	}
	buf_finish(&run.built.body);
	arena_finish(&run.arena);
	return !run.has_failed;
}

size_t cases_run(const char *name, size_t *count) {
	char path[256];
	struct buf text = {0};
	struct error error = {0};
	struct arena arena;
	size_t failed = 0;
	arena_init(&arena, NULL, 0);
	snprintf(path, sizeof path, "tests/formats/cases/%s", name);
	const struct json *list = NULL;
	if (file_read(path, (size_t)16 * 1024 * 1024, &text, &error)) {
		list = json_parse(&arena, buf_slice(&text), NULL, &error);
	}
	if (list == NULL) {
		fprintf(stderr, "%s: %s\n", path, error.message);
		failed++;
	}
	*count = 0;
	json_each (test, list) {
		failed += !run_case(test);
		++*count;
	}
	arena_finish(&arena);
	buf_finish(&text);
	return failed;
}
