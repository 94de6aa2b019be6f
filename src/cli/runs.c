/* runs.c: the command `runs`: earlier runs of workflows, their steps, and how two differ
 * (workflows.md 5.13, 11). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/list.h"
#include "cli/run_display.h"
#include "workflow/apply.h"
#include "workflow/journal.h"

/* What all of them begin with. */
struct session {
	struct arena arena;
	struct config *config;
	const char *state_dir;
};

static bool session_begin(struct session *session, const struct command_context *context) {
	arena_init(&session->arena, NULL, (size_t)2 * 1024 * 1024 * 1024);
	session->config = command_load_project(context, COMMAND_PROJECT_SHOWN, NULL, 0);
	if (session->config) {
		session->state_dir = journal_state_dir(runner_of(session->config), &session->arena);
	}
	return session->config != NULL;
}

static void session_finish(struct session *session) {
	config_unref(session->config);
	arena_finish(&session->arena);
}

static void put_summary(struct json_writer *w, const struct journal_summary *summary) {
	json_put_cstr(w, "id", summary->id);
	json_put_cstr(w, "workflow", summary->workflow);
	json_put_cstr(w, "status", summary->status);
	json_put_int(w, "started_at_ms", summary->started_at_ms);
	json_put_int(w, "duration_ms", (int64_t)summary->duration_ms);
	json_put_int(w, "steps_done", (int64_t)summary->steps_done);
	json_put_int(w, "steps_total", (int64_t)summary->steps_total);
	json_put_int(w, "input_tokens", summary->usage.input_tokens);
	json_put_int(w, "output_tokens", summary->usage.output_tokens);
	if (summary->usage.cost_microusd >= 0) {
		json_write_key(w, "cost_usd");
		json_write_double(w, (double)summary->usage.cost_microusd / 1e6);
	}
}

/* ---- list ---- */

struct listing {
	bool is_json;
	struct json_writer w;
	struct list list;
	size_t count;
};

static void list_one(void *data, const struct journal_summary *summary) {
	struct listing *listing = data;
	listing->count++;
	if (listing->is_json) {
		json_begin_object(&listing->w);
		put_summary(&listing->w, summary);
		json_end_object(&listing->w);
		return;
	}
	char when[CLOCK_TEXT_MAX], took[CLOCK_TEXT_MAX];
	clock_format_rfc3339(summary->started_at_ms, when);
	clock_format_duration((int64_t)summary->duration_ms, took);
	list_add(&listing->list, "%s", summary->id);
	list_add(&listing->list, "%s", summary->workflow);
	list_add(&listing->list, "%s", summary->status);
	list_add(&listing->list, "%zu/%zu", summary->steps_done, summary->steps_total);
	list_add(&listing->list, "%s", took);
	list_add(&listing->list, "%.19sZ", when);
}

static int runs_list_run(struct command_context *context) {
	static const char *const titles[] = {
		"ID", "WORKFLOW", "STATUS", "STEPS", "TOOK", "BEGAN", NULL};
	struct session session;
	struct listing listing = {0};
	struct error error = {0};
	struct buf out = {0};
	if (!list_wants_json(context, &listing.is_json)) {
		return COMMAND_USAGE;
	}
	if (!session_begin(&session, context)) {
		session_finish(&session);
		return COMMAND_USAGE;
	}
	list_init(&listing.list, titles);
	json_writer_init(&listing.w, &out, true);
	json_begin_array(&listing.w);
	bool is_read = journal_each(session.state_dir, list_one, &listing, &error);
	json_end_array(&listing.w);
	buf_append_byte(&out, '\n');
	int code =
		is_read ? COMMAND_OK : command_fail(context, COMMAND_FAILED, "%s", error.message);
	if (is_read && listing.is_json) {
		fwrite(out.data, 1, out.len, context->out);
	} else if (is_read && listing.count > 0) {
		list_print(&listing.list, context->out);
	} else if (is_read) {
		fprintf(context->err, "no workflow has run here yet (%s)\n", session.state_dir);
	}
	list_finish(&listing.list);
	buf_finish(&out);
	session_finish(&session);
	return code;
}

/* ---- show ---- */

/* A record may have come with a clone, and models say anything: nothing in it moves the cursor. */
static void print_plain(FILE *out, struct buf *text) {
	struct buf plain = {0};
	run_words_append(&plain, buf_slice(text));
	fwrite(plain.data ? plain.data : "", 1, plain.len, out);
	buf_finish(&plain);
	buf_finish(text);
}

static void put_text(struct buf *out, const char *title, struct slice text) {
	struct slice rest = slice_trim(text), line;
	if (rest.len == 0) {
		return;
	}
	buf_printf(out, "    %s:\n", title);
	while (slice_split(&rest, '\n', &line)) {
		buf_append_str(out, "      ");
		buf_append(out, line);
		buf_append_byte(out, '\n');
	}
}

