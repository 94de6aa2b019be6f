/* test_routes.c: the table of routes (RT-1, RT-3). */
#include "gateway/gateway_help.h"

int test_routes(void);

static void rt_1_table(void **state) {
	static const struct {
		const char *method, *path;
		bool is_found;
		const char *allow;
		enum api_family family; /* of what was found */
	} cases[] = {
		{"POST", "/v1/chat/completions", true, NULL, FAMILY_OPENAI},
		{"POST", "/chat/completions", true, NULL, FAMILY_OPENAI},
		{"POST", "/v1/messages", true, NULL, FAMILY_ANTHROPIC},
		{"POST", "/v1/messages/count_tokens", true, NULL, FAMILY_ANTHROPIC},
		{"POST", "/v1/responses", true, NULL, FAMILY_OPENAI},
		{"POST", "/responses", true, NULL, FAMILY_OPENAI},
		{"POST", "/v1/responses/input_tokens", true, NULL, FAMILY_OPENAI},
		{"POST", "/v1/responses/compact", true, NULL, FAMILY_OPENAI},
		{"GET", "/v1/responses/resp_1", true, NULL, FAMILY_OPENAI},
		{"DELETE", "/v1/responses/resp_1", true, NULL, FAMILY_OPENAI},
		{"GET", "/v1/responses/resp_1/input_items", true, NULL, FAMILY_OPENAI},
		{"POST", "/v1/responses/resp_1", false, "GET, HEAD, DELETE", 0},
		{"GET", "/v1/models", true, NULL, FAMILY_OPENAI},
		{"GET", "/models", true, NULL, FAMILY_OPENAI},
		{"HEAD", "/v1/models", true, NULL, FAMILY_OPENAI},
		{"GET", "/v1/models/openai/gpt-5", true, NULL, FAMILY_OPENAI},
		{"GET", "/", true, NULL, FAMILY_OPENAI},
		{"HEAD", "/", true, NULL, FAMILY_OPENAI},
		{"HEAD", "/api/hello", true, NULL, FAMILY_OPENAI},
		{"GET", "/healthz", true, NULL, FAMILY_OPENAI},
		{"GET", "/readyz", true, NULL, FAMILY_OPENAI},
		{"POST", "/v1/completions", true, NULL, FAMILY_OPENAI},
		{"POST", "/v1/embeddings", true, NULL, FAMILY_OPENAI},
		{"POST", "/api/embed", true, NULL, FAMILY_OLLAMA},
		{"POST", "/ollama/api/embeddings", true, NULL, FAMILY_OLLAMA},
		{"POST", "/v1beta/models/x:batchEmbedContents", true, NULL, FAMILY_GEMINI},
		{"POST", "/api/chat", true, NULL, FAMILY_OLLAMA},
		{"POST", "/ollama/api/chat", true, NULL, FAMILY_OLLAMA},
		{"POST", "/api/generate", true, NULL, FAMILY_OLLAMA},
		{"POST", "/api/show", true, NULL, FAMILY_OLLAMA},
		{"GET", "/api/tags", true, NULL, FAMILY_OLLAMA},
		{"GET", "/ollama/api/tags", true, NULL, FAMILY_OLLAMA},
		{"GET", "/api/ps", true, NULL, FAMILY_OLLAMA},
		{"GET", "/api/version", true, NULL, FAMILY_OLLAMA},
		{"POST", "/v1beta/models/gemini-2.5-pro:generateContent", true, NULL,
			FAMILY_GEMINI},
		{"POST", "/v1beta/models/gemini-2.5-pro:streamGenerateContent", true, NULL,
			FAMILY_GEMINI},
		{"POST", "/v1beta/models/a/b:c:countTokens", true, NULL, FAMILY_GEMINI},
		{"POST", "/v1/models/gemini-2.5-pro:generateContent", true, NULL, FAMILY_GEMINI},
		{"POST", "/v1beta/tunedModels/x:generateContent", true, NULL, FAMILY_GEMINI},
		{"POST", "/v1beta/tunedModels/x:dream", false, NULL, 0},
		{"GET", "/v1beta/models", true, NULL, FAMILY_GEMINI},
		{"GET", "/v1beta/models/publishers/google/models/x", true, NULL, FAMILY_GEMINI},
		{"POST", "/v1beta/models/x:dream", true, NULL, FAMILY_GEMINI}, /* a 404 */
		{"POST", "/v1/models/:generateContent", false, "GET, HEAD", 0},
		{"DELETE", "/v1beta/models/x", false, "GET, HEAD", 0},
		{"GET", "/api/chat", false, "POST", 0},
		{"GET", "/v1/chat/completions", false, "POST", 0},
		{"DELETE", "/v1/messages", false, "POST", 0},
		{"POST", "/v1/models", false, "GET, HEAD", 0},
		{"OPTIONS", "/v1/models/x", false, "GET, HEAD", 0},
		{"get", "/healthz", false, "GET, HEAD", 0},
		{"POST", "/v1/messages/", false, NULL, 0},
		{"GET", "/v1/models/", false, NULL, 0},
		{"GET", "/v1", false, NULL, 0},
		{"GET", "", false, NULL, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *allow = "unset";
		const struct gateway_route *route = gateway_route_find(
			slice_of(cases[i].method), slice_of(cases[i].path), &allow);
		if ((route != NULL) != cases[i].is_found) {
			fail_msg("%s %s", cases[i].method, cases[i].path);
		}
		if (route) {
			assert_null(allow);
			assert_int_equal(route->family, cases[i].family);
			assert_true(!route->on_head != !route->on_body);
		} else if (cases[i].allow) {
			assert_string_equal(allow, cases[i].allow);
		} else {
			assert_null(allow);
		}
	}
}

/* Unknown paths have errors in the family they look like; only lists look at the header. */
static void rt_1_families(void **state) {
	static const struct {
		const char *path;
		bool has_version;
		enum api_family family;
	} cases[] = {
		{"/v1/messages/batches", false, FAMILY_ANTHROPIC},
		{"/v1/chat/completions", true, FAMILY_OPENAI},
		{"/v1/models", false, FAMILY_OPENAI},
		{"/v1/models", true, FAMILY_ANTHROPIC},
		{"/v1beta/models/x:generateContent", true, FAMILY_GEMINI},
		{"/api/chat", false, FAMILY_OLLAMA},
		{"/nothing", false, FAMILY_OPENAI},
	};
	struct http_header version = {SLICE_INIT("Anthropic-Version"), SLICE_INIT("2023-06-01")};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct http_headers headers = {&version, cases[i].has_version, 1};
		assert_int_equal(
			gateway_family(slice_of(cases[i].path), &headers), cases[i].family);
	}
}

int test_routes(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rt_1_table),
		cmocka_unit_test(rt_1_families),
	};
	return cmocka_run_group_tests_name("gateway/routes", tests, NULL, NULL);
}
