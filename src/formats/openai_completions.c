/* openai_completions.c: the legacy Completions dialect: requests of clients (CO-1, CO-2), and its
 * row in the table. No upstream speaks it: a prompt goes out as a user message. */
#include "formats/openai_completions.h"
#include "formats/parse_common.h"

#define DEFAULT_MAX_TOKENS 16
/* Each is a call of its own, and limits.fan-out is lower. */
#define MAX_PROMPTS 2048

struct parser {
	struct chat_request *request;
	struct arena *arena;
	struct error *error;
};

/* ---- the prompt (CO-1) ---- */

static bool refuse_prompt(struct parser *p, const char *what) {
	return error_set_param(p->error, ERROR_INVALID_REQUEST, "prompt", "'prompt' %s", what);
}

static bool add_prompt(struct parser *p, const struct json *node) {
	struct chat_request *r = p->request;
	if (json_is(node, JSON_NUMBER) || json_is(node, JSON_ARRAY)) {
		return refuse_prompt(p, "is a list of tokens, which only the model's own tokenizer "
					"can read: send the text");
	}
	if (!json_is(node, JSON_STRING)) {
		return parse_refuse(p->error, "prompt", node, "a string or a list of strings");
	}
	if (node->raw_len == 2) {
		return refuse_prompt(p, "is empty: there is nothing to continue");
	}
	r->prompts[r->prompt_count++] = json_string(node, p->arena);
	return true;
}

static bool read_prompt(struct parser *p, const struct json *node) {
	struct chat_request *r = p->request;
	bool is_list = json_is(node, JSON_ARRAY);
	if (is_list && node->count > MAX_PROMPTS && !json_is(json_first(node), JSON_NUMBER)) {
		return error_set_param(p->error, ERROR_INVALID_REQUEST, "prompt",
			"'prompt' holds %u texts, more than %d", (unsigned)node->count,
			MAX_PROMPTS);
	}
	if (is_list && node->count == 0) {
		return refuse_prompt(p, "is an empty list: there is nothing to continue");
	}
	r->prompts = ARENA_ARRAY(p->arena, struct slice, is_list ? node->count : 1);
	if (!is_list && !add_prompt(p, node)) {
		return false;
	}
	json_each (item, is_list ? node : NULL) {
		if (!add_prompt(p, item)) {
			return false;
		}
	}
	struct chat_message *message = chat_request_push(r, CHAT_ROLE_USER);
	message->has_string_content = true;
	chat_parts_push(p->arena, &message->parts, CHAT_PART_TEXT)->text = r->prompts[0];
	return true;
}

/* ---- the other fields ---- */

static bool read_model(struct parser *p, const struct json *node) {
	return parse_text(p->error, node, "model", p->arena, &p->request->model);
}

static bool read_suffix(struct parser *p, const struct json *node) {
	struct chat_request *r = p->request;
	if (!parse_text(p->error, node, "suffix", p->arena, &r->suffix)) {
		return false;
	}
	r->is_generate = r->suffix.len > 0; /* OU-1 */
	return true;
}

static bool read_max_tokens(struct parser *p, const struct json *node) {
	return parse_count(
		p->error, node, "max_tokens", 1, INT64_MAX / 4, &p->request->max_output_tokens);
}

static bool read_n(struct parser *p, const struct json *node) {
	p->request->has_n = true;
	return parse_count(p->error, node, "n", 1, 128, &p->request->n);
}

static bool read_stream(struct parser *p, const struct json *node) {
	return json_bool(node, &p->request->stream) ||
	       parse_refuse(p->error, "stream", node, "true or false"); /* E-87 */
}

static bool read_stream_options(struct parser *p, const struct json *node) {
	return parse_stream_options(p->error, node, p->request);
}

/* How many alternatives; the tokens said are told in any case. */
static bool read_logprobs(struct parser *p, const struct json *node) {
	p->request->logprobs = TRI_TRUE;
	p->request->has_top_logprobs = true;
	return parse_count(p->error, node, "logprobs", 0, 5, &p->request->top_logprobs);
}