struct showing {
	const struct command_context *context;
	struct arena *arena;
	struct json_writer *w; /* NULL: for people */
};

static void show_step(void *data, struct slice step, const struct json *result) {
	struct showing *showing = data;
	struct buf out = {0};
	if (showing->w) {
		json_begin_object(showing->w);
		json_put_string(showing->w, "name", step);
		json_put_raw(showing->w, "result", json_raw(result));
		json_end_object(showing->w);
		return;
	}
	char took[CLOCK_TEXT_MAX];
	int64_t duration_ms = 0;
	json_int64(json_get(result, "duration_ms"), &duration_ms);
	clock_format_duration(duration_ms, took);
	struct slice status = json_string(json_get(result, "status"), showing->arena);
	struct slice backend = json_string(json_get(result, "backend"), showing->arena);
	buf_printf(&out, "  %-9.*s %.*s  %s%s%.*s\n", SLICE_FMT(status), SLICE_FMT(step), took,
		backend.len > 0 ? "  " : "", SLICE_FMT(backend));
	struct slice skipped = json_string(json_get(result, "skip_reason"), showing->arena);
	put_text(&out, "because", skipped);
	put_text(&out, "error",
		json_string(json_get(json_get(result, "error"), "message"), showing->arena));
	put_text(&out, "output", json_string(json_get(result, "output"), showing->arena));
	print_plain(showing->context->out, &out);
}

static int runs_show_run(struct command_context *context) {
	struct session session;
	struct error error = {0};
	bool is_json;
	int code = COMMAND_USAGE;
	if (!list_wants_json(context, &is_json)) {
		return COMMAND_USAGE;
	}
	if (session_begin(&session, context)) {
		const char *id = context->argument_count > 0 ? context->arguments[0] : "last";
		struct journal_record *record =
			journal_read(session.state_dir, NULL, id, &session.arena, &error);
		code = record ? COMMAND_OK
			      : command_fail(context, COMMAND_FAILED, "%s", error.message);
		struct buf out = {0};
		struct json_writer w;
		struct showing showing = {context, &session.arena, NULL};
		if (record && is_json) {
			json_writer_init(&w, &out, true);
			showing.w = &w;
			json_begin_object(&w);
			put_summary(&w, journal_summary_of(record));
			json_put_cstr(&w, "dir", journal_record_dir(record));
			json_write_key(&w, "steps");
			json_begin_array(&w);
			journal_record_each(record, show_step, &showing);
			json_end_array(&w);
			json_end_object(&w);
			buf_append_byte(&out, '\n');
			fwrite(out.data, 1, out.len, context->out);
		} else if (record) {
			const struct journal_summary *summary = journal_summary_of(record);
			buf_printf(&out, "%s  %s  %s  %zu of %zu steps\n  in %s\n", summary->id,
				summary->workflow, summary->status, summary->steps_done,
				summary->steps_total, journal_record_dir(record));
			print_plain(context->out, &out);
			journal_record_each(record, show_step, &showing);
		}
		buf_finish(&out);
	}
	session_finish(&session);
	return code;
}

/* ---- diff ---- */

struct side {
	struct arena *arena;
	struct {
		struct {
			struct slice name, status, output;
		} * items;
		size_t len, cap;
	} steps;
};

static void collect_step(void *data, struct slice step, const struct json *result) {
	struct side *side = data;
	ARENA_PUSH(side->arena, &side->steps)->name = step;
	side->steps.items[side->steps.len - 1].status =
		json_string(json_get(result, "status"), side->arena);
	side->steps.items[side->steps.len - 1].output =
		json_string(json_get(result, "output"), side->arena);
}

static size_t find_step(const struct side *side, struct slice name) {
	for (size_t i = 0; i < side->steps.len; i++) {
		if (slice_eq(side->steps.items[i].name, name)) {
			return i;
		}
	}
	return SIZE_MAX;
}

/* True when nothing differs. */
static bool put_difference(struct buf *out, const struct side *a, const struct side *b) {
	bool is_same = true;
	for (size_t i = 0; i < a->steps.len; i++) {
		struct slice name = a->steps.items[i].name;
		size_t other = find_step(b, name);
		if (other == SIZE_MAX) {
			buf_printf(out, "only in the first: %.*s\n", SLICE_FMT(name));
			is_same = false;
			continue;
		}
		struct slice status_a = a->steps.items[i].status,
			     status_b = b->steps.items[other].status;
		struct slice text_a = a->steps.items[i].output,
			     text_b = b->steps.items[other].output;
		if (!slice_eq(status_a, status_b)) {
			buf_printf(out, "%.*s: %.*s, then %.*s\n", SLICE_FMT(name),
				SLICE_FMT(status_a), SLICE_FMT(status_b));
			is_same = false;
		}
		if (!slice_eq(text_a, text_b)) {
			struct slice file = arena_printf(a->arena, "%.*s", SLICE_FMT(name));
			diff_unified(text_a, text_b, file.data, file.data, out);
			is_same = false;
		}
	}
	for (size_t i = 0; i < b->steps.len; i++) {
		if (find_step(a, b->steps.items[i].name) == SIZE_MAX) {
			buf_printf(out, "only in the second: %.*s\n",
				SLICE_FMT(b->steps.items[i].name));
			is_same = false;
		}
	}
	return is_same;
}

