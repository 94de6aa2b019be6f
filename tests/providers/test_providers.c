/* test_providers.c: URLs, quirks and headers of every profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "providers/provider.h"

int test_providers(void);

static void test_find(void **state) {
	(void)state;
	assert_string_equal(provider_find(SLICE("openai"))->type, "openai");
	assert_string_equal(provider_find(SLICE("claude"))->type, "claude");
	assert_string_equal(provider_find(SLICE("Anthropic"))->type, "claude");
	assert_null(provider_find(SLICE("open")));
	size_t count = 0;
	while (provider_all()[count] != NULL) {
		const struct provider *provider = provider_all()[count++];
		assert_ptr_equal(provider_find(slice_of(provider->type)), provider);
	}
	assert_true(count >= 3);
}

static void test_urls(void **state) {
	static const struct {
		const char *type;
		enum provider_op op;
		const char *base, *url;
	} cases[] = {
		{"openai", PROVIDER_OP_CHAT, "https://api.openai.com/v1",
			"https://api.openai.com/v1/chat/completions"},
		{"openai", PROVIDER_OP_CHAT, "http://127.0.0.1:9/v1/",
			"http://127.0.0.1:9/v1/chat/completions"},
		{"openai", PROVIDER_OP_MODELS, "http://h/openai", "http://h/openai/models"},
		{"openai", PROVIDER_OP_COUNT, "http://h/v1", NULL},
		{"ollama", PROVIDER_OP_CHAT, "http://h:11434", "http://h:11434/api/chat"},
		{"ollama", PROVIDER_OP_GENERATE, "http://h/v1/", "http://h/api/generate"},
		{"ollama", PROVIDER_OP_MODELS, "http://h/ollama", "http://h/ollama/api/tags"},
		{"claude", PROVIDER_OP_CHAT, "https://api.anthropic.com",
			"https://api.anthropic.com/v1/messages"},
		{"claude", PROVIDER_OP_CHAT, "https://api.anthropic.com/v1",
			"https://api.anthropic.com/v1/messages"},
		{"claude", PROVIDER_OP_COUNT, "http://h/anthropic/v1/",
			"http://h/anthropic/v1/messages/count_tokens"},
		{"claude", PROVIDER_OP_MODELS, "http://h", "http://h/v1/models"},
		{"gemini", PROVIDER_OP_CHAT, "https://generativelanguage.googleapis.com",
			"https://generativelanguage.googleapis.com/v1beta/models/"
			"{model}:generateContent"},
		{"google", PROVIDER_OP_STREAM, "http://h/v1beta/",
			"http://h/v1beta/models/{model}:streamGenerateContent?alt=sse"},
		{"gemini", PROVIDER_OP_COUNT, "http://h/v1",
			"http://h/v1beta/models/{model}:countTokens"},
		{"gemini", PROVIDER_OP_MODELS, "http://h", "http://h/v1beta/models"},
	};
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *url = provider_url(provider_find(slice_of(cases[i].type)), cases[i].op,
			slice_of(cases[i].base), &arena);
		if (cases[i].url == NULL) {
			assert_null(url);
		} else {
			assert_non_null(url);
			assert_string_equal(url, cases[i].url);
		}
	}
	arena_finish(&arena);
}

static void test_url_of_a_model(void **state) {
	static const struct {
		const char *url, *model, *made;
	} cases[] = {
		{"http://h/v1/messages", "m", "http://h/v1/messages"},
		{"http://h/models/{model}:generateContent", "gemini-3-pro",
			"http://h/models/gemini-3-pro:generateContent"},
		{"http://h/{model}:x?alt=sse", "publishers/a b/m?",
			"http://h/publishers/a%20b/m%3F:x?alt=sse"},
		{"http://h/models/{model}:x", "../files", NULL},
		{"http://h/models/{model}:x", "a/./b", NULL},
	};
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *url = provider_url_for(cases[i].url, slice_of(cases[i].model), &arena);
		if (cases[i].made == NULL) {
			assert_null(url);
		} else {
			assert_string_equal(url, cases[i].made);
		}
	}
	arena_finish(&arena);
}

static void test_quirks(void **state) {
	static const struct {
		const char *type, *base;
		uint32_t quirks;
	} cases[] = {
		{"openai", "https://api.openai.com/v1", QUIRK_OFFICIAL},
		{"openai", "https://API.OpenAI.com:443/v1", QUIRK_OFFICIAL},
		{"openai", "https://api.openai.com.evil.example/v1", QUIRK_NO_DEVELOPER},
		{"openai", "https://user@localhost:11434/v1", QUIRK_NO_DEVELOPER},
		{"openai", "http://[::1]:8000/v1", QUIRK_NO_DEVELOPER},
		{"openai", "https://api.mistral.ai/v1",
			QUIRK_NO_DEVELOPER | QUIRK_NO_STREAM_OPTIONS},
		{"openai", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
			QUIRK_NO_DEVELOPER | QUIRK_REASONING_CONTENT},
		{"claude", "https://api.anthropic.com", QUIRK_OFFICIAL},
		{"claude", "http://127.0.0.1:1", 0},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta", QUIRK_OFFICIAL},
		{"gemini", "http://127.0.0.1:1", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(provider_quirks(provider_find(slice_of(cases[i].type)),
					 slice_of(cases[i].base)),
			cases[i].quirks);
	}
}

/* ---- headers: the client's, the configuration's and what comes out, as "name: value" lines ----
 */

