/* test_config.c: loading: what is refused and how it is said, what is merged, what providers become
 * (gateway.md 2, design.md "Safe by default"). */
#include "config_help.h"

/* ---- files that are refused, or give warnings ---- */

struct file_case {
	const char *yaml;
	/* Parts of the report, each "LINE:COLUMN: text"; NULL ends. None: loads without a word. */
	const char *problems[4];
	bool loads;
};

#define WITH(text) "providers:\n  - type: openai\n    api-key: k\n" text
#define ANTHROPIC(text) "providers:\n  - type: anthropic\n    api-key: k\n" text

#define NAME_16 "0123456789abcdef"
#define NAME_64 NAME_16 NAME_16 NAME_16 NAME_16

static const struct file_case file_cases[] = {
	{"", {NULL}, true},
	{"port: 9000\nhost: localhost\ndebug: true\n", {NULL}, true},
	{"port:\napi_keys:\nproviders:\n", {NULL}, true},
	{"$schema: x\nport: 1\n", {NULL}, true},
	/* keys */
	{"prot: 1\n", {"1:1: error: unknown key `prot`", "hint: did you mean `port`?"}, false},
	{"a: 1\nb: 2\nprot: 3\n", {"1:1: error:", "2:1: error:", "3:1: error:"}, false},
	{"tls:\n  crt: x\n", {"2:3: error: unknown key `tls.crt`", "did you mean `tls.cert`?"},
		false},
	{"cert: x\n", {"1:1: error: unknown key `cert`", "did you mean `tls.cert`?"}, false},
	{"routing:\n  aliases:\n    " NAME_64 NAME_64 NAME_64 NAME_64 "n: c\n",
		{"3:264: error: a name in `routing.aliases` has at most 256 bytes, not 257"},
		false},
	{"tls: true\n", {"1:6: error: `tls` is a section"}, false},
	{"api_keys: [abc]\napi-keys: [def]\n", {"2:1: error: `api-keys` is given twice"}, false},
	{"stream-timeout: 5\nfirst-byte-timeout: 6\n", {"`first-byte-timeout` is given twice"},
		false},
	{"- 1\n", {"1:1: error: a configuration is a mapping"}, false},
	{"port: [\n", {": error:"}, false},
	{"port: 1\nport: 2\n", {"2:1: error: the key `port` stands here twice"}, false},
	/* types and ranges */
	{"port: 70000\n", {"1:7: error: `port` must be from 0 to 65535, not 70000"}, false},
	{"port: -1\n", {"`port` must be from 0 to 65535, not -1"}, false},
	{"port: \"80\"\n", {"1:7: error: `port` must be a whole number, not a string"}, false},
	{"port: 80.5\n", {"`port` must be a whole number"}, false},
	{"debug: maybe\n", {"`debug` must be true or false, not `maybe`"}, false},
	{"debug: yes\n", {NULL}, true},
	{"debug: [1]\n", {"`debug` must be true or false, not an array"}, false},
	{"log-format: jsn\n", {"must be one of text, json, not `jsn`", "did you mean `json`?"},
		false},
	{"host: 5\n", {"`host` must be a text, not a number", "put it in quotes"}, false},
	{"host: \"127.0.0.1:80\"\n", {"`host` must be an IP address or a host name"}, false},
	{"idle-timeout: soon\n", {"must be a duration such as 250ms, 30s or 1m30s, not `soon`"},
		false},
	{"idle-timeout: 0\n", {"`idle-timeout` must be at least 1ms"}, false},
	{"idle-timeout: {}\n", {"must be a duration such as 30s, not an object"}, false},
	{"max-request-size: big\n", {"must be a size such as 64KB or 50MB, not `big`"}, false},
	{"max-request-size: 0\n", {"`max-request-size` must be at least 1"}, false},
	{"api-keys: [abc, 7]\n", {"1:17: error: `api-keys` must be a text, not a number"}, false},
	{"api-keys: [abc, \"\"]\n", {"1:17: error: `api-keys` has an empty entry"}, false},
	{"api-keys: [\"sha256:12\"]\n", {"64 hexadecimal digits"}, false},
	{"proxy-url: ftp://x\n", {"`proxy-url` must be a URL such as http://host:port"}, false},
	{"proxy-url: socks5h://u:p@h:1080\n", {NULL}, true},
	{"proxy-url: direct\n", {NULL}, true},
	{"routing: {aliases: {a: [b]}}\n", {"1:24: error: `routing.aliases.a` must be a text"},
		false},
	{"routing: {aliases: [a]}\n", {"`routing.aliases` must be a mapping of names"}, false},
	/* payload rules (gateway.md 2.6) */
	{"payload:\n  default:\n    - models: [gpt-*, {name: m, protocol: Anthropic}]\n"
	 "      params: {temperature: 0.2, stop: [a, {b: null}], x.y: null}\n",
		{NULL}, true},
	{"payload: {default: [{models: [m]}]}\n",
		{"1:21: error: `payload.default[0]` needs `params`"}, false},
	{"payload: {override: [{params: {a: 1}}]}\n", {"`payload.override[0]` needs `models`"},
		false},
	{"payload:\n  override:\n    - models: [{name: m, protocol: grpc}]\n"
	 "      params: {a: 1}\n",
		{"3:36: error: `payload.override[0].models[0].protocol` must be openai"}, false},
	{"payload:\n  default:\n    - models: [m]\n      params:\n        a..b: 1\n",
		{"5:15: error: `payload.default[0].params` has the name `a..b`, which has an empty "
		 "part"},
		false},
	{"payload: {default: [{models: [m], params: [1]}]}\n",
		{"must be a mapping of names to values, not an array"}, false},
	{"payload: {defaults: []}\n", {"unknown key `payload.defaults`"}, false},
	{"endpoints: {openai: {base: https://x/v1}}\n", {NULL}, true},
	{"endpoints: {openai: https://x}\n", {"endpoints are given as"}, false},
	{"endpoints: {openai: {base: x}}\n", {"`endpoints.openai.base` must be an http"}, false},
	/* keys of later versions, and legacy ones (gateway.md 2.1) */
	{"usage: {dsn: x}\n", {"1:1: warning: `usage` is not used by this version"}, true},
	{"ampcode:\n  upstream-url: x\nws-auth: true\n", {"1:1: warning:", "3:1: warning:"}, true},
	{"use-canonical-translator: true\n", {"1:1: warning: `use-canonical-translator` has no"},
		true},
	{"routing:\n  strategy: fill-first\n", {"2:3: warning: `routing.strategy` is not"}, true},
	/* safe by default */
	{"host: 0.0.0.0\n",
		{"1:1: error: the address 0.0.0.0 can be reached from other machines",
			"set `api-keys`"},
		false},
	{"host: \"::\"\n", {"1:1: error: the address ::"}, false},
	{"host: 0.0.0.0\napi-keys: [abc]\n", {NULL}, true},
	{"host: 0.0.0.0\napi-keys: [abc]\ndisable-auth: true\n", {"3:1: error: the address"},
		false},
	{"host: 0.0.0.0\ninsecure: true\n", {NULL}, true},
	{"host: 127.8.8.8\n", {NULL}, true},
	{"host: \"::1\"\n", {NULL}, true},
	{"tls:\n  enable: true\n  cert: a\n", {"2:3: error: tls.cert or tls.key is empty"}, false},
	{"cors: {allowed-origins: [\"*\"]}\n", {"error: `*` lets every web page"}, false},
	{"cors: {allowed-origins: [\"*\"]}\napi-keys: [abc]\n", {NULL}, true},
	{"cors: {allowed-origins: [x]}\n", {"must be `*` or origins such as"}, false},
	/* providers (gateway.md 2.2) */
	{WITH(""), {NULL}, true},
	{ANTHROPIC(""), {NULL}, true},
	{"providers:\n  - type: claude\n    api-keys: [a, {key: b, proxy-url: direct}]\n", {NULL},
		true},
	{"providers: {}\n", {"`providers` must be a list, not an object"}, false},
	{"providers: [7]\n", {"`providers[0]` must be a mapping of keys"}, false},
	{"providers:\n  - api-key: k\n", {"2:5: error: `providers[0]` needs `type`"}, false},
	{"providers:\n  - type: vertex\n",
		{"2:5: error: provider type 'vertex' is not available in this version"}, false},
	{"providers:\n  - type: opnai\n",
		{"2:5: error: unknown provider type `opnai`", "did you mean `openai`?"}, false},
	{"providers:\n  - type: zzz\n", {"types are openai, claude, anthropic"}, false},
	{"providers:\n  - type: openai\n", {"2:5: error: provider openai needs an `api-key`"},
		false},
	{"providers:\n  - type: openai\n    enabled: false\n", {NULL}, true},
	{"providers:\n  - type: openai\n    base-url: http://h/v1\n", {"needs a `name`"}, false},
	{"providers:\n  - type: openai\n    base-url: http://h/v1\n    name: x\n", {NULL}, true},
	{"providers:\n  - type: anthropic\n    base-url: http://h\n", {NULL}, true},
	{WITH("    base-url: h\n"), {"`providers[0].base-url` must be an http or https URL"},
		false},
	{WITH("    base-url: http://\n"), {"must be an http or https URL"}, false},
	{WITH("    base-url: http://h?x=1\n"), {"must be a URL without a query"}, false},
	{WITH("    nmae: x\n"), {"4:5: error: unknown key `nmae` in `providers[0]`", "`name`"},
		false},
	{WITH("    name: demo\n"), {"`demo` is the name of a built-in provider"}, false},
	{WITH("    name: Claude\n"), {"`Claude` is the name of a built-in provider"}, false},
	{WITH("    name: codex\n"), {"`codex` is the name of a built-in provider"}, false},
	{WITH("    name: openai\n"), {NULL}, true},
	{WITH("    name: a/b\n"), {"may only have letters"}, false},
	{WITH("    weight: 3\n"), {"4:5: warning: `providers[0].weight` is not used"}, true},
	{WITH("    models: [a, {name: b, alias: c}]\n"), {NULL}, true},
	{WITH("    models: [{alias: c}]\n"), {"4:14: error: `providers[0].models[0]` needs `name`"},
		false},
	{WITH("    headers: {Host: x}\n"), {"4:21: error: header `Host` cannot be set"}, false},
	{WITH("    headers: {\"a b\": x}\n"), {"header `a b` is not a header name"}, false},
	{WITH("    headers: {X-A: \"a\\nb\"}\n"), {"without control characters"}, false},
	{WITH("    headers: {X-A: \"\", X-B: $X-C}\n"), {NULL}, true},
	{WITH("    api-keys: [{proxy-url: direct}]\n"), {"needs `key`"}, false},
	{WITH("    proxy-url: nowhere\n"), {"`providers[0].proxy-url` must be a URL"}, false},
	{"providers:\n  - type: ollama\n", {""}, true},
	{ANTHROPIC("  - type: anthropic\n    api-key: l\n"),
		{"4:5: warning: provider claude is given twice"}, true},
	{WITH("    name: x\n  - type: anthropic\n    api-key: l\n    name: X\n"),
		{"5:5: error: the provider name `X` is used twice, first in line 2"}, false},
	{WITH("    name: x\n    base-url: http://a\n"
	      "  - type: openai\n    name: x\n    base-url: http://b\n"),
		{"`x` is used twice"}, false},
};

