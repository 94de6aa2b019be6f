/* test_clock.c: times and durations as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "base/clock.h"

int test_clock(void);

static void clocks_run(void **state) {
	(void)state;
	uint64_t before = clock_monotonic_ns();
	assert_true(clock_monotonic_ns() >= before);
	assert_true(clock_monotonic_ms() >= before / 1000000);
	assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

static void dates_as_text(void **state) {
	static const struct {
		int64_t ms;
		const char *rfc3339, *http;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
		{1767323045678, "2026-01-02T03:04:05.678Z", "Fri, 02 Jan 2026 03:04:05 GMT"},
		{951782400000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
		{951868799999, "2000-02-29T23:59:59.999Z", "Tue, 29 Feb 2000 23:59:59 GMT"},
		{-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
		{784111777000, "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
		{253402300799999, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
		{INT64_MIN, "0000-01-01T00:00:00.000Z", "Sat, 01 Jan 0000 00:00:00 GMT"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[CLOCK_TEXT_MAX];
		size_t len = clock_format_rfc3339(cases[i].ms, text);
		assert_int_equal(len, strlen(text));
		assert_string_equal(text, cases[i].rfc3339);
		len = clock_format_http(cases[i].ms, text);
		assert_int_equal(len, strlen(text));
		assert_string_equal(text, cases[i].http);
		int64_t back;
		assert_true(clock_parse_rfc3339(slice_of(cases[i].rfc3339), &back));
		char again[CLOCK_TEXT_MAX];
		clock_format_rfc3339(back, again);
		assert_string_equal(again, cases[i].rfc3339);
		assert_true(clock_parse_http(slice_of(text), &back));
		len = clock_format_http(back, text);
		assert_int_equal(len, strlen(text));
		assert_string_equal(text, cases[i].http);
	}
}

static void rfc3339_dates(void **state) {
	static const struct {
		const char *text;
		bool ok;
		int64_t ms;
	} cases[] = {
		{"2024-05-24T20:57:43.314639Z", true, 1716584263314},
		{"2024-05-24T22:57:43.314639123+02:00", true, 1716584263314},
		{"2024-05-24 20:57:43z", true, 1716584263000},
		{"1969-12-31T19:00:00-05:00", true, 0},
		{"2024-05-24T20:57:43", false, 0},
		{"2024-05-24T20:57:43.", false, 0},
		{"2024-05-24T20:57:43+2:00", false, 0},
		{"2024-02-30T20:57:43Z", false, 0},
		{"2024-13-01T20:57:43Z", false, 0},
		{"2024-05-24T24:57:43Z", false, 0},
		{"2024-05-24T20:57:43Zulu", false, 0},
		{"", false, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ms = 0;
		assert_int_equal(clock_parse_rfc3339(slice_of(cases[i].text), &ms), cases[i].ok);
		assert_true(!cases[i].ok || ms == cases[i].ms);
	}
}

static void the_calendar_agrees_with_libc(void **state) {
	(void)state;
	for (int64_t day = -800000; day < 2900000; day += 97) {
		time_t seconds = (time_t)(day * 86400 + 12345);
		struct tm tm;
		char ours[CLOCK_TEXT_MAX], theirs[CLOCK_TEXT_MAX];
		if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099) {
			continue;
		}
		clock_format_http(seconds * 1000, ours);
		/* strftime's %Y does not pad. */
		char shape[] = "%a, %d %b 0000 %H:%M:%S GMT";
		for (int year = tm.tm_year + 1900, at = 13; year > 0; year /= 10, at--) {
			shape[at] = (char)('0' + year % 10);
		}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		strftime(theirs, sizeof theirs, shape, &tm);
#pragma GCC diagnostic pop
		assert_string_equal(ours, theirs);
		int64_t back;
		assert_true(clock_parse_http(slice_of(ours), &back));
		assert_true(back == (int64_t)seconds * 1000);
	}
}

