/* anthropic_turns.c: the conversation in the order and shape the Messages API takes
 * (formats.md 3.2, AN-3..AN-20). */
#include "formats/anthropic.h"

static struct anthropic_turn *push_turn(struct anthropic_build *b, enum anthropic_role role) {
	struct anthropic_turn *turn = ARENA_PUSH(b->arena, &b->turns);
	turn->role = role;
	return turn;
}

static void push_part(
	struct anthropic_build *b, struct chat_parts *parts, const struct chat_part *part) {
	*ARENA_PUSH(b->arena, parts) = *part;
}

static void push_text(struct anthropic_build *b, struct chat_parts *parts, struct slice text) {
	chat_parts_push(b->arena, parts, CHAT_PART_TEXT)->text = text;
}

static void push_first_turn(struct anthropic_build *b, enum anthropic_role role) {
	push_turn(b, role);
	memmove(b->turns.items + 1, b->turns.items, (b->turns.len - 1) * sizeof *b->turns.items);
	b->turns.items[0] = (struct anthropic_turn){.role = role};
}

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
			push_part(b, &b->system, &message->parts.items[i]);
		}
		return;
	}
	if (model_has(b->target->family, MODEL_HAS_SYSTEM_ROLE)) {
		struct anthropic_turn *turn = push_turn(b, ANTHROPIC_SYSTEM);
		for (size_t i = 0; i < message->parts.len; i++) {
			push_part(b, &turn->parts, &message->parts.items[i]);
		}
		return;
	}
	struct slice text = chat_parts_text(b->arena, &message->parts, "\n");
	if (is_blank(text)) {
		return;
	}
	chat_alter(b->losses, "AN-3", "messages.system", "sent as a <system-reminder> of the user");
	push_text(b, &push_turn(b, ANTHROPIC_USER)->parts,
		arena_printf(b->arena, "<system-reminder>%.*s</system-reminder>", SLICE_FMT(text)));
}

static void add_message(struct anthropic_build *b, const struct chat_message *message) {
	if (message->role == CHAT_ROLE_SYSTEM || message->role == CHAT_ROLE_DEVELOPER) {
		add_system_message(b, message);
		return;
	}
	if (message->name.data) {
		chat_drop(b->losses, "4.2", "messages.name", "messages have no name here");
	}
	struct anthropic_turn *turn = push_turn(
		b, message->role == CHAT_ROLE_ASSISTANT ? ANTHROPIC_ASSISTANT : ANTHROPIC_USER);
	for (size_t i = 0; i < message->parts.len; i++) {
		push_part(b, &turn->parts, &message->parts.items[i]);
	}
}

/* ---- AN-12, AN-13, AN-14: every call answered right after its turn, in call order ---- */

/* A result, or an assistant turn's call; `next` is the one behind it with the same id. */
struct occurrence {
	size_t turn;
	struct chat_part *part;
	uint32_t next;
	bool is_taken;
};

/* Where each id occurs, in the order of the conversation; heads move on as calls are answered. */
struct pairing {
	struct {
		struct occurrence *items;
		size_t len, cap;
	} results, calls;
	struct index first_result, first_call;
	struct chat_parts *answers; /* by turn: the results of its calls, in their order */
	bool **taken;               /* by turn and part */
};

static size_t count_calls(const struct anthropic_turn *turn) {
	size_t count = 0;
	for (size_t i = 0; i < turn->parts.len; i++) {
		count += turn->parts.items[i].kind == CHAT_PART_TOOL_CALL;
	}
	return count;
}

/* From the end, so that the head of each list is the first. */
static void find_occurrences(struct anthropic_build *b, struct pairing *p) {
	for (size_t t = b->turns.len; t-- > 0;) {
		struct anthropic_turn *turn = &b->turns.items[t];
		for (size_t i = turn->parts.len; i-- > 0;) {
			struct chat_part *part = &turn->parts.items[i];
			bool is_call = part->kind == CHAT_PART_TOOL_CALL &&
				       turn->role == ANTHROPIC_ASSISTANT;
			if (!is_call && part->kind != CHAT_PART_TOOL_RESULT) {
				continue;
			}
			struct index *first = is_call ? &p->first_call : &p->first_result;
			struct occurrence *found = is_call ? ARENA_PUSH(b->arena, &p->calls)
							   : ARENA_PUSH(b->arena, &p->results);
			size_t number = (is_call ? p->calls.len : p->results.len) - 1;
			*found = (struct occurrence){
				.turn = t, .part = part, .next = index_get(first, part->call_id)};
			index_put(first, b->arena, part->call_id, (uint32_t)number);
		}
	}
}