struct header_case {
	const char *title, *type;
	enum format_id client_format;
	bool stream;
	const char *key;
	const char *client, *config, *betas;
	const char *expected;
};

static const struct header_case header_cases[] = {
	{"bearer", "openai", FORMAT_OPENAI_CHAT, false, "sk-1", "", "", "",
		"content-type: application/json\naccept: application/json\n"
		"authorization: Bearer sk-1\n"},
	{"no key", "openai", FORMAT_OPENAI_CHAT, true, "", "", "", "",
		"content-type: application/json\naccept: text/event-stream\n"},
	{"RT-4: the client's credentials stay here", "openai", FORMAT_OPENAI_CHAT, false, "k",
		"Authorization: Bearer client\nX-Api-Key: client\nCookie: c\nUser-Agent: u\n", "",
		"",
		"content-type: application/json\naccept: application/json\n"
		"authorization: Bearer k\n"},
	{"RT-5: what is passed on", "openai", FORMAT_OPENAI_CHAT, false, "",
		"OpenAI-Beta: b\nX-Request-Id: 7\nX-Stainless-Lang: js\nanthropic-beta: x\n", "",
		"",
		"content-type: application/json\naccept: application/json\n"
		"OpenAI-Beta: b\nX-Request-Id: 7\n"},
	{"RT-5: not to another family", "claude", FORMAT_OPENAI_CHAT, false, "k",
		"OpenAI-Beta: b\nanthropic-beta: x\nanthropic-version: 1\n", "", "",
		"content-type: application/json\naccept: application/json\nx-api-key: k\n"
		"anthropic-version: 2023-06-01\n"},
	{"GM-1: Google's own header", "gemini", FORMAT_OPENAI_CHAT, true, "AIza",
		"x-goog-api-key: client\nAuthorization: Bearer c\n", "", "",
		"content-type: application/json\naccept: text/event-stream\n"
		"x-goog-api-key: AIza\n"},
	{"AN-26: betas are merged", "claude", FORMAT_ANTHROPIC, false, "k",
		"anthropic-beta: a, b\nAnthropic-Beta: c\nanthropic-version: 2024-01-01\n", "",
		"b,d",
		"content-type: application/json\naccept: application/json\nx-api-key: k\n"
		"anthropic-version: 2024-01-01\nanthropic-beta: a,b,c,d\n"},
	{"2.2: configured headers", "openai", FORMAT_OPENAI_CHAT, false, "k",
		"x-tenant: t9\nAuthorization: Bearer client\n",
		"X-Static: 1\nX-Tenant: $x-tenant\nX-None: $x-none\nX-Steal: $Authorization\n"
		"Accept: text/plain\n",
		"",
		"content-type: application/json\naccept: text/plain\nauthorization: Bearer k\n"
		"X-Static: 1\nX-Tenant: t9\n"},
};

