/* result.c: results of steps: their words, the blocks of several texts, and JSON both ways for the
 * journal. */
#include "workflow/result.h"

#include "workflow/values.h"

const char *const step_status_names[] = {
	[STEP_PENDING] = "pending",
	[STEP_RUNNING] = "running",
	[STEP_OK] = "ok",
	[STEP_FAILED] = "failed",
	[STEP_SKIPPED] = "skipped",
	[STEP_CANCELLED] = "cancelled",
	NULL,
};

/* ---- blocks ---- */

void output_blocks_add(struct output_blocks *blocks, struct slice name, struct slice text) {
	const struct slice pieces[] = {
		SLICE("\n\n=== "), name, SLICE(" ===\n"), text.data != NULL ? text : SLICE("")};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct slice piece = pieces[i];
		if (i == 0 && blocks->parts.len == 0) {
			piece = slice_from(piece, 2); /* nothing stands before the first */
		}
		*ARENA_PUSH(blocks->arena, &blocks->parts) = piece;
		blocks->total += piece.len;
	}
}

struct slice output_blocks_text(const struct output_blocks *blocks) {
	char *text = arena_alloc(blocks->arena, blocks->total + 1);
	size_t at = 0;
	for (size_t i = 0; i < blocks->parts.len; i++) {
		memcpy(text + at, blocks->parts.items[i].data, blocks->parts.items[i].len);
		at += blocks->parts.items[i].len;
	}
	return slice_make(text, at);
}

/* ---- writing ---- */

static void put_text(struct json_writer *w, const char *key, struct slice text) {
	if (text.data != NULL) {
		json_put_string(w, key, text);
	}
}

static void put_json(struct json_writer *w, const char *key, const struct json *json) {
	if (json != NULL) {
		json_write_key(w, key);
		json_write_tree(w, json);
	}
}

static void put_number(struct json_writer *w, const char *key, int64_t number) {
	if (number != 0) {
		json_put_int(w, key, number);
	}
}

static void put_true(struct json_writer *w, const char *key, bool is_true) {
	if (is_true) {
		json_put_bool(w, key, true);
	}
}

static void put_value(
	struct json_writer *w, const char *key, struct value value, struct arena *arena) {
	if (value.type == VALUE_UNDEFINED) {
		return;
	}
	struct buf text;
	buf_init(&text, 0);
	struct error error = {0};
	if (value_to_json(value, arena, 0, &text, &error)) {
		json_put_raw(w, key, buf_slice(&text));
	}
	buf_finish(&text);
}

static void write_output(
	struct json_writer *w, const struct step_output *entry, struct arena *arena) {
	json_begin_object(w);
	put_text(w, "name", entry->name);
	put_text(w, "text", entry->text);
	put_json(w, "data", entry->data);
	put_text(w, "model", entry->model);
	put_number(w, "duration_ms", (int64_t)entry->duration_ms);
	put_value(w, "item", entry->item, arena);
	put_true(w, "failed", entry->is_failed);
	put_true(w, "skipped", entry->is_skipped);
	put_text(w, "error", entry->error);
	json_end_object(w);
}

static void write_outputs(struct json_writer *w, const char *key, const struct step_output *items,
	size_t count, struct arena *arena) {
	json_write_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < count; i++) {
		write_output(w, &items[i], arena);
	}
	json_end_array(w);
}

static void write_error(struct json_writer *w, const struct step_error *error) {
	json_write_key(w, "error");
	json_begin_object(w);
	json_put_cstr(w, "kind", failure_class_names[error->class]);
	put_text(w, "message", error->message);
	put_text(w, "command", error->command);
	put_text(w, "stdout", error->out);
	put_text(w, "stderr", error->err);
	if (error->exit_code >= 0) {
		json_put_int(w, "exit_code", error->exit_code);
	}
	put_number(w, "http_status", error->http_status);
	put_number(w, "attempt", error->attempt);
	put_number(w, "max_attempts", error->max_attempts);
	put_number(w, "duration_ms", (int64_t)error->duration_ms);
	put_text(w, "backend", error->backend);
	json_end_object(w);
}

