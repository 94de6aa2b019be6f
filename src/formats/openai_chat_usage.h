/* openai_chat_usage.h: token counts in the cc dialect's many spellings (4.4, OC-30, OC-31). */
#ifndef LLMMUX_FORMATS_OPENAI_CHAT_USAGE_H
#define LLMMUX_FORMATS_OPENAI_CHAT_USAGE_H

#include "chat/event.h"

/* The usage object of a chunk or a whole answer, wherever the host put it; NULL when there is none
 * (null included, E-18). */
const struct json *openai_chat_find_usage(const struct json *tree);
void openai_chat_read_usage(const struct json *object, struct chat_usage *usage);

#endif
