/* anthropic_turns.c: the conversation in the order and shape the Messages API takes
 * (formats.md 3.2, AN-3..AN-20). */
#include "formats/anthropic.h"
#include "formats/formats_internal.h"

static const struct turn_rules rules = {.reminder = "AN-3", .missing = "AN-13", .orphan = "AN-14"};

static bool is_blank(struct slice text) {
	return slice_trim(text).len == 0;
}

/* ---- messages to turns ---- */

/* AN-3: later system text stays where it is, as a reminder in a user turn, unless the model takes
 * it. */
static void add_system_message(struct anthropic_build *b, const struct chat_message *message) {
	if (b->turns.len == 0) {
		/* Nobody has spoken yet: a second role among the leading ones (IR-7, IR-8). */
		for (size_t i = 0; i < message->parts.len; i++) {
			turns_add_part(&b->turns, &b->system, &message->parts.items[i]);
		}
		return;
	}
	if (!model_has(b->target->family, MODEL_HAS_SYSTEM_ROLE)) {
		turns_add_reminder(&b->turns, message);
		return;
	}
	struct turn *turn = turns_push(&b->turns, TURN_SYSTEM);
	for (size_t i = 0; i < message->parts.len; i++) {
		turns_add_part(&b->turns, &turn->parts, &message->parts.items[i]);
	}
}

static void add_message(struct anthropic_build *b, const struct chat_message *message) {
	if (message->role == CHAT_ROLE_SYSTEM || message->role == CHAT_ROLE_DEVELOPER) {
		add_system_message(b, message);
		return;
	}
	turns_add_message(&b->turns, message);
}

/* ---- AN-20: thinking that this API can verify ---- */

static bool is_verifiable(const struct chat_part *thinking) {
	return thinking->provider == FORMAT_ANTHROPIC && thinking->signature.len > 0 &&
	       !slice_starts_with(thinking->signature, SLICE(ANTHROPIC_OWN_SIGNATURE));
}

bool anthropic_can_splice(const struct chat_request *request) {
	for (size_t m = 0; m < request->messages.len; m++) {
		const struct chat_parts *parts = &request->messages.items[m].parts;
		for (size_t i = 0; i < parts->len; i++) {
			if (parts->items[i].kind == CHAT_PART_THINKING &&
				!is_verifiable(&parts->items[i])) {
				return false;
			}
		}
	}
	return format_calls_are_paired(request, false);
}

const struct chat_request *anthropic_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses) {
	struct slice message = slice_of(error->message);
	if (error->kind != ERROR_INVALID_REQUEST || !slice_icontains(message, SLICE("signature")) ||
		!slice_icontains(message, SLICE("thinking"))) {
		return NULL;
	}
	const struct chat_request *mended = format_without_thinking(request);
	if (mended != NULL) {
		chat_drop(losses, "AN-21", "messages.thinking",
			"the upstream could not verify its signature");
	}
	return mended;
}

static void strip_foreign_thinking(struct anthropic_build *b) {
	for (size_t t = 0; t < b->turns.len; t++) {
		struct chat_parts *parts = &b->turns.items[t].parts;
		size_t kept = 0;
		for (size_t i = 0; i < parts->len; i++) {
			if (parts->items[i].kind == CHAT_PART_THINKING &&
				!is_verifiable(&parts->items[i])) {
				chat_drop(b->losses, "AN-20", "messages.thinking",
					"not signed by this provider");
				continue;
			}
			parts->items[kept++] = parts->items[i];
		}
		parts->len = kept;
	}
}

/* ---- AN-5, E-49: nothing empty; AN-4: user first, neighbours merged ---- */

static void drop_blank_texts(struct chat_parts *parts) {
	size_t kept = 0;
	for (size_t i = 0; i < parts->len; i++) {
		if (parts->items[i].kind != CHAT_PART_TEXT || !is_blank(parts->items[i].text)) {
			parts->items[kept++] = parts->items[i];
		}
	}
	parts->len = kept;
}

static void drop_empty_turns(struct anthropic_build *b) {
	size_t kept = 0;
	for (size_t t = 0; t < b->turns.len; t++) {
		struct turn *turn = &b->turns.items[t];
		drop_blank_texts(&turn->parts);
		if (turn->parts.len == 0 && turn->role == TURN_USER) {
			turns_add_text(&b->turns, &turn->parts, SLICE("."));
		}
		if (turn->parts.len > 0) {
			b->turns.items[kept++] = *turn;
		}
	}
	b->turns.len = kept;
}

