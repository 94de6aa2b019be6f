/* gemini_parse.c: a client's generateContent or countTokens request into the canonical request
 * (formats.md 2.5): the top level, tools and the generation config. */
#include "formats/formats_internal.h"
#include "formats/gemini.h"
#include "formats/schema_openapi.h"

#define MAX_TOOLS 10000
#define MAX_KEY 64

/* ---- names in two spellings ---- */

/* "toolConfig" to "tool_config"; returns its length. */
static size_t snake_case(const char *camel, char snake[2 * MAX_KEY]) {
	size_t len = 0;
	for (; *camel != '\0' && len + 2 < 2 * MAX_KEY; camel++) {
		bool is_upper = *camel >= 'A' && *camel <= 'Z';
		if (is_upper) {
			snake[len++] = '_';
		}
		snake[len++] = is_upper ? (char)(*camel ^ 0x20) : *camel;
	}
	return len;
}

const struct json *gemini_get(const struct json *object, const char *camel) {
	const struct json *found = json_get_value(object, camel);
	if (found != NULL) {
		return found;
	}
	char snake[2 * MAX_KEY];
	size_t len = snake_case(camel, snake);
	found = json_get_slice(object, slice_make(snake, len));
	return json_is_null(found) ? NULL : found;
}

bool gemini_key_is(const struct json *member, const char *camel) {
	char snake[2 * MAX_KEY];
	size_t len = snake_case(camel, snake);
	return json_key_is(member, camel) ||
	       (!member->key_has_escape &&
		       slice_eq(slice_make(member->key, member->key_len), slice_make(snake, len)));
}

void gemini_keep_unknown(struct gemini_parser *p, const struct json *object, const char *prefix,
	const char *const *known, struct chat_exts *exts) {
	json_each (member, object) {
		bool is_known = false;
		for (const char *const *name = known; *name != NULL && !is_known; name++) {
			is_known = gemini_key_is(member, *name);
		}
		if (!is_known) {
			struct slice key = json_key(member, p->arena);
			if (*prefix != '\0') {
				key = arena_printf(p->arena, "%s%.*s", prefix, SLICE_FMT(key));
			}
			chat_ext_add(p->arena, exts, FORMAT_GEMINI, key, json_raw(member));
		}
	}
}

bool gemini_refuse(struct gemini_parser *p, const char *field, const char *what) {
	struct slice param = p->path ? arena_printf(p->arena, "%s%s%s", p->path,
					       *field != '\0' ? "." : "", field)
				     : slice_of(field);
	return error_set_param(
		p->error, ERROR_INVALID_REQUEST, param.data, "* %.*s: %s", SLICE_FMT(param), what);
}

static bool read_string(
	struct gemini_parser *p, const struct json *value, const char *field, struct slice *to) {
	if (!json_is(value, JSON_STRING)) {
		return gemini_refuse(p, field, "must be a string");
	}
	*to = json_string(value, p->arena);
	return true;
}

/* proto JSON: numbers may be written as strings. */
static bool read_number(struct gemini_parser *p, const struct json *value, const char *field,
	struct chat_number *to) {
	const struct json *number = value;
	if (json_is(value, JSON_STRING)) {
		number = json_parse(p->arena, json_string(value, p->arena), NULL, NULL);
	}
	if (!json_is(number, JSON_NUMBER) || !json_double(number, &to->value)) {
		return gemini_refuse(p, field, "must be a number");
	}
	to->raw = json_raw(number);
	return true;
}

static bool read_int(struct gemini_parser *p, const struct json *value, const char *field,
	int64_t least, int64_t *to) {
	struct slice text = json_string(value, p->arena);
	bool ok = text.data ? slice_to_int64(text, to) : json_int64(value, to);
	return (ok && *to >= least) ||
	       gemini_refuse(p, field, "must be a whole number in its range");
}