static bool run_file_case(const struct file_case *c) {
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml", c->yaml, 0600);
	struct config *config = config_fixture_load(&f, NULL);
	bool is_good = (config != NULL) == c->loads;
	if (!c->problems[0]) {
		is_good &= f.report.len == 1;
	}
	for (size_t i = 0; i < 4 && c->problems[i]; i++) {
		is_good &= strstr(f.report.data, c->problems[i]) != NULL;
	}
	if (!config) {
		is_good &= f.error.kind == ERROR_CONFIGURATION && f.error.message[0];
	}
	if (!is_good) {
		print_error("---\n%s--- loaded: %d\n%s", c->yaml, config != NULL, f.report.data);
	}
	config_fixture_end(&f);
	return is_good;
}

static void test_files(void **state) {
	(void)state;
	size_t failed = 0;
	for (size_t i = 0; i < sizeof file_cases / sizeof *file_cases; i++) {
		failed += !run_file_case(&file_cases[i]);
	}
	assert_int_equal(failed, 0);
}

/* ---- what is in a snapshot ---- */

static void test_defaults(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(f.report.len, 1);
	assert_true(slice_is(c->host, "127.0.0.1"));
	assert_int_equal(c->port, CONFIG_DEFAULT_PORT);
	assert_int_equal(c->limits.header_bytes, 65536);
	assert_int_equal(c->limits.request_bytes, 52428800);
	assert_int_equal(c->limits.decoded_bytes, 52428800);
	assert_int_equal(c->limits.response_bytes, 104857600);
	assert_int_equal(c->limits.json_depth, 256);
	assert_int_equal(c->limits.sse_line_bytes, 16 * 1024 * 1024);
	assert_int_equal(c->limits.tool_argument_bytes, 8 * 1024 * 1024);
	assert_int_equal(c->limits.open_parts, 256);
	assert_int_equal(c->timeouts.connect_ms, 10000);
	assert_int_equal(c->timeouts.first_byte_ms, 600000);
	assert_int_equal(c->timeouts.idle_ms, 300000);
	assert_int_equal(c->timeouts.total_ms, 0);
	assert_int_equal(c->timeouts.drain_ms, 30000);
	assert_int_equal(c->timeouts.hold_ms, 10000);
	assert_int_equal(c->timeouts.ping_ms, 15000);
	assert_int_equal(c->request_retry, 3);
	assert_int_equal(c->max_retry_wait_ms, 30000);
	assert_int_equal(c->log_format, CONFIG_LOG_TEXT);
	assert_false(c->is_debug || c->is_insecure || c->is_auth_disabled || c->tls.is_enabled);
	assert_false(config_needs_key(c));
	assert_int_equal(c->providers.len, 0);
	assert_int_equal(c->files.len, 0);
	config_fixture_end(&f);
}

