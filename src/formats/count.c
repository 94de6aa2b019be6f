/* count.c: goes through a request for its tokens. */
#include "formats/count.h"

#include "base/encoding.h"
#include "formats/count_internal.h"
#include "tokens/estimate.h"

static void visit_parts(struct count_visit *visit, const struct chat_parts *parts);

static void visit_part(struct count_visit *visit, const struct chat_part *part) {
	visit->may_cite |= part->citations_enabled == TRI_TRUE;
	switch (part->kind) {
	case CHAT_PART_TEXT:
	case CHAT_PART_REFUSAL:
		visit->on_text(visit, part->text);
		break;
	case CHAT_PART_IMAGE:
	case CHAT_PART_AUDIO:
	case CHAT_PART_VIDEO:
	case CHAT_PART_FILE:
		visit->is_exact = false;
		count_visit_media(visit, part);
		visit_parts(visit, &part->parts);
		break;
	case CHAT_PART_TOOL_CALL:
		visit->is_exact = false;
		visit->fixed += visit->model->layout->per_call;
		visit->on_text(visit, part->name);
		visit->on_text(visit, part->args);
		break;
	case CHAT_PART_SERVER_TOOL:
	case CHAT_PART_RAW:
		visit->is_exact = false;
		visit->on_text(visit, part->raw);
		break;
	default:
		/* tool results, search results, thinking */
		visit->is_exact = false;
		visit->on_text(visit, part->title);
		if (!part->is_redacted) {
			visit->on_text(visit, part->text);
		}
		visit_parts(visit, &part->parts);
		break;
	}
}

static void visit_parts(struct count_visit *visit, const struct chat_parts *parts) {
	for (size_t i = 0; i < parts->len; i++) {
		visit_part(visit, &parts->items[i]);
	}
}

/* Turns of one text each are known to the token; how several are joined is not. */
static bool is_plain_turn(const struct chat_message *message, const struct model_layout *layout) {
	return message->parts.len <= 1 &&
	       (message->role != CHAT_ROLE_ASSISTANT || layout->has_plain_answers);
}

static void visit_request(struct count_visit *visit) {
	const struct chat_request *request = visit->request;
	const struct model_layout *layout = visit->model->layout;
	visit->fixed += layout->per_request;
	if (request->system.len > 0) {
		visit->fixed += layout->per_message;
		visit->is_exact = visit->is_exact && request->system.len == 1;
		visit_parts(visit, &request->system);
	}
	for (size_t i = 0; i < request->messages.len; i++) {
		const struct chat_message *message = &request->messages.items[i];
		visit->fixed += layout->per_message;
		visit->is_exact = visit->is_exact && is_plain_turn(message, layout);
		if (message->name.len > 0) {
			visit->fixed += layout->per_name;
			visit->on_text(visit, message->name);
		}
		visit_parts(visit, &message->parts);
	}
	visit->on_text(visit, request->suffix);
	count_visit_tools(visit);
	visit->fixed += visit->may_cite ? layout->citations_prompt : 0;
	if (request->reasoning.has_budget && request->reasoning.budget_tokens != 0) {
		visit->fixed += layout->thinking_prompt;
		visit->is_exact = visit->is_exact && layout->thinking_prompt == 0;
	}
}

/* The name the client used, where nothing better is known. */
static struct count_visit visit_of(const struct chat_request *request, struct slice model) {
	model = model.len > 0 ? model : request->model;
	struct count_visit visit = {.request = request, .model = model_counting_of(model)};
	visit.is_exact = visit.model->is_own_vocabulary && visit.model->layout->is_known;
	return visit;
}

static int64_t sum(int64_t text_tokens, int64_t factor_permille, int64_t fixed) {
	int64_t total = fixed + (text_tokens * factor_permille + 999) / 1000;
	return total > 0 ? total : 1;
}

/* ---- copied, to be counted elsewhere ---- */

struct copying_visit {
	struct count_visit visit;
	struct format_counting *counting;
};

