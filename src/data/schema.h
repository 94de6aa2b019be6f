/* schema.h: JSON Schema, draft 2020-12: core, applicators and validation; without $dynamicRef,
 * remote references and vocabularies (design.md 3). `format` and `content*` annotate and never
 * fail.
 *
 * A schema is compiled once and may check any number of instances, from several threads. */
#ifndef LLMMUX_DATA_SCHEMA_H
#define LLMMUX_DATA_SCHEMA_H

#include "data/json.h"

struct schema;

/* Compiles; the tree must outlive the schema, which lives in the arena. NULL with
 * ERROR_INVALID_REQUEST: what is wrong with the schema and at which pointer in it (a keyword of the
 * wrong type, a $ref that leads nowhere, a pattern that does not compile, $dynamicRef). */
struct schema *schema_compile(struct arena *arena, const struct json *schema, struct error *error);
/* As schema_compile, for the shorthands of workflows (workflows.md 2.7): where a schema is expected
 * a string means {"type": that}; the instance types are JSON Schema's. */
struct schema *schema_compile_short(
	struct arena *arena, const struct json *schema, struct error *error);
/* The schema written out, shorthands expanded: what models are shown and native JSON modes get. */
void schema_write(const struct schema *schema, bool is_pretty, struct buf *out);

struct schema_violation {
	const char *pointer; /* RFC 6901, into the instance; "" is the whole */
	const char *keyword; /* "required" */
	const char *message; /* "must have the member `findings`" : what was expected, what was
				found */
	const char *where;   /* pointer to the keyword in the schema */
};
#define SCHEMA_MAX_VIOLATIONS 100
struct schema_violations {
	struct schema_violation *items;
	size_t len, cap;
	bool is_cut; /* there are more */
};
/* True when the instance is valid. `violations` (may be NULL) gets all, in the arena. */
bool schema_check(const struct schema *schema, const struct json *instance, struct arena *arena,
	struct schema_violations *violations);

#endif
