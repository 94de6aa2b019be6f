/* errors_read.c: error answers of upstreams, in: message, kind, code, retry hints (ER-1..ER-6). */
#include <stdio.h>

#include "base/clock.h"
#include "data/json.h"
#include "formats/formats_internal.h"

/* Words of upstreams (types, codes, statuses) and what they mean. A word that is not `specific`
 * counts only when the HTTP status says nothing. */
static const struct {
	const char *word;
	enum error_kind kind;
	bool is_specific;
} error_words[] = {
	{"context_length_exceeded", ERROR_CONTEXT_TOO_LONG, true},
	{"insufficient_quota", ERROR_QUOTA, true},
	{"billing_error", ERROR_BILLING, true},
	{"billing_hard_limit_reached", ERROR_BILLING, true},
	{"overloaded_error", ERROR_OVERLOADED, true},
	{"overloaded", ERROR_OVERLOADED, true},
	{"invalid_api_key", ERROR_UPSTREAM_CREDENTIAL, true},
	{"authentication_error", ERROR_UPSTREAM_CREDENTIAL, true},
	{"request_too_large", ERROR_TOO_LARGE, true},
	{"rate_limit_exceeded", ERROR_RATE_LIMIT, false},
	{"rate_limit_error", ERROR_RATE_LIMIT, false},
	{"permission_error", ERROR_PERMISSION, false},
	{"model_not_found", ERROR_NOT_FOUND, false},
	{"not_found_error", ERROR_NOT_FOUND, false},
	{"timeout_error", ERROR_TIMEOUT, false},
	{"timeout", ERROR_TIMEOUT, false},
	{"conflict_error", ERROR_CONFLICT, false},
	{"service_unavailable", ERROR_UNAVAILABLE, false},
	{"server_error", ERROR_INTERNAL, false},
	{"internal_error", ERROR_INTERNAL, false},
	{"internal_server_error", ERROR_INTERNAL, false},
	{"api_error", ERROR_INTERNAL, false},
	{"invalid_request_error", ERROR_INVALID_REQUEST, false},
	{"RESOURCE_EXHAUSTED", ERROR_RATE_LIMIT, false},
	{"UNAVAILABLE", ERROR_UNAVAILABLE, false},
	{"INVALID_ARGUMENT", ERROR_INVALID_REQUEST, false},
	{"PERMISSION_DENIED", ERROR_PERMISSION, false},
	{"UNAUTHENTICATED", ERROR_UPSTREAM_CREDENTIAL, false},
	{"NOT_FOUND", ERROR_NOT_FOUND, false},
	{"INTERNAL", ERROR_INTERNAL, false},
	{"DEADLINE_EXCEEDED", ERROR_TIMEOUT, false},
	{"API_KEY_INVALID", ERROR_UPSTREAM_CREDENTIAL, true},
	{"API_KEY_SERVICE_BLOCKED", ERROR_UPSTREAM_CREDENTIAL, true},
	{"PER_DAY", ERROR_QUOTA, true},
};

/* ER-5: how upstreams say that the prompt does not fit. */
static const struct slice context_phrases[] = {
	SLICE_INIT("context_length_exceeded"),
	SLICE_INIT("maximum context length"),
	SLICE_INIT("prompt is too long"),
	SLICE_INIT("exceeds the maximum number of tokens allowed"),
	SLICE_INIT("input token count"),
	SLICE_INIT("context window"),
};

/* What was found in a body. Strings are decoded into the arena. */
struct found {
	struct slice message, type, code, param, request_id;
	struct slice reason; /* gem: why, by a word of `details` */
	int64_t status;      /* a number for a code, 0 = none */
	const struct json *object, *tree;
};

static void copy_field(char *field, struct slice text) {
	snprintf(field, ERROR_FIELD_MAX, "%.*s", (int)(text.len > 512 ? 512 : text.len),
		text.data ? text.data : "");
}

/* ---- where the message is (ER-1) ---- */

