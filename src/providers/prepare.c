/* prepare.c: the headers of an upstream call, and those of its answer that go to the client. */
#include "providers/providers_internal.h"

#define RETURNED_VALUE_MAX 128

/* RT-4: what carries a client's credential never leaves the gateway, whoever asks for it. */
static const char *const credentials[] = {"authorization", "proxy-authorization", "x-api-key",
	"api-key", "x-goog-api-key", "cookie", NULL};
/* RT-5: passed on whatever the client's format is. */
static const char *const traced[] = {"x-request-id", "x-client-request-id", NULL};

void provider_set_header(struct provider_call *call, struct slice name, struct slice value) {
	for (size_t i = 0; i < call->headers.len; i++) {
		if (slice_ieq(call->headers.items[i].name, name)) {
			call->headers.items[i].value = value;
			return;
		}
	}
	http_headers_add(call->arena, &call->headers, name, value);
}

static bool is_in(struct slice name, const char *const *list) {
	for (; list != NULL && *list != NULL; list++) {
		if (slice_ieq(name, slice_of(*list))) {
			return true;
		}
	}
	return false;
}

static void set_credential(const struct provider *provider, struct provider_call *call) {
	if (call->key.len == 0) {
		return;
	}
	static const char *const own_headers[] = {
		[PROVIDER_AUTH_BEARER] = NULL,
		[PROVIDER_AUTH_X_API_KEY] = "x-api-key",
		[PROVIDER_AUTH_X_GOOG_API_KEY] = "x-goog-api-key",
	};
	if (own_headers[provider->auth] != NULL) {
		provider_set_header(call, slice_of(own_headers[provider->auth]), call->key);
		return;
	}
	char *value = arena_alloc(call->arena, strlen("Bearer ") + call->key.len);
	memcpy(value, "Bearer ", strlen("Bearer "));
	memcpy(value + strlen("Bearer "), call->key.data, call->key.len);
	provider_set_header(
		call, SLICE("authorization"), slice_make(value, strlen("Bearer ") + call->key.len));
}

static bool is_same_api(const struct provider *provider, enum format_id client_format) {
	const struct format *ours = format_get(provider->format);
	const struct format *theirs = format_get(client_format);
	return ours != NULL && theirs != NULL && ours->family == theirs->family;
}

static void pass_client_headers(const struct provider *provider, struct provider_call *call) {
	bool is_same_family = is_same_api(provider, call->client_format);
	for (size_t i = 0; i < call->client_headers->len; i++) {
		const struct http_header *header = &call->client_headers->items[i];
		if (is_in(header->name, traced) ||
			(is_same_family && is_in(header->name, provider->passed_headers))) {
			provider_set_header(call, header->name, header->value);
		}
	}
}

/* gateway.md 2.2: "$Name" copies that header of the client; when it has none, none is sent. */
static struct slice configured_value(const struct provider_call *call, struct slice value) {
	if (call->extra_is_literal || !slice_starts_with(value, SLICE("$"))) {
		return value;
	}
	struct slice name = slice_from(value, 1);
	struct slice absent = {0};
	if (call->client_headers == NULL || is_in(name, credentials)) {
		return absent;
	}
	for (size_t i = 0; i < call->client_headers->len; i++) {
		if (slice_ieq(call->client_headers->items[i].name, name)) {
			return call->client_headers->items[i].value;
		}
	}
	return absent;
}

void provider_prepare(const struct provider *provider, struct provider_call *call) {
	call->headers = (struct http_headers){0};
	if (call->op != PROVIDER_OP_MODELS) {
		provider_set_header(call, SLICE("content-type"), SLICE("application/json"));
	}
	const struct format *format = format_get(provider->format);
	provider_set_header(call, SLICE("accept"),
		call->stream ? slice_of(format->stream_content_type) : SLICE("application/json"));
	set_credential(provider, call);
	for (size_t i = 0; i < provider->header_count; i++) {
		provider_set_header(call, provider->headers[i].name, provider->headers[i].value);
	}
	if (call->client_headers != NULL) {
		pass_client_headers(provider, call);
	}
	if (provider->prepare != NULL) {
		provider->prepare(provider, call);
	}
	for (size_t i = 0; i < call->extra_header_count; i++) {
		const struct http_header *extra = &call->extra_headers[i];
		struct slice value = configured_value(call, extra->value);
		if (value.data != NULL && http_is_token(extra->name) &&
			http_is_field_value(value)) {
			provider_set_header(call, extra->name, value);
		}
	}
}

void provider_return_headers(const struct provider *provider, enum format_id client_format,
	const struct http_headers *answer, struct arena *arena, struct http_headers *returned) {
	const char *const *prefix = provider->returned_headers;
	*returned = (struct http_headers){0};
	if (prefix == NULL || !is_same_api(provider, client_format)) {
		return;
	}
	for (; *prefix != NULL; prefix++) {
		for (size_t i = 0; i < answer->len && returned->len < PROVIDER_MAX_RETURNED; i++) {
			const struct http_header *header = &answer->items[i];
			if (slice_istarts_with(header->name, slice_of(*prefix)) &&
				header->name.len <= RETURNED_VALUE_MAX &&
				header->value.len <= RETURNED_VALUE_MAX &&
				http_is_token(header->name) && http_is_field_value(header->value)) {
				http_headers_add(arena, returned, arena_dup(arena, header->name),
					arena_dup(arena, header->value));
			}
		}
	}
}
