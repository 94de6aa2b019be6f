/* build_common.h: what the builders of several dialects write alike. */
#ifndef LLMMUX_FORMATS_BUILD_COMMON_H
#define LLMMUX_FORMATS_BUILD_COMMON_H

#include "formats/format.h"

/* The member KEY with the data: URL of an image: of the type its bytes show (E-60), else the one it
 * is said to be. */
void build_put_image_url(struct json_writer *w, const char *key, const struct chat_part *part);
/* The member KEY: "data:TYPE;base64,DATA", with DATA by reference (PF-5). */
void build_put_data_url(
	struct json_writer *w, const char *key, struct slice media_type, struct slice data);
/* E-105: a system text of Claude Code that changes with every call and means nothing elsewhere. */
bool build_is_billing_header(const struct chat_part *part);
/* OC-8: with reasoning off, OpenAI's models that can turn it off sample as others do. */
bool build_may_sample(const struct chat_request *request, const struct format_target *target);
/* 4.10: the tier as OpenAI spells it; absent when it has no such tier. */
struct slice build_openai_tier(struct slice tier);
/* What a file is called. */
struct slice build_file_title(const struct chat_part *part);
/* "Error: " stands before a result that is one, unless its text says so. */
bool build_needs_error_mark(struct arena *arena, const struct chat_part *result);

#endif
