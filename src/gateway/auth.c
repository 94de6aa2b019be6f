/* auth.c: client keys (gateway.md 3.2, without its quirks). Keys are compared by their SHA-256, all
 * of them and in constant time. */
#include <stdlib.h>

#include "base/mem.h"
#include "gateway/gateway_internal.h"

#define HASHED SLICE("sha256:")

void gateway_keys_init(struct gateway_keys *keys, const struct config *config) {
	const struct option_strings *list = &config->api_keys;
	*keys = (struct gateway_keys){
		.digests = mem_calloc(list->len + 1, sizeof *keys->digests),
		.is_needed = config_needs_key(config),
		.allows_loopback = config->allows_localhost_without_key,
	};
	for (size_t i = 0; i < list->len; i++) {
		struct slice key = list->items[i];
		uint8_t *digest = keys->digests[keys->count];
		size_t len = SHA256_LEN;
		if (!slice_istarts_with(key, HASHED)) {
			sha256(key, digest);
			keys->count++;
		} else if (key.len == HASHED.len + 2 * SHA256_LEN &&
			   hex_decode(slice_from(key, HASHED.len), digest, &len)) {
			keys->count++;
		}
	}
}

void gateway_keys_finish(struct gateway_keys *keys) {
	free(keys->digests);
	*keys = (struct gateway_keys){0};
}

static bool is_known(const struct gateway_keys *keys, struct slice key) {
	uint8_t digest[SHA256_LEN];
	sha256(key, digest);
	bool found = false;
	for (size_t i = 0; i < keys->count; i++) {
		found |= constant_time_eq(slice_make((const char *)digest, SHA256_LEN),
			slice_make((const char *)keys->digests[i], SHA256_LEN));
	}
	return found;
}

struct slice gateway_query(struct arena *arena, struct slice query, const char *name) {
	struct slice pair;
	while (slice_split(&query, '&', &pair)) {
		size_t equals = slice_find_byte(pair, '=');
		if (equals == SIZE_MAX || !slice_is(slice_sub(pair, 0, equals), name)) {
			continue;
		}
		struct buf value;
		buf_init(&value, 0);
		struct slice found = {0};
		if (percent_decode(slice_from(pair, equals + 1), true, &value)) {
			found = value.len > 0 ? arena_dup(arena, buf_slice(&value)) : SLICE("");
		}
		buf_finish(&value);
		return found;
	}
	return (struct slice){0};
}

/* `Authorization: Bearer KEY`, or the raw key. */
static struct slice without_bearer(struct slice value) {
	if (slice_istarts_with(value, SLICE("bearer "))) {
		value = slice_from(value, 7);
	}
	return slice_trim(value);
}

/* Each credential of the request, in the order of gateway.md 3.2; false when there are no more.
 * An empty one is none. */
static bool next_credential(const struct http_request *request, struct arena *arena, unsigned *at,
	struct slice *credential) {
	static const char *const headers[] = {"authorization", "x-goog-api-key", "x-api-key"};
	static const char *const parameters[] = {"key", "auth_token"};
	for (;;) {
		unsigned i = (*at)++;
		if (i < 3) {
			*credential =
				without_bearer(http_headers_get(&request->headers, headers[i]));
		} else if (i < 5 && request->query.len > 0) {
			*credential = gateway_query(arena, request->query, parameters[i - 3]);
		} else {
			return false;
		}
		if (credential->len > 0) {
			return true;
		}
	}
}

bool gateway_check_key(
	const struct gateway_keys *keys, const struct http_request *request, struct error *error) {
	if (!keys->is_needed) {
		return true;
	}
	struct arena arena;
	arena_init(&arena, NULL, 0);
	bool has_any = false, is_right = false;
	struct slice credential;
	unsigned at = 0;
	while (!is_right && next_credential(request, &arena, &at, &credential)) {
		has_any = true;
		is_right = is_known(keys, credential);
	}
	arena_finish(&arena);
	if (is_right || (!has_any && keys->allows_loopback && request->is_loopback_peer)) {
		return true;
	}
	return error_set(error, ERROR_AUTHENTICATION,
		has_any ? "the API key is not one of this server's api-keys"
			: "an API key is required: send it as \"Authorization: Bearer KEY\" or "
			  "\"x-api-key: KEY\"");
}
