/* clock.c: reading the clocks, and times and durations as text. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_ns(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void) {
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_ms(void) {
	return read_ns(CLOCK_MONOTONIC) / 1000000u;
}

int64_t clock_wall_ms(void) {
	return (int64_t)(read_ns(CLOCK_REALTIME) / 1000000u);
}

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t floor_div(int64_t a, int64_t b) {
	return a / b - (a % b < 0);
}

struct civil {
	int64_t year;
	int month, day, hour, minute, second, ms, weekday; /* month and day from 1, Sunday 0 */
};

/* Days from 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, so that
 * the leap day is the last of a year. */
static int64_t days_from_civil(int64_t year, int month, int day) {
	year -= month <= 2;
	int64_t era = floor_div(year, 400);
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

/* What CLOCK_TEXT_MAX has room for: years 0000 to 9999; times beyond are shown as the nearest. */
#define WALL_MIN (-62167219200000)
#define WALL_MAX 253402300799999

static struct civil civil_from_ms(int64_t wall_ms) {
	wall_ms = wall_ms < WALL_MIN ? WALL_MIN : wall_ms > WALL_MAX ? WALL_MAX : wall_ms;
	int64_t days = floor_div(wall_ms, 86400000);
	int ms_of_day = (int)(wall_ms - days * 86400000);
	int64_t shifted = days + 719468;
	int64_t era = floor_div(shifted, 146097);
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int march_month = (int)((5 * day_of_year + 2) / 153);
	int month = march_month < 10 ? march_month + 3 : march_month - 9;
	return (struct civil){
		.year = year_of_era + era * 400 + (month <= 2),
		.month = month,
		.day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1),
		.hour = ms_of_day / 3600000,
		.minute = ms_of_day / 60000 % 60,
		.second = ms_of_day / 1000 % 60,
		.ms = ms_of_day % 1000,
		.weekday = (int)((days % 7 + 11) % 7),
	};
}

static size_t written(int len) {
	return len < 0 ? 0 : len < CLOCK_TEXT_MAX ? (size_t)len : CLOCK_TEXT_MAX - 1;
}

size_t clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT_MAX]) {
	struct civil t = civil_from_ms(wall_ms);
	return written(snprintf(out, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		(int)t.year, t.month, t.day, t.hour, t.minute, t.second, t.ms));
}

size_t clock_format_http(int64_t wall_ms, char out[CLOCK_TEXT_MAX]) {
	struct civil t = civil_from_ms(wall_ms);
	return written(snprintf(out, CLOCK_TEXT_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT",
		day_names[t.weekday], t.day, month_names[t.month - 1], (int)t.year, t.hour,
		t.minute, t.second));
}

static int digits(const char *at, int count) {
	int value = 0;
	for (int i = 0; i < count; i++) {
		if (at[i] < '0' || at[i] > '9') {
			return -1;
		}
		value = value * 10 + (at[i] - '0');
	}
	return value;
}

static int name_index(const char *at, const char (*names)[4], int count) {
	for (int i = 0; i < count; i++) {
		if (memcmp(at, names[i], 3) == 0) {
			return i;
		}
	}
	return -1;
}

static int days_in_month(int year, int month) {
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 ? 28 + is_leap : 30 + (month + month / 8) % 2;
}

bool clock_parse_http(struct slice text, int64_t *wall_ms) {
	/* The fixed places of "Fri, 02 Jan 2026 03:04:05 GMT"; 'x' is checked below. */
	static const char shape[] = "xxx, xx xxx xxxx xx:xx:xx GMT";
	const char *at = text.data;
	if (text.len != sizeof shape - 1) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (shape[i] != 'x' && shape[i] != at[i]) {
			return false;
		}
	}
	int weekday = name_index(at, day_names, 7);
	int month = name_index(at + 8, month_names, 12) + 1;
	int day = digits(at + 5, 2), year = digits(at + 12, 4);
	int hour = digits(at + 17, 2), minute = digits(at + 20, 2), second = digits(at + 23, 2);
	/* A wrong weekday is forgiven, a word that is none is not. Second 60 is a leap second. */
	if (weekday < 0 || month < 1 || year < 0 || day < 1 || day > days_in_month(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
		return false;
	}
	int64_t days = days_from_civil(year, month, day);
	*wall_ms = ((days * 24 + hour) * 60 + minute) * 60000 + (int64_t)second * 1000;
	return true;
}

/* "Z", "+01:00" or "-01:00" in minutes. */
static bool parse_zone(struct slice zone, int *minutes) {
	*minutes = 0;
	if (slice_is(zone, "Z") || slice_is(zone, "z")) {
		return true;
	}
	bool is_shaped = zone.len == 6 && (zone.data[0] == '+' || zone.data[0] == '-') &&
			 zone.data[3] == ':';
	int hour = is_shaped ? digits(zone.data + 1, 2) : -1;
	int minute = is_shaped ? digits(zone.data + 4, 2) : -1;
	*minutes = (hour * 60 + minute) * (is_shaped && zone.data[0] == '-' ? -1 : 1);
	return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

bool clock_parse_rfc3339(struct slice text, int64_t *wall_ms) {
	static const char shape[] = "xxxx-xx-xxTxx:xx:xx";
	const char *at = text.data;
	if (text.len < sizeof shape) {
		return false;
	}
	for (size_t i = 0; i < sizeof shape - 1; i++) {
		bool is_gap = shape[i] == 'T' && (at[i] == 't' || at[i] == ' ');
		if (shape[i] != 'x' && shape[i] != at[i] && !is_gap) {
			return false;
		}
	}
	int year = digits(at, 4), month = digits(at + 5, 2), day = digits(at + 8, 2);
	int hour = digits(at + 11, 2), minute = digits(at + 14, 2), second = digits(at + 17, 2);
	struct slice rest = slice_from(text, sizeof shape - 1);
	int64_t ms = 0, scale = 100;
	if (rest.data[0] == '.') {
		for (rest = slice_from(rest, 1); rest.len > 0 && digits(rest.data, 1) >= 0;
			rest = slice_from(rest, 1), scale /= 10) {
			ms += digits(rest.data, 1) * scale;
		}
	}
	int zone;
	if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
		!parse_zone(rest, &zone)) {
		return false;
	}
	int64_t minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - zone;
	*wall_ms = minutes * 60000 + (int64_t)second * 1000 + ms;
	return true;
}

