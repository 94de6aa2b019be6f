/* query.h: one question to a role on behalf of a task: used by query steps, and by apply steps that
 * ask again.
 *
 *   query_start ─► record or cache has it? ─► reuse
 *               └► budget ─► role_submit ─► answers into the result ─► record ─► on_done */
#ifndef LLMMUX_WORKFLOW_QUERY_H
#define LLMMUX_WORKFLOW_QUERY_H

#include "workflow/response_cache.h"
#include "workflow/run_internal.h"

struct query {
	struct task *task;
	const struct workflow_step *step; /* whose schema counts; of a re-ask the source step */
	struct role_plan plan;
	struct slice prompt, system, schema;      /* schema: as text; absent: none */
	const struct process_variable *variables; /* of programs that are backends */
	size_t variable_count;
	const char *cwd;  /* of such programs; NULL: the workflow's */
	struct slice key; /* in the record */
	bool is_cached;   /* an answer of an earlier run will do */
	char cache_key[RESPONSE_CACHE_KEY];
	char prompt_hash[65];
	/* What became of it. The result's fields that answers fill in are filled in, also when it
	 * failed; why is in `class` and `message` then. */
	struct step_result *result;
	bool is_ok;
	enum failure_class class;
	struct slice message;
	int64_t retry_after_ms;               /* what a server asked for; -1: nothing */
	void (*on_done)(struct query *query); /* not before query_start returns */
	struct role_call *call;
	struct loop_deferred later; /* an end that is known at once */
	struct slice *held;         /* of each backend's streamed text, what may begin a secret */
};
/* `prompt`, `step`, `plan`, `key`, `system`, `result`, `task`, `on_done` are filled in. */
void query_start(struct query *query);
/* Nothing follows. Accepts a zeroed query, and one that is done. */
void query_release(struct query *query);

#endif