static bool read_bool(
	struct gemini_parser *p, const struct json *value, const char *field, enum tristate *to) {
	bool is_true;
	if (!json_bool(value, &is_true)) {
		return gemini_refuse(p, field, "must be true or false");
	}
	*to = is_true ? TRI_TRUE : TRI_FALSE;
	return true;
}

/* ---- generationConfig ---- */

static bool read_temperature(struct gemini_parser *p, const struct json *value) {
	return read_number(p, value, "temperature", &p->request->temperature);
}

static bool read_top_p(struct gemini_parser *p, const struct json *value) {
	return read_number(p, value, "topP", &p->request->top_p);
}

static bool read_top_k(struct gemini_parser *p, const struct json *value) {
	return read_number(p, value, "topK", &p->request->top_k);
}

static bool read_presence(struct gemini_parser *p, const struct json *value) {
	return read_number(p, value, "presencePenalty", &p->request->presence_penalty);
}

static bool read_frequency(struct gemini_parser *p, const struct json *value) {
	return read_number(p, value, "frequencyPenalty", &p->request->frequency_penalty);
}

static bool read_seed(struct gemini_parser *p, const struct json *value) {
	return read_number(p, value, "seed", &p->request->seed);
}

static bool read_candidate_count(struct gemini_parser *p, const struct json *value) {
	p->request->has_n = true;
	return read_int(p, value, "candidateCount", 1, &p->request->n);
}

static bool read_max_tokens(struct gemini_parser *p, const struct json *value) {
	p->request->has_max_output_tokens = true;
	return read_int(p, value, "maxOutputTokens", 0, &p->request->max_output_tokens);
}

static bool read_stop(struct gemini_parser *p, const struct json *value) {
	struct chat_request *r = p->request;
	if (!json_is(value, JSON_ARRAY)) {
		return gemini_refuse(p, "stopSequences", "must be a list");
	}
	r->stop = ARENA_ARRAY(p->arena, struct slice, value->count + 1);
	json_each (item, value) {
		if (!read_string(p, item, "stopSequences", &r->stop[r->stop_count])) {
			return false;
		}
		r->stop_count++;
	}
	return true;
}

static bool read_logprobs(struct gemini_parser *p, const struct json *value) {
	return read_bool(p, value, "responseLogprobs", &p->request->logprobs);
}

static bool read_top_logprobs(struct gemini_parser *p, const struct json *value) {
	p->request->has_top_logprobs = true;
	return read_int(p, value, "logprobs", 0, &p->request->top_logprobs);
}

/* GC-1. A schema beside it makes it a schema. */
static bool read_mime_type(struct gemini_parser *p, const struct json *value) {
	struct chat_response_format *format = &p->request->response_format;
	struct slice type;
	if (!read_string(p, value, "responseMimeType", &type)) {
		return false;
	}
	bool is_json = slice_is(type, "application/json");
	if (is_json && !format->is_set) {
		format->is_set = true;
		format->kind = CHAT_RESPONSE_JSON_OBJECT;
	}
	if (!is_json && !slice_is(type, "text/plain")) {
		chat_ext_add(p->arena, &p->request->ext, FORMAT_GEMINI,
			SLICE("generationConfig.responseMimeType"), json_raw(value));
	}
	return true;
}

static void set_schema(struct gemini_parser *p, struct slice schema) {
	struct chat_response_format *format = &p->request->response_format;
	format->is_set = true;
	format->kind = CHAT_RESPONSE_JSON_SCHEMA;
	format->schema = schema;
}

static bool read_schema(struct gemini_parser *p, const struct json *value) {
	if (!json_is(value, JSON_OBJECT)) {
		return gemini_refuse(p, "responseSchema", "must be an object");
	}
	set_schema(p, schema_from_openapi(p->arena, value));
	p->request->response_format.openapi = json_raw(value);
	return true;
}

static bool read_json_schema(struct gemini_parser *p, const struct json *value) {
	if (!json_is(value, JSON_OBJECT)) {
		return gemini_refuse(p, "responseJsonSchema", "must be an object");
	}
	set_schema(p, json_raw(value));
	return true;
}