/* The turn of the next call with that id behind turn `from`; SIZE_MAX when there is none. */
static size_t next_call(
	struct anthropic_build *b, struct pairing *p, size_t from, struct slice id) {
	uint32_t at = index_get(&p->first_call, id);
	while (at != INDEX_NONE && p->calls.items[at].turn <= from) {
		at = p->calls.items[at].next;
	}
	index_put(&p->first_call, b->arena, id, at);
	return at == INDEX_NONE ? SIZE_MAX : p->calls.items[at].turn;
}

/* Takes the last result for the id out of the first turn behind `from` that has one, up to the next
 * call of that id (E-51, duplicates: the last counts). NULL when there is none. */
static const struct chat_part *take_result(
	struct anthropic_build *b, struct pairing *p, size_t from, struct slice id) {
	const struct chat_part *result = NULL;
	uint32_t at = index_get(&p->first_result, id);
	while (at != INDEX_NONE && p->results.items[at].turn <= from) {
		at = p->results.items[at].next;
	}
	if (at != INDEX_NONE && p->results.items[at].turn < next_call(b, p, from, id)) {
		size_t turn = p->results.items[at].turn;
		for (; at != INDEX_NONE && p->results.items[at].turn == turn;
			at = p->results.items[at].next) {
			if (result) {
				chat_drop(b->losses, "AN-14", "messages.tool_result",
					"an earlier result for the same call");
			}
			result = p->results.items[at].part;
			p->taken[turn][result - b->turns.items[turn].parts.items] = true;
		}
	}
	index_put(&p->first_result, b->arena, id, at);
	return result;
}

static void answer_calls(struct anthropic_build *b, struct pairing *p, size_t at) {
	const struct chat_parts *parts = &b->turns.items[at].parts;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *call = &parts->items[i];
		if (call->kind != CHAT_PART_TOOL_CALL) {
			continue;
		}
		struct chat_part missing = {
			.kind = CHAT_PART_TOOL_RESULT, .call_id = call->call_id, .is_error = true};
		const struct chat_part *result = take_result(b, p, at, call->call_id);
		if (!result) {
			chat_alter(b->losses, "AN-13", "messages.tool_result",
				"a call without a result was answered by an error");
			push_text(b, &missing.parts, SLICE("[no result]"));
		}
		push_part(b, &p->answers[at], result ? result : &missing);
	}
}

/* A result without a call becomes text (AN-14). */
static struct slice orphan_text(struct anthropic_build *b, const struct chat_part *result) {
	struct slice text = chat_parts_text(b->arena, &result->parts, "\n");
	chat_alter(
		b->losses, "AN-14", "messages.tool_result", "a result without a call became text");
	return arena_printf(
		b->arena, "[tool result %.*s] %.*s", SLICE_FMT(result->call_id), SLICE_FMT(text));
}

/* The answers open the next user turn; one is made where something else (E-45) or nothing follows.
 */
static void rebuild_turns(struct anthropic_build *b, const struct pairing *p) {
	const struct anthropic_turn *old = b->turns.items;
	size_t count = b->turns.len;
	b->turns.items = NULL;
	b->turns.len = b->turns.cap = 0;
	for (size_t t = 0; t < count; t++) {
		struct anthropic_turn *turn = push_turn(b, old[t].role);
		if (t > 0 && old[t].role == ANTHROPIC_USER) {
			turn->parts = p->answers[t - 1];
		}
		for (size_t i = 0; i < old[t].parts.len; i++) {
			const struct chat_part *part = &old[t].parts.items[i];
			if (part->kind != CHAT_PART_TOOL_RESULT) {
				push_part(b, &turn->parts, part);
			} else if (!p->taken[t][i]) {
				push_text(b, &turn->parts, orphan_text(b, part));
			}
		}
		if (p->answers[t].len > 0 &&
			(t + 1 == count || old[t + 1].role != ANTHROPIC_USER)) {
			push_turn(b, ANTHROPIC_USER)->parts = p->answers[t];
		}
	}
}

