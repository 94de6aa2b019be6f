/* test_errors.c: error bodies of the families, and errors of upstreams read (4.8, ER-1..ER-6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/format.h"

int test_errors(void);

static void expect_body(enum api_family family, const struct error *error, const char *wanted) {
	struct buf out = {0};
	format_encode_error(family, error, SLICE("req_1"), &out);
	if (!slice_is(buf_slice(&out), wanted)) {
		fail_msg("got %.*s, wanted %s", SLICE_FMT(buf_slice(&out)), wanted);
	}
	buf_finish(&out);
}

static void test_bodies(void **state) {
	(void)state;
	struct error error;
	error_set_param(&error, ERROR_INVALID_REQUEST, "model", "no \"model\"");
	expect_body(FAMILY_OPENAI, &error,
		"{\"error\":{\"message\":\"no "
		"\\\"model\\\"\",\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":"
		"null}}");
	expect_body(FAMILY_ANTHROPIC, &error,
		"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
		"\"no \\\"model\\\"\"},\"request_id\":\"req_1\"}");
	expect_body(FAMILY_GEMINI, &error,
		"{\"error\":{\"code\":400,\"message\":\"no "
		"\\\"model\\\"\",\"status\":\"INVALID_ARGUMENT\"}}");
	expect_body(FAMILY_OLLAMA, &error, "{\"error\":\"no \\\"model\\\"\"}");
}

static void test_context_overflow_is_told_in_the_clients_words(void **state) {
	(void)state; /* ER-5 */
	struct error error;
	error_set(&error, ERROR_CONTEXT_TOO_LONG, "9 tokens > 8");
	expect_body(FAMILY_ANTHROPIC, &error,
		"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
		"\"prompt is too long: 9 tokens > 8\"},\"request_id\":\"req_1\"}");
	expect_body(FAMILY_OPENAI, &error,
		"{\"error\":{\"message\":\"9 tokens > "
		"8\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"context_length_"
		"exceeded\"}}");
}

static void test_statuses(void **state) {
	(void)state;
	struct error error;
	error_set(&error, ERROR_OVERLOADED, "x");
	assert_int_equal(format_error_status(FAMILY_ANTHROPIC, &error), 529);
	assert_int_equal(format_error_status(FAMILY_OPENAI, &error), 503);
	error_set(&error, ERROR_UPSTREAM_CREDENTIAL, "x");
	assert_int_equal(format_error_status(FAMILY_OPENAI, &error), 502); /* ER-3 */
	error_set(&error, ERROR_UNPROCESSABLE, "x");
	assert_int_equal(format_error_status(FAMILY_OLLAMA, &error), 400);
	assert_int_equal(format_error_status(FAMILY_OPENAI, &error), 422);
	for (int kind = 1; kind < ERROR_KIND_COUNT; kind++) {
		error_set(&error, (enum error_kind)kind, "x");
		for (int family = FAMILY_OPENAI; family <= FAMILY_OLLAMA; family++) {
			struct buf out = {0};
			assert_in_range(
				format_error_status((enum api_family)family, &error), 400, 599);
			format_encode_error((enum api_family)family, &error, SLICE(""), &out);
			assert_true(json_is_valid(buf_slice(&out)));
			buf_finish(&out);
		}
	}
}