static bool read_thinking(struct gemini_parser *p, const struct json *value) {
	static const char *const known[] = {
		"includeThoughts", "thinkingBudget", "thinkingLevel", NULL};
	struct chat_reasoning *reasoning = &p->request->reasoning;
	const struct json *include = gemini_get(value, known[0]);
	const struct json *budget = gemini_get(value, known[1]);
	const struct json *level = gemini_get(value, known[2]);
	if (!json_is(value, JSON_OBJECT)) {
		return gemini_refuse(p, "thinkingConfig", "must be an object");
	}
	gemini_keep_unknown(p, value, "generationConfig.thinkingConfig.", known, &p->request->ext);
	if (include && !read_bool(p, include, known[0], &reasoning->include_text)) {
		return false;
	}
	if (budget) {
		int64_t tokens;
		if (!read_int(p, budget, known[1], -1, &tokens)) {
			return false;
		}
		reasoning->has_budget = true;
		reasoning->budget_tokens = tokens;
		reasoning->mode = tokens == 0  ? CHAT_REASONING_OFF
				  : tokens < 0 ? CHAT_REASONING_ADAPTIVE
					       : CHAT_REASONING_ON;
	} else if (level) {
		struct slice word;
		if (!read_string(p, level, known[2], &word)) {
			return false;
		}
		char *lower = arena_strdup(p->arena, word);
		for (size_t i = 0; i < word.len; i++) {
			bool is_upper = lower[i] >= 'A' && lower[i] <= 'Z';
			lower[i] = is_upper ? (char)(lower[i] ^ 0x20) : lower[i];
		}
		reasoning->effort = slice_make(lower, word.len);
	} else if (reasoning->include_text == TRI_TRUE) {
		reasoning->mode = CHAT_REASONING_ADAPTIVE;
	}
	return true;
}

struct field {
	const char *name;
	bool (*read)(struct gemini_parser *p, const struct json *value);
};

/* Looks every field up, so that the last of duplicate keys wins (E-81). */
static bool read_fields(struct gemini_parser *p, const struct json *object,
	const struct field *fields, size_t count, const char *prefix) {
	const char *known[32] = {0};
	for (size_t i = 0; i < count; i++) {
		known[i] = fields[i].name;
		const struct json *value = gemini_get(object, fields[i].name);
		if (value != NULL && !fields[i].read(p, value)) {
			return false;
		}
	}
	gemini_keep_unknown(p, object, prefix, known, &p->request->ext);
	return true;
}

bool gemini_parse_config(struct gemini_parser *p, const struct json *value) {
	static const struct field fields[] = {
		{"temperature", read_temperature},
		{"topP", read_top_p},
		{"topK", read_top_k},
		{"candidateCount", read_candidate_count},
		{"maxOutputTokens", read_max_tokens},
		{"stopSequences", read_stop},
		{"responseMimeType", read_mime_type},
		{"responseSchema", read_schema},
		{"responseJsonSchema", read_json_schema},
		{"presencePenalty", read_presence},
		{"frequencyPenalty", read_frequency},
		{"seed", read_seed},
		{"responseLogprobs", read_logprobs},
		{"logprobs", read_top_logprobs},
		{"thinkingConfig", read_thinking},
	};
	if (!json_is(value, JSON_OBJECT)) {
		return gemini_refuse(p, "generationConfig", "must be an object");
	}
	p->path = "generationConfig";
	bool ok =
		read_fields(p, value, fields, sizeof fields / sizeof *fields, "generationConfig.");
	p->path = NULL;
	return ok;
}

/* ---- tools ---- */