static void pair_results(struct anthropic_build *b) {
	struct pairing p = {
		.answers = ARENA_ARRAY(b->arena, struct chat_parts, b->turns.len + 1),
		.taken = ARENA_ARRAY(b->arena, bool *, b->turns.len + 1),
	};
	find_occurrences(b, &p);
	if (p.calls.len + p.results.len == 0) {
		return;
	}
	for (size_t t = 0; t < b->turns.len; t++) {
		p.taken[t] = ARENA_ARRAY(b->arena, bool, b->turns.items[t].parts.len + 1);
	}
	for (size_t t = 0; t < b->turns.len; t++) {
		if (b->turns.items[t].role == ANTHROPIC_ASSISTANT) {
			answer_calls(b, &p, t);
		}
	}
	rebuild_turns(b, &p);
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
	return true;
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

const struct chat_request *anthropic_mend(
	const struct chat_request *request, const struct error *error, struct chat_losses *losses) {
	struct slice message = slice_of(error->message);
	if (error->kind != ERROR_INVALID_REQUEST || !slice_icontains(message, SLICE("signature")) ||
		!slice_icontains(message, SLICE("thinking"))) {
		return NULL;
	}
	struct chat_request *mended = ARENA_NEW(request->arena, struct chat_request);
	bool had_thinking = false;
	*mended = *request;
	mended->is_mended = true;
	mended->messages.items =
		ARENA_ARRAY(request->arena, struct chat_message, request->messages.len + 1);
	for (size_t i = 0; i < request->messages.len; i++) {
		const struct chat_message *told = &request->messages.items[i];
		mended->messages.items[i] = *told;
		had_thinking |= copy_without_thinking(
			request->arena, &told->parts, &mended->messages.items[i].parts);
	}
	if (!had_thinking) {
		return NULL;
	}
	chat_drop(losses, "AN-21", "messages.thinking",
		"the upstream could not verify its signature");
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
		struct anthropic_turn *turn = &b->turns.items[t];
		drop_blank_texts(&turn->parts);
		if (turn->parts.len == 0 && turn->role == ANTHROPIC_USER) {
			push_text(b, &turn->parts, SLICE("."));
		}
		if (turn->parts.len > 0) {
			b->turns.items[kept++] = *turn;
		}
	}
	b->turns.len = kept;
}

static void merge_neighbours(struct anthropic_build *b) {
	size_t kept = 0;
	for (size_t t = 0; t < b->turns.len; t++) {
		struct anthropic_turn *turn = &b->turns.items[t];
		struct anthropic_turn *last = kept > 0 ? &b->turns.items[kept - 1] : NULL;
		if (last && last->role == turn->role && turn->role != ANTHROPIC_SYSTEM) {
			for (size_t i = 0; i < turn->parts.len; i++) {
				push_part(b, &last->parts, &turn->parts.items[i]);
			}
		} else {
			b->turns.items[kept++] = *turn;
		}
	}
	b->turns.len = kept;
}

static void begin_with_user(struct anthropic_build *b) {
	if (b->turns.len == 0 || b->turns.items[0].role != ANTHROPIC_USER) {
		push_first_turn(b, ANTHROPIC_USER);
		push_text(b, &b->turns.items[0].parts, SLICE("."));
		chat_alter(b->losses, "AN-4", "messages", "a user message \".\" was put first");
	}
}

/* A prefill must not end in white space (AN-5). */
static void trim_prefill(struct anthropic_build *b) {
	struct anthropic_turn *last = &b->turns.items[b->turns.len - 1];
	struct chat_part *part = last->parts.len ? &last->parts.items[last->parts.len - 1] : NULL;
	if (last->role == ANTHROPIC_ASSISTANT && part && part->kind == CHAT_PART_TEXT) {
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
		if (count_calls(&b->turns.items[t]) > 0) {
			fit_ids_of_turn(b, &used, t);
		}
	}
}

/* ---- the whole ---- */

/* E-48: only system text: the last of it speaks as the user. */
static void speak_system_as_user(struct anthropic_build *b) {
	if (b->turns.len > 0 || b->system.len == 0) {
		return;
	}
	push_part(b, &push_turn(b, ANTHROPIC_USER)->parts, &b->system.items[--b->system.len]);
	chat_alter(b->losses, "E-48", "messages", "the last system text was sent as the user's");
}

void anthropic_make_turns(struct anthropic_build *b) {
	for (size_t i = 0; i < b->request->messages.len; i++) {
		add_message(b, &b->request->messages.items[i]);
	}
	speak_system_as_user(b);
	merge_neighbours(b);
	pair_results(b);
	strip_foreign_thinking(b);
	drop_empty_turns(b);
	merge_neighbours(b);
	begin_with_user(b);
	trim_prefill(b);
	fit_ids(b);
}

bool anthropic_lacks_loop_thinking(const struct anthropic_build *b) {
	/* Back from the end to the last turn in which the user really spoke. */
	for (size_t t = b->turns.len; t-- > 0;) {
		const struct anthropic_turn *turn = &b->turns.items[t];
		if (turn->role == ANTHROPIC_USER) {
			bool has_result = false;
			for (size_t i = 0; i < turn->parts.len; i++) {
				has_result |= turn->parts.items[i].kind == CHAT_PART_TOOL_RESULT;
			}
			if (!has_result) {
				return false;
			}
		}
		if (turn->role == ANTHROPIC_ASSISTANT && count_calls(turn) > 0) {
			return turn->parts.items[0].kind != CHAT_PART_THINKING;
		}
	}
	return false;
}