static void test_providers(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml",
		"providers:\n"
		"  - type: OpenAI\n"
		"    name: My Server\n"
		"    base-url: http://h:1/v1//\n"
		"    api-key: ignored\n"
		"    api-keys: [k1, {key: k2, proxy-url: direct}, k1]\n"
		"    headers: {X-A: one, X-B: ''}\n"
		"    models: [m1, {name: m2, alias: big}]\n"
		"    excluded-models: ['*-mini', Old*]\n"
		"  - type: anthropic\n"
		"    api-key: a\n"
		"  - type: claude\n"
		"    api-key: b\n",
		0600);
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(c->providers.len, 2);
	const struct config_provider *p = &c->providers.items[0];
	assert_string_equal(p->type->name, "openai");
	assert_true(slice_is(p->id, "my server"));
	assert_true(slice_is(p->name, "My Server"));
	assert_true(slice_is(p->base_url, "http://h:1/v1"));
	assert_true(p->has_own_base_url && p->is_enabled && !p->is_from_environment);
	assert_int_equal(p->api_keys.len, 2);
	assert_true(slice_is(p->api_keys.items[1].key, "k2"));
	assert_true(slice_is(p->api_keys.items[1].proxy_url, "direct"));
	assert_int_equal(p->headers.len, 1);
	assert_int_equal(p->models.len, 2);
	assert_true(slice_is(p->models.items[0].name, "m1"));
	assert_true(slice_is(p->models.items[1].alias, "big"));
	assert_true(config_model_is_excluded(p, SLICE("GPT-mini")));
	assert_true(config_model_is_excluded(p, SLICE("oldest")));
	assert_false(config_model_is_excluded(p, SLICE("gpt")));
	/* Two entries of one service are one with both keys. */
	p = &c->providers.items[1];
	assert_true(slice_is(p->id, "claude"));
	assert_true(slice_is(p->base_url, "https://api.anthropic.com"));
	assert_int_equal(p->api_keys.len, 2);
	assert_int_equal(p->place.line, 10);
	config_fixture_end(&f);
}

