/* openai_responses_stored.c: what stored answers need of the dialect: earlier turns put before a
 * request's own (RS-3), and the lists of items that clients read. */
#include "formats/formats_internal.h"
#include "formats/openai_responses.h"

#define PAGE_DEFAULT 20
#define PAGE_MAX 100

static struct slice previous(const struct json *tree, struct arena *arena) {
	struct slice id = json_string(json_get_value(tree, "previous_response_id"), arena);
	return id.len > 0 ? id : (struct slice){0};
}

/* ---- what only an upstream with a memory knows (RS-3) ---- */

static bool has_reference(const struct chat_request *request) {
	for (size_t m = 0; m < request->messages.len; m++) {
		const struct chat_parts *parts = &request->messages.items[m].parts;
		for (size_t i = 0; i < parts->len; i++) {
			if (parts->items[i].kind == CHAT_PART_RAW &&
				slice_is(parts->items[i].raw_type, "item_reference")) {
				return true;
			}
		}
	}
	return false;
}

bool openai_responses_can_splice(const struct chat_request *request) {
	bool has_memory = request->previous_response_id.len > 0 || has_reference(request) ||
			  chat_ext_get(&request->ext, FORMAT_OPENAI_RESPONSES, "conversation").data;
	return has_memory || format_calls_are_paired(request, true);
}

static bool refuse_previous(const struct chat_request *request, struct error *error) {
	error_set_param(error, ERROR_INVALID_REQUEST, "previous_response_id",
		"Previous response with id '%.*s' not found: it is not, or no longer, kept here, "
		"and the upstream of this model keeps none",
		SLICE_FMT(slice_sub(request->previous_response_id, 0, 100)));
	if (error != NULL) {
		strcpy(error->code, "previous_response_not_found");
	}
	return false;
}

bool format_check_state(const struct chat_request *request, struct error *error) {
	static const char *const fields[] = {"conversation", "prompt"};
	if (request->client_format != FORMAT_OPENAI_RESPONSES) {
		return true;
	}
	if (request->previous_response_id.len > 0) {
		return refuse_previous(request, error);
	}
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (chat_ext_get(&request->ext, FORMAT_OPENAI_RESPONSES, fields[i]).data != NULL) {
			return error_set_param(error, ERROR_INVALID_REQUEST, fields[i],
				"the upstream of this model knows no '%s': send its content as "
				"input",
				fields[i]);
		}
	}
	return !has_reference(request) ||
	       error_set_param(error, ERROR_INVALID_REQUEST, "input",
		       "the upstream of this model keeps no items to refer to: send them whole");
}

/* ---- items in front of items ---- */

/* A text as the item it stands for. */
static void write_text_item(struct json_writer *w, struct slice text_json) {
	json_begin_object(w);
	json_put_cstr(w, "type", "message");
	json_put_cstr(w, "role", "user");
	json_write_key(w, "content");
	json_begin_array(w);
	json_begin_object(w);
	json_put_cstr(w, "type", "input_text");
	json_put_raw(w, "text", text_json);
	json_end_object(w);
	json_end_array(w);
	json_end_object(w);
}

static struct slice keep(struct arena *arena, struct buf *text) {
	size_t total = buf_total(text);
	char *copy = arena_try_alloc(arena, total + 1);
	if (copy != NULL) {
		buf_copy_out(text, 0, copy, total);
	}
	buf_finish(text);
	return copy != NULL ? slice_make(copy, total) : (struct slice){0};
}

/* The items of an input without brackets: bytes of the body, but for a plain text. */
static struct slice items_of(const struct json *input, struct arena *arena) {
	if (json_is(input, JSON_ARRAY)) {
		return slice_trim(slice_sub(json_raw(input), 1, input->raw_len - 2));
	}
	if (!json_is(input, JSON_STRING)) {
		return SLICE("");
	}
	struct buf item;
	struct json_writer w;
	buf_init(&item, 0);
	json_writer_init(&w, &item, false);
	write_text_item(&w, json_raw(input));
	return keep(arena, &item);
}

static void append_items(struct json_writer *w, struct slice items) {
	if (items.len > 0) {
		json_write_raw(w, items);
	}
}

static bool restore(const struct format_parse *parse, struct slice input, struct slice output,
	struct slice *body, struct error *error) {
	struct buf text;
	struct json_writer w;
	buf_init(&text, 0);
	text.allow_refs = true;
	json_writer_init(&w, &text, false);
	json_begin_object(&w);
	json_each (member, parse->tree) {
		if (json_key_is(member, "input") || json_key_is(member, "previous_response_id")) {
			continue;
		}
		json_write_key_slice(&w, json_key(member, parse->arena));
		json_write_node(&w, member);
	}
	json_write_key(&w, "input");
	json_begin_array(&w);
	append_items(&w, input);
	append_items(&w, output);
	append_items(&w, items_of(json_get_value(parse->tree, "input"), parse->arena));
	json_end_array(&w);
	json_end_object(&w);
	*body = keep(parse->arena, &text);
	return body->data != NULL ||
	       error_set(error, ERROR_TOO_LARGE,
		       "the request is too large with the conversation it continues");
}

static struct slice input(const struct chat_request *request) {
	return items_of(json_get_value(request->tree, "input"), request->arena);
}

/* ---- lists of items ---- */

