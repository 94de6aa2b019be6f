/* test_auth.c: client keys (gateway.md 3.2, RT-4). */
#include <stdio.h>

#include "gateway/gateway_help.h"

int test_auth(void);

/* sha256 of "hashed-key" */
static const char *hashed(char out[80]) {
	uint8_t digest[SHA256_LEN];
	sha256(SLICE("hashed-key"), digest);
	memcpy(out, "sha256:", 7);
	hex_encode(digest, sizeof digest, out + 7);
	return out;
}

struct auth_case {
	const char *header, *value, *query;
	bool is_remote, passes;
};

static void check(const char *yaml, const struct auth_case *cases, size_t count) {
	struct config *config = gateway_config(yaml);
	struct gateway_keys keys;
	gateway_keys_init(&keys, config);
	config_unref(config);
	for (size_t i = 0; i < count; i++) {
		struct http_header header = {slice_of(cases[i].header), slice_of(cases[i].value)};
		const struct http_request request = {
			.query = slice_of(cases[i].query),
			.headers = {&header, cases[i].header != NULL, 1},
			.is_loopback_peer = !cases[i].is_remote,
		};
		struct error error = {0};
		bool passed = gateway_check_key(&keys, &request, &error);
		if (passed != cases[i].passes) {
			fail_msg("case %zu: %s: %s ?%s", i, cases[i].header, cases[i].value,
				cases[i].query);
		}
		assert_int_equal(error.kind, passed ? ERROR_NONE : ERROR_AUTHENTICATION);
		if (!passed && cases[i].value && strlen(cases[i].value) > 8) {
			assert_null(strstr(error.message, cases[i].value));
		}
	}
	gateway_keys_finish(&keys);
}

static void rt_4_sources(void **state) {
	static const struct auth_case cases[] = {
		{NULL, NULL, NULL, false, false},
		{"Authorization", "Bearer plain-key-1", NULL, true, true},
		{"authorization", "bEaReR  plain-key-1 ", NULL, true, true},
		{"Authorization", "plain-key-1", NULL, true, true},
		{"X-Goog-Api-Key", "plain-key-1", NULL, true, true},
		{"x-api-key", "plain-key-2", NULL, true, true},
		{"x-api-key", "hashed-key", NULL, true, true},
		{NULL, NULL, "a=b&key=plain-key-1", true, true},
		{NULL, NULL, "auth_token=plain%2dkey-1", true, true},
		{"x-api-key", "wrong", "key=plain-key-1", true, true},
		{"x-api-key", "wrong-key", NULL, false, false},
		{"x-api-key", "plain-key-", NULL, false, false},
		{"x-api-key", "plain-key-11", NULL, false, false},
		{"x-api-key", "", NULL, false, false},
		{"Authorization", "Bearer ", NULL, false, false},
		{"Authorization", "Basic plain-key-1", NULL, false, false},
		{NULL, NULL, "Key=plain-key-1", false, false},
		{NULL, NULL, "key=%zz", false, false},
		{NULL, NULL, "monkey=plain-key-1", false, false},
		{"Cookie", "plain-key-1", NULL, false, false},
		/* gateway.md 3.2: what a client says of its address does not count */
		{"X-Forwarded-For", "127.0.0.1", NULL, true, false},
	};
	char yaml[256], text[80];
	(void)state;
	snprintf(yaml, sizeof yaml, "api-keys: [plain-key-1, plain-key-2, '%s']\n", hashed(text));
	check(yaml, cases, sizeof cases / sizeof *cases);
}

/* The digest of a key is not the key. */
static void hash_is_no_key(void **state) {
	char yaml[256], text[80];
	(void)state;
	const struct auth_case cases[] = {
		{"x-api-key", hashed(text), NULL, false, false},
		{"x-api-key", text + 7, NULL, false, false},
		{"x-api-key", "hashed-key", NULL, false, true},
	};
	snprintf(yaml, sizeof yaml, "api-keys: ['%s']\n", text);
	check(yaml, cases, sizeof cases / sizeof *cases);
}

static void loopback_only_when_told(void **state) {
	static const struct auth_case cases[] = {
		{NULL, NULL, NULL, false, true},
		{NULL, NULL, NULL, true, false},
		{"x-api-key", "wrong-key", NULL, false, false},
		{"x-api-key", "plain-key-1", NULL, true, true},
	};
	(void)state;
	check("api-keys: [plain-key-1]\nallow-localhost-without-key: true\n", cases,
		sizeof cases / sizeof *cases);
}

static void none_needed(void **state) {
	static const struct auth_case cases[] = {
		{NULL, NULL, NULL, false, true},
		{"x-api-key", "anything", NULL, true, true},
	};
	(void)state;
	check(NULL, cases, sizeof cases / sizeof *cases);
	check("api-keys: [plain-key-1]\ndisable-auth: true\n", cases, sizeof cases / sizeof *cases);
}

static void query_values(void **state) {
	struct arena arena;
	arena_init(&arena, NULL, 0);
	(void)state;
	struct slice query = SLICE("a=1&b=x%20y+z&c&d=&a=2");
	assert_true(slice_is(gateway_query(&arena, query, "a"), "1"));
	assert_true(slice_is(gateway_query(&arena, query, "b"), "x y z"));
	assert_null(gateway_query(&arena, query, "c").data);
	assert_true(slice_is(gateway_query(&arena, query, "d"), ""));
	assert_null(gateway_query(&arena, query, "e").data);
	assert_null(gateway_query(&arena, (struct slice){0}, "a").data);
	arena_finish(&arena);
}

int test_auth(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rt_4_sources),
		cmocka_unit_test(hash_is_no_key),
		cmocka_unit_test(loopback_only_when_told),
		cmocka_unit_test(none_needed),
		cmocka_unit_test(query_values),
	};
	return cmocka_run_group_tests_name("gateway/auth", tests, NULL, NULL);
}
