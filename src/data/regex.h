/* regex.h: regular expressions of outside origin, over PCRE2 with limits on matching time, depth
 * and memory, so that none can hang the program. UTF-8, and as near to JavaScript (JSON Schema) as
 * PCRE2 comes: $ is the very end, \uXXXX is a character. */
#ifndef LLMMUX_DATA_REGEX_H
#define LLMMUX_DATA_REGEX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct regex;
/* Freed with the arena. NULL with ERROR_INVALID_REQUEST (what is wrong, and at which byte). */
struct regex *regex_compile(struct arena *arena, struct slice pattern, struct error *error);

enum regex_result {
	REGEX_NO_MATCH,
	REGEX_MATCH,
	REGEX_LIMIT /* gave up: the pattern is too expensive for this text */
};
#define REGEX_MAX_GROUPS 32
struct regex_match {
	struct slice groups[REGEX_MAX_GROUPS]; /* 0 is the whole match; absent: took no part */
	size_t count;
};
/* The first match at or after `from`; *match may be NULL. The text must be valid UTF-8. */
enum regex_result regex_search(
	const struct regex *regex, struct slice text, size_t from, struct regex_match *match);
/* Every match replaced (`max` 0: all) by `with`, in which $1, ${name} and $$ are understood. */
enum regex_result regex_replace(const struct regex *regex, struct slice text, struct slice with,
	size_t max, struct buf *out);

#endif