static bool read_function(struct gemini_parser *p, const struct json *declaration) {
	struct chat_tool *tool = chat_request_push_tool(p->request);
	const struct json *description = gemini_get(declaration, "description");
	const struct json *parameters = gemini_get(declaration, "parameters");
	const struct json *schema = gemini_get(declaration, "parametersJsonSchema");
	static const char *const known[] = {
		"name", "description", "parameters", "parametersJsonSchema", NULL};
	gemini_keep_unknown(p, declaration, "", known, &tool->ext);
	tool->kind = CHAT_TOOL_FUNCTION;
	tool->provider = FORMAT_GEMINI;
	tool->raw = json_raw(declaration);
	tool->name = json_string(gemini_get(declaration, "name"), p->arena);
	tool->description = json_string(description, p->arena);
	if (tool->name.len == 0) {
		return gemini_refuse(p, "name", "a function needs a name");
	}
	if (schema != NULL) {
		tool->schema = json_raw(schema);
	} else if (parameters != NULL) {
		tool->schema = schema_from_openapi(p->arena, parameters);
	}
	return true;
}

/* A tool the provider runs, told by the name of its member. */
static void read_server_tool(struct gemini_parser *p, const struct json *member) {
	static const struct {
		const char *name;
		enum chat_builtin builtin;
	} builtins[] = {
		{"googleSearch", CHAT_BUILTIN_WEB_SEARCH},
		{"googleSearchRetrieval", CHAT_BUILTIN_WEB_SEARCH},
		{"enterpriseWebSearch", CHAT_BUILTIN_WEB_SEARCH},
		{"codeExecution", CHAT_BUILTIN_CODE_EXECUTION},
		{"urlContext", CHAT_BUILTIN_URL_FETCH},
	};
	struct chat_tool *tool = chat_request_push_tool(p->request);
	tool->kind = CHAT_TOOL_SERVER;
	tool->provider = FORMAT_GEMINI;
	tool->server_type = json_key(member, p->arena);
	tool->name = tool->server_type;
	struct slice value = json_raw(member);
	tool->raw = arena_printf(
		p->arena, "{\"%.*s\":%.*s}", (int)member->key_len, member->key, SLICE_FMT(value));
	for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
		if (gemini_key_is(member, builtins[i].name)) {
			tool->builtin = builtins[i].builtin;
		}
	}
}

static bool read_tool(struct gemini_parser *p, const struct json *tool, size_t number) {
	p->path = arena_printf(p->arena, "tools[%zu]", number).data;
	if (!json_is(tool, JSON_OBJECT)) {
		return gemini_refuse(p, "", "must be an object");
	}
	json_each (member, tool) {
		if (json_is_null(member)) {
			continue;
		}
		if (!gemini_key_is(member, "functionDeclarations")) {
			read_server_tool(p, member);
			continue;
		}
		if (!json_is(member, JSON_ARRAY)) {
			return gemini_refuse(p, "functionDeclarations", "must be a list");
		}
		json_each (declaration, member) {
			if (p->request->tools.len >= MAX_TOOLS) {
				return gemini_refuse(p, "", "more than 10000 tools");
			}
			if (!read_function(p, declaration)) {
				return false;
			}
		}
	}
	return true;
}

bool gemini_parse_tools(struct gemini_parser *p, const struct json *value) {
	size_t number = 0;
	if (json_is(value, JSON_OBJECT)) {
		return read_tool(p, value, 0);
	}
	if (!json_is(value, JSON_ARRAY) || value->count > MAX_TOOLS) {
		return gemini_refuse(p, "tools", "must be a list of at most 10000 tools");
	}
	json_each (tool, value) {
		if (!read_tool(p, tool, number++)) {
			return false;
		}
	}
	p->path = NULL;
	return true;
}

static bool read_allowed(struct gemini_parser *p, const struct json *names) {
	struct chat_tool_choice *choice = &p->request->tool_choice;
	if (!json_is(names, JSON_ARRAY)) {
		return gemini_refuse(p, "allowedFunctionNames", "must be a list");
	}
	choice->allowed = ARENA_ARRAY(p->arena, struct slice, names->count + 1);
	json_each (name, names) {
		if (!read_string(p, name, "allowedFunctionNames",
			    &choice->allowed[choice->allowed_count])) {
			return false;
		}
		choice->allowed_count++;
	}
	return true;
}