static void write_usage(struct json_writer *w, const struct step_usage *usage) {
	if (usage->is_known) {
		json_write_key(w, "usage");
		json_begin_object(w);
		json_put_int(w, "input_tokens", usage->input_tokens);
		json_put_int(w, "output_tokens", usage->output_tokens);
		json_end_object(w);
	}
	if (usage->cost_microusd >= 0) {
		json_put_int(w, "cost_microusd", usage->cost_microusd);
	}
}

void result_to_json(const struct step_result *result, struct arena *arena, struct buf *out) {
	struct json_writer writer;
	struct json_writer *w = &writer;
	json_writer_init(w, out, false);
	json_begin_object(w);
	json_put_cstr(w, "status", step_status_names[result->status]);
	put_text(w, "skip_reason", result->skip_reason);
	put_text(w, "output", result->output);
	if (result->outputs.len > 0 || result->outputs_are_named) {
		json_put_bool(w, "outputs_are_named", result->outputs_are_named);
		write_outputs(w, "outputs", result->outputs.items, result->outputs.len, arena);
	}
	if (result->has_error) {
		write_error(w, &result->error);
	}
	put_true(w, "continued", result->is_continued);
	put_text(w, "backend", result->backend);
	if (result->backends.len > 0) {
		json_write_key(w, "backends");
		json_begin_array(w);
		for (size_t i = 0; i < result->backends.len; i++) {
			json_write_string(w, result->backends.items[i]);
		}
		json_end_array(w);
	}
	if (result->failed_backends.len > 0) {
		write_outputs(w, "failed_backends", result->failed_backends.items,
			result->failed_backends.len, arena);
	}
	put_json(w, "data", result->data);
	if (result->exit_code >= 0) {
		json_put_int(w, "exit_code", result->exit_code);
	}
	put_text(w, "stdout", result->out);
	put_text(w, "stderr", result->err);
	put_text(w, "diff", result->diff);
	put_text(w, "model", result->model);
	write_usage(w, &result->usage);
	put_number(w, "attempts", result->attempts);
	put_number(w, "duration_ms", (int64_t)result->duration_ms);
	put_number(w, "started_at_ms", result->started_at_ms);
	put_number(w, "finished_at_ms", result->finished_at_ms);
	put_text(w, "prompt", result->prompt);
	put_true(w, "from_cache", result->is_from_cache);
	json_end_object(w);
}

/* ---- reading ---- */

/* The texts outlive the JSON they were read from: all is copied into the arena. */
static struct slice take_text(const struct json *object, const char *key, struct arena *arena) {
	struct slice text = json_string(json_get(object, key), arena);
	return text.data != NULL ? arena_dup(arena, text) : text;
}

static int64_t take_number(const struct json *object, const char *key, int64_t otherwise) {
	int64_t number;
	return json_int64(json_get(object, key), &number) ? number : otherwise;
}

static bool take_bool(const struct json *object, const char *key) {
	bool is_true = false;
	json_bool(json_get(object, key), &is_true);
	return is_true;
}

static const struct json *take_json(
	const struct json *object, const char *key, struct arena *arena) {
	const struct json *found = json_get(object, key);
	struct error error = {0};
	return found != NULL ? json_parse(arena, arena_dup(arena, json_raw(found)), NULL, &error)
			     : NULL;
}

static int number_of(const char *const *names, struct slice name) {
	for (int i = 0; names[i] != NULL; i++) {
		if (slice_is(name, names[i])) {
			return i;
		}
	}
	return -1;
}