static const struct {
	int status;
	const char *body;
	enum error_kind kind;
	int http_status;
	const char *message;
	int64_t retry_after_ms;
} bodies[] = {
	/* ER-1: where the message is */
	{400, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\"}}",
		ERROR_INVALID_REQUEST, 400, "m", -1},
	{500, "{\"error\":\"m\"}", ERROR_INTERNAL, 500, "m", -1},
	{404, "{\"message\":\"m\"}", ERROR_NOT_FOUND, 404, "m", -1},
	{422, "{\"detail\":\"m\"}", ERROR_UNPROCESSABLE, 422, "m", -1},
	{422, "{\"detail\":[{\"loc\":[],\"msg\":\"m\"}]}", ERROR_UNPROCESSABLE, 422, "m", -1},
	{400, "{\"errors\":[{\"message\":\"m\"}]}", ERROR_INVALID_REQUEST, 400, "m", -1},
	{400, "[{\"error\":{\"message\":\"m\"}}]", ERROR_INVALID_REQUEST, 400, "m", -1},
	{200, "{\"base_resp\":{\"status_code\":1004,\"status_msg\":\"m\"}}",
		ERROR_UPSTREAM_PROTOCOL, 502, "m", -1},
	{503, " plain text\n", ERROR_UNAVAILABLE, 503, "plain text", -1},
	{502, "<html><head><title> 502 Bad\n</title>", ERROR_NETWORK, 502,
		"the upstream answered with an HTML page (\"502 Bad\")", -1},
	{504, "<html>", ERROR_TIMEOUT, 504, "the upstream answered with an HTML page", -1},
	{503, "", ERROR_UNAVAILABLE, 503, "the upstream answered 503 Service Unavailable", -1},
	{500, "{\"error\":{}}", ERROR_INTERNAL, 500,
		"the upstream answered 500 Internal Server Error", -1},
	/* kinds by word */
	{429, "{\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}", ERROR_QUOTA, 429,
		"m", -1},
	{529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
		ERROR_OVERLOADED, 529, "m", -1},
	{200, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
		ERROR_OVERLOADED, 529, "m", -1},
	{200, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}", ERROR_RATE_LIMIT,
		429, "m", -1},
	{200, "{\"error\":{\"code\":\"429\",\"message\":\"m\"}}", ERROR_RATE_LIMIT, 429, "m", -1},
	{200, "{\"error\":{\"code\":503,\"message\":\"m\"}}", ERROR_UNAVAILABLE, 503, "m", -1},
	/* ER-3: our credential is not the client's */
	{401, "{\"error\":{\"message\":\"m\",\"code\":\"invalid_api_key\"}}",
		ERROR_UPSTREAM_CREDENTIAL, 502, "m", -1},
	/* ER-5 */
	{400, "{\"error\":{\"message\":\"This model's maximum context length is 8 tokens\"}}",
		ERROR_CONTEXT_TOO_LONG, 400, "This model's maximum context length is 8 tokens", -1},
	{400, "{\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded\"}}",
		ERROR_CONTEXT_TOO_LONG, 400, "m", -1},
	{400, "{\"error\":{\"message\":\"Prompt is too long: 9 > 8\"}}", ERROR_CONTEXT_TOO_LONG,
		400, "Prompt is too long: 9 > 8", -1},
	/* ER-6: hints in the body */
	{429, "{\"error\":{\"message\":\"Please try again in 1.5s. Visit\"}}", ERROR_RATE_LIMIT,
		429, "Please try again in 1.5s. Visit", 1500},
	{429, "{\"error\":{\"message\":\"try again in 6m0s.\"}}", ERROR_RATE_LIMIT, 429,
		"try again in 6m0s.", 360000},
	{429, "{\"error\":{\"message\":\"try again in 20ms\"}}", ERROR_RATE_LIMIT, 429,
		"try again in 20ms", 20},
	{429, "{\"error\":{\"message\":\"try again later\"}}", ERROR_RATE_LIMIT, 429,
		"try again later", -1},
	{429, "{\"error\":{\"message\":\"m\",\"resets_in_seconds\":7}}", ERROR_RATE_LIMIT, 429, "m",
		7000},
	{429,
		"{\"error\":{\"message\":\"m\",\"details\":[{\"@type\":\"RetryInfo\","
		"\"retryDelay\":\"3s\"}]}}",
		ERROR_RATE_LIMIT, 429, "m", 3000},
	/* workflows.md 2.2 */
	{429, "{\"error\":{\"message\":\"m\"},\"retry_after\":1.5}", ERROR_RATE_LIMIT, 429, "m",
		1500},
	{429, "{\"error\":{\"message\":\"m\",\"retry_after\":2}}", ERROR_RATE_LIMIT, 429, "m",
		2000},
	{429, "{\"message\":\"m\",\"retry_after\":0}", ERROR_RATE_LIMIT, 429, "m", 0},
	{429, "{\"message\":\"m\",\"retry_after\":-1}", ERROR_RATE_LIMIT, 429, "m", -1},
	{429, "{\"message\":\"m\",\"retry_after\":1e99}", ERROR_RATE_LIMIT, 429, "m", -1},
	{429, "{\"message\":\"m\",\"retry_after\":\"soon\"}", ERROR_RATE_LIMIT, 429, "m", -1},
};

