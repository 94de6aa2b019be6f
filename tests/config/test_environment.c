/* test_environment.c: variables and .env (gateway.md 2.3, design.md "Safe by default"), providers
 * made of keys in the environment. */
#include "config_help.h"

static void test_variables(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_env(&f, "LLM_MUX_PORT=9001");
	config_fixture_env(&f, "LLM_MUX_DEBUG=YES");
	config_fixture_env(&f, "LLM_MUX_API_KEYS= one , two,,");
	config_fixture_env(&f, "LLM_MUX_STREAM_TIMEOUT=7");
	config_fixture_env(&f, "LLM_MUX_LOG_FORMAT=json");
	config_fixture_env(&f, "LLM_MUX_TLS_CERT=/x/cert");
	config_fixture_env(&f, "LLM_MUX_HOST=  ");
	config_fixture_env(&f, "OTHER=x");
	config_fixture_env(&f, "=x");
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(c->port, 9001);
	assert_true(c->is_debug);
	assert_int_equal(c->api_keys.len, 2);
	assert_true(slice_is(c->api_keys.items[1], "two"));
	assert_int_equal(c->timeouts.first_byte_ms, 7000);
	assert_int_equal(c->log_format, CONFIG_LOG_JSON);
	assert_true(slice_is(c->tls.cert, "/x/cert"));
	assert_true(slice_is(c->host, "127.0.0.1"));
	const struct option_row *row = options_find(&c->options, SLICE("port"));
	assert_string_equal(options_source(&c->options, row)->place.file, "environment");
	assert_string_equal(options_source(&c->options, row)->name, "LLM_MUX_PORT");
	config_fixture_end(&f);
}

static void test_wrong_variables(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_env(&f, "LLM_MUX_PORT=many");
	config_fixture_env(&f, "LLM_MUX_DISABLE_AUTH=perhaps");
	config_fixture_env(&f, "LLM_MUX_API_KYES=x");
	config_fixture_env(&f, "LLM_MUX_FIXTURES=/x");
	config_fixture_env(&f, "LLM_MUX_ENDPOINT_OPENAI_BASE=x");
	assert_null(config_fixture_load(&f, NULL));
	assert_non_null(strstr(f.report.data, "error: `LLM_MUX_PORT` must be a whole number"));
	assert_non_null(
		strstr(f.report.data, "error: `LLM_MUX_DISABLE_AUTH` must be true or false"));
	assert_non_null(strstr(f.report.data, "warning: no option is set by `LLM_MUX_API_KYES`"));
	assert_non_null(strstr(f.report.data, "did you mean `LLM_MUX_API_KEYS`?"));
	assert_non_null(
		strstr(f.report.data, "error: `LLM_MUX_ENDPOINT_OPENAI_BASE` must be an http"));
	assert_null(strstr(f.report.data, "FIXTURES"));
	config_fixture_end(&f);
}

static void test_dotenv(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, ".env",
		"# comment\n"
		"LLM_MUX_PORT=1111\n"
		"export LLM_MUX_THREADS = 3 # three\r\n"
		"LLM_MUX_API_KEYS='a#b, c' # two\n"
		"LLM_MUX_PROXY_URL=\"http://h:1\"\n"
		"LLM_MUX_DEBUG=true\n"
		"\n"
		"no equals sign with sk-secret\n"
		"9BAD=x\n"
		"OPEN=\"x\n",
		0600);
	config_fixture_env(&f, "LLM_MUX_PORT=2222");
	config_fixture_env(&f, "LLM_MUX_DEBUG=");
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(c->port, 2222); /* never over a variable that is set */
	assert_false(c->is_debug);       /* not even over an empty one */
	assert_int_equal(c->threads, 3);
	assert_int_equal(c->api_keys.len, 2);
	assert_true(slice_is(c->api_keys.items[0], "a#b"));
	assert_true(slice_is(c->proxy_url, "http://h:1"));
	assert_non_null(strstr(f.report.data, ".env:8: warning: not NAME=value"));
	assert_non_null(strstr(f.report.data, ".env:9: warning:"));
	assert_non_null(strstr(f.report.data, ".env:10: warning:"));
	assert_null(strstr(f.report.data, "secret"));
	config_fixture_write(&f, ".env", "LLM_MUX_PORT=1\n", 0644);
	assert_non_null(config_fixture_load(&f, NULL));
	assert_non_null(strstr(f.report.data, ".env: warning: others can read this file"));
	config_fixture_end(&f);
}

static const char *note_with(const struct config *config, const char *part) {
	for (size_t i = 0; i < config->notes.len; i++) {
		if (strstr(config->notes.items[i].text, part)) {
			return config->notes.items[i].text;
		}
	}
	return NULL;
}