static bool read_echo(struct parser *p, const struct json *node) {
	return parse_flag(p->error, node, "echo", &p->request->echo);
}

static bool read_stop(struct parser *p, const struct json *node) {
	return parse_strings(
		p->error, node, "stop", p->arena, &p->request->stop, &p->request->stop_count);
}

static bool read_logit_bias(struct parser *p, const struct json *node) {
	if (node->count > 0) { /* LangChain sends an empty one */
		p->request->logit_bias = json_raw(node);
	}
	return true;
}

static bool read_user(struct parser *p, const struct json *node) {
	return parse_text(p->error, node, "user", p->arena, &p->request->end_user_id);
}

#define NUMBER(field)                                                                              \
	static bool read_##field(struct parser *p, const struct json *node) {                      \
		return parse_number(p->error, node, #field, &p->request->field);                   \
	}
NUMBER(temperature)
NUMBER(top_p)
NUMBER(presence_penalty)
NUMBER(frequency_penalty)
NUMBER(seed)

/* In order of dependence: `stream` stands before its options. */
static const struct {
	const char *name;
	bool (*read)(struct parser *p, const struct json *node);
} fields[] = {
	{"model", read_model},
	{"prompt", read_prompt},
	{"suffix", read_suffix},
	{"max_tokens", read_max_tokens},
	{"temperature", read_temperature},
	{"top_p", read_top_p},
	{"n", read_n},
	{"stream", read_stream},
	{"stream_options", read_stream_options},
	{"logprobs", read_logprobs},
	{"echo", read_echo},
	{"stop", read_stop},
	{"presence_penalty", read_presence_penalty},
	{"frequency_penalty", read_frequency_penalty},
	{"logit_bias", read_logit_bias},
	{"seed", read_seed},
	{"user", read_user},
};
#define FIELDS (sizeof fields / sizeof *fields)

/* IR-1; best_of is among it, and dropped by every builder (CO-2). */
static void keep_rest(struct parser *p) {
	json_each (member, p->request->tree) {
		bool is_known = member->type == JSON_NULL;
		for (size_t i = 0; i < FIELDS && !is_known; i++) {
			is_known = json_key_is(member, fields[i].name);
		}
		if (!is_known) {
			chat_ext_add(p->arena, &p->request->ext, FORMAT_OPENAI_COMPLETIONS,
				json_key(member, p->arena), json_raw(member));
		}
	}
}

static bool parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error) {
	struct parser p = {.request = request, .arena = parse->arena, .error = error};
	static const char *const needed[] = {"model", "prompt"};
	*request = (struct chat_request){.client_format = FORMAT_OPENAI_COMPLETIONS,
		.op = parse->op,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree,
		.has_max_output_tokens = true,
		.max_output_tokens = DEFAULT_MAX_TOKENS};
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		if (json_get_value(parse->tree, needed[i]) == NULL) {
			return error_set_param(error, ERROR_INVALID_REQUEST, needed[i],
				"you must provide a '%s' parameter", needed[i]);
		}
	}
	for (size_t i = 0; i < FIELDS; i++) {
		const struct json *node = json_get_value(parse->tree, fields[i].name);
		if (node != NULL && !fields[i].read(&p, node)) {
			return false;
		}
	}
	keep_rest(&p);
	return true;
}

const struct format format_openai_completions = {
	.id = FORMAT_OPENAI_COMPLETIONS,
	.name = "openai-completions",
	.title = "OpenAI Completions (legacy)",
	.family = FAMILY_OPENAI,
	.stream_content_type = "text/event-stream",
	.has_candidates = true,
	.keepalive = ": ping\n\n", /* CC-16 */
	.parse_request = parse_request,
	.encoder_create = openai_completions_encoder_create,
	.encode_response = openai_completions_encode_response,
	.encode_error = format_encode_openai_error,
	.parse_error = format_read_error,
};
