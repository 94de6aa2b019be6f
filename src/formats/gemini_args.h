/* gemini_args.h: the arguments of a call that stream in by path (partialArgs, GM-31). */
#ifndef LLMMUX_FORMATS_GEMINI_ARGS_H
#define LLMMUX_FORMATS_GEMINI_ARGS_H

#include "data/json.h"

struct gemini_args;

/* No arguments yet. Lives in the arena; more than max_bytes of values are refused. */
struct gemini_args *gemini_args_create(struct arena *arena, size_t max_bytes);
/* One element of partialArgs: {"jsonPath": "$.a[0].b", "stringValue": ..., "willContinue": ...}.
 * A string goes on where the last piece of that path ended. False beyond the limits. */
bool gemini_args_add(struct gemini_args *args, const struct json *piece);
/* The whole object so far, as JSON. */
void gemini_args_write(const struct gemini_args *args, struct buf *out);

#endif