static void read_output(const struct json *json, struct arena *arena, struct step_output *entry) {
	const struct json *item = take_json(json, "item", arena);
	*entry = (struct step_output){
		.name = take_text(json, "name", arena),
		.text = take_text(json, "text", arena),
		.data = take_json(json, "data", arena),
		.model = take_text(json, "model", arena),
		.duration_ms = (uint64_t)take_number(json, "duration_ms", 0),
		.item = item != NULL ? value_from_json(arena, item) : value_undefined(),
		.is_failed = take_bool(json, "failed"),
		.is_skipped = take_bool(json, "skipped"),
		.error = take_text(json, "error", arena),
	};
}

static bool read_error(const struct json *json, struct arena *arena, struct step_error *out) {
	int class = number_of(failure_class_names, json_string(json_get(json, "kind"), arena));
	*out = (struct step_error){
		.class = class < 0 ? FAILURE_EXECUTION : (enum failure_class) class,
		.message = take_text(json, "message", arena),
		.command = take_text(json, "command", arena),
		.out = take_text(json, "stdout", arena),
		.err = take_text(json, "stderr", arena),
		.exit_code = (int)take_number(json, "exit_code", -1),
		.http_status = (int)take_number(json, "http_status", 0),
		.attempt = (unsigned)take_number(json, "attempt", 0),
		.max_attempts = (unsigned)take_number(json, "max_attempts", 0),
		.duration_ms = (uint64_t)take_number(json, "duration_ms", 0),
		.backend = take_text(json, "backend", arena),
	};
	return class >= 0;
}

static void read_lists(const struct json *json, struct arena *arena, struct step_result *result) {
	json_each (entry, json_get(json, "outputs")) {
		read_output(entry, arena, ARENA_PUSH(arena, &result->outputs));
	}
	json_each (entry, json_get(json, "failed_backends")) {
		read_output(entry, arena, ARENA_PUSH(arena, &result->failed_backends));
	}
	json_each (name, json_get(json, "backends")) {
		*ARENA_PUSH(arena, &result->backends) = arena_dup(arena, json_string(name, arena));
	}
}

bool result_from_json(const struct workflow_step *step, const struct json *json,
	struct arena *arena, struct step_result *result, struct error *error) {
	int status = number_of(step_status_names, json_string(json_get(json, "status"), arena));
	if (!json_is(json, JSON_OBJECT) || status < 0) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"while reading the record of step `%.*s`: it has no known status",
			SLICE_FMT(step->name));
	}
	const struct json *usage = json_get(json, "usage");
	*result = (struct step_result){
		.step = step,
		.status = (enum step_status)status,
		.skip_reason = take_text(json, "skip_reason", arena),
		.output = take_text(json, "output", arena),
		.outputs_are_named = take_bool(json, "outputs_are_named"),
		.is_continued = take_bool(json, "continued"),
		.backend = take_text(json, "backend", arena),
		.data = take_json(json, "data", arena),
		.exit_code = (int)take_number(json, "exit_code", -1),
		.out = take_text(json, "stdout", arena),
		.err = take_text(json, "stderr", arena),
		.diff = take_text(json, "diff", arena),
		.model = take_text(json, "model", arena),
		.usage = {.input_tokens = take_number(usage, "input_tokens", 0),
			.output_tokens = take_number(usage, "output_tokens", 0),
			.is_known = usage != NULL,
			.cost_microusd = take_number(json, "cost_microusd", -1)},
		.attempts = (unsigned)take_number(json, "attempts", 0),
		.duration_ms = (uint64_t)take_number(json, "duration_ms", 0),
		.started_at_ms = take_number(json, "started_at_ms", 0),
		.finished_at_ms = take_number(json, "finished_at_ms", 0),
		.prompt = take_text(json, "prompt", arena),
		.is_from_cache = take_bool(json, "from_cache"),
	};
	read_lists(json, arena, result);
	const struct json *failure = json_get(json, "error");
	result->has_error = failure != NULL;
	if (failure != NULL && !read_error(failure, arena, &result->error)) {
		return error_set(error, ERROR_INVALID_REQUEST,
			"while reading the record of step `%.*s`: its error is of no known kind",
			SLICE_FMT(step->name));
	}
	return true;
}