static void begin_with_user(struct anthropic_build *b) {
	if (b->turns.len == 0 || b->turns.items[0].role != TURN_USER) {
		turns_push_first(&b->turns, TURN_USER);
		turns_add_text(&b->turns, &b->turns.items[0].parts, SLICE("."));
		chat_alter(b->losses, "AN-4", "messages", "a user message \".\" was put first");
	}
}

/* A prefill must not end in white space (AN-5). */
static void trim_prefill(struct anthropic_build *b) {
	struct turn *last = &b->turns.items[b->turns.len - 1];
	struct chat_part *part = last->parts.len ? &last->parts.items[last->parts.len - 1] : NULL;
	if (last->role == TURN_ASSISTANT && part && part->kind == CHAT_PART_TEXT) {
		struct slice text = part->text;
		while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1])) {
			text.len--;
		}
		part->text = text;
	}
}

/* ---- AN-7, E-51: ids the API takes, each once ---- */

/* The results of a turn follow the renamed ids of the calls before it. */
static void rename_results(
	struct chat_parts *parts, const struct index *renamed, const struct slice *ids) {
	for (size_t i = 0; i < parts->len; i++) {
		uint32_t number = parts->items[i].kind == CHAT_PART_TOOL_RESULT
					  ? index_get(renamed, parts->items[i].call_id)
					  : INDEX_NONE;
		if (number != INDEX_NONE) {
			parts->items[i].call_id = ids[number];
		}
	}
}

/* The ids of one turn; `used` says which turn used an id first. */
static void fit_ids_of_turn(struct anthropic_build *b, struct index *used, size_t t) {
	static const struct name_rule rule = {"_-", 256};
	struct chat_parts *parts = &b->turns.items[t].parts;
	struct index renamed = {0};
	struct slice *ids = ARENA_ARRAY(b->arena, struct slice, parts->len + 1);
	for (size_t i = 0; i < parts->len; i++) {
		struct slice id = parts->items[i].call_id;
		if (parts->items[i].kind != CHAT_PART_TOOL_CALL) {
			continue;
		}
		struct slice fit = names_to_upstream(&b->ids, b->arena, &rule, id);
		uint32_t user = index_get(used, fit);
		if (user != INDEX_NONE && user != t) {
			fit = arena_printf(b->arena, "%.*s_%zu", SLICE_FMT(fit), t);
		}
		if (index_get(used, fit) == INDEX_NONE) {
			index_put(used, b->arena, fit, (uint32_t)t);
		}
		if (!slice_eq(fit, id)) {
			chat_alter(b->losses, "AN-7", "messages.tool_use.id", "renamed");
			parts->items[i].call_id = ids[i] = fit;
			index_put(&renamed, b->arena, id, (uint32_t)i);
		}
	}
	if (renamed.count > 0 && t + 1 < b->turns.len) {
		rename_results(&b->turns.items[t + 1].parts, &renamed, ids);
	}
}

static void fit_ids(struct anthropic_build *b) {
	struct index used = {0};
	for (size_t t = 0; t < b->turns.len; t++) {
		if (turn_count_calls(&b->turns.items[t]) > 0) {
			fit_ids_of_turn(b, &used, t);
		}
	}
}

/* ---- the whole ---- */

void anthropic_make_turns(struct anthropic_build *b) {
	b->turns = (struct turns){.arena = b->arena, .losses = b->losses, .rules = &rules};
	for (size_t i = 0; i < b->request->messages.len; i++) {
		add_message(b, &b->request->messages.items[i]);
	}
	turns_speak_system_as_user(&b->turns, &b->system);
	turns_merge(&b->turns);
	turns_pair_results(&b->turns);
	strip_foreign_thinking(b);
	drop_empty_turns(b);
	turns_merge(&b->turns);
	begin_with_user(b);
	trim_prefill(b);
	fit_ids(b);
}

bool anthropic_lacks_loop_thinking(const struct anthropic_build *b) {
	/* Back from the end to the last turn in which the user really spoke. */
	for (size_t t = b->turns.len; t-- > 0;) {
		const struct turn *turn = &b->turns.items[t];
		if (turn->role == TURN_USER) {
			bool has_result = false;
			for (size_t i = 0; i < turn->parts.len; i++) {
				has_result |= turn->parts.items[i].kind == CHAT_PART_TOOL_RESULT;
			}
			if (!has_result) {
				return false;
			}
		}
		if (turn->role == TURN_ASSISTANT && turn_count_calls(turn) > 0) {
			return turn->parts.items[0].kind != CHAT_PART_THINKING;
		}
	}
	return false;
}
