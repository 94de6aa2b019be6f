/* openai_chat_usage.h: token counts in the cc dialect's many spellings (4.4, OC-30, OC-31). */
#ifndef LLMMUX_FORMATS_OPENAI_CHAT_USAGE_H
#define LLMMUX_FORMATS_OPENAI_CHAT_USAGE_H

#include "chat/event.h"

/* Reads a usage object. Slices point into it. */
void openai_chat_read_usage(const struct json *object, struct chat_usage *usage);

#endif