static bool take_string(struct slice *to, const struct json *node, struct arena *arena) {
	if (to->data == NULL && json_is(node, JSON_STRING) && node->raw_len > 2) {
		*to = json_string(node, arena);
	}
	return to->data != NULL;
}

static void look_into(struct found *f, const struct json *object, struct arena *arena) {
	f->object = f->object ? f->object : object;
	take_string(&f->message, json_get(object, "message"), arena);
	take_string(&f->type, json_get(object, "type"), arena);
	take_string(&f->type, json_get(object, "status"), arena);
	take_string(&f->param, json_get(object, "param"), arena);
	const struct json *code = json_get(object, "code");
	if (!take_string(&f->code, code, arena) && f->status == 0) {
		json_int64(code, &f->status);
	}
	int64_t as_text;
	if (f->status == 0 && f->code.len == 3 && slice_to_int64(f->code, &as_text)) {
		f->status = as_text;
	}
}

/* GM-39: Google says in `details` that a key is bad (with 400) or that a day's quota is used up. */
static void find_reason(struct found *f, struct arena *arena) {
	json_each (detail, json_get(f->object, "details")) {
		take_string(&f->reason, json_get(detail, "reason"), arena);
		json_each (violation, json_get(detail, "violations")) {
			struct slice id = json_string(json_get(violation, "quotaId"), arena);
			if (slice_contains(id, SLICE("PerDay"))) {
				f->reason = SLICE("PER_DAY");
			}
		}
	}
}

static void find_in_tree(struct found *f, const struct json *tree, struct arena *arena) {
	if (json_is(tree, JSON_ARRAY)) {
		tree = json_item(tree, 0); /* OC-29 */
	}
	const struct json *error = json_get_value(tree, "error");
	f->tree = tree;
	take_string(&f->request_id, json_get(tree, "request_id"), arena);
	if (json_is(error, JSON_OBJECT)) {
		look_into(f, error, arena);
		find_reason(f, arena);
	} else {
		take_string(&f->message, error, arena);
	}
	look_into(f, tree, arena);
	if (slice_is(f->type, "error")) {
		f->type = (struct slice){0};
	}
	const struct json *detail = json_get_value(tree, "detail");
	take_string(&f->message, detail, arena);
	take_string(&f->message, json_get(json_item(detail, 0), "msg"), arena);
	take_string(
		&f->message, json_get(json_item(json_get(tree, "errors"), 0), "message"), arena);
	take_string(&f->message, json_at(tree, SLICE("/base_resp/status_msg")), arena);
}

static size_t find_ignoring_case(struct slice text, struct slice needle) {
	for (size_t at = 0; at + needle.len <= text.len; at++) {
		if (slice_istarts_with(slice_from(text, at), needle)) {
			return at;
		}
	}
	return SIZE_MAX;
}

/* The title of an HTML page: the page itself is never passed on. */
static struct slice html_title(struct slice page) {
	size_t begin = find_ignoring_case(page, SLICE("<title"));
	struct slice rest = begin == SIZE_MAX ? SLICE("") : slice_from(page, begin);
	size_t open = slice_find_byte(rest, '>');
	rest = open == SIZE_MAX ? SLICE("") : slice_from(rest, open + 1);
	size_t end = slice_find_byte(rest, '<');
	return slice_trim(end == SIZE_MAX ? SLICE("") : slice_sub(rest, 0, end));
}

static void find_message(struct found *f, int status, struct slice body, struct arena *arena) {
	const struct json_limits limits = {.skip_utf8_check = true};
	struct slice text = slice_trim(body);
	if (slice_starts_with(text, SLICE("<"))) {
		struct slice title = html_title(text);
		f->message = arena_printf(arena, "the upstream answered with an HTML page%s%.*s%s",
			title.len ? " (\"" : "", title.len > 200 ? 200 : (int)title.len,
			title.len ? title.data : "", title.len ? "\")" : "");
		return;
	}
	const struct json *tree = json_parse(arena, text, &limits, NULL);
	if (json_is(tree, JSON_OBJECT) || json_is(tree, JSON_ARRAY)) {
		find_in_tree(f, tree, arena);
	} else if (tree == NULL || !take_string(&f->message, tree, arena)) {
		f->message = text;
	}
	if (f->message.len == 0) {
		f->message = status >= 400 ? arena_printf(arena, "the upstream answered %d %s",
						     status, http_status_phrase(status))
					   : SLICE("the upstream sent an error without a message");
	}
}

