/* openai_chat_parse.h: helpers of the two halves of the request parser. */
#ifndef LLMMUX_FORMATS_OPENAI_CHAT_PARSE_H
#define LLMMUX_FORMATS_OPENAI_CHAT_PARSE_H

#include "formats/openai_chat_internal.h"

struct openai_chat_parser {
	struct chat_request *request;
	struct arena *arena;
	struct error *error;
	size_t message;    /* number of the message being read, for error messages */
	size_t last_calls; /* behind the last assistant message with calls; 0 = none yet */
};

/* No client needs more, and what is looked up by name or id stays cheap. OpenAI takes 128 tools. */
#define OPENAI_CHAT_MAX_TOOLS 1024
#define OPENAI_CHAT_MAX_CALLS 512 /* of one message */

/* "messages" into request->system and request->messages. */
bool openai_chat_parse_messages(struct openai_chat_parser *p, const struct json *list);
/* Schema of a tool that declares none. */
#define OPENAI_CHAT_NO_PARAMETERS SLICE("{\"type\":\"object\",\"properties\":{}}")
/* `cache_control` or `prompt_cache_breakpoint` of a part or a tool. */
struct chat_cache openai_chat_parse_cache(const struct json *owner, struct arena *arena);

#endif
