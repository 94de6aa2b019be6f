/* gemini_turns.c: the conversation in the order and shape Gemini takes (formats.md 3.3, GM-2..GM-5,
 * GM-8, GM-9). */
#include "formats/gemini.h"

static const struct turn_rules rules = {.reminder = "GM-2", .missing = "GM-4", .orphan = "GM-4"};

static void add_message(struct gemini_build *b, const struct chat_message *message) {
	bool is_system = message->role == CHAT_ROLE_SYSTEM || message->role == CHAT_ROLE_DEVELOPER;
	if (!is_system) {
		turns_add_message(&b->turns, message);
	} else if (b->turns.len > 0) {
		turns_add_reminder(&b->turns, message);
	} else {
		/* Nobody has spoken yet: a second role among the leading ones (IR-7, IR-8). */
		for (size_t i = 0; i < message->parts.len; i++) {
			turns_add_part(&b->turns, &b->system, &message->parts.items[i]);
		}
	}
}

/* ---- parts that do not go ---- */

static bool is_ours(const struct chat_part *part) {
	return part->provider == FORMAT_GEMINI && part->signature.len > 0;
}

/* GM-9: thoughts go back with their signature alone; NM-2: calls without a name not at all. */
static bool may_go(struct gemini_build *b, const struct chat_part *part) {
	switch (part->kind) {
	case CHAT_PART_THINKING:
		if (is_ours(part) && !part->is_redacted && part->text.len > 0) {
			return true;
		}
		chat_drop(b->losses, "GM-9", "messages.thinking", "not signed by this provider");
		return false;
	case CHAT_PART_TOOL_CALL:
	case CHAT_PART_TOOL_RESULT:
		return true;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		if (part->provider == FORMAT_GEMINI) {
			return true;
		}
		chat_drop(b->losses, "IR-14", "messages.content", "a block of another provider");
		return false;
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		return part->text.len > 0 || is_ours(part);
	default:
		return true;
	}
}

static void drop_parts(struct gemini_build *b, struct chat_parts *parts) {
	size_t kept = 0;
	for (size_t i = 0; i < parts->len; i++) {
		if (may_go(b, &parts->items[i])) {
			parts->items[kept++] = parts->items[i];
		}
	}
	parts->len = kept;
}

/* E-49: nothing empty; a user who said nothing still takes his turn. */
static void drop_empty_turns(struct gemini_build *b) {
	size_t kept = 0;
	for (size_t t = 0; t < b->turns.len; t++) {
		struct turn *turn = &b->turns.items[t];
		drop_parts(b, &turn->parts);
		if (turn->parts.len == 0 && turn->role == TURN_USER) {
			turns_add_text(&b->turns, &turn->parts, SLICE("."));
		}
		if (turn->parts.len > 0) {
			b->turns.items[kept++] = *turn;
		}
	}
	b->turns.len = kept;
}

/* ---- NM-2: calls without a name, and their results, become text ---- */

static void name_the_nameless(struct gemini_build *b) {
	for (size_t t = 0; t < b->turns.len; t++) {
		struct chat_parts *parts = &b->turns.items[t].parts;
		for (size_t i = 0; i < parts->len; i++) {
			struct chat_part *part = &parts->items[i];
			if (part->kind == CHAT_PART_TOOL_CALL && part->name.len == 0) {
				chat_drop(b->losses, "NM-2", "messages.tool_calls",
					"a call without a name");
				*part = (struct chat_part){.kind = CHAT_PART_TEXT};
			}
		}
	}
}

/* ---- GM-5: a result says the name of the function that was called ---- */

static void name_results(struct gemini_build *b) {
	for (size_t t = 0; t + 1 < b->turns.len; t++) {
		const struct chat_parts *calls = &b->turns.items[t].parts;
		struct chat_parts *results = &b->turns.items[t + 1].parts;
		size_t at = 0;
		for (size_t i = 0; i < calls->len; i++) {
			if (calls->items[i].kind != CHAT_PART_TOOL_CALL) {
				continue;
			}
			/* the answers of a turn's calls open the next turn, in their order */
			if (at < results->len && results->items[at].kind == CHAT_PART_TOOL_RESULT) {
				results->items[at++].name = calls->items[i].name;
			}
		}
	}
}

/* ---- GM-3 ---- */

static void begin_well(struct gemini_build *b) {
	bool is_empty = b->turns.len == 0;
	bool begins_with_call = !is_empty && b->turns.items[0].role == TURN_ASSISTANT &&
				turn_count_calls(&b->turns.items[0]) > 0;
	if (is_empty || begins_with_call) {
		struct turn *first = turns_push_first(&b->turns, TURN_USER);
		turns_add_text(&b->turns, &first->parts, SLICE("."));
		chat_alter(b->losses, "GM-3", "contents", "a user turn \".\" was put first");
	}
}

/* GM-2: models without a system instruction read it before the first words of the user. */
static void speak_system_in_turn(struct gemini_build *b) {
	struct slice text = chat_parts_text(b->arena, &b->system, "\n");
	if (!model_has(b->target->family, MODEL_REFUSES_SYSTEM) || text.len == 0) {
		return;
	}
	chat_alter(b->losses, "GM-2", "system", "put before the user's first words");
	b->system.len = 0;
	if (b->turns.items[0].role != TURN_USER) {
		turns_push_first(&b->turns, TURN_USER);
	}
	struct chat_parts *parts = &b->turns.items[0].parts;
	turns_add_text(&b->turns, parts, text);
	struct chat_part last = parts->items[parts->len - 1];
	memmove(parts->items + 1, parts->items, (parts->len - 1) * sizeof *parts->items);
	parts->items[0] = last;
}

/* ---- GM-8: signatures of calls ---- */

/* What the API takes for a call that no model signed. */
#define SENTINEL SLICE("skip_thought_signature_validator")

static void sign_turn(struct gemini_build *b, struct chat_parts *parts) {
	bool is_first = true;
	for (size_t i = 0; i < parts->len; i++) {
		struct chat_part *part = &parts->items[i];
		if (part->kind != CHAT_PART_TOOL_CALL) {
			continue;
		}
		if (!is_ours(part)) {
			part->signature = (struct slice){0};
		}
		/* E-69: of calls side by side the first alone carries one */
		if (!is_first && !b->is_same_format) {
			part->signature = (struct slice){0};
		}
		/* E-67: the word is Gemini's own */
		if (is_first && part->signature.len == 0 &&
			model_has(b->target->family, MODEL_IS_GEMINI_3)) {
			part->signature = SENTINEL;
			chat_alter(b->losses, "GM-8", "messages.tool_calls",
				"no signature is known for a call");
		}
		part->provider = FORMAT_GEMINI;
		is_first = false;
	}
}

void gemini_make_turns(struct gemini_build *b) {
	b->turns = (struct turns){.arena = b->arena, .losses = b->losses, .rules = &rules};
	for (size_t i = 0; i < b->request->messages.len; i++) {
		add_message(b, &b->request->messages.items[i]);
	}
	turns_speak_system_as_user(&b->turns, &b->system);
	name_the_nameless(b);
	turns_merge(&b->turns);
	turns_pair_results(&b->turns);
	drop_empty_turns(b);
	turns_merge(&b->turns);
	begin_well(b);
	speak_system_in_turn(b);
	name_results(b);
	for (size_t t = 0; t < b->turns.len; t++) {
		if (b->turns.items[t].role == TURN_ASSISTANT) {
			sign_turn(b, &b->turns.items[t].parts);
		}
	}
}
