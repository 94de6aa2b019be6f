/* openai_chat_decode.h: what the halves of the decoder share. */
#ifndef LLMMUX_FORMATS_OPENAI_CHAT_DECODE_H
#define LLMMUX_FORMATS_OPENAI_CHAT_DECODE_H

#include "formats/decode_common.h"
#include "formats/openai_chat_internal.h"

/* A call whose wire index is not known, and the deprecated function_call. */
#define OPENAI_CHAT_INDEX_NONE (-1)
#define OPENAI_CHAT_INDEX_FUNCTION_CALL (-2)

/* One tool call of a choice while its pieces come. */
struct openai_chat_call {
	int64_t wire_index;
	struct slice id, name, signature; /* in the arena */
	enum chat_tool_kind kind;
	bool is_started; /* tool_start was sent */
	bool is_wrapped; /* E-110: a custom tool that went out as a function {input} */
	bool is_quoted;  /* E-14: the arguments are a JSON string that holds JSON */
	/* OC-23: what came so far, to know a repetition of the whole */
	uint64_t args_hash;
	size_t args_len;
	char args_first, args_last;
	struct buf held; /* args before the name is known, or to be unwrapped; still escaped */
};

struct openai_chat_choice {
	bool has_refusal;
	struct {
		struct openai_chat_call *items;
		size_t len, cap;
	} calls;
};

struct openai_chat_decoder {
	struct decode shell;
	struct {
		struct openai_chat_choice *items;
		size_t len, cap;
	} choices;
};

/* The choice of that number (below 128), made when it is new. */
struct openai_chat_choice *openai_chat_choice_at(struct openai_chat_decoder *self, uint32_t number);
/* Announces the calls that were held back, because something else follows. */
void openai_chat_start_calls(struct openai_chat_decoder *self, uint32_t number);
/* The same, and gives what was gathered for wrapped custom tools: the choice is finished. */
void openai_chat_end_calls(struct openai_chat_decoder *self, uint32_t number);
/* "tool_calls" of a delta, or of a whole message. */
void openai_chat_read_calls(
	struct openai_chat_decoder *self, uint32_t number, const struct json *list, bool is_whole);
/* The deprecated "function_call". */
void openai_chat_read_function_call(
	struct openai_chat_decoder *self, uint32_t number, const struct json *item);

/* A string that is not empty. */
static inline bool openai_chat_has_text(const struct json *node) {
	return json_is(node, JSON_STRING) && node->raw_len > 2;
}

#endif
