/* signatures.c: what of an answer goes into the signature cache, and what of it comes back into a
 * request (formats.md LT-2, AN-20, GM-8, OR-5; E-65, E-66).
 *
 * A call is found by its id and name: it gets its own proof, and the thinking that came before it
 * stands before it again. A thinking text without a proof is found by its hash. */
#include "base/encoding.h"
#include "mux/signature_cache.h"

/* Thinking beyond it is not kept. */
#define THINKING_MAX ((size_t)1024 * 1024)

/* ---- keys: what is looked for, of which dialect and family ---- */

static struct slice make_key(struct arena *arena, char kind, enum format_id upstream,
	const struct model_family *family, struct slice what) {
	struct slice head = arena_printf(arena, "%c %d %s ", kind, (int)upstream, family->pattern);
	char *key = arena_alloc(arena, head.len + what.len);
	memcpy(key, head.data, head.len);
	memcpy(key + head.len, what.data, what.len);
	return slice_make(key, head.len + what.len);
}

static struct slice call_key(struct arena *arena, enum format_id upstream,
	const struct model_family *family, struct slice id, struct slice name) {
	char *both = arena_alloc(arena, id.len + 1 + name.len);
	memcpy(both, id.data, id.len);
	memcpy(both + id.len + 1, name.data, name.len);
	return make_key(arena, 'c', upstream, family, slice_make(both, id.len + 1 + name.len));
}

static struct slice text_key(struct arena *arena, enum format_id upstream,
	const struct model_family *family, struct slice text) {
	uint8_t digest[SHA256_LEN];
	sha256(text, digest);
	return make_key(
		arena, 't', upstream, family, slice_make((const char *)digest, sizeof digest));
}

/* ---- what is kept ---- */

static void free_text(void *data) {
	buf_finish(data);
}

static void begin_part(struct signature_watch *watch, const struct chat_event *event) {
	if (watch->text == NULL) {
		watch->text = ARENA_NEW(watch->arena, struct buf);
		buf_init(watch->text, THINKING_MAX);
		arena_on_finish(watch->arena, free_text, watch->text);
	}
	buf_reset(watch->text, 0);
	watch->is_thinking = event->part_start.provider == watch->upstream;
	watch->is_too_long = false;
	watch->part = (struct chat_part){
		.kind = CHAT_PART_THINKING,
		.provider = event->part_start.provider,
		.is_redacted = event->part_start.is_redacted,
		.signature = event->part_start.data.data != NULL
				     ? arena_dup(watch->arena, event->part_start.data)
				     : (struct slice){0},
	};
}

static void end_part(struct signature_watch *watch, uint64_t now_ms) {
	struct chat_part *part = &watch->part;
	watch->is_thinking = false;
	if (part->signature.len == 0 || watch->is_too_long) {
		return;
	}
	part->text = arena_dup(watch->arena, buf_slice(watch->text));
	*ARENA_PUSH(watch->arena, &watch->pending.thinking) = *part;
	if (part->text.len > 0) {
		struct chat_part proof = *part;
		proof.text = (struct slice){0}; /* whoever finds it has it */
		const struct signatures one = {.thinking = {&proof, 1, 1}};
		signature_cache_put(watch->cache, watch->upstream,
			text_key(watch->arena, watch->upstream, watch->family, part->text), &one,
			now_ms);
	}
}

static void keep_call(
	struct signature_watch *watch, const struct chat_event *event, uint64_t now_ms) {
	struct signatures *pending = &watch->pending;
	pending->call = event->tool.signature;
	if (pending->thinking.len > 0 || pending->call.len > 0) {
		signature_cache_put(watch->cache, watch->upstream,
			call_key(watch->arena, watch->upstream, watch->family, event->tool.id,
				event->tool.name),
			pending, now_ms);
	}
	*pending = (struct signatures){0};
}

void signatures_watch(
	struct signature_watch *watch, const struct chat_event *event, uint64_t now_ms) {
	if (event->candidate != 0) {
		return;
	}
	switch (event->type) {
	case CHAT_EVENT_PART_START:
		if (event->part_start.kind == CHAT_PART_THINKING) {
			begin_part(watch, event);
		}
		break;
	case CHAT_EVENT_THINKING_DELTA:
		if (watch->is_thinking && !buf_append(watch->text, event->text)) {
			watch->is_too_long = true;
		}
		break;
	case CHAT_EVENT_SIGNATURE:
		if (watch->is_thinking) {
			watch->part.signature = arena_dup(watch->arena, event->text);
		}
		break;
	case CHAT_EVENT_PART_END:
		if (watch->is_thinking) {
			end_part(watch, now_ms);
		}
		break;
	case CHAT_EVENT_TOOL_START:
		keep_call(watch, event, now_ms);
		break;
	default:
		break;
	}
}

