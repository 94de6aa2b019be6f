/* test_error.c: the table of kinds, filling errors, masking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/error.h"

int test_error(void);

/* formats.md 4.8 and design.md section 4. */
static void kinds_have_their_status(void **state) {
	static const struct {
		enum error_kind kind;
		const char *name;
		int status;
	} rows[] = {
		{ERROR_INVALID_REQUEST, "invalid_request", 400},
		{ERROR_CONTEXT_TOO_LONG, "context_too_long", 400},
		{ERROR_AUTHENTICATION, "authentication", 401},
		{ERROR_BILLING, "billing", 402},
		{ERROR_PERMISSION, "permission", 403},
		{ERROR_NOT_FOUND, "not_found", 404},
		{ERROR_METHOD, "method", 405},
		{ERROR_CONFLICT, "conflict", 409},
		{ERROR_TOO_LARGE, "too_large", 413},
		{ERROR_UNPROCESSABLE, "unprocessable", 422},
		{ERROR_RATE_LIMIT, "rate_limit", 429},
		{ERROR_QUOTA, "quota", 429},
		{ERROR_CANCELLED, "cancelled", 499},
		{ERROR_INTERNAL, "internal", 500},
		{ERROR_NOT_SUPPORTED, "not_supported", 501},
		{ERROR_NETWORK, "network", 502},
		{ERROR_UPSTREAM_PROTOCOL, "upstream_protocol", 502},
		{ERROR_UPSTREAM_CREDENTIAL, "upstream_credential", 502},
		{ERROR_UNAVAILABLE, "unavailable", 503},
		{ERROR_TIMEOUT, "timeout", 504},
		{ERROR_OVERLOADED, "overloaded", 529},
		{ERROR_CONFIGURATION, "configuration", 500},
		{ERROR_TEMPLATE, "template", 500},
		{ERROR_VERIFICATION, "verification", 500},
	};
	(void)state;
	assert_int_equal(sizeof rows / sizeof *rows, ERROR_KIND_COUNT - 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct error_kind_info *info = error_kind_info(rows[i].kind);
		assert_string_equal(info->name, rows[i].name);
		assert_int_equal(info->http_status, rows[i].status);
	}
	assert_non_null(error_kind_info((enum error_kind)999)->name);
	assert_true(error_kind_info(ERROR_RATE_LIMIT)->is_account_fault);
	assert_false(error_kind_info(ERROR_INVALID_REQUEST)->is_retryable);
}

