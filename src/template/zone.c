/* zone.c: time zones by name ("Europe/Berlin"), from the machine's database: TZif files (RFC 8536)
 * and the rule at their end for the time behind their last change. The C library can only do this
 * for one zone of the whole process. */
#include "template/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define ZONE_FILE_MAX ((size_t)1 << 20)
#define DAY_SECONDS 86400

/* ---- big-endian numbers, within the file ---- */

struct reader {
	struct slice rest;
	bool has_failed;
};

static struct slice take(struct reader *reader, size_t len) {
	if (len > reader->rest.len) {
		reader->has_failed = true;
		len = 0;
	}
	struct slice part = slice_sub(reader->rest, 0, len);
	reader->rest = slice_from(reader->rest, len);
	return part;
}

static int64_t number_at(struct slice bytes, size_t at, size_t size) {
	struct slice digits = slice_sub(bytes, at, size);
	uint64_t number = digits.len > 0 && (digits.data[0] & 0x80) ? UINT64_MAX : 0;
	for (size_t i = 0; i < digits.len; i++) {
		number = number << 8 | (unsigned char)digits.data[i];
	}
	return (int64_t)number;
}

struct header {
	char version;
	size_t ut_count, standard_count, leap_count, time_count, type_count, char_count;
};

static bool take_header(struct reader *reader, struct header *header) {
	struct slice bytes = take(reader, 44);
	if (!slice_starts_with(bytes, SLICE("TZif"))) {
		return false;
	}
	size_t *const counts[] = {&header->ut_count, &header->standard_count, &header->leap_count,
		&header->time_count, &header->type_count, &header->char_count};
	header->version = bytes.data[4];
	for (size_t i = 0; i < 6; i++) {
		*counts[i] = (size_t)(number_at(bytes, 20 + 4 * i, 4) & 0xffffff);
	}
	return true;
}

/* ---- the rule at the end: CET-1CEST,M3.5.0,M10.5.0/3 ---- */

struct rule {
	char kind; /* 'M': month.week.day; 'J': day without leap days; 'D': day from 0 */
	int month, week, day;
	int64_t seconds;
};

static bool parse_number(const char **at, int *out) {
	char *end;
	if (**at < '0' || **at > '9') {
		return false;
	}
	long number = strtol(*at, &end, 10);
	*out = number > 10000 ? 10000 : (int)number;
	*at = end;
	return true;
}

/* hh[:mm[:ss]] with a sign. */
static bool parse_seconds(const char **at, int64_t *out) {
	int sign = **at == '-' ? -1 : 1, parts[3] = {0};
	*at += **at == '-' || **at == '+';
	for (size_t i = 0; i < 3; i++) {
		if (!parse_number(at, &parts[i])) {
			return false;
		}
		if (**at != ':') {
			break;
		}
		(*at)++;
	}
	*out = sign * ((int64_t)parts[0] * 3600 + parts[1] * 60 + parts[2]);
	return true;
}

static bool parse_name(const char **at, char out[ZONE_NAME_MAX]) {
	bool is_quoted = **at == '<';
	const char *begin = *at + is_quoted;
	size_t len = is_quoted ? strcspn(begin, ">") : strcspn(begin, "0123456789+-,");
	if (len == 0 || len >= ZONE_NAME_MAX || (is_quoted && begin[len] != '>')) {
		return false;
	}
	memcpy(out, begin, len);
	out[len] = 0;
	*at = begin + len + is_quoted;
	return true;
}

static bool parse_rule(const char **at, struct rule *rule) {
	rule->seconds = 2 * 3600;
	rule->kind = **at == 'M' || **at == 'J' ? **at : 'D';
	*at += rule->kind != 'D';
	bool is_ok = parse_number(at, rule->kind == 'M' ? &rule->month : &rule->day);
	if (is_ok && rule->kind == 'M') {
		is_ok = *(*at)++ == '.' && parse_number(at, &rule->week) && *(*at)++ == '.' &&
			parse_number(at, &rule->day);
	}
	if (is_ok && **at == '/') {
		(*at)++;
		is_ok = parse_seconds(at, &rule->seconds);
	}
	return is_ok;
}