/* 4.3: VALIDATED is auto elsewhere; the raw object stays for a Gemini upstream. */
static bool read_calling(struct gemini_parser *p, const struct json *config) {
	struct chat_tool_choice *choice = &p->request->tool_choice;
	const struct json *names = gemini_get(config, "allowedFunctionNames");
	struct slice mode = json_string(gemini_get(config, "mode"), p->arena);
	if (names != NULL && !read_allowed(p, names)) {
		return false;
	}
	bool is_any = slice_ieq(mode, SLICE("ANY"));
	if (slice_ieq(mode, SLICE("NONE"))) {
		choice->mode = CHAT_TOOL_CHOICE_NONE;
	} else if (is_any && choice->allowed_count == 1) {
		choice->mode = CHAT_TOOL_CHOICE_NAMED;
		choice->name = choice->allowed[0];
	} else if (choice->allowed_count > 0 && (is_any || slice_ieq(mode, SLICE("VALIDATED")))) {
		choice->mode = CHAT_TOOL_CHOICE_ALLOWED;
		choice->allowed_required = is_any;
	} else if (is_any) {
		choice->mode = CHAT_TOOL_CHOICE_REQUIRED;
	} else if (mode.len > 0 && !slice_ieq(mode, SLICE("MODE_UNSPECIFIED"))) {
		choice->mode = CHAT_TOOL_CHOICE_AUTO;
	}
	return true;
}

/* Whether a toolConfig holds what the canonical choice does not. */
static bool says_more(const struct json *value, const struct json *calling) {
	size_t known = gemini_get(calling, "mode") != NULL ? 1 : 0;
	known += gemini_get(calling, "allowedFunctionNames") != NULL ? 1 : 0;
	bool has_more = value->count > (calling != NULL ? 1U : 0U) ||
			(calling != NULL && calling->count > known);
	return has_more || json_string_is(gemini_get(calling, "mode"), "VALIDATED");
}

bool gemini_parse_tool_config(struct gemini_parser *p, const struct json *value) {
	const struct json *calling = gemini_get(value, "functionCallingConfig");
	if (!json_is(value, JSON_OBJECT)) {
		return gemini_refuse(p, "toolConfig", "must be an object");
	}
	if (says_more(value, calling)) {
		chat_ext_add(p->arena, &p->request->ext, FORMAT_GEMINI, SLICE("toolConfig.*"),
			json_raw(value));
	}
	return calling == NULL || read_calling(p, calling);
}

/* ---- the top level ---- */

static bool read_service_tier(struct gemini_parser *p, const struct json *value) {
	return read_string(p, value, "serviceTier", &p->request->service_tier);
}

static bool read_store(struct gemini_parser *p, const struct json *value) {
	return read_bool(p, value, "store", &p->request->store);
}

/* Without a path (`convert`) the body may name the model. */
static bool read_model(struct gemini_parser *p, const struct json *value) {
	struct slice model;
	if (!read_string(p, value, "model", &model)) {
		return false;
	}
	if (p->request->model.data == NULL) {
		bool is_prefixed = slice_starts_with(model, SLICE("models/"));
		p->request->model = is_prefixed ? slice_from(model, strlen("models/")) : model;
	}
	return true;
}

/* RT-2: what stands between ".../models/" (or the last prefix that is a resource's) and the last
 * ':' is the model, what follows it the method. Clients put a name with a slash straight behind the
 * version: they take it for a resource of its own, as tunedModels/x is. */