static void broken_http_dates(void **state) {
	static const char *const cases[] = {
		"",
		"Fri, 02 Jan 2026 03:04:05",
		"Fri, 02 Jan 2026 03:04:05 UTC",
		"Fri 02 Jan 2026 03:04:05 GMT ",
		"Fry, 02 Jan 2026 03:04:05 GMT",
		"Fri, 02 Jam 2026 03:04:05 GMT",
		"Fri, 32 Jan 2026 03:04:05 GMT",
		"Fri, 00 Jan 2026 03:04:05 GMT",
		"Sun, 29 Feb 2026 03:04:05 GMT",
		"Thu, 31 Apr 2026 03:04:05 GMT",
		"Fri, 02 Jan 2026 24:04:05 GMT",
		"Fri, 02 Jan 2026 03:60:05 GMT",
		"Fri, 02 Jan 2026 03:04:61 GMT",
		"Fri, -2 Jan 2026 03:04:05 GMT",
		"Fri, 02 Jan 2026 03:04:0x GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ms;
		if (clock_parse_http(slice_of(cases[i]), &ms)) {
			fail_msg("accepted: %s", cases[i]);
		}
	}
}

static void durations(void **state) {
	static const struct {
		const char *text;
		int64_t unit_ms, ms; /* -1: refused */
	} cases[] = {
		{"250ms", 1, 250},
		{"5s", 1, 5000},
		{"1m30s", 1, 90000},
		{"1h", 1, 3600000},
		{"1h2m3s4ms", 1, 3723004},
		{"1.5h", 1, 5400000},
		{".5s", 1, 500},
		{"1.s", 1, 1000},
		{"0", 1000, 0},
		{"30", 1000, 30000},
		{"1.5", 1000, 1500},
		{"7", 1, 7},
		{" 5s ", 1, 5000},
		{"500us", 1, 1},
		{"1ns", 1, 1},
		{"1000\xc2\xb5s", 1, 1},
		{"1000\xce\xbcs", 1, 1},
		{"600us400us", 1, 1},
		{"0s", 1, 0},
		{"100000h", 1, INT64_C(360000000000)},
		{"", 1, -1},
		{"s", 1, -1},
		{".", 1, -1},
		{".s", 1, -1},
		{"-5s", 1, -1},
		{"+5s", 1, -1},
		{"5 s", 1, -1},
		{"5x", 1, -1},
		{"5d", 1, -1},
		{"1m30", 1, -1},
		{"5S", 1, -1},
		{"1..5s", 1, -1},
		{"99999999999999999999s", 1, -1},
		{"9223372036854775807h", 1, -1},
		{"0x10", 1, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ms = -1;
		bool is_good = clock_parse_duration(slice_of(cases[i].text), cases[i].unit_ms, &ms);
		if (is_good != (cases[i].ms >= 0) || ms != cases[i].ms) {
			fail_msg("\"%s\" gives %d, %lld", cases[i].text, is_good, (long long)ms);
		}
	}
}

static void durations_as_text(void **state) {
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ms"},
		{999, "999ms"},
		{1000, "1s"},
		{1500, "1.5s"},
		{1001, "1.001s"},
		{60000, "1m"},
		{90000, "1m30s"},
		{3600000, "1h"},
		{3600010, "1h0.01s"},
		{5400000, "1h30m"},
		{-90000, "-1m30s"},
		{-5, "-5ms"},
		{INT64_MAX, "2562047788015h12m55.807s"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[CLOCK_TEXT_MAX];
		int64_t back;
		size_t len = clock_format_duration(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(len, strlen(text));
		if (cases[i].ms >= 0) {
			assert_true(clock_parse_duration(slice_of(text), 1, &back));
			assert_true(back == cases[i].ms);
		}
	}
	char text[CLOCK_TEXT_MAX];
	size_t len = clock_format_duration(INT64_MIN, text);
	assert_int_equal(len, strlen(text));
}

int test_clock(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_run),
		cmocka_unit_test(dates_as_text),
		cmocka_unit_test(rfc3339_dates),
		cmocka_unit_test(the_calendar_agrees_with_libc),
		cmocka_unit_test(broken_http_dates),
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_as_text),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