static void test_layers(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml",
		"port: 1\nthreads: 1\nrequest_retry: 1\nmax-request-size: 1KB\n"
		"api-keys: [from-yaml, two]\nrouting: {aliases: {a: x, b: y}}\n",
		0600);
	config_fixture_write(&f, "config.toml",
		"threads = 2\nrequest-retry = 2\nmax-request-size = 2048\napi-keys = "
		"['from-toml']\n"
		"[routing.aliases]\nb = 'z'\nc = 'w'\n",
		0600);
	config_fixture_env(&f, "LLM_MUX_REQUEST_RETRY=3");
	config_fixture_env(&f, "LLM_MUX_MAX_REQUEST_SIZE=3KB");
	f.settings[0] = (struct config_setting){"max-request-size", "4KB", "--max-request-size"};
	f.setting_count = 1;
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(c->port, 1);
	assert_int_equal(c->threads, 2);
	assert_int_equal(c->request_retry, 3);
	assert_int_equal(c->limits.request_bytes, 4096);
	assert_int_equal(c->api_keys.len, 1);
	assert_int_equal(c->aliases.len, 3);
	assert_true(slice_is(c->aliases.items[1].value, "z"));
	assert_int_equal(c->files.len, 2);
	assert_true(config_needs_key(c));
	/* --config: only that file, and the environment over it */
	config_fixture_write(&f, "c.json", "{\"port\": 5, \"request-retry\": 9}", 0600);
	c = config_fixture_load(&f, "c.json");
	assert_non_null(c);
	assert_int_equal(c->port, 5);
	assert_int_equal(c->threads, 0);
	assert_int_equal(c->request_retry, 3);
	config_fixture_end(&f);
}