bool gemini_split_path(struct slice path, struct slice *model, struct slice *method) {
	static const struct slice resources[] = {
		SLICE_INIT("models/"), SLICE_INIT("publishers/google/models/")};
	struct slice rest = path;
	static const struct slice version = SLICE_INIT("/v1beta/");
	size_t at = slice_find(rest, SLICE("/models/")), colon = SIZE_MAX;
	if (rest.data != NULL && at != SIZE_MAX) {
		rest = slice_from(rest, at + strlen("/models/"));
	} else if (slice_starts_with(rest, version)) {
		rest = slice_from(rest, version.len);
	} else {
		return false;
	}
	for (size_t i = rest.len; i > 0 && colon == SIZE_MAX; i--) {
		colon = rest.data[i - 1] == ':' ? i - 1 : SIZE_MAX;
	}
	*method = colon == SIZE_MAX ? SLICE("") : slice_from(rest, colon + 1);
	*model = slice_sub(rest, 0, colon == SIZE_MAX ? rest.len : colon);
	for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
		if (slice_starts_with(*model, resources[i])) {
			*model = slice_from(*model, resources[i].len);
		}
	}
	return true;
}

static void read_path(struct gemini_parser *p) {
	struct slice method;
	if (!gemini_split_path(p->in->path, &p->request->model, &method)) {
		return;
	}
	if (slice_is(method, "countTokens")) {
		p->request->op = CHAT_OP_COUNT;
	}
	p->request->stream = slice_is(method, "streamGenerateContent");
}

/* GC-5: events when asked for, one JSON array otherwise. */
static void read_query(struct gemini_parser *p) {
	struct slice rest = p->in->query, pair;
	bool is_sse = false;
	while (slice_split(&rest, '&', &pair)) {
		is_sse |= slice_is(pair, "alt=sse") || slice_is(pair, "$alt=sse");
	}
	p->request->stream_is_array = p->request->stream && !is_sse;
}

/* GM-6: a result with media, for a model that takes none there. */
static bool has_misplaced_media(const struct chat_request *request) {
	for (size_t m = 0; m < request->messages.len; m++) {
		const struct chat_parts *parts = &request->messages.items[m].parts;
		for (size_t i = 0; i < parts->len; i++) {
			if (parts->items[i].kind == CHAT_PART_TOOL_RESULT &&
				!chat_parts_all_text(&parts->items[i].parts)) {
				return !model_has(
					model_family_of(request->model), MODEL_IS_GEMINI_3);
			}
		}
	}
	return false;
}

bool gemini_can_splice(const struct chat_request *request) {
	return !request->stream_is_array && json_get(request->tree, "model") == NULL &&
	       gemini_get(request->tree, "generateContentRequest") == NULL &&
	       !has_misplaced_media(request) && format_calls_are_paired(request, false);
}

bool gemini_parse_request(
	const struct format_parse *parse, struct chat_request *request, struct error *error) {
	static const struct field fields[] = {
		{"contents", gemini_parse_contents},
		{"systemInstruction", gemini_parse_system},
		{"tools", gemini_parse_tools},
		{"toolConfig", gemini_parse_tool_config},
		{"generationConfig", gemini_parse_config},
		{"serviceTier", read_service_tier},
		{"store", read_store},
		{"model", read_model},
	};
	struct gemini_parser p = {.in = parse,
		.request = request,
		.arena = parse->arena,
		.error = error,
		.tree = parse->tree};
	*request = (struct chat_request){
		.client_format = FORMAT_GEMINI,
		.op = parse->op,
		.arena = parse->arena,
		.body = parse->body,
		.tree = parse->tree,
		.system_role = CHAT_ROLE_SYSTEM,
	};
	read_path(&p);
	read_query(&p);
	const struct json *inner = gemini_get(parse->tree, "generateContentRequest");
	if (json_is(inner, JSON_OBJECT)) {
		p.tree = inner;
	}
	if (!read_fields(&p, p.tree, fields, sizeof fields / sizeof *fields, "")) {
		return false;
	}
	if (request->model.len == 0 && parse->path.data != NULL) {
		return gemini_refuse(&p, "model", "the path names no model");
	}
	return request->messages.len > 0 ||
	       gemini_refuse(&p, "contents", "contents is not specified");
}
