/* yaml_internal.h: between the two halves of the YAML reader. Only for src/data. */
#ifndef LLMMUX_DATA_YAML_INTERNAL_H
#define LLMMUX_DATA_YAML_INTERNAL_H

#include "data/json.h"

/* What a plain scalar is by the core schema (YAML 1.2.2, 10.3.2). */
struct yaml_scalar {
	enum json_type type;  /* JSON_STRING: none of the others */
	bool is_out_of_range; /* an octal or hexadecimal integer beyond 64 bits */
	char small[24];       /* the JSON text is this, NUL-terminated, */
	struct slice whole;   /* and these parts of the source behind it: whole digits, */
	struct slice rest;    /* fraction and exponent */
};

/* Types a plain scalar. The three parts of null, booleans and numbers joined are their JSON text.
 */
void yaml_scalar_type(struct slice text, struct yaml_scalar *out);

/* Appends the text of a block scalar: `header_line` holds its indicator (and what stands before it
 * in the line), `body` the lines behind it, parent_indent the spaces before its parent's entries.
 */
void yaml_block_text(
	struct slice header_line, struct slice body, size_t parent_indent, struct buf *out);

#endif