static void test_providers_from_keys(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_env(&f, "OPENAI_API_KEY=sk-openai-key");
	config_fixture_env(&f, "OPENAI_BASE_URL=http://h:1/v1/");
	config_fixture_write(&f, ".env", "ANTHROPIC_API_KEY=sk-ant-key\n", 0600);
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(c->providers.len, 2);
	const struct config_provider *p = &c->providers.items[0];
	assert_true(slice_is(p->id, "openai") && slice_is(p->base_url, "http://h:1/v1"));
	assert_true(p->is_from_environment && p->has_own_base_url);
	assert_true(slice_is(p->api_keys.items[0].key, "sk-openai-key"));
	p = &c->providers.items[1];
	assert_true(slice_is(p->id, "claude"));
	assert_true(slice_is(p->base_url, "https://api.anthropic.com"));
	assert_string_equal(note_with(c, "OPENAI"), "using OPENAI_API_KEY from the environment as "
						    "provider openai with OPENAI_BASE_URL");
	assert_non_null(note_with(c, "using ANTHROPIC_API_KEY from /"));
	for (size_t i = 0; i < c->notes.len; i++) {
		assert_null(strstr(c->notes.items[i].text, "sk-"));
	}
	/* Only when none is configured. */
	config_fixture_write(&f, "config.yaml",
		"providers:\n  - {type: openai, name: x, base-url: http://x/v1}\n", 0600);
	c = config_fixture_load(&f, NULL);
	assert_int_equal(c->providers.len, 1);
	assert_int_equal(c->notes.len, 0);
	config_fixture_end(&f);
}

