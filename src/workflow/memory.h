/* memory.h: what an ecosystem knows, in SQLite (workflows.md 4).
 *
 * CFGDIR/memory/<ecosystem>.db, the schema of 4.3. Calls block: the runner makes them on a worker
 * (loop_work), commands directly. One struct memory belongs to one thread at a time. */
#ifndef LLMMUX_WORKFLOW_MEMORY_H
#define LLMMUX_WORKFLOW_MEMORY_H

#include "config/runner.h"
#include "template/value.h"

struct memory;
/* ERROR_INVALID_REQUEST for a name that is no name (4.3). read_only: ERROR_NOT_FOUND when there is
 * no database yet. */
struct memory *memory_open(
	struct slice ecosystem, bool is_read_only, struct arena *arena, struct error *error);
void memory_close(struct memory *memory); /* accepts NULL */
const char *memory_path(const struct memory *memory);

struct memory_stored {
	size_t facts, relationships, entities, findings, skipped;
	const char **warnings; /* index and missing keys of each skipped element */
	size_t warning_count;
};
/* One store step (4.4), in one transaction. is_strict: a bad element fails it all. */
bool memory_store(struct memory *memory, const struct json *data, struct slice project,
	bool is_strict, struct arena *arena, struct memory_stored *stored, struct error *error);

struct memory_run {
	struct slice project, workflow, failed_step, error_message, output_dir;
	bool is_success;
	uint64_t duration_ms;
};
bool memory_add_run(struct memory *memory, const struct memory_run *run, struct error *error);

/* Rows as values (4.2, 4.3 read order): "facts", "relationships", "entities", "findings", "runs".
 */
bool memory_rows(struct memory *memory, const char *kind, struct arena *arena, struct value *out,
	struct error *error);
/* Full text over facts, findings and entity properties; best first. */
bool memory_search(struct memory *memory, struct slice text, size_t limit, struct arena *arena,
	struct value *out, struct error *error);
/* "fact:12", "finding:3", "entity:7", "relationship:2". */
bool memory_forget(struct memory *memory, struct slice id, struct error *error);
/* Everything as one JSON document, which memory_store reads back. */
bool memory_export(struct memory *memory, struct buf *out, struct error *error);
/* The facts that configuration and files tell (4.5). */
bool memory_discover(struct memory *memory, const struct runner_ecosystem *ecosystem,
	char *const *environment, bool is_forced, struct arena *arena, size_t *added,
	struct error *error);

/* ---- where we are (4.1) ---- */
struct ecosystem_choice {
	const struct runner_ecosystem *ecosystem; /* NULL: none */
	const struct runner_project *project;     /* NULL: none */
};
/* By directory: the longest project path; forced names (may be absent) are checked, with
 * suggestions. */
bool ecosystem_detect(const struct runner_config *runner, const char *dir, struct slice forced,
	struct slice forced_project, char *const *environment, struct arena *arena,
	struct ecosystem_choice *choice, struct error *error);
/* Where a project lies: ~ and ${VAR} expanded; NULL when a variable is not set. */
const char *ecosystem_project_path(
	const struct runner_project *project, char *const *environment, struct arena *arena);
/* `ecosystem` of templates (4.2): rows of the database are read when first asked for. Needs nothing
 * but the arena afterwards. */
struct value ecosystem_value(
	const struct ecosystem_choice *choice, char *const *environment, struct arena *arena);

/* ---- teams (3.4) ---- */
/* The forced one (ERROR_INVALID_REQUEST with suggestion when unknown), else the first whose marker
 * is there; *team NULL: none. */
bool team_detect(const struct runner_config *runner, const char *dir, struct slice forced,
	const struct runner_team **team, struct error *error);
/* `team` of templates: prints as and equals its name; empty without one. */
struct value team_value(const struct runner_team *team, struct arena *arena);

#endif
