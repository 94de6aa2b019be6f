/* openai_responses_parse.h: what the parts of the request parser share. */
#ifndef LLMMUX_FORMATS_OPENAI_RESPONSES_PARSE_H
#define LLMMUX_FORMATS_OPENAI_RESPONSES_PARSE_H

#include "formats/openai_responses.h"
#include "formats/parse_common.h"

/* A catalogue of namespaces may be long; what is looked up by name stays cheap. */
#define OPENAI_RESPONSES_MAX_TOOLS 10000

struct openai_responses_parser {
	struct chat_request *request;
	struct arena *arena;
	struct error *error;
	size_t item; /* number of the item being read, for error messages */
	/* The last call of each id and of each name, for results that name none (RS-4). */
	struct {
		struct open_call {
			struct slice id, name;
			bool is_answered;
		} * items;
		size_t len, cap;
	} calls;
	struct index call_by_id;
	size_t unanswered;
};

/* "input" into request->system and request->messages. */
bool openai_responses_parse_input(struct openai_responses_parser *p, const struct json *node);
/* "tools" and "tool_choice". */
bool openai_responses_parse_tools(struct openai_responses_parser *p, const struct json *node);
bool openai_responses_parse_tool_choice(struct openai_responses_parser *p, const struct json *node);

#endif