static int runs_diff_run(struct command_context *context) {
	struct session session;
	struct error error = {0};
	int code = COMMAND_USAGE;
	if (session_begin(&session, context)) {
		struct side sides[2] = {{.arena = &session.arena}, {.arena = &session.arena}};
		code = COMMAND_OK;
		for (size_t i = 0; i < 2 && code == COMMAND_OK; i++) {
			struct journal_record *record = journal_read(session.state_dir, NULL,
				context->arguments[i], &session.arena, &error);
			if (!record) {
				code = command_fail(context, COMMAND_USAGE, "%s", error.message);
			} else {
				journal_record_each(record, collect_step, &sides[i]);
			}
		}
		struct buf out = {0};
		if (code == COMMAND_OK && !put_difference(&out, &sides[0], &sides[1])) {
			code = COMMAND_FAILED;
		}
		print_plain(context->out, &out);
	}
	session_finish(&session);
	return code;
}

/* ---- clean ---- */

#define DEFAULT_AGE "7d"
#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

/* Days, as "7d" or "7", which other durations do not know; else a duration. */
static bool parse_age(struct slice text, int64_t *age_ms) {
	bool is_days = slice_ends_with(text, SLICE("d"));
	struct slice number = is_days ? slice_sub(text, 0, text.len - 1) : text;
	bool is_bare = true;
	for (size_t i = 0; i < number.len; i++) {
		is_bare &= number.data[i] >= '0' && number.data[i] <= '9';
	}
	return (!is_days || is_bare) && clock_parse_duration(number, DAY_MS, age_ms) &&
	       *age_ms >= 0;
}

static int runs_clean_run(struct command_context *context) {
	struct session session;
	struct error error = {0};
	int64_t age_ms = 0;
	const char *age = command_value(context, "older-than");
	age = age ? age : DEFAULT_AGE;
	if (!parse_age(slice_of(age), &age_ms)) {
		return command_fail(context, COMMAND_USAGE,
			"--older-than %s is no duration; write it as 7d, 12h or 30m", age);
	}
	int code = COMMAND_USAGE;
	if (session_begin(&session, context)) {
		size_t removed =
			runner_check_links(runner_of(session.config), &error)
				? journal_clean(session.state_dir, clock_wall_ms() - age_ms, &error)
				: 0;
		fprintf(context->err, "removed %zu run%s\n", removed, removed == 1 ? "" : "s");
		code = error.kind == ERROR_NONE
			       ? COMMAND_OK
			       : command_fail(context, COMMAND_FAILED, "%s", error.message);
	}
	session_finish(&session);
	return code;
}

/* ---- the commands ---- */

static const struct command_option list_options[] = {
	LIST_OUTPUT_OPTION,
	{0, NULL, NULL, NULL, NULL},
};
static const struct command_option clean_options[] = {
	{0, "older-than", "AGE", "7d when not given; also 12h, 30m", NULL},
	{0, NULL, NULL, NULL, NULL},
};

static const struct command command_runs_list = {
	.name = "list",
	.summary = "list the runs, the newest first (runs alone does the same)",
	.options = list_options,
	.run = runs_list_run,
};

static const struct command command_runs_show = {
	.name = "show",
	.summary = "show what the steps of a run did",
	.usage = "[ID]",
	.details = "ID is an id, the beginning or end of one that names a single run, or last.",
	.options = list_options,
	.max_arguments = 1,
	.run = runs_show_run,
};

static const struct command command_runs_diff = {
	.name = "diff",
	.summary = "show how two runs differ, step by step",
	.usage = "ID ID",
	.details = "Exit code 0: all steps have the same status and output; 1: they differ.",
	.min_arguments = 2,
	.max_arguments = 2,
	.run = runs_diff_run,
};

static const struct command command_runs_clean = {
	.name = "clean",
	.summary = "remove records of old runs",
	.details = "A run that is under way, or whose edits were left half-done, stays.",
	.options = clean_options,
	.run = runs_clean_run,
};

static const struct command *const subcommands[] = {
	&command_runs_list,
	&command_runs_show,
	&command_runs_diff,
	&command_runs_clean,
	NULL,
};

const struct command command_runs = {
	.name = "runs",
	.summary = "list, show, compare and clean up earlier runs of workflows",
	.options = list_options,
	.subcommands = subcommands,
	.run = runs_list_run,
};
