/* responses.c: stored answers: requests that build on one, answers on their way into the store, and
 * the calls that read and delete them (RS-3). What an answer or an item is, the dialect knows. */
#include "base/clock.h"
#include "gateway/gateway_internal.h"

/* ---- requests that build on an answer ---- */

/* The answer of that id, and the store it was taken from. */
static const struct stored_response *take_stored(
	struct gateway_call *call, struct slice id, struct responses_store **from) {
	struct responses_store *const stores[] = {call->private_store, call->gateway->store};
	for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
		const struct stored_response *stored =
			stores[i] == NULL ? NULL
					  : responses_store_take(
						    stores[i], id, (int64_t)clock_monotonic_ms());
		if (stored != NULL) {
			*from = stores[i];
			return stored;
		}
	}
	return NULL;
}

bool gateway_restore(struct gateway_call *call, const struct format *format,
	struct format_parse *parse, struct slice *restored, struct error *error) {
	struct responses_store *store;
	struct slice id = {0};
	*restored = id;
	if (format->stored != NULL) {
		id = format->stored->previous(parse->tree, call->arena);
	}
	if (id.data == NULL) {
		return true;
	}
	const struct stored_response *stored = take_stored(call, id, &store);
	if (stored == NULL) {
		return true; /* perhaps the upstream knows it */
	}
	struct slice body;
	bool ok = format->stored->restore(parse, stored->input, stored->output, &body, error);
	responses_store_give_back(store, stored);
	if (!ok) {
		return false;
	}
	parse->body = body;
	parse->tree = json_parse(call->arena, body, NULL, error);
	*restored = id;
	return parse->tree != NULL;
}

/* ---- answers on their way in ---- */

/* Where an answer goes; NULL = nowhere. */
static struct responses_store *store_of(const struct gateway_call *call) {
	bool is_private = call->request.store == TRI_FALSE || call->gateway->store == NULL;
	return is_private ? call->private_store : call->gateway->store;
}

static void on_answer(struct format_answer_watch *watch, struct slice id, struct slice items,
	struct slice object) {
	struct gateway_answer *answer =
		(struct gateway_answer *)(void *)((char *)watch -
						  offsetof(struct gateway_answer, watch));
	struct slice input = answer->format->stored->input(&answer->call->request);
	if (input.data == NULL) {
		return;
	}
	const struct stored_response stored = {
		.id = id, .input = input, .output = items, .object = object};
	responses_store_put(store_of(answer->call), &stored, (int64_t)clock_monotonic_ms());
}

/* An upstream of the same dialect keeps its own answers: those pass by unread. */
struct format_answer_watch *gateway_watch_answer(
	struct gateway_answer *answer, const struct chat_request *request) {
	if (store_of(answer->call) == NULL || answer->format->stored == NULL ||
		request->op != CHAT_OP_CHAT) {
		return NULL;
	}
	answer->watch.on_answer = on_answer;
	return &answer->watch;
}

/* ---- reading and deleting ---- */

/* The id in ".../responses/ID[/input_items]", and what follows it. */
static struct slice id_in_path(struct gateway_call *call, struct slice *rest) {
	struct slice path = slice_from(call->http->path, call->route->path.len);
	size_t slash = slice_find_byte(path, '/');
	*rest = slash == SIZE_MAX ? SLICE("") : slice_from(path, slash);
	return slice_sub(path, 0, slash == SIZE_MAX ? path.len : slash);
}

static void fail_unknown(struct gateway_call *call, struct slice id) {
	struct error error;
	error_set_param(&error, ERROR_NOT_FOUND, "id",
		"Response with id '%.*s' not found: it is not, or no longer, kept here",
		SLICE_FMT(slice_sub(id, 0, 100)));
	strcpy(error.code, "not_found");
	gateway_fail(call, &error);
}

/* The object, or a page of the items that led to it. */
static void show(struct gateway_call *call, const struct stored_response *stored, bool has_items) {
	const struct format *format = format_get(call->route->format);
	struct buf body = {0};
	struct error error;
	if (!has_items) {
		buf_append(&body, stored->object);
	} else if (!format->stored->encode_items(stored->id, stored->input, call->http->query,
			   call->arena, &body, &error)) {
		gateway_fail(call, &error);
		buf_finish(&body);
		return;
	}
	gateway_reply(call, 200, SLICE("application/json"), &body);
	buf_finish(&body);
}

void gateway_show_response(struct gateway_call *call) {
	struct responses_store *store = call->gateway->store;
	struct slice rest, id = id_in_path(call, &rest);
	bool has_items = slice_is(rest, "/input_items");
	const struct stored_response *stored = NULL;
	if (store != NULL && (rest.len == 0 || has_items)) {
		stored = responses_store_take(store, id, (int64_t)clock_monotonic_ms());
	}
	if (stored == NULL) {
		fail_unknown(call, id);
		return;
	}
	show(call, stored, has_items);
	responses_store_give_back(store, stored);
}

void gateway_delete_response(struct gateway_call *call) {
	struct responses_store *store = call->gateway->store;
	struct slice rest, id = id_in_path(call, &rest);
	struct buf body = {0};
	if (store == NULL || rest.len > 0 ||
		!responses_store_remove(store, id, (int64_t)clock_monotonic_ms())) {
		fail_unknown(call, id);
		return;
	}
	format_get(call->route->format)->stored->encode_deleted(id, &body);
	gateway_reply(call, 200, SLICE("application/json"), &body);
	buf_finish(&body);
}
