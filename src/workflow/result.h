/* result.h: what became of a step, and how templates see it (workflows.md 3.3, 5.7, 5.10). */
#ifndef LLMMUX_WORKFLOW_RESULT_H
#define LLMMUX_WORKFLOW_RESULT_H

#include "workflow/workflow.h"

enum step_status {
	STEP_PENDING,
	STEP_RUNNING,
	STEP_OK,
	STEP_FAILED,
	STEP_SKIPPED,
	STEP_CANCELLED
};
extern const char *const step_status_names[]; /* "pending" ...; ends with NULL */

/* A failure, with everything a person or a handler step asks for. */
struct step_error {
	enum failure_class class;
	struct slice message;
	struct slice command, out, err; /* of a program; absent otherwise */
	int exit_code, http_status;     /* -1, 0: none */
	unsigned attempt, max_attempts;
	uint64_t duration_ms;
	struct slice backend;
	/* FAILURE_TIMEOUT of this run: whose limit it was ("its", "the workflow's"); NULL: of what
	 * was asked, or not known. */
	const char *limit_of;
};

/* One entry of `outputs`: a backend's answer, an item's result, a group member. */
struct step_output {
	struct slice name; /* backend, member; absent for items */
	struct slice text;
	const struct json *data; /* or NULL */
	struct slice model;
	uint64_t duration_ms;
	struct value item; /* for_each */
	bool is_failed, is_skipped;
	struct slice error;
};

struct step_usage {
	int64_t input_tokens, output_tokens; /* 0 when unknown */
	bool is_known;
	int64_t cost_microusd; /* -1: no price known */
};

struct step_result {
	const struct workflow_step *step;
	enum step_status status;
	struct slice skip_reason;
	struct slice output; /* always defined, maybe empty */
	struct {
		struct step_output *items;
		size_t len, cap;
	} outputs;
	bool outputs_are_named; /* backends, members; items otherwise */
	bool has_error;
	struct step_error error; /* also of a failure that was continued */
	bool is_continued;       /* failed, but with continue_on_error */
	struct slice backend;
	struct {
		struct slice *items;
		size_t len, cap;
	} backends;
	struct {
		struct step_output *items; /* name, error */
		size_t len, cap;
	} failed_backends;
	const struct json *data; /* NULL: none */
	int exit_code;           /* shell; -1 otherwise */
	struct slice out, err;   /* shell */
	struct slice diff;       /* apply */
	struct slice model;
	struct step_usage usage;
	unsigned attempts;
	uint64_t duration_ms;
	int64_t started_at_ms, finished_at_ms; /* wall clock; 0: not */
	struct slice prompt;                   /* rendered, for the record and verify retries */
	bool is_resumed, is_from_cache;
	bool is_masked; /* of a record: something of it was a secret, which is not there any more */
};

/* The results of one run, which values look into: a later result is seen by values made before. */
struct run_results {
	const struct workflow *workflow;
	struct step_result *items; /* per step number */
	struct arena *arena;
};

/* `steps`, `groups`: objects; a step is found by its name and by the name with `_` for `-`. */
struct value results_steps_value(struct run_results *results, struct arena *arena);
struct value results_groups_value(struct run_results *results, struct arena *arena);
/* `error` of verify_retry_prompt and of a step. */
struct value results_error_value(const struct step_error *error, struct arena *arena);

/* A result as one JSON object, for the journal, and back (in the arena). */
void result_to_json(const struct step_result *result, struct arena *arena, struct buf *out);
bool result_from_json(const struct workflow_step *step, const struct json *json,
	struct arena *arena, struct step_result *result, struct error *error);

#endif