/* ---- what kind it is ---- */

static bool speaks_of_context(const struct found *f) {
	for (size_t i = 0; i < sizeof context_phrases / sizeof *context_phrases; i++) {
		if (slice_icontains(f->message, context_phrases[i])) {
			return true;
		}
	}
	return false;
}

static enum error_kind kind_by_words(
	const struct found *f, enum error_kind by_status, bool has_status) {
	const struct slice words[] = {f->code, f->type, f->reason};
	for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
		for (size_t i = 0; i < sizeof error_words / sizeof *error_words; i++) {
			if (slice_is(words[w], error_words[i].word) &&
				(error_words[i].is_specific || !has_status)) {
				return error_words[i].kind;
			}
		}
	}
	return by_status;
}

static enum error_kind kind_of(const struct found *f, int status) {
	enum error_kind kind = kind_by_words(f, error_kind_from_status(status), status >= 400);
	bool may_be_context = kind == ERROR_INVALID_REQUEST || kind == ERROR_UPSTREAM_PROTOCOL ||
			      kind == ERROR_TOO_LARGE || kind == ERROR_UNPROCESSABLE;
	return may_be_context && speaks_of_context(f) ? ERROR_CONTEXT_TOO_LONG : kind;
}

/* ---- when to come again (ER-6) ---- */

/* A number of seconds, with a fraction or an exponent; -1 for anything else. */
static int64_t seconds_of(const struct json *node) {
	double seconds;
	if (!json_double(node, &seconds) || !(seconds >= 0) || seconds > 1e9) {
		return -1;
	}
	return (int64_t)(seconds * 1000 + 0.5);
}

/* "6m0s", seconds, or the time itself: since 1970 in seconds or milliseconds. */
static int64_t read_reset(struct slice text) {
	int64_t value;
	if (!clock_parse_duration(text, 1000, &value) || value < 0) {
		return -1;
	}
	int64_t is_time_from = INT64_C(1000000000), now_ms = clock_wall_ms();
	if (value / 1000 < is_time_from) {
		return value;
	}
	int64_t at_ms = value / 1000 < is_time_from * 1000 ? value : value / 1000;
	return at_ms > now_ms ? at_ms - now_ms : 0;
}

/* x-ratelimit-reset-requests and the like: when the last of the limits that are used up is full
 * again; of those whose rest is not told, where no other is. One that is not used up says nothing
 * about the refusal. */
static int64_t retry_from_resets(const struct http_headers *headers) {
	static const struct slice reset = SLICE_INIT("x-ratelimit-reset");
	int64_t used_up = -1, untold = -1;
	for (size_t i = 0; i < headers->len; i++) {
		struct slice name = headers->items[i].name;
		if (!slice_istarts_with(name, reset)) {
			continue;
		}
		char twin[128];
		snprintf(twin, sizeof twin, "x-ratelimit-remaining%.*s",
			SLICE_FMT(slice_sub(name, reset.len, 64)));
		struct slice remaining = http_headers_get(headers, twin);
		int64_t wait = read_reset(headers->items[i].value);
		if (remaining.data == NULL) {
			untold = wait > untold ? wait : untold;
		} else if (slice_is(remaining, "0")) {
			used_up = wait > used_up ? wait : used_up;
		}
	}
	return used_up >= 0 ? used_up : untold;
}

