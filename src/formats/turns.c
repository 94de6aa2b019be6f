/* turns.c: a conversation as turns of alternating roles, every call answered right behind its turn.
 */
#include "formats/turns.h"

struct turn *turns_push(struct turns *turns, enum turn_role role) {
	struct turn *turn = ARENA_PUSH(turns->arena, turns);
	turn->role = role;
	return turn;
}

struct turn *turns_push_first(struct turns *turns, enum turn_role role) {
	turns_push(turns, role);
	memmove(turns->items + 1, turns->items, (turns->len - 1) * sizeof *turns->items);
	turns->items[0] = (struct turn){.role = role};
	return &turns->items[0];
}

void turns_add_part(struct turns *turns, struct chat_parts *parts, const struct chat_part *part) {
	*ARENA_PUSH(turns->arena, parts) = *part;
}

void turns_add_text(struct turns *turns, struct chat_parts *parts, struct slice text) {
	chat_parts_push(turns->arena, parts, CHAT_PART_TEXT)->text = text;
}

void turns_add_reminder(struct turns *turns, const struct chat_message *message) {
	struct slice text = chat_parts_text(turns->arena, &message->parts, "\n");
	if (slice_trim(text).len == 0) {
		return;
	}
	chat_alter(turns->losses, turns->rules->reminder, "messages.system",
		"sent as a <system-reminder> of the user");
	turns_add_text(turns, &turns_push(turns, TURN_USER)->parts,
		arena_printf(
			turns->arena, "<system-reminder>%.*s</system-reminder>", SLICE_FMT(text)));
}

void turns_add_message(struct turns *turns, const struct chat_message *message) {
	if (message->name.data) {
		chat_drop(turns->losses, "4.2", "messages.name", "messages have no name here");
	}
	struct turn *turn = turns_push(
		turns, message->role == CHAT_ROLE_ASSISTANT ? TURN_ASSISTANT : TURN_USER);
	for (size_t i = 0; i < message->parts.len; i++) {
		turns_add_part(turns, &turn->parts, &message->parts.items[i]);
	}
}

/* ---- every call answered right after its turn, in call order ---- */

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

size_t turn_count_calls(const struct turn *turn) {
	size_t count = 0;
	for (size_t i = 0; i < turn->parts.len; i++) {
		count += turn->parts.items[i].kind == CHAT_PART_TOOL_CALL;
	}
	return count;
}

/* From the end, so that the head of each list is the first. */
static void find_occurrences(struct turns *turns, struct pairing *p) {
	for (size_t t = turns->len; t-- > 0;) {
		struct turn *turn = &turns->items[t];
		for (size_t i = turn->parts.len; i-- > 0;) {
			struct chat_part *part = &turn->parts.items[i];
			bool is_call =
				part->kind == CHAT_PART_TOOL_CALL && turn->role == TURN_ASSISTANT;
			if (!is_call && part->kind != CHAT_PART_TOOL_RESULT) {
				continue;
			}
			struct index *first = is_call ? &p->first_call : &p->first_result;
			struct occurrence *found = is_call ? ARENA_PUSH(turns->arena, &p->calls)
							   : ARENA_PUSH(turns->arena, &p->results);
			size_t number = (is_call ? p->calls.len : p->results.len) - 1;
			*found = (struct occurrence){
				.turn = t, .part = part, .next = index_get(first, part->call_id)};
			index_put(first, turns->arena, part->call_id, (uint32_t)number);
		}
	}
}

/* The turn of the next call with that id behind turn `from`; SIZE_MAX when there is none. */
static size_t next_call(struct turns *turns, struct pairing *p, size_t from, struct slice id) {
	uint32_t at = index_get(&p->first_call, id);
	while (at != INDEX_NONE && p->calls.items[at].turn <= from) {
		at = p->calls.items[at].next;
	}
	index_put(&p->first_call, turns->arena, id, at);
	return at == INDEX_NONE ? SIZE_MAX : p->calls.items[at].turn;
}

/* Takes the last result for the id out of the first turn behind `from` that has one, up to the next
 * call of that id (E-51, duplicates: the last counts). NULL when there is none. */
static const struct chat_part *take_result(
	struct turns *turns, struct pairing *p, size_t from, struct slice id) {
	const struct chat_part *result = NULL;
	uint32_t at = index_get(&p->first_result, id);
	while (at != INDEX_NONE && p->results.items[at].turn <= from) {
		at = p->results.items[at].next;
	}
	if (at != INDEX_NONE && p->results.items[at].turn < next_call(turns, p, from, id)) {
		size_t turn = p->results.items[at].turn;
		for (; at != INDEX_NONE && p->results.items[at].turn == turn;
			at = p->results.items[at].next) {
			if (result) {
				chat_drop(turns->losses, turns->rules->orphan,
					"messages.tool_result",
					"an earlier result for the same call");
			}
			result = p->results.items[at].part;
			p->taken[turn][result - turns->items[turn].parts.items] = true;
		}
	}
	index_put(&p->first_result, turns->arena, id, at);
	return result;
}

