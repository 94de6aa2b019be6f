/* pairs.c: whether every tool call of a conversation has its result and every result its call. The
 * builders mend what does not pair (AN-13, AN-14, OC-6, OR-4, GM-4); bytes that do not pair must
 * not be spliced, since upstreams refuse them (formats.md 7.2, E-41, E-42, E-46). */
#include "formats/formats_internal.h"

enum call_state {
	CALL_OPEN,
	CALL_ANSWERED
};

struct pairing {
	const struct chat_request *request;
	struct index calls; /* id -> enum call_state */
	size_t open;
};

static bool add_calls(struct pairing *pairing, const struct chat_message *message) {
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (part->kind != CHAT_PART_TOOL_CALL) {
			continue;
		}
		if (index_get(&pairing->calls, part->call_id) == CALL_OPEN) {
			return false;
		}
		index_put(&pairing->calls, pairing->request->arena, part->call_id, CALL_OPEN);
		pairing->open++;
	}
	return true;
}

static bool answer_calls(struct pairing *pairing, const struct chat_message *message) {
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (part->kind != CHAT_PART_TOOL_RESULT) {
			continue;
		}
		if (index_get(&pairing->calls, part->call_id) != CALL_OPEN) {
			return false;
		}
		index_put(&pairing->calls, pairing->request->arena, part->call_id, CALL_ANSWERED);
		pairing->open--;
	}
	return true;
}

bool format_calls_are_paired(const struct chat_request *request, bool is_anywhere) {
	struct pairing pairing = {.request = request};
	for (size_t m = 0; m < request->messages.len; m++) {
		const struct chat_message *message = &request->messages.items[m];
		bool ok = true;
		if (message->role == CHAT_ROLE_TOOL) {
			ok = answer_calls(&pairing, message);
		} else if (pairing.open > 0 && !is_anywhere) {
			ok = false; /* somebody speaks before the results are there */
		} else if (message->role == CHAT_ROLE_ASSISTANT) {
			ok = add_calls(&pairing, message);
		}
		if (!ok) {
			return false;
		}
	}
	return pairing.open == 0;
}
