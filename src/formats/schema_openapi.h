/* schema_openapi.h: between JSON Schema and the OpenAPI subset that Gemini's `parameters` and
 * `responseSchema` are written in (formats.md 4.7). */
#ifndef LLMMUX_FORMATS_SCHEMA_OPENAPI_H
#define LLMMUX_FORMATS_SCHEMA_OPENAPI_H

#include "data/json.h"

/* The JSON Schema that says the same: lower-case types, `nullable` as a type of its own, numbers
 * for counts written as strings. What is no schema comes back as it is. In the arena. */
struct slice schema_from_openapi(struct arena *arena, const struct json *schema);

/* The nearest schema of the subset: references are put in place (recursion is cut), combinators
 * become anyOf or are merged, what the subset does not know is left out. Absent when it is no
 * schema of an object with properties, which is what parameters must be; `is_parameters` false
 * takes any. In the arena. */
struct slice schema_to_openapi(struct arena *arena, struct slice schema, bool is_parameters);

/* E-92, GM-10: a JSON Schema of an object, without `$schema`; absent when there is none in the
 * text, or an object without properties (GM-11). In the arena, or the text itself. */
struct slice schema_for_gemini(struct arena *arena, struct slice schema, bool is_parameters);

#endif
