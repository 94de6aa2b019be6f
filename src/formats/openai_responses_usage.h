/* openai_responses_usage.h: token counts of this dialect (4.4, RS-12, OR-36). */
#ifndef LLMMUX_FORMATS_OPENAI_RESPONSES_USAGE_H
#define LLMMUX_FORMATS_OPENAI_RESPONSES_USAGE_H

#include "chat/event.h"

/* Reads a usage object. Slices point into it. */
void openai_responses_read_usage(const struct json *object, struct chat_usage *usage);
/* The value of "usage", with all of its parts: typed clients want each. */
void openai_responses_write_usage(struct json_writer *w, const struct chat_usage *usage);

#endif