static const struct duration_unit {
	const char *name;
	int64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\u00b5s", 1000}, /* micro sign */
	{"\u03bcs", 1000}, /* Greek mu */
	{"ms", 1000000},
	{"s", 1000000000},
	{"m", 60000000000},
	{"h", 3600000000000},
};

static const struct duration_unit *take_unit(struct slice *text) {
	size_t len = 0;
	while (len < text->len && !(text->data[len] >= '0' && text->data[len] <= '9') &&
		text->data[len] != '.') {
		len++;
	}
	struct slice name = slice_sub(*text, 0, len);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (slice_is(name, units[i].name)) {
			*text = slice_from(*text, len);
			return &units[i];
		}
	}
	return NULL;
}

/* A decimal number as whole part and a fraction in billionths (further digits do not count). */
static bool take_number(struct slice *text, int64_t *whole, int64_t *billionths) {
	size_t len = 0;
	bool has_digits = false;
	int64_t scale = 100000000;
	*whole = *billionths = 0;
	for (; len < text->len && text->data[len] >= '0' && text->data[len] <= '9'; len++) {
		has_digits = true;
		if (__builtin_mul_overflow(*whole, 10, whole) ||
			__builtin_add_overflow(*whole, text->data[len] - '0', whole)) {
			return false;
		}
	}
	if (len < text->len && text->data[len] == '.') {
		for (len++; len < text->len && text->data[len] >= '0' && text->data[len] <= '9';
			len++) {
			has_digits = true;
			*billionths += (text->data[len] - '0') * scale;
			scale /= 10;
		}
	}
	*text = slice_from(*text, len);
	return has_digits;
}

/* Adds number x unit; whole milliseconds and the rest in nanoseconds are kept apart, so that
 * centuries fit. False on overflow. */
static bool add_part(int64_t whole, int64_t billionths, int64_t unit_ns, int64_t *ms, int64_t *ns) {
	/* The exact fraction of an hour in ns needs 3.6e12 * 1e9: beyond 64 bits. */
	int64_t rest = (int64_t)((__int128)billionths * unit_ns / 1000000000);
	__int128 total = (__int128)whole * unit_ns + rest + *ns;
	__int128 total_ms = total / 1000000 + *ms;
	if (total_ms > INT64_MAX) {
		return false;
	}
	*ms = (int64_t)total_ms;
	*ns = (int64_t)(total % 1000000);
	return true;
}

bool clock_parse_duration(struct slice text, int64_t unit_ms, int64_t *out_ms) {
	int64_t ms = 0, ns = 0;
	bool is_first = true;
	text = slice_trim(text);
	if (text.len == 0) {
		return false;
	}
	while (text.len > 0) {
		int64_t whole, billionths;
		if (!take_number(&text, &whole, &billionths)) {
			return false;
		}
		const struct duration_unit bare = {"", unit_ms * 1000000};
		const struct duration_unit *unit =
			text.len == 0 && is_first ? &bare : take_unit(&text);
		if (unit == NULL || !add_part(whole, billionths, unit->ns, &ms, &ns)) {
			return false;
		}
		is_first = false;
	}
	/* Rounded up: "500us" must not turn into "no wait at all". */
	*out_ms = ms + (ns > 0 && ms < INT64_MAX);
	return true;
}

size_t clock_format_duration(int64_t ms, char out[CLOCK_TEXT_MAX]) {
	const char *sign = ms < 0 ? "-" : "";
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	if (left < 1000) {
		return written(snprintf(
			out, CLOCK_TEXT_MAX, left ? "%s%ums" : "%s%us", sign, (unsigned)left));
	}
	size_t len = written(snprintf(out, CLOCK_TEXT_MAX, "%s", sign));
	uint64_t hours = left / 3600000;
	unsigned minutes = (unsigned)(left / 60000 % 60), rest = (unsigned)(left % 60000);
	if (hours > 0) {
		len += written(snprintf(
			out + len, CLOCK_TEXT_MAX - len, "%lluh", (unsigned long long)hours));
	}
	if (minutes > 0) {
		len += written(snprintf(out + len, CLOCK_TEXT_MAX - len, "%um", minutes));
	}
	if (rest > 0) {
		len += written(snprintf(
			out + len, CLOCK_TEXT_MAX - len, "%u.%03u", rest / 1000, rest % 1000));
		while (out[len - 1] == '0') {
			len--;
		}
		len -= out[len - 1] == '.';
		len += written(snprintf(out + len, CLOCK_TEXT_MAX - len, "s"));
	}
	return len;
}