static void parse_headers(struct arena *arena, struct http_headers *headers, const char *text) {
	struct slice rest = slice_of(text), line;
	while (slice_split(&rest, '\n', &line)) {
		size_t colon = slice_find(line, SLICE(": "));
		if (colon != SIZE_MAX) {
			http_headers_add(arena, headers, slice_sub(line, 0, colon),
				slice_from(line, colon + 2));
		}
	}
}

static void check_headers(const struct header_case *c) {
	struct arena arena;
	struct http_headers client = {0}, config = {0};
	struct slice beta = slice_of(c->betas);
	struct format_built built = {.betas = &beta, .beta_count = beta.len > 0 ? 1 : 0};
	arena_init(&arena, NULL, 0);
	parse_headers(&arena, &client, c->client);
	parse_headers(&arena, &config, c->config);
	struct provider_call call = {
		.op = PROVIDER_OP_CHAT,
		.key = slice_of(c->key),
		.extra_headers = config.items,
		.extra_header_count = config.len,
		.client_headers = &client,
		.client_format = c->client_format,
		.built = &built,
		.stream = c->stream,
		.arena = &arena,
	};
	provider_prepare(provider_find(slice_of(c->type)), &call);
	struct buf out;
	buf_init(&out, 0);
	for (size_t i = 0; i < call.headers.len; i++) {
		buf_printf(&out, "%.*s: %.*s\n", SLICE_FMT(call.headers.items[i].name),
			SLICE_FMT(call.headers.items[i].value));
	}
	buf_append_byte(&out, '\0');
	if (strcmp(out.data, c->expected) != 0) {
		print_error("%s:\n%s", c->title, out.data);
	}
	assert_string_equal(out.data, c->expected);
	buf_finish(&out);
	arena_finish(&arena);
}

static void test_headers(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof header_cases / sizeof *header_cases; i++) {
		check_headers(&header_cases[i]);
	}
}

/* RT-6: rate limits go to clients of the same API family alone; bounded. */
static void test_returned_headers(void **state) {
	static const struct {
		const char *type;
		enum format_id client;
		const char *wanted; /* "name=value" joined */
	} cases[] = {
		{"claude", FORMAT_ANTHROPIC, "Anthropic-RateLimit-Tokens-Reset=t;"},
		{"claude", FORMAT_OPENAI_CHAT, ""},
		{"openai", FORMAT_OPENAI_CHAT, "x-ratelimit-remaining-requests=9;"},
		{"openai", FORMAT_ANTHROPIC, ""},
	};
	char longer[200];
	memset(longer, 'x', sizeof longer);
	struct http_header items[] = {
		{SLICE("Anthropic-RateLimit-Tokens-Reset"), SLICE("t")},
		{SLICE("x-ratelimit-remaining-requests"), SLICE("9")},
		{SLICE("x-ratelimit-long"), slice_make(longer, sizeof longer)},
		{SLICE("set-cookie"), SLICE("secret")},
		{SLICE("openai-organization"), SLICE("org")},
	};
	struct http_headers answer = {.items = items, .len = 5};
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_headers returned;
		char text[256] = "";
		provider_return_headers(provider_find(slice_of(cases[i].type)), cases[i].client,
			&answer, &arena, &returned);
		for (size_t k = 0; k < returned.len; k++) {
			size_t len = strlen(text);
			snprintf(text + len, sizeof text - len, "%.*s=%.*s;",
				SLICE_FMT(returned.items[k].name),
				SLICE_FMT(returned.items[k].value));
		}
		assert_string_equal(text, cases[i].wanted);
	}
	struct http_header many[100];
	for (size_t i = 0; i < 100; i++) {
		many[i] = items[1];
	}
	struct http_headers flood = {.items = many, .len = 100}, returned;
	provider_return_headers(
		provider_find(SLICE("openai")), FORMAT_OPENAI_CHAT, &flood, &arena, &returned);
	assert_int_equal(returned.len, PROVIDER_MAX_RETURNED);
	arena_finish(&arena);
}

int test_providers(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_url_of_a_model),
		cmocka_unit_test(test_quirks),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_returned_headers),
	};
	return cmocka_run_group_tests_name("providers/providers", tests, NULL, NULL);
}
