/* command_prompt.c: a chat request as one text. A single question stays as it is, byte for byte;
 * a conversation becomes a transcript that people and models read alike. */
#include "mux/command_internal.h"

struct writer {
	struct buf text;
	struct arena *arena;
	struct chat_losses *losses;
	struct error *error;
};

#define RULE "2.1"

static bool refuse(struct writer *writer, const char *what) {
	return error_set(writer->error, ERROR_NOT_SUPPORTED,
		"a command is given text alone, and the request holds %s", what);
}

static bool write_parts(struct writer *writer, const struct chat_parts *parts);

static bool write_part(struct writer *writer, const struct chat_part *part) {
	struct buf *text = &writer->text;
	switch (part->kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		return buf_append(text, part->text);
	case CHAT_PART_TOOL_CALL:
		return buf_printf(text, "[calls the tool %.*s with %.*s]", SLICE_FMT(part->name),
			SLICE_FMT(part->args));
	case CHAT_PART_TOOL_RESULT:
		buf_printf(text, "[the tool %s:\n", part->is_error ? "failed" : "answered");
		return write_parts(writer, &part->parts) && buf_append_str(text, "]");
	case CHAT_PART_SEARCH_RESULT:
		buf_printf(text, "[%.*s]\n", SLICE_FMT(part->title));
		return write_parts(writer, &part->parts);
	case CHAT_PART_THINKING:
		chat_drop(writer->losses, RULE, "thinking", "a command is given text alone");
		return true;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		chat_drop(writer->losses, RULE, "server_tool", "a command is given text alone");
		return true;
	case CHAT_PART_IMAGE:
		return refuse(writer, "an image");
	case CHAT_PART_AUDIO:
		return refuse(writer, "audio");
	case CHAT_PART_VIDEO:
		return refuse(writer, "a video");
	case CHAT_PART_FILE:
		if (part->source == CHAT_SOURCE_TEXT) {
			return buf_append(text, part->text);
		}
		return part->source == CHAT_SOURCE_PARTS ? write_parts(writer, &part->parts)
							 : refuse(writer, "a file");
	}
	return refuse(writer, "an unknown part");
}

static bool write_parts(struct writer *writer, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		if (!write_part(writer, &parts->items[i])) {
			return false;
		}
	}
	return true;
}

static const char *speaker(enum chat_role role) {
	switch (role) {
	case CHAT_ROLE_ASSISTANT:
		return "Assistant";
	case CHAT_ROLE_TOOL:
		return "Tool";
	case CHAT_ROLE_SYSTEM:
	case CHAT_ROLE_DEVELOPER:
		return "System";
	case CHAT_ROLE_USER:
		break;
	}
	return "User";
}

static bool write_transcript(struct writer *writer, const struct chat_request *request) {
	buf_append_str(&writer->text, "Below is a conversation so far. Answer its last message as "
				      "the assistant; write the answer alone.\n");
	for (size_t i = 0; i < request->messages.len; i++) {
		const struct chat_message *message = &request->messages.items[i];
		buf_printf(&writer->text, "\n%s: ", speaker(message->role));
		if (!write_parts(writer, &message->parts)) {
			return false;
		}
		buf_append_byte(&writer->text, '\n');
	}
	return true;
}

/* What a program has no place for; that it is dropped is told, as of any upstream. */
static void note_losses(const struct chat_request *request, struct chat_losses *losses) {
	const struct {
		bool is_there;
		const char *field;
	} rows[] = {
		{request->tools.len > 0, "tools"},
		{request->stop_count > 0, "stop"},
		{request->has_max_output_tokens, "max_output_tokens"},
		{request->temperature.raw.data != NULL, "temperature"},
		{request->top_p.raw.data != NULL, "top_p"},
		{request->response_format.is_set, "response_format"},
		{request->reasoning.mode != CHAT_REASONING_UNSET, "reasoning"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].is_there) {
			chat_drop(losses, RULE, rows[i].field, "a command is given text alone");
		}
	}
}

static bool is_single_question(const struct chat_request *request) {
	return request->messages.len == 1 && request->messages.items[0].role == CHAT_ROLE_USER;
}

bool command_prompt(const struct chat_request *request, struct chat_losses *losses,
	struct arena *arena, struct slice *prompt, struct error *error) {
	struct writer writer = {.arena = arena, .losses = losses, .error = error};
	note_losses(request, losses);
	bool is_good = write_parts(&writer, &request->system);
	if (is_good && request->system.len > 0 && request->messages.len > 0) {
		buf_append_str(&writer.text, "\n\n");
	}
	is_good =
		is_good && (is_single_question(request)
					   ? write_parts(&writer, &request->messages.items[0].parts)
					   : write_transcript(&writer, request));
	if (is_good) {
		char *copy = arena_try_alloc(arena, writer.text.len + 1);
		is_good = copy != NULL || error_set(error, ERROR_TOO_LARGE,
						  "a prompt of %zu bytes does not fit the memory "
						  "of its call",
						  writer.text.len);
		if (is_good) {
			memcpy(copy, writer.text.data != NULL ? writer.text.data : "",
				writer.text.len);
			copy[writer.text.len] = '\0';
			*prompt = slice_make(copy, writer.text.len);
		}
	}
	buf_finish(&writer.text);
	return is_good;
}
