/* test_zone.c: time zones by name; the moments around their changes were taken from the rules that
 * the places published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "template/zone.h"

int test_zone(void);

static const struct {
	const char *name;
	int64_t seconds;
	int offset_seconds;
	const char *abbreviation;
} moments[] = {
	/* the last second before and the first second of summer time, 2024 */
	{"Europe/Berlin", 1711846799, 3600, "CET"},
	{"Europe/Berlin", 1711846800, 7200, "CEST"},
	{"Europe/Berlin", 1729990799, 7200, "CEST"},
	{"Europe/Berlin", 1729990800, 3600, "CET"},
	/* far behind the last change that is written down */
	{"Europe/Berlin", 4070908800, 3600, "CET"},
	{"Europe/Berlin", 4087000000, 7200, "CEST"},
	{"America/New_York", 1710053999, -18000, "EST"},
	{"America/New_York", 1710054000, -14400, "EDT"},
	/* south of the equator summer begins in the one year and ends in the next */
	{"Australia/Sydney", 1704067200, 39600, "AEDT"},
	{"Australia/Sydney", 1719792000, 36000, "AEST"},
	{"Asia/Kolkata", 1704067200, 19800, "IST"},
	{"Etc/GMT+5", 0, -18000, "-05"},
};

static void places_have_their_offsets(void **state) {
	(void)state;
	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
		print_message("# SKIPPED: this machine has no time zone database\n");
		skip();
	}
	for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
		struct zone zone;
		assert_true(zone_find(slice_of(moments[i].name), moments[i].seconds, &zone));
		if (zone.offset_seconds != moments[i].offset_seconds) {
			fail_msg("%s at %lld: %d", moments[i].name, (long long)moments[i].seconds,
				zone.offset_seconds);
		}
		assert_string_equal(zone.name, moments[i].abbreviation);
	}
}

static void no_path_is_a_name(void **state) {
	(void)state;
	static const char *const names[] = {"", "/etc/passwd", "../../../etc/passwd", "Mars/Base",
		"Europe", "zone.tab", "Europe/Berlin ", "tzdata.zi"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct zone zone;
		assert_false(zone_find(slice_of(names[i]), 0, &zone));
	}
}

int test_zone(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_have_their_offsets),
		cmocka_unit_test(no_path_is_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