/* ---- what comes back ---- */

struct restoring {
	struct signature_cache *cache;
	struct arena *arena;
	enum format_id upstream;
	const struct model_family *family;
	uint64_t now_ms;
	struct chat_parts parts; /* of the message, made anew */
	size_t thinking_at;      /* where thinking of the next call goes */
	bool has_proof;          /* thinking with a proof came since the last call */
	bool has_found;
};

static void push(struct restoring *r, const struct chat_part *part) {
	*ARENA_PUSH(r->arena, &r->parts) = *part;
}

static bool is_proved(const struct restoring *r, const struct chat_part *part) {
	return part->provider == r->upstream && part->signature.len > 0;
}

static void add_thinking(struct restoring *r, const struct chat_part *part) {
	struct signatures found;
	struct chat_part proved = *part;
	if (!is_proved(r, part) && part->text.len > 0 &&
		signature_cache_get(r->cache,
			text_key(r->arena, r->upstream, r->family, part->text), r->arena, &found,
			r->now_ms)) {
		proved = found.thinking.items[0];
		proved.text = part->text;
		r->has_found = true;
	}
	r->has_proof |= is_proved(r, &proved);
	push(r, &proved);
}

static void insert_thinking(struct restoring *r, const struct chat_parts *thinking) {
	for (size_t i = 0; i < thinking->len; i++) {
		push(r, &thinking->items[i]);
	}
	struct chat_part *to = r->parts.items + r->thinking_at;
	memmove(to + thinking->len, to,
		(r->parts.len - thinking->len - r->thinking_at) * sizeof *to);
	memcpy(to, thinking->items, thinking->len * sizeof *to);
}

static void add_call(struct restoring *r, const struct chat_part *part) {
	struct signatures found;
	struct chat_part call = *part;
	if (signature_cache_get(r->cache,
		    call_key(r->arena, r->upstream, r->family, part->call_id, part->name), r->arena,
		    &found, r->now_ms)) {
		r->has_found = true;
		if (!is_proved(r, part) && found.call.len > 0) {
			call.signature = found.call;
			call.provider = r->upstream;
		}
		if (!r->has_proof && found.thinking.len > 0) {
			insert_thinking(r, &found.thinking);
		}
	}
	push(r, &call);
	r->thinking_at = r->parts.len;
	r->has_proof = false;
}

/* True when something was found; then r->parts is the message's new content. */
static bool restore_message(struct restoring *r, const struct chat_message *message) {
	r->parts = (struct chat_parts){0};
	r->thinking_at = 0;
	r->has_proof = r->has_found = false;
	for (size_t i = 0; i < message->parts.len; i++) {
		const struct chat_part *part = &message->parts.items[i];
		if (part->kind == CHAT_PART_THINKING) {
			add_thinking(r, part);
		} else if (part->kind == CHAT_PART_TOOL_CALL) {
			add_call(r, part);
		} else {
			push(r, part);
		}
	}
	return r->has_found;
}

static bool may_have_some(const struct chat_message *message) {
	for (size_t i = 0; message->role == CHAT_ROLE_ASSISTANT && i < message->parts.len; i++) {
		enum chat_part_kind kind = message->parts.items[i].kind;
		if (kind == CHAT_PART_THINKING || kind == CHAT_PART_TOOL_CALL) {
			return true;
		}
	}
	return false;
}

const struct chat_request *signatures_restore(struct signature_cache *cache,
	const struct chat_request *request, enum format_id upstream,
	const struct model_family *family, uint64_t now_ms) {
	struct restoring r = {
		.cache = cache,
		.arena = request->arena,
		.upstream = upstream,
		.family = family,
		.now_ms = now_ms,
	};
	struct chat_request *copy = NULL;
	if (cache == NULL || !signature_cache_has(cache, upstream)) {
		return request;
	}
	for (size_t m = 0; m < request->messages.len; m++) {
		if (!may_have_some(&request->messages.items[m]) ||
			!restore_message(&r, &request->messages.items[m])) {
			continue;
		}
		if (copy == NULL) {
			copy = ARENA_NEW(request->arena, struct chat_request);
			*copy = *request;
			copy->messages.items = ARENA_ARRAY(
				request->arena, struct chat_message, request->messages.len);
			memcpy(copy->messages.items, request->messages.items,
				request->messages.len * sizeof *copy->messages.items);
			copy->messages.cap = copy->messages.len;
		}
		copy->messages.items[m].parts = r.parts;
	}
	return copy != NULL ? copy : request;
}