static void test_explicit_file(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	assert_null(config_fixture_load(&f, "c.yaml"));
	assert_non_null(strstr(f.report.data, "c.yaml: error: "));
	config_fixture_write(&f, "c.txt", "port: 1\n", 0600);
	assert_null(config_fixture_load(&f, "c.txt"));
	assert_non_null(strstr(f.report.data, "ends with .yaml"));
	config_fixture_write(&f, "c.json", "{\n \"prot\": 1,\n \"port\": {}}", 0600);
	assert_null(config_fixture_load(&f, "c.json"));
	assert_non_null(
		strstr(f.report.data, "c.json:2:2: error: unknown key `prot`\n   \"prot\": 1,"));
	assert_non_null(strstr(f.report.data, "c.json:3:10: error: `port` must be a whole number"));
	assert_non_null(strstr(f.error.where, "c.json:2:2"));
	config_fixture_write(&f, "c.toml", "[tls]\nenable = 1\n", 0600);
	assert_null(config_fixture_load(&f, "c.toml"));
	assert_non_null(
		strstr(f.report.data, "c.toml:2:10: error: `tls.enable` must be true or false"));
	config_fixture_end(&f);
}

/* Both files are told about before anything is refused. */
static void test_all_problems(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml", "port: x\nhots: y\n", 0600);
	config_fixture_write(&f, "config.toml", "debug = 3\n", 0600);
	config_fixture_env(&f, "LLM_MUX_THREADS=many");
	assert_null(config_fixture_load(&f, NULL));
	assert_non_null(strstr(f.report.data, "config.yaml:1:7: error:"));
	assert_non_null(strstr(f.report.data, "config.yaml:2:1: error: unknown key `hots`"));
	assert_non_null(strstr(f.report.data, "config.toml:1:9: error:"));
	assert_non_null(strstr(f.report.data,
		"environment: error: `LLM_MUX_THREADS` must be a whole number, not `many`"));
	config_fixture_end(&f);
}

