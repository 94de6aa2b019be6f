/* test_guard.c: Host against DNS rebinding, Origin against foreign pages (design.md, Safe by
 * default). */
#include "gateway/gateway_help.h"

int test_guard(void);

static void host_names(void **state) {
	static const struct {
		const char *host, *name;
	} cases[] = {
		{"localhost:8317", "localhost"},
		{"localhost", "localhost"},
		{"[::1]:8317", "::1"},
		{"[::1]", "::1"},
		{"::1", "::1"},
		{"[::1", "[::1"},
		{":80", ""},
		{"", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(slice_is(gateway_host_name(slice_of(cases[i].host)), cases[i].name));
	}
}

struct host_case {
	const char *host;
	bool is_allowed;
};

static void check_hosts(const char *yaml, const struct host_case *cases, size_t count) {
	struct config *config = gateway_config(yaml);
	for (size_t i = 0; i < count; i++) {
		struct error error = {0};
		bool passed = gateway_check_host(config, slice_of(cases[i].host), &error);
		if (passed != cases[i].is_allowed) {
			fail_msg("%s", cases[i].host);
		}
		assert_int_equal(error.kind, passed ? ERROR_NONE : ERROR_PERMISSION);
	}
	config_unref(config);
}

static void host_on_loopback(void **state) {
	static const struct host_case cases[] = {
		{NULL, true},
		{"", false},
		{"localhost", true},
		{"LOCALHOST:8317", true},
		{"localhost.:8317", true},
		{"app.localhost:1", true},
		{"127.0.0.1:8317", true},
		{"127.8.8.8", true},
		{"[::1]:8317", true},
		{"mux.example", true},
		{"mux.example:8317", true},
		{"a.lan", true},
		{"evil.example", false},
		{"evil.example:8317", false},
		{"localhost.evil.example", false},
		{"notlocalhost", false},
		{"127.0.0.1.evil.example", false},
		{"10.0.0.7", false},
		{"mux.example.evil.example", false},
	};
	(void)state;
	check_hosts("allowed-hosts: [mux.example, '*.lan']\n", cases, sizeof cases / sizeof *cases);
}

static void host_on_all_addresses(void **state) {
	static const struct host_case cases[] = {
		{"10.0.0.7:8317", true},
		{"[fd00::7]:8317", true},
		{"127.0.0.1", true},
		{"evil.example", false},
		{"10.0.0.7.evil.example", false},
	};
	(void)state;
	check_hosts("host: 0.0.0.0\napi-keys: [a-key-for-clients]\n", cases,
		sizeof cases / sizeof *cases);
}

static void origins(void **state) {
	static const struct {
		const char *origin, *host;
		enum gateway_origin expected;
	} cases[] = {
		{NULL, "localhost:8317", GATEWAY_ORIGIN_NONE},
		{"http://localhost:8317", "localhost:8317", GATEWAY_ORIGIN_SAME},
		{"https://Localhost:8317", "localhost:8317", GATEWAY_ORIGIN_SAME},
		{"http://localhost:3000", "localhost:8317", GATEWAY_ORIGIN_FOREIGN},
		{"http://localhost", "localhost:8317", GATEWAY_ORIGIN_FOREIGN},
		{"https://app.example", "localhost:8317", GATEWAY_ORIGIN_ALLOWED},
		{"https://app.example:444", "localhost:8317", GATEWAY_ORIGIN_FOREIGN},
		{"http://evil.example", "localhost:8317", GATEWAY_ORIGIN_FOREIGN},
		{"null", "null", GATEWAY_ORIGIN_FOREIGN},
		{"", "", GATEWAY_ORIGIN_FOREIGN},
	};
	struct config *config =
		gateway_config("cors:\n  allowed-origins: ['https://app.example']\n");
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum gateway_origin found = gateway_check_origin(
			config, slice_of(cases[i].origin), slice_of(cases[i].host));
		if (found != cases[i].expected) {
			fail_msg("%s: %d", cases[i].origin, found);
		}
	}
	config_unref(config);
}

int test_guard(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_names),
		cmocka_unit_test(host_on_loopback),
		cmocka_unit_test(host_on_all_addresses),
		cmocka_unit_test(origins),
	};
	return cmocka_run_group_tests_name("gateway/guard", tests, NULL, NULL);
}
