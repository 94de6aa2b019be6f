/* trust.h: which content of a project directory the user has trusted, by hash (design.md 3).
 *
 * STATEDIR/llm-mux/trust.json: {"<canonical path>": "<sha256 of the content>"}. Content is trusted
 * when its hash is the recorded one; a changed file is untrusted again. */
#ifndef LLMMUX_CONFIG_TRUST_H
#define LLMMUX_CONFIG_TRUST_H

#include "base/arena.h"
#include "base/error.h"

/* False with an error only when the record cannot be read; *is_trusted says the rest. */
bool trust_check(const char *path, struct slice content, bool *is_trusted, struct error *error);
bool trust_add(const char *path, struct slice content, struct error *error);
bool trust_remove(const char *path, bool *was_trusted, struct error *error);
/* Every trusted path, in order; calls visit for each. */
bool trust_each(void (*visit)(void *data, const char *path, const char *hash), void *data,
	struct error *error);

#endif