static void test_exposed_file(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml", "api-keys: [secret-key]\n", 0644);
	assert_non_null(config_fixture_load(&f, NULL));
	assert_non_null(strstr(f.report.data, "warning: others can read this file"));
	assert_null(strstr(f.report.data, "secret-key"));
	config_fixture_write(&f, "config.yaml", "port: 1\n", 0644);
	assert_non_null(config_fixture_load(&f, NULL));
	assert_int_equal(f.report.len, 1);
	config_fixture_end(&f);
}

/* No excerpt shows a key (ER-4). */
static void test_no_secret_in_report(void **state) {
	(void)state;
	static const char *const texts[] = {
		"api-keys: [\"hid den\"]\n",
		"api-keys:\n  - \"hid den\"\n",
		"api_kyes: [x]\napi-key: hidden\n",
		"providers:\n  - {nmae: x, type: openai, api-key: hidden}\n",
		"providers:\n  - {type: openai, api-key: hidden, nmae: x}\n",
		"providers:\n  - type: openai\n    api-keys: [{kye: 1, key: hidden}]\n",
		"providers:\n  - type: openai\n    headers: {X: \"hid\\nden\"}\n",
		"proxy-url: ftp://user:hidden@x\n",
		"api-key: hidden: x\n",
		"debug: sk-hidden-1234567890\nprot: sk-hidden-1234567890\n",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct config_fixture f;
		config_fixture_begin(&f);
		config_fixture_write(&f, "config.yaml", texts[i], 0600);
		assert_null(config_fixture_load(&f, NULL));
		if (strstr(f.report.data, "hid")) {
			fail_msg("%s---\n%s", texts[i], f.report.data);
		}
		config_fixture_end(&f);
	}
}

static void test_decoded_limit(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_env(&f, "LLM_MUX_MAX_REQUEST_SIZE=60MB");
	assert_non_null(config_fixture_load(&f, NULL));
	assert_int_equal(f.config->limits.decoded_bytes, 60 * 1024 * 1024);
	config_fixture_write(&f, "config.yaml", "limits: {decoded-body-size: 1MB}\n", 0600);
	assert_non_null(config_fixture_load(&f, NULL));
	assert_int_equal(f.config->limits.decoded_bytes, 1024 * 1024);
	config_fixture_end(&f);
}

static void test_hosts(void **state) {
	(void)state;
	static const char *const loopback[] = {
		"localhost", "LOCALHOST", "127.0.0.1", "127.255.1.2", "::1", "[::1]", NULL};
	static const char *const others[] = {"", "0.0.0.0", "::", "128.0.0.1", "127.0.0", "127.1",
		"127.0.0.1.evil.org", "127.0.0.256", "localhost.evil.org", "10.0.0.1", NULL};
	for (size_t i = 0; loopback[i]; i++) {
		assert_true(config_host_is_loopback(slice_of(loopback[i])));
	}
	for (size_t i = 0; others[i]; i++) {
		assert_false(config_host_is_loopback(slice_of(others[i])));
	}
}

static void test_references(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	struct config *c = config_fixture_load(&f, NULL);
	struct config *other = config_ref(c);
	assert_ptr_equal(c, other);
	config_unref(other);
	assert_int_equal(c->port, CONFIG_DEFAULT_PORT);
	config_unref(NULL);
	config_fixture_end(&f);
}

int test_config(void);
int test_config(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_providers),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_explicit_file),
		cmocka_unit_test(test_all_problems),
		cmocka_unit_test(test_exposed_file),
		cmocka_unit_test(test_no_secret_in_report),
		cmocka_unit_test(test_decoded_limit),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_references),
	};
	return cmocka_run_group_tests_name("config/config", tests, NULL, NULL);
}