static bool is_leap(int64_t year) {
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970 to the first of January. */
static int64_t days_to_year(int64_t year) {
	int64_t before = year - 1;
	return 365 * (year - 1970) + (before / 4 - before / 100 + before / 400) - 477;
}

/* When the rule comes in that year, in local seconds. */
static int64_t rule_seconds(const struct rule *rule, int64_t year) {
	static const int month_days[] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
	int64_t first = days_to_year(year), day = rule->day;
	if (rule->kind == 'J') {
		day = rule->day - 1 + (is_leap(year) && rule->day > 59);
	} else if (rule->kind == 'M') {
		int month = rule->month < 1 ? 1 : rule->month > 12 ? 12 : rule->month;
		int64_t begin = month_days[month - 1] + (month > 2 && is_leap(year));
		int64_t end = month_days[month] + (month > 1 && is_leap(year));
		/* 1970 began on a Thursday. */
		int64_t weekday = (((first + begin + 4) % 7) + 7) % 7;
		day = begin + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
		day = day >= end ? day - 7 : day;
	}
	return (first + day) * DAY_SECONDS + rule->seconds;
}

static bool apply_rules(const char *text, int64_t seconds, struct zone *out) {
	char standard[ZONE_NAME_MAX], summer[ZONE_NAME_MAX];
	int64_t west, summer_west;
	struct rule begin = {0}, end = {0};
	if (!parse_name(&text, standard) || !parse_seconds(&text, &west)) {
		return false;
	}
	summer_west = west - 3600;
	bool has_summer = *text && parse_name(&text, summer);
	if (has_summer && *text != ',' && !parse_seconds(&text, &summer_west)) {
		return false;
	}
	if (has_summer && (*text++ != ',' || !parse_rule(&text, &begin) || *text++ != ',' ||
				  !parse_rule(&text, &end))) {
		return false;
	}
	struct tm parts;
	time_t local = (time_t)(seconds - west);
	bool is_summer = false;
	if (has_summer && gmtime_r(&local, &parts)) {
		int64_t year = parts.tm_year + 1900;
		int64_t from = rule_seconds(&begin, year) + west;
		int64_t to = rule_seconds(&end, year) + summer_west;
		is_summer = from < to ? seconds >= from && seconds < to
				      : seconds >= from || seconds < to;
	}
	out->offset_seconds = (int)-(is_summer ? summer_west : west);
	snprintf(out->name, sizeof out->name, "%s", is_summer ? summer : standard);
	return true;
}

/* ---- the file ---- */

static bool use_type(const struct header *header, struct slice types, struct slice names,
	size_t number, struct zone *out) {
	struct slice type = slice_sub(types, number * 6, 6);
	if (number >= header->type_count || type.len < 6) {
		return false;
	}
	struct slice name = slice_from(names, (unsigned char)type.data[5]);
	size_t len = slice_find_byte(name, '\0');
	out->offset_seconds = (int)number_at(type, 0, 4);
	snprintf(out->name, sizeof out->name, "%.*s", SLICE_FMT(slice_sub(name, 0, len)));
	return true;
}

static bool find_in(struct reader *reader, int64_t seconds, struct zone *out) {
	struct header header;
	if (!take_header(reader, &header) || header.version < '2') {
		return false;
	}
	/* The first block is for readers of 32 bits. */
	take(reader, header.time_count * 5 + header.type_count * 6 + header.char_count +
			     header.leap_count * 8 + header.standard_count + header.ut_count);
	if (!take_header(reader, &header)) {
		return false;
	}
	struct slice times = take(reader, header.time_count * 8);
	struct slice numbers = take(reader, header.time_count);
	struct slice types = take(reader, header.type_count * 6);
	struct slice names = take(reader, header.char_count);
	take(reader, header.leap_count * 12 + header.standard_count + header.ut_count);
	if (reader->has_failed) {
		return false;
	}
	size_t low = 0, high = header.time_count;
	while (low < high) { /* the changes up to then */
		size_t middle = low + (high - low) / 2;
		if (number_at(times, middle * 8, 8) <= seconds) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == header.time_count && reader->rest.len > 2 && reader->rest.len < 200) {
		char rules[200];
		snprintf(rules, sizeof rules, "%.*s", SLICE_FMT(slice_trim(reader->rest)));
		if (apply_rules(rules, seconds, out)) {
			return true;
		}
	}
	size_t number = low == 0 ? 0 : (unsigned char)numbers.data[low - 1];
	return use_type(&header, types, names, number, out);
}

static bool is_zone_name(struct slice name) {
	for (size_t i = 0; i < name.len; i++) {
		char byte = name.data[i];
		bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
				 (byte >= '0' && byte <= '9');
		if (!is_letter && (byte == 0 || !strchr("_+-/", byte))) {
			return false;
		}
	}
	return name.len > 0 && name.len < 64 && name.data[0] != '/';
}

bool zone_find(struct slice name, int64_t seconds, struct zone *out) {
	char path[128];
	struct buf file;
	struct error error;
	if (!is_zone_name(name)) {
		return false;
	}
	snprintf(path, sizeof path, ZONE_DIRECTORY "/%.*s", SLICE_FMT(name));
	buf_init(&file, ZONE_FILE_MAX);
	struct reader reader = {0};
	bool is_ok = file_read(path, ZONE_FILE_MAX, &file, &error);
	reader.rest = buf_slice(&file);
	is_ok = is_ok && find_in(&reader, seconds, out);
	buf_finish(&file);
	return is_ok;
}
