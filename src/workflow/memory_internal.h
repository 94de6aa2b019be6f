/* memory_internal.h: what the files of an ecosystem's memory share.
 *
 *   memory.c            the file, its schema, runs, forgetting     memory_store.c     a store step
 *   memory_read.c       rows, search, export                       memory_discover.c  facts of
 * files */
#ifndef LLMMUX_WORKFLOW_MEMORY_INTERNAL_H
#define LLMMUX_WORKFLOW_MEMORY_INTERNAL_H

#include "base/clock.h"
#include "store/database.h"
#include "workflow/memory.h"

struct memory {
	struct database *database;
	const char *path;
	struct slice ecosystem;
};

/* A fact as it is written (4.3: on conflict all but created_at is updated). Absent source_type,
 * category: NULL. */
struct memory_fact {
	struct slice fact, source, source_type, category;
	double confidence;
};
bool memory_put_fact(struct memory *memory, const struct memory_fact *fact, const char *now,
	struct error *error);

/* The numbers behind the search table's rowids: id * 4 + kind. */
enum memory_kind {
	MEMORY_FACT,
	MEMORY_FINDING,
	MEMORY_PROPERTY,
	MEMORY_ENTITY,
	MEMORY_KIND_COUNT
};

#endif
