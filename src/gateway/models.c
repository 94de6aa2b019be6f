/* models.c: the models a client can ask for, as lists and one by one (gateway.md 4.4). */
#include "gateway/gateway_internal.h"

#define PAGE_MAX 1000 /* of the Anthropic list; also the default: few clients turn pages */

static struct format_model to_format(const struct mux_model *model) {
	return (struct format_model){
		.id = model->id,
		.display_name = slice_of(model->display_name),
		.owned_by = slice_of(model->owned_by),
		.context_tokens = model->context_tokens,
		.max_output_tokens = model->max_output_tokens,
		.capabilities = model->capabilities,
	};
}

/* A page of the sorted models, as Anthropic's list takes it. */
struct page {
	size_t begin, end;
	bool has_more;
};

static size_t place_of(const struct mux_model *models, size_t count, struct slice id) {
	for (size_t i = 0; i < count; i++) {
		if (slice_eq(models[i].id, id)) {
			return i;
		}
	}
	return count;
}

/* Of Gemini's list: the token of a page is the id it begins with. */
static bool find_gemini_page(struct gateway_call *call, const struct mux_model *models,
	size_t count, struct page *page, struct error *error) {
	struct slice size = gateway_query(call->arena, call->http->query, "pageSize");
	struct slice token = gateway_query(call->arena, call->http->query, "pageToken");
	uint64_t wanted = PAGE_MAX;
	if (size.data && !slice_to_uint64(size, &wanted)) {
		return error_set_param(
			error, ERROR_INVALID_REQUEST, "pageSize", "pageSize must be a number");
	}
	size_t limit = wanted == 0 || wanted > PAGE_MAX ? PAGE_MAX : (size_t)wanted;
	page->begin = token.len > 0 ? place_of(models, count, token) : 0;
	if (token.len > 0 && page->begin == count) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "pageToken",
			"the pageToken is none of this list");
	}
	page->end = count - page->begin > limit ? page->begin + limit : count;
	page->has_more = page->end < count;
	return true;
}

static bool read_limit(struct slice text, size_t *limit, struct error *error) {
	uint64_t value;
	*limit = PAGE_MAX;
	if (!text.data) {
		return true;
	}
	if (!slice_to_uint64(text, &value) || value < 1 || value > PAGE_MAX) {
		return error_set_param(error, ERROR_INVALID_REQUEST, "limit",
			"limit must be a number from 1 to %d", PAGE_MAX);
	}
	*limit = (size_t)value;
	return true;
}

static bool find_page(struct gateway_call *call, const struct mux_model *models, size_t count,
	struct page *page, struct error *error) {
	struct slice query = call->http->query;
	struct slice after = gateway_query(call->arena, query, "after_id");
	struct slice before = gateway_query(call->arena, query, "before_id");
	size_t limit;
	if (!read_limit(gateway_query(call->arena, query, "limit"), &limit, error)) {
		return false;
	}
	struct slice cursor = after.data ? after : before;
	size_t at = cursor.data ? place_of(models, count, cursor) : 0;
	if (cursor.data && at == count) {
		return error_set_param(error, ERROR_INVALID_REQUEST,
			after.data ? "after_id" : "before_id", "there is no model of that id");
	}
	if (before.data && !after.data) {
		page->begin = at > limit ? at - limit : 0;
		page->end = at;
		page->has_more = page->begin > 0;
		return true;
	}
	page->begin = after.data ? at + 1 : 0;
	page->end = count - page->begin > limit ? page->begin + limit : count;
	page->has_more = page->end < count;
	return true;
}

void gateway_list_models(struct gateway_call *call) {
	size_t count;
	const struct mux_model *models = mux_models(call->gateway->mux, &count);
	struct page page = {0, count, false};
	struct error error = {0};
	bool ok = true;
	if (call->family == FAMILY_ANTHROPIC) {
		ok = find_page(call, models, count, &page, &error);
	} else if (call->family == FAMILY_GEMINI) {
		ok = find_gemini_page(call, models, count, &page, &error);
	}
	if (!ok) {
		gateway_fail(call, &error);
		return;
	}
	size_t shown = page.end - page.begin;
	struct format_model *list = ARENA_ARRAY(call->arena, struct format_model, shown + 1);
	for (size_t i = 0; i < shown; i++) {
		list[i] = to_format(&models[page.begin + i]);
	}
	struct buf body = {0};
	const struct format_list listed = {
		.models = list,
		.count = shown,
		.has_more = page.has_more,
		.next_page = page.has_more ? models[page.end].id : (struct slice){0},
	};
	format_encode_models(call->family, &listed, &body);
	gateway_reply(call, 200, SLICE("application/json"), &body);
	buf_finish(&body);
}

void gateway_answer_model(struct gateway_call *call, struct slice id) {
	const struct mux_model *model = mux_find_model(call->gateway->mux, id);
	call->model = id;
	if (!model) {
		struct error error;
		mux_explain_unknown(call->gateway->mux, id, &error);
		gateway_fail(call, &error);
		return;
	}
	struct format_model shown = to_format(model);
	struct buf body = {0};
	format_encode_model(call->family, &shown, &body);
	gateway_reply(call, 200, SLICE("application/json"), &body);
	buf_finish(&body);
}

void gateway_show_model(struct gateway_call *call) {
	struct slice id = slice_from(call->http->path, call->route->path.len);
	/* "models/models/x": a resource's whole name where its id belongs */
	bool is_resource = call->family == FAMILY_GEMINI && slice_starts_with(id, SLICE("models/"));
	gateway_answer_model(call, is_resource ? slice_from(id, strlen("models/")) : id);
}