static void answer_calls(struct turns *turns, struct pairing *p, size_t at) {
	const struct chat_parts *parts = &turns->items[at].parts;
	for (size_t i = 0; i < parts->len; i++) {
		const struct chat_part *call = &parts->items[i];
		if (call->kind != CHAT_PART_TOOL_CALL) {
			continue;
		}
		struct chat_part missing = {
			.kind = CHAT_PART_TOOL_RESULT, .call_id = call->call_id, .is_error = true};
		const struct chat_part *result = take_result(turns, p, at, call->call_id);
		if (!result) {
			chat_alter(turns->losses, turns->rules->missing, "messages.tool_result",
				"a call without a result was answered by an error");
			turns_add_text(turns, &missing.parts, SLICE("[no result]"));
		}
		turns_add_part(turns, &p->answers[at], result ? result : &missing);
	}
}

/* A result without a call becomes text. */
static struct slice orphan_text(struct turns *turns, const struct chat_part *result) {
	struct slice text = chat_parts_text(turns->arena, &result->parts, "\n");
	chat_alter(turns->losses, turns->rules->orphan, "messages.tool_result",
		"a result without a call became text");
	return arena_printf(turns->arena, "[tool result %.*s] %.*s", SLICE_FMT(result->call_id),
		SLICE_FMT(text));
}

/* The answers open the next user turn; one is made where something else (E-45) or nothing follows.
 */
static void rebuild_turns(struct turns *turns, const struct pairing *p) {
	const struct turn *old = turns->items;
	size_t count = turns->len;
	turns->items = NULL;
	turns->len = turns->cap = 0;
	for (size_t t = 0; t < count; t++) {
		struct turn *turn = turns_push(turns, old[t].role);
		if (t > 0 && old[t].role == TURN_USER) {
			turn->parts = p->answers[t - 1];
		}
		for (size_t i = 0; i < old[t].parts.len; i++) {
			const struct chat_part *part = &old[t].parts.items[i];
			if (part->kind != CHAT_PART_TOOL_RESULT) {
				turns_add_part(turns, &turn->parts, part);
			} else if (!p->taken[t][i]) {
				turns_add_text(turns, &turn->parts, orphan_text(turns, part));
			}
		}
		if (p->answers[t].len > 0 && (t + 1 == count || old[t + 1].role != TURN_USER)) {
			turns_push(turns, TURN_USER)->parts = p->answers[t];
		}
	}
}

void turns_pair_results(struct turns *turns) {
	struct pairing p = {
		.answers = ARENA_ARRAY(turns->arena, struct chat_parts, turns->len + 1),
		.taken = ARENA_ARRAY(turns->arena, bool *, turns->len + 1),
	};
	find_occurrences(turns, &p);
	if (p.calls.len + p.results.len == 0) {
		return;
	}
	for (size_t t = 0; t < turns->len; t++) {
		p.taken[t] = ARENA_ARRAY(turns->arena, bool, turns->items[t].parts.len + 1);
	}
	for (size_t t = 0; t < turns->len; t++) {
		if (turns->items[t].role == TURN_ASSISTANT) {
			answer_calls(turns, &p, t);
		}
	}
	rebuild_turns(turns, &p);
}

/* ---- neighbours ---- */

void turns_merge(struct turns *turns) {
	size_t kept = 0;
	for (size_t t = 0; t < turns->len; t++) {
		struct turn *turn = &turns->items[t];
		struct turn *last = kept > 0 ? &turns->items[kept - 1] : NULL;
		if (last && last->role == turn->role && turn->role != TURN_SYSTEM) {
			for (size_t i = 0; i < turn->parts.len; i++) {
				turns_add_part(turns, &last->parts, &turn->parts.items[i]);
			}
		} else {
			turns->items[kept++] = *turn;
		}
	}
	turns->len = kept;
}

void turns_speak_system_as_user(struct turns *turns, struct chat_parts *system) {
	if (turns->len > 0 || system->len == 0) {
		return;
	}
	turns_add_part(turns, &turns_push(turns, TURN_USER)->parts, &system->items[--system->len]);
	chat_alter(
		turns->losses, "E-48", "messages", "the last system text was sent as the user's");
}