static void copy_text(struct count_visit *visit, struct slice text) {
	struct format_counting *counting = ((struct copying_visit *)(void *)visit)->counting;
	if (text.len > 0) {
		buf_append(&counting->texts, text);
		*VEC_PUSH(&counting->ends) = counting->texts.len;
	}
}

void format_counting_init(
	struct format_counting *counting, const struct chat_request *request, struct slice model) {
	*counting = (struct format_counting){0};
	struct copying_visit copying = {visit_of(request, model), counting};
	copying.visit.on_text = copy_text;
	visit_request(&copying.visit);
	counting->fixed = copying.visit.fixed;
	counting->is_exact = copying.visit.is_exact;
	counting->factor_permille = copying.visit.model->factor_permille;
	tokens_find_encoding(slice_of(copying.visit.model->encoding), &counting->encoding);
}

int64_t format_counting_run(
	const struct format_counting *counting, const struct tokens *tokens, bool *is_exact) {
	int64_t text_tokens = 0;
	size_t at = 0;
	for (size_t i = 0; i < counting->ends.len; i++) {
		size_t end = counting->ends.items[i];
		text_tokens += tokens_count(tokens, counting->encoding,
			slice_make(counting->texts.data + at, end - at));
		at = end;
	}
	if (is_exact != NULL) {
		*is_exact = counting->is_exact && tokens_can_count(tokens, counting->encoding);
	}
	return sum(text_tokens, counting->factor_permille, counting->fixed);
}

void format_counting_finish(struct format_counting *counting) {
	buf_finish(&counting->texts);
	VEC_FINISH(&counting->ends);
}

/* ---- at once ----
 *
 * What is counted also tells how far the estimate by shape is off for this request, and what is not
 * counted is corrected by it. */

struct direct_visit {
	struct count_visit visit;
	const struct tokens *tokens;
	enum tokens_encoding encoding;
	size_t budget; /* bytes that may still be counted */
	int64_t counted, counted_by_shape, rest_by_shape;
};

/* The beginning of a text, whole characters. */
static struct slice beginning(struct slice text, size_t len) {
	return slice_sub(text, 0, utf8_whole_prefix(slice_sub(text, 0, len)));
}

static void count_text(struct count_visit *visit, struct slice text) {
	struct direct_visit *direct = (struct direct_visit *)(void *)visit;
	/* Half of what is left for a text that is too long: the next ones want a say, too. */
	bool is_short = text.len <= direct->budget;
	struct slice sample = is_short ? text : beginning(text, direct->budget / 2);
	struct slice rest = slice_from(text, sample.len);
	direct->budget -= sample.len;
	direct->counted += tokens_count(direct->tokens, direct->encoding, sample);
	direct->counted_by_shape += tokens_estimate(sample);
	direct->rest_by_shape += tokens_estimate(rest);
	visit->is_exact = visit->is_exact && is_short;
}

static int64_t text_tokens(const struct direct_visit *direct) {
	if (direct->counted_by_shape == 0) {
		return direct->counted + direct->rest_by_shape;
	}
	double correction = (double)direct->counted / (double)direct->counted_by_shape;
	return direct->counted + (int64_t)((double)direct->rest_by_shape * correction);
}

int64_t format_count_tokens(
	const struct format_counter *counter, const struct chat_request *request, bool *is_exact) {
	struct direct_visit direct = {.visit = visit_of(request, counter->model),
		.tokens = counter->tokens,
		.budget = FORMAT_COUNT_AT_ONCE};
	direct.visit.on_text = count_text;
	tokens_find_encoding(slice_of(direct.visit.model->encoding), &direct.encoding);
	visit_request(&direct.visit);
	if (is_exact != NULL) {
		*is_exact =
			direct.visit.is_exact && tokens_can_count(direct.tokens, direct.encoding);
	}
	return sum(text_tokens(&direct), direct.visit.model->factor_permille, direct.visit.fixed);
}

int64_t format_estimate_tokens(const struct chat_request *request) {
	return format_count_tokens(&(struct format_counter){0}, request, NULL);
}
