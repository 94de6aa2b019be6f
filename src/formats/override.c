/* override.c: a request that says something else than its body (formats.md RE-6, AN-21, E-72). */
#include "formats/formats_internal.h"

/* Fields kept in raw that ask for thinking in a spelling of their own. */
static const struct {
	enum format_id format;
	const char *name;
} spellings[] = {
	{FORMAT_OPENAI_CHAT, "reasoning"},
	{FORMAT_OPENAI_CHAT, "thinking"},
	{FORMAT_OPENAI_CHAT, "enable_thinking"},
	{FORMAT_OPENAI_CHAT, "thinking_budget"},
};

static bool asks_for_thinking(const struct chat_ext *ext) {
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		if (ext->format == spellings[i].format && slice_is(ext->name, spellings[i].name)) {
			return true;
		}
	}
	return false;
}

const struct chat_request *format_override_reasoning(
	const struct chat_request *request, const struct chat_reasoning *wanted) {
	struct chat_request *copy = ARENA_NEW(request->arena, struct chat_request);
	*copy = *request;
	copy->is_overridden = true;
	copy->reasoning.mode = wanted->mode;
	copy->reasoning.effort = wanted->effort;
	copy->reasoning.has_budget = wanted->has_budget;
	copy->reasoning.budget_tokens = wanted->budget_tokens;
	copy->ext = (struct chat_exts){0};
	for (size_t i = 0; i < request->ext.len; i++) {
		if (!asks_for_thinking(&request->ext.items[i])) {
			*ARENA_PUSH(request->arena, &copy->ext) = request->ext.items[i];
		}
	}
	return copy;
}

/* The parts of a message that are no thinking, copied; true when there was some. */
static bool copy_without_thinking(
	struct arena *arena, const struct chat_parts *parts, struct chat_parts *kept) {
	*kept = (struct chat_parts){0};
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_THINKING) {
			*ARENA_PUSH(arena, kept) = parts->items[i];
		}
	}
	return kept->len < parts->len;
}

const struct chat_request *format_without_thinking(const struct chat_request *request) {
	struct chat_request *copy = ARENA_NEW(request->arena, struct chat_request);
	bool had_thinking = false;
	*copy = *request;
	copy->is_mended = true;
	copy->messages.items =
		ARENA_ARRAY(request->arena, struct chat_message, request->messages.len + 1);
	for (size_t i = 0; i < request->messages.len; i++) {
		const struct chat_message *told = &request->messages.items[i];
		copy->messages.items[i] = *told;
		had_thinking |= copy_without_thinking(
			request->arena, &told->parts, &copy->messages.items[i].parts);
	}
	return had_thinking ? copy : NULL;
}