static void test_reading(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct error error;
		format_get(FORMAT_OPENAI_CHAT)
			->parse_error(bodies[i].status, NULL, slice_of(bodies[i].body), &error);
		if (error.kind != bodies[i].kind || error_status(&error) != bodies[i].http_status ||
			strcmp(error.message, bodies[i].message) != 0 ||
			error.retry_after_ms != bodies[i].retry_after_ms) {
			fail_msg("%s: kind %s, status %d, message '%s', retry %lld", bodies[i].body,
				error_kind_info(error.kind)->name, error_status(&error),
				error.message, (long long)error.retry_after_ms);
		}
	}
}

static void test_secrets_are_masked(void **state) {
	(void)state; /* ER-4 */
	struct error error;
	format_get(FORMAT_OPENAI_CHAT)
		->parse_error(401, NULL,
			SLICE("{\"error\":{\"message\":\"Incorrect API key provided: "
			      "sk-proj-abcdefghijklmnop0123456789\"}}"),
			&error);
	assert_null(strstr(error.message, "abcdefghijklmnop"));
}

static void test_headers(void **state) {
	(void)state; /* ER-6, RT-6 */
	static const struct {
		const char *name, *value;
		int64_t ms;
	} rows[] = {
		{"Retry-After", "7", 7000},
		{"retry-after", "1.5", 1500},
		{"retry-after-ms", "250", 250},
		{"retry-after", "Fri, 02 Jan 2026 03:05:05 GMT", 61000},
		{"retry-after", "Fri, 02 Jan 2026 03:00:00 GMT", 0},
		{"retry-after", "soon", -1},
	};
	struct arena arena;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_headers headers = {0};
		struct error error;
		http_headers_add(
			&arena, &headers, SLICE("Date"), SLICE("Fri, 02 Jan 2026 03:04:04 GMT"));
		http_headers_add(&arena, &headers, slice_of(rows[i].name), slice_of(rows[i].value));
		http_headers_add(&arena, &headers, SLICE("x-should-retry"), SLICE("false"));
		http_headers_add(&arena, &headers, SLICE("X-Request-Id"), SLICE("up_1"));
		format_get(FORMAT_OPENAI_CHAT)->parse_error(429, &headers, SLICE("{}"), &error);
		assert_int_equal(error.retry_after_ms, rows[i].ms);
		assert_int_equal(error.retry_hint, -1);
		assert_string_equal(error.request_id, "up_1");
	}
	arena_finish(&arena);
}

/* workflows.md 2.2: what says when a limit is full again, where nothing says when to come back. */
static void test_resets(void **state) {
	static const struct {
		const char *headers[6]; /* name, value ... */
		int status;
		const char *body;
		int64_t ms;
	} rows[] = {
		{{"X-RateLimit-Reset-Requests", "1.5s"}, 429, "{}", 1500},
		{{"x-ratelimit-reset-tokens", "6m0s", "x-ratelimit-reset-requests", "20ms"}, 429,
			"{}", 360000},
		{{"x-ratelimit-reset-tokens", "6m0s", "x-ratelimit-remaining-tokens", "17"}, 429,
			"{}", -1},
		{{"x-ratelimit-reset-tokens", "7", "x-ratelimit-remaining-tokens", "0",
			 "x-ratelimit-reset-requests", "soon"},
			429, "{}", 7000},
		{{"x-ratelimit-reset", "1000000000"}, 429, "{}", 0},    /* 2001 */
		{{"x-ratelimit-reset", "1000000000000"}, 429, "{}", 0}, /* in milliseconds */
		{{"x-ratelimit-reset-requests", "9s", "retry-after", "1"}, 429, "{}", 1000},
		{{"x-ratelimit-reset-requests", "9s"}, 429, "{\"retry_after\":2}", 2000},
		{{"x-ratelimit-reset-requests", "9s"}, 500, "{}", -1},
	};
	struct arena arena;
	(void)state;
	arena_init(&arena, NULL, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_headers headers = {0};
		struct error error;
		for (size_t h = 0; h < 6 && rows[i].headers[h] != NULL; h += 2) {
			http_headers_add(&arena, &headers, slice_of(rows[i].headers[h]),
				slice_of(rows[i].headers[h + 1]));
		}
		format_get(FORMAT_OPENAI_CHAT)
			->parse_error(rows[i].status, &headers, slice_of(rows[i].body), &error);
		if (error.retry_after_ms != rows[i].ms) {
			fail_msg("row %zu: %lld", i, (long long)error.retry_after_ms);
		}
	}
	arena_finish(&arena);
}

int test_errors(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_context_overflow_is_told_in_the_clients_words),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_secrets_are_masked),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_resets),
	};
	return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