static int64_t retry_from_headers(const struct http_headers *headers) {
	struct slice ms = http_headers_get(headers, "retry-after-ms");
	struct slice after = http_headers_get(headers, "retry-after");
	int64_t value, date;
	if (ms.data != NULL && clock_parse_duration(ms, 1, &value) && value >= 0) {
		return value;
	}
	if (after.data != NULL && clock_parse_duration(after, 1000, &value) && value >= 0) {
		return value;
	}
	if (after.data == NULL || !clock_parse_http(after, &date)) {
		return -1;
	}
	int64_t now; /* the upstream's own clock, when it tells it */
	if (!clock_parse_http(http_headers_get(headers, "date"), &now)) {
		now = clock_wall_ms();
	}
	return date > now ? date - now : 0;
}

/* "Please try again in 6m0s." */
static int64_t retry_from_text(struct slice message) {
	static const struct slice words = SLICE_INIT("try again in ");
	size_t at = find_ignoring_case(message, words);
	if (at == SIZE_MAX) {
		return -1;
	}
	struct slice rest = slice_from(message, at + words.len);
	size_t len = 0;
	while (len < rest.len && rest.data[len] != ' ' && rest.data[len] != ',') {
		len++;
	}
	struct slice text = slice_sub(rest, 0, len);
	if (text.len > 0 && text.data[text.len - 1] == '.') {
		text.len--;
	}
	int64_t value;
	return clock_parse_duration(text, 1000, &value) && value >= 0 ? value : -1;
}

static int64_t retry_from_body(const struct found *f, struct arena *arena) {
	int64_t value;
	json_each (detail, json_get(f->object, "details")) {
		struct slice delay = json_string(json_get(detail, "retryDelay"), arena);
		if (delay.data != NULL && clock_parse_duration(delay, 1000, &value)) {
			return value;
		}
	}
	if (json_int64(json_get(f->object, "resets_in_seconds"), &value) && value >= 0 &&
		value < INT64_MAX / 1000) {
		return value * 1000;
	}
	int64_t told = seconds_of(json_get(f->object, "retry_after"));
	if (told < 0) {
		told = seconds_of(json_get(f->tree, "retry_after"));
	}
	return told >= 0 ? told : retry_from_text(f->message);
}

static void read_headers(const struct http_headers *headers, struct error *error) {
	error->retry_after_ms = retry_from_headers(headers);
	struct slice should = http_headers_get(headers, "x-should-retry");
	error->retry_hint = slice_is(should, "true") ? 1 : slice_is(should, "false") ? -1 : 0;
	struct slice id = http_headers_get(headers, "request-id");
	copy_field(error->request_id, id.data ? id : http_headers_get(headers, "x-request-id"));
}

void format_read_error(
	int status, const struct http_headers *headers, struct slice body, struct error *error) {
	struct found f = {0};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	find_message(&f, status, body, &arena);
	if (status < 400 && f.status >= 400 && f.status <= 599) {
		status = (int)f.status;
	}
	error_set(error, kind_of(&f, status), "%.*s",
		(int)(f.message.len > ERROR_MESSAGE_MAX ? ERROR_MESSAGE_MAX : f.message.len),
		f.message.data);
	/* ER-2: the status stays, but a refusal of our credential is not the client's (ER-3) */
	if (status >= 400 && error->kind != ERROR_UPSTREAM_CREDENTIAL) {
		error->http_status = status;
	}
	copy_field(error->code, f.code);
	copy_field(error->native_type, f.type);
	copy_field(error->param, f.param);
	if (headers != NULL) {
		read_headers(headers, error);
	}
	if (error->request_id[0] == '\0') {
		copy_field(error->request_id, f.request_id);
	}
	if (error->retry_after_ms < 0) {
		error->retry_after_ms = retry_from_body(&f, &arena);
	}
	if (error->retry_after_ms < 0 && headers != NULL && status == 429) {
		error->retry_after_ms = retry_from_resets(headers);
	}
	error_mask_secrets(error->message); /* ER-4 */
	arena_finish(&arena);
}
