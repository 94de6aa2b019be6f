/* ranks_pack.h: makes the packed file of vocabularies. The build's tool and the tests use it. */
#ifndef LLMMUX_TOKENS_RANKS_PACK_H
#define LLMMUX_TOKENS_RANKS_PACK_H

#include "base/buf.h"
#include "base/error.h"

/* One vocabulary in the classic text form: "BASE64 RANK" a line, ranks rising. */
struct ranks_source {
	const char *name; /* "o200k" */
	struct slice text;
};

/* Appends the packed file to `out`, which is empty. False with a message that names the line when a
 * vocabulary is not in that form, lacks one of the 256 single bytes, or has a token twice. */
bool ranks_pack(
	const struct ranks_source *sources, size_t count, struct buf *out, struct error *error);

#endif
