/* test_check.c: compares what became of a run with what its case expects. */
#include <sys/stat.h>

#include "base/file.h"
#include "cli/test.h"

#define TEST_FILE_MAX ((size_t)16 * 1024 * 1024)

struct check {
	struct test_case *one;
	const struct run *run;
	const char *dir;
	struct arena *arena;
	struct test_failures *failures;
};

static void fail(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void fail(struct check *check, const char *format, ...) {
	va_list args;
	va_start(args, format);
	*ARENA_PUSH(check->arena, check->failures) = arena_vprintf(check->arena, format, args).data;
	va_end(args);
}

static void compare(
	struct check *check, const struct test_text *want, const char *what, struct slice text) {
	const char *wrong = test_text_check(want, what, text, check->arena);
	if (wrong != NULL) {
		fail(check, "%s", wrong);
	}
}

static const char *const end_words[] = {
	[RUN_OK] = "ok",
	[RUN_FAILED] = "failed",
	[RUN_TIMED_OUT] = "timed_out",
	[RUN_CANCELLED] = "cancelled",
};

static void check_end(struct check *check, enum run_end end) {
	if (end == check->one->end) {
		return;
	}
	struct slice step = run_failed_step(check->run);
	struct slice message = run_error_message(check->run);
	fail(check, "the run ended `%s`, not `%s`%s%.*s%s%.*s", end_words[end],
		end_words[check->one->end], step.len > 0 ? ", at step " : "", SLICE_FMT(step),
		message.len > 0 ? ": " : "", SLICE_FMT(message));
}

static void check_step(struct check *check, const struct test_step *want) {
	const struct run_results *results = run_results_of(check->run);
	const struct workflow_step *step = workflow_find_step(results->workflow, want->name);
	if (step == NULL) {
		fail(check, "the workflow has no step `%.*s`", SLICE_FMT(want->name));
		return;
	}
	const struct step_result *result = &results->items[step->number];
	const char *name = arena_strdup(check->arena, want->name);
	if (want->status >= 0 && (int)result->status != want->status) {
		struct slice why = result->has_error ? result->error.message : result->skip_reason;
		fail(check, "step %s is `%s`, not `%s`%s%.*s", name,
			step_status_names[result->status], step_status_names[want->status],
			why.len > 0 ? ": " : "", SLICE_FMT(why));
	}
	compare(check, &want->output,
		arena_printf(check->arena, "the output of step %s", name).data, result->output);
	compare(check, &want->error, arena_printf(check->arena, "the error of step %s", name).data,
		result->has_error ? result->error.message : SLICE(""));
	compare(check, &want->prompt,
		arena_printf(check->arena, "the prompt of step %s", name).data, result->prompt);
}

static void check_file(struct check *check, const struct test_file *want) {
	const char *name = arena_strdup(check->arena, want->path);
	const char *path = file_join(check->arena, check->dir, name);
	struct error error = {0};
	struct buf text;
	buf_init(&text, 0);
	if (want->is_absent) {
		struct stat info;
		if (lstat(path, &info) == 0) {
			fail(check, "the file %s is there", name);
		}
	} else if (!file_read_regular(path, TEST_FILE_MAX, &text, &error)) {
		fail(check,
			error.kind == ERROR_NOT_FOUND ? "there is no file %s"
						      : "the file %s cannot be read",
			name);
	} else {
		compare(check, &want->want, arena_printf(check->arena, "the file %s", name).data,
			buf_slice(&text));
	}
	buf_finish(&text);
}

void test_check(struct test_case *one, const struct run *run, enum run_end end, const char *dir,
	struct arena *arena, struct test_failures *failures) {
	struct check check = {
		.one = one, .run = run, .dir = dir, .arena = arena, .failures = failures};
	check_end(&check, end);
	compare(&check, &one->output, "the final text", run_final_text(run));
	compare(&check, &one->error, "the run's error", run_error_message(run));
	for (size_t i = 0; i < one->steps.len; i++) {
		check_step(&check, &one->steps.items[i]);
	}
	for (size_t i = 0; i < one->files_after.len; i++) {
		check_file(&check, &one->files_after.items[i]);
	}
	for (size_t i = 0; i < one->counts.len; i++) {
		const struct test_count *count = &one->counts.items[i];
		const struct test_replies *replies = test_find_replies(one, count->name);
		if (replies != NULL && replies->calls != count->calls) {
			fail(&check, "`%.*s` was asked %lld times, not %lld",
				SLICE_FMT(count->name), (long long)replies->calls,
				(long long)count->calls);
		}
	}
}