static void kinds_from_a_status(void **state) {
	static const struct {
		int status;
		enum error_kind kind;
	} rows[] = {
		{400, ERROR_INVALID_REQUEST},
		{401, ERROR_UPSTREAM_CREDENTIAL},
		{404, ERROR_NOT_FOUND},
		{418, ERROR_INVALID_REQUEST},
		{429, ERROR_RATE_LIMIT},
		{500, ERROR_INTERNAL},
		{503, ERROR_UNAVAILABLE},
		{520, ERROR_INTERNAL},
		{522, ERROR_NETWORK},
		{524, ERROR_TIMEOUT},
		{529, ERROR_OVERLOADED},
		{200, ERROR_UPSTREAM_PROTOCOL},
		{0, ERROR_UPSTREAM_PROTOCOL},
		{-1, ERROR_UPSTREAM_PROTOCOL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(error_kind_from_status(rows[i].status), rows[i].kind);
	}
}

static void filling(void **state) {
	struct error error = {0};
	(void)state;
	assert_false(error_set(NULL, ERROR_INTERNAL, "nobody %s", "listens"));
	assert_false(error_set_param(NULL, ERROR_INTERNAL, "x", "y"));
	assert_false(error_set_errno(NULL, ERROR_INTERNAL, ENOENT, "y"));
	error_set_where(NULL, "x");
	error_clear(NULL);
	assert_false(error_set_param(
		&error, ERROR_INVALID_REQUEST, "messages[0]", "%s is missing", "role"));
	assert_string_equal(error.message, "role is missing");
	assert_string_equal(error.param, "messages[0]");
	assert_int_equal(error.retry_after_ms, -1);
	assert_int_equal(error_status(&error), 400);
	error.http_status = 418;
	assert_int_equal(error_status(&error), 418);
	error_set_where(&error, "%s:%d", "config.yaml", 7);
	assert_string_equal(error.where, "config.yaml:7");
	/* The old message may be part of the new one; nothing else of the old error stays. */
	error_set(&error, ERROR_INTERNAL, "loading: %s", error.message);
	assert_string_equal(error.message, "loading: role is missing");
	assert_string_equal(error.param, "");
	assert_string_equal(error.where, "");
	assert_int_equal(error.http_status, 0);
	error_set_errno(&error, ERROR_NOT_FOUND, ENOENT, "cannot open %s", "/x");
	assert_string_equal(error.message, "cannot open /x: No such file or directory");
	error_clear(&error);
	assert_int_equal(error.kind, ERROR_NONE);
	assert_int_equal(error_status(&error), 200);
}

static void long_texts_are_cut_visibly(void **state) {
	struct error error;
	char text[3 * ERROR_MESSAGE_MAX + 1];
	(void)state;
	for (size_t i = 0; i + 3 < sizeof text; i += 3) {
		memcpy(text + i, "\xe2\x82\xac", 3);
	}
	text[sizeof text - 1] = '\0';
	for (int shift = 0; shift < 3; shift++) {
		error_set_param(&error, ERROR_INTERNAL, text, "%.*s%s", shift, "xy", text);
		size_t len = strlen(error.message);
		assert_true(len < sizeof error.message && len > sizeof error.message - 8);
		assert_true(slice_ends_with(slice_of(error.message), SLICE("...")));
		assert_true(utf8_valid(slice_of(error.message), NULL));
		assert_true(slice_ends_with(slice_of(error.param), SLICE("...")));
		assert_true(utf8_valid(slice_of(error.param), NULL));
	}
	error_set_errno(&error, ERROR_INTERNAL, ENOENT, "%s", text);
	assert_true(slice_ends_with(slice_of(error.message), SLICE("...")));
	text[ERROR_MESSAGE_MAX - 10] = '\0';
	error_set_errno(&error, ERROR_INTERNAL, ENOENT, "%s", text);
	assert_true(slice_ends_with(slice_of(error.message), SLICE("...")));
	error_set_where(&error, "%s", text);
	assert_true(slice_ends_with(slice_of(error.where), SLICE("...")));
}

/* ER-4 */
static void secrets_are_masked(void **state) {
	static const struct {
		const char *text, *masked;
	} cases[] = {
		{"", ""},
		{"nothing to hide", "nothing to hide"},
		{"Incorrect API key provided: sk-proj-abc123XYZ. Find it",
			"Incorrect API key provided: sk-***. Find it"},
		{"key sk-ant-api03-abcdefgh", "key sk-***"},
		{"(AIzaSyA1234567890abcdef)", "(AIza***)"},
		{"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_***"},
		{"gho_16C7e42F292c6912E7", "gho_***"},
		{"xoxb-1234-5678-abcd", "xoxb-***"},
		{"Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"},
		{"bearer X", "bearer *"},
		{"missing bearer authentication in header",
			"missing bearer authentication in header"},
		{"Basic dXNlcjpwYXNz", "Basic ***"},
		{"a basic plan", "a basic plan"},
		{"http://user:pass@host/x", "http://***@host/x"},
		{"http://user:p@ss@host:80", "http://***@host:80"},
		{"https://host/a@b", "https://host/a@b"},
		{"https://host?mail=a@b", "https://host?mail=a@b"},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "eyJ***"},
		{"?key=0123456789abcdef0123&x=1", "?key=***&x=1"},
		{"access_token=aGVsbG8gd29ybGQ+/12345==", "access_token=***"},
		{"\"refresh_token\": \"abcdefgh12345678\"", "\"refresh_token\": \"***\""},
		{"{\\\"api_key\\\":\\\"abcdefgh12345678\\\"}", "{\\\"api_key\\\":\\\"***\\\"}"},
		{"x-api-key: 0123456789abcdef", "x-api-key: ***"},
		{"password=hunter2", "password=***"},
		{"prog --api-key=0123456789abcdef -k", "prog --api-key=*** -k"},
		{"password: too short", "password: too short"},
		{"max_tokens=4096 token=12", "max_tokens=4096 token=12"},
		{"unknown key: response_format_of_tool", "unknown key: response_format_of_tool"},
		{"task-force12345 disk-123456", "task-force12345 disk-123456"},
		{"sk-a sk-", "sk-a sk-"},
		{"my_sk-abcdefgh", "my_sk-***"},
		{"two: sk-aaaaaaaa, sk-bbbbbbbb", "two: sk-***, sk-***"},
		{"\xe2\x82\xac sk-aaaaaaaa\xe2\x82\xac", "\xe2\x82\xac sk-***\xe2\x82\xac"},
		{"Bearer sk-abcdefgh", "Bearer ***"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = strdup(cases[i].text); /* exactly as long: nothing may be added */
		error_mask_secrets(text);
		assert_string_equal(text, cases[i].masked);
		free(text);
	}
}

int test_error(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_have_their_status),
		cmocka_unit_test(kinds_from_a_status),
		cmocka_unit_test(filling),
		cmocka_unit_test(long_texts_are_cut_visibly),
		cmocka_unit_test(secrets_are_masked),
	};
	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