/* Clients read pages by the ids of items, and most input items have none. */
static struct slice item_id(
	struct arena *arena, const struct json *item, struct slice response_id, size_t number) {
	struct slice id = json_string(json_get_value(item, "id"), arena);
	size_t mark = slice_find_byte(response_id, '_');
	struct slice tail = slice_from(response_id, mark == SIZE_MAX ? 0 : mark + 1);
	return id.len > 0 ? id : arena_printf(arena, "item_%.*s_%zu", SLICE_FMT(tail), number);
}

/* Texts of messages as the parts they stand for. */
static void write_content(
	struct json_writer *w, const struct json *item, const struct json *content) {
	bool is_answer = json_string_is(json_get(item, "role"), "assistant");
	json_write_key(w, "content");
	if (!json_is(content, JSON_STRING)) {
		json_write_node(w, content);
		return;
	}
	json_begin_array(w);
	json_begin_object(w);
	json_put_cstr(w, "type", is_answer ? "output_text" : "input_text");
	json_put_raw(w, "text", json_raw(content));
	if (is_answer) {
		json_put_raw(w, "annotations", SLICE("[]"));
	}
	json_end_object(w);
	json_end_array(w);
}

static void write_item(
	struct json_writer *w, const struct json *item, struct slice id, struct arena *arena) {
	json_begin_object(w);
	json_put_string(w, "id", id);
	if (json_get_value(item, "type") == NULL) {
		json_put_cstr(w, "type", "message");
	}
	json_each (member, item) {
		if (json_key_is(member, "content")) {
			write_content(w, item, member);
		} else if (!json_key_is(member, "id")) {
			json_write_key_slice(w, json_key(member, arena));
			json_write_node(w, member);
		}
	}
	json_end_object(w);
}

struct page {
	size_t limit;
	bool is_ascending;
	struct slice after;
};

static bool read_page(struct slice query, struct page *page, struct error *error) {
	struct slice pair;
	*page = (struct page){.limit = PAGE_DEFAULT};
	while (slice_split(&query, '&', &pair)) {
		int64_t limit;
		struct slice name, value = pair;
		slice_split(&value, '=', &name);
		if (slice_is(name, "after")) {
			page->after = value;
		} else if (slice_is(name, "order")) {
			page->is_ascending = slice_is(value, "asc");
			if (!page->is_ascending && !slice_is(value, "desc")) {
				return error_set_param(error, ERROR_INVALID_REQUEST, "order",
					"'order' must be asc or desc");
			}
		} else if (slice_is(name, "limit")) {
			if (!slice_to_int64(value, &limit) || limit < 1 || limit > PAGE_MAX) {
				return error_set_param(error, ERROR_INVALID_REQUEST, "limit",
					"'limit' must be a whole number from 1 to %d", PAGE_MAX);
			}
			page->limit = (size_t)limit;
		}
	}
	return true;
}

/* The items in the order of the page, and where it begins. */
static const struct json **order_items(struct arena *arena, const struct json *list,
	const struct page *page, struct slice *ids, struct slice response_id, size_t *begin) {
	const struct json **items = ARENA_ARRAY(arena, const struct json *, list->count + 1);
	size_t number = 0;
	*begin = 0;
	json_each (item, list) {
		size_t at = page->is_ascending ? number : list->count - 1 - number;
		items[at] = item;
		ids[at] = item_id(arena, item, response_id, number++);
	}
	for (size_t i = 0; page->after.len > 0 && i < list->count; i++) {
		if (slice_eq(ids[i], page->after)) {
			*begin = i + 1;
		}
	}
	return items;
}

static bool encode_items(struct slice id, struct slice items_text, struct slice query,
	struct arena *arena, struct buf *out, struct error *error) {
	struct page page;
	struct json_writer w;
	size_t begin;
	if (!read_page(query, &page, error)) {
		return false;
	}
	struct slice text = arena_printf(arena, "[%.*s]", SLICE_FMT(items_text));
	const struct json *list = json_parse(arena, text, NULL, error);
	if (list == NULL) {
		return false;
	}
	struct slice *ids = ARENA_ARRAY(arena, struct slice, list->count + 1);
	const struct json **items = order_items(arena, list, &page, ids, id, &begin);
	size_t end = list->count - begin < page.limit ? list->count : begin + page.limit;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_cstr(&w, "object", "list");
	json_write_key(&w, "data");
	json_begin_array(&w);
	for (size_t i = begin; i < end; i++) {
		write_item(&w, items[i], ids[i], arena);
	}
	json_end_array(&w);
	if (begin < end) {
		json_put_string(&w, "first_id", ids[begin]);
		json_put_string(&w, "last_id", ids[end - 1]);
	} else {
		json_put_null(&w, "first_id");
		json_put_null(&w, "last_id");
	}
	json_put_bool(&w, "has_more", end < list->count);
	json_end_object(&w);
	return true;
}

static void encode_deleted(struct slice id, struct buf *out) {
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_put_string(&w, "id", id);
	json_put_cstr(&w, "object", "response");
	json_put_bool(&w, "deleted", true);
	json_end_object(&w);
}

const struct format_stored openai_responses_stored = {
	.previous = previous,
	.restore = restore,
	.input = input,
	.encode_items = encode_items,
	.encode_deleted = encode_deleted,
};
