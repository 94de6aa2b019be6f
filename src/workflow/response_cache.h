/* response_cache.h: answers of earlier runs to the same question, for steps that say `cache`
 * (workflows.md 11, rank 11).
 *
 *   $XDG_CACHE_HOME or ~/.cache, /llm-mux/responses/<64 hex>.json: {"stored_at_ms", "result"}
 *
 * The name is a hash of everything an answer depends on: backends with their models and arguments,
 * prompt, system, schema. Only answers are kept, never failures, and none that holds a secret.
 * Files are 0600; what cannot be read counts as absent. */
#ifndef LLMMUX_WORKFLOW_RESPONSE_CACHE_H
#define LLMMUX_WORKFLOW_RESPONSE_CACHE_H

#include "workflow/result.h"

#define RESPONSE_CACHE_KEY 65 /* hex and NUL */

/* Where it is, by the environment ("NAME=value", ends with NULL); NULL: there is no home. */
const char *response_cache_dir(char *const *environment, struct arena *arena);
/* `question` stands for prompt, system, schema, mode and names of the plan. */
void response_cache_key(const struct runner_config *runner, const struct role_plan *plan,
	struct slice question, char key[RESPONSE_CACHE_KEY]);
/* NULL when there is none, or it is older than max_age_ms (0: of any age). In the arena. */
const struct step_result *response_cache_find(const char *dir, const char *key, int64_t max_age_ms,
	const struct workflow_step *step, struct arena *arena);
/* False with an error when it cannot be written. Nothing is kept that `secrets` would mask. */
bool response_cache_put(const char *dir, const char *key, const struct step_result *result,
	struct runner_secrets *secrets, struct arena *arena, struct error *error);
/* Removes everything; how many answers that were. */
bool response_cache_clear(const char *dir, size_t *removed, struct error *error);

#endif