/* Google's SDKs know two names of the key, and the agents two of the address. */
static void test_google_keys(void **state) {
	static const struct {
		const char *variables[3];
		const char *key, *url, *note;
	} cases[] = {
		{{"GEMINI_API_KEY=AIza-1"}, "AIza-1", "https://generativelanguage.googleapis.com",
			"using GEMINI_API_KEY from the environment as provider gemini"},
		{{"GOOGLE_API_KEY=AIza-2"}, "AIza-2", "https://generativelanguage.googleapis.com",
			"using GOOGLE_API_KEY from the environment as provider gemini"},
		{{"GOOGLE_API_KEY=AIza-2", "GEMINI_API_KEY=AIza-1", "GEMINI_BASE_URL=http://h:1"},
			"AIza-1", "http://h:1",
			"using GEMINI_API_KEY from the environment as provider gemini with "
			"GEMINI_BASE_URL"},
		{{"GEMINI_API_KEY=AIza-1", "GEMINI_BASE_URL=http://h:1",
			 "GOOGLE_GEMINI_BASE_URL=http://g:1"},
			"AIza-1", "http://g:1",
			"using GEMINI_API_KEY from the environment as provider gemini with "
			"GOOGLE_GEMINI_BASE_URL"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct config_fixture f;
		config_fixture_begin(&f);
		for (size_t v = 0; v < 3 && cases[i].variables[v]; v++) {
			config_fixture_env(&f, cases[i].variables[v]);
		}
		const struct config *c = config_fixture_load(&f, NULL);
		assert_non_null(c);
		assert_int_equal(c->providers.len, 1);
		const struct config_provider *p = &c->providers.items[0];
		assert_string_equal(p->id.data, "gemini");
		assert_string_equal(p->base_url.data, cases[i].url);
		assert_true(slice_is(p->api_keys.items[0].key, cases[i].key));
		assert_string_equal(note_with(c, "using"), cases[i].note);
		config_fixture_end(&f);
	}
}

/* A base URL that points at this server was set for clients: no circle. */
static void test_own_address(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_env(&f, "ANTHROPIC_API_KEY=k");
	config_fixture_env(&f, "ANTHROPIC_BASE_URL=http://localhost:8317");
	config_fixture_env(&f, "OPENAI_BASE_URL=http://x/v1");
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_int_equal(c->providers.len, 0);
	assert_non_null(note_with(c, "points at this server"));
	config_fixture_end(&f);
}

/* OLLAMA_HOST in the spellings that Ollama takes; no key is needed. */
static void test_ollama_host(void **state) {
	static const struct {
		const char *variable, *url; /* NULL: no provider is made */
	} cases[] = {
		{"OLLAMA_HOST=192.168.1.5", "http://192.168.1.5:11434"},
		{"OLLAMA_HOST=box:8080", "http://box:8080"},
		{"OLLAMA_HOST= \"box\" ", "http://box:11434"},
		{"OLLAMA_HOST=http://box", "http://box:80"},
		{"OLLAMA_HOST=https://box/ollama/", "https://box:443/ollama"},
		{"OLLAMA_HOST=https://box:99", "https://box:99"},
		{"OLLAMA_HOST=ollama.com", "https://ollama.com:443"},
		{"OLLAMA_HOST=:4000", "http://127.0.0.1:4000"},
		{"OLLAMA_HOST=0.0.0.0", "http://127.0.0.1:11434"},
		{"OLLAMA_HOST=[::]:4000", "http://127.0.0.1:4000"},
		{"OLLAMA_HOST=::1", "http://[::1]:11434"},
		{"OLLAMA_HOST=[fe80::2]:5", "http://[fe80::2]:5"},
		{"OLLAMA_HOST=box:port", "http://box:11434"},
		{"OLLAMA_HOST=http://127.0.0.1:8317", NULL}, /* that is this server */
		{"OLLAMA_HOST=a b", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct config_fixture f;
		config_fixture_begin(&f);
		config_fixture_env(&f, cases[i].variable);
		const struct config *c = config_fixture_load(&f, NULL);
		assert_non_null(c);
		assert_int_equal(c->notes.len, 1);
		assert_int_equal(c->notes.items[0].is_warning, cases[i].url == NULL);
		assert_int_equal(c->providers.len, cases[i].url != NULL);
		if (cases[i].url != NULL) {
			assert_string_equal(c->providers.items[0].base_url.data, cases[i].url);
			assert_string_equal(c->providers.items[0].id.data, "ollama");
		}
		config_fixture_end(&f);
	}
}

/* When an Ollama on this machine is looked for, and what becomes of it. */
static void test_local_ollama(void **state) {
	static const struct {
		const char *yaml, *variable;
		bool is_wanted;
	} cases[] = {
		{"debug: false\n", "OTHER=x", true},
		{"debug: false\n", "OPENAI_API_KEY=k", true},
		{"debug: false\n", "OLLAMA_HOST=box", false},
		{"debug: false\n", "LLM_MUX_DISCOVER_OLLAMA=false", false},
		{"discover-ollama: false\n", "OTHER=x", false},
		{"port: 11434\n", "OTHER=x", false},
		{"providers:\n  - {type: anthropic, api-key: k}\n", "OTHER=x", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct config_fixture f;
		struct config_provider entry;
		config_fixture_begin(&f);
		config_fixture_write(&f, "config.yaml", cases[i].yaml, 0600);
		config_fixture_env(&f, cases[i].variable);
		struct config *c = config_fixture_load(&f, NULL);
		assert_non_null(c);
		size_t before = c->providers.len;
		assert_int_equal(config_local_ollama(c, &entry), cases[i].is_wanted);
		if (cases[i].is_wanted) {
			config_adopt(c, &entry);
			assert_int_equal(c->providers.len, before + 1);
			assert_string_equal(
				c->providers.items[before].base_url.data, "http://127.0.0.1:11434");
			assert_non_null(note_with(c, "found Ollama at http://127.0.0.1:11434"));
		}
		config_fixture_end(&f);
	}
}

static void test_wrong_base_url(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_env(&f, "OPENAI_API_KEY=k");
	config_fixture_env(&f, "OPENAI_BASE_URL=h:1");
	assert_null(config_fixture_load(&f, NULL));
	assert_non_null(strstr(f.report.data, "`OPENAI_BASE_URL` must be an http or https URL"));
	config_fixture_end(&f);
}

static void test_endpoints(void **state) {
	(void)state;
	struct config_fixture f;
	config_fixture_begin(&f);
	config_fixture_write(&f, "config.yaml",
		"endpoints:\n  openai: {base: http://file/v1, models: http://file/m}\n"
		"  github-copilot: {token: http://file/t}\n  anthropic: {base: http://file/a}\n",
		0600);
	config_fixture_env(&f, "LLM_MUX_ENDPOINT_OPENAI_BASE=http://env/v1");
	config_fixture_env(&f, "LLM_MUX_ENDPOINT_GITHUB_COPILOT_TOKEN=http://env/t");
	const struct config *c = config_fixture_load(&f, NULL);
	assert_non_null(c);
	assert_true(slice_is(config_endpoint(c, "openai", "base"), "http://env/v1"));
	assert_true(slice_is(config_endpoint(c, "openai", "models"), "http://file/m"));
	assert_true(slice_is(config_endpoint(c, "github-copilot", "token"), "http://env/t"));
	assert_true(slice_is(config_endpoint(c, "claude", "base"), "http://file/a"));
	assert_null(config_endpoint(c, "openai", "none").data);
	assert_null(config_endpoint(c, "open", "base").data);
	config_fixture_end(&f);
}

int test_environment(void);
int test_environment(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_wrong_variables),
		cmocka_unit_test(test_dotenv),
		cmocka_unit_test(test_providers_from_keys),
		cmocka_unit_test(test_google_keys),
		cmocka_unit_test(test_own_address),
		cmocka_unit_test(test_ollama_host),
		cmocka_unit_test(test_local_ollama),
		cmocka_unit_test(test_wrong_base_url),
		cmocka_unit_test(test_endpoints),
	};
	return cmocka_run_group_tests_name("config/environment", tests, NULL, NULL);
}
