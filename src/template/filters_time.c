/* filters_time.c: strftime (workflows.md 6.4): "now", RFC 3339 text or a number of seconds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "template/builtins.h"
#include "template/zone.h"

#define FORMAT_MAX 64              /* of one specifier */
#define EXPANDED_MAX 256           /* what one may become */
#define SECONDS_MAX 253402300800.0 /* the year 10000 */

struct moment {
	int64_t ms;
	int offset_seconds;
	char zone[16]; /* "UTC", "+02:00" */
	struct tm parts;
};

/* "UTC", "Z", "+02:00", "-0530". */
static bool parse_offset(struct slice text, struct moment *moment) {
	if (slice_ieq(text, SLICE("utc")) || slice_ieq(text, SLICE("gmt")) ||
		slice_ieq(text, SLICE("z"))) {
		snprintf(moment->zone, sizeof moment->zone, "UTC");
		return true;
	}
	char digits[5] = {0};
	size_t count = 0;
	if (text.len < 3 || (text.data[0] != '+' && text.data[0] != '-')) {
		return false;
	}
	for (size_t i = 1; i < text.len; i++) {
		char byte = text.data[i];
		if (byte == ':' && i == 3) {
			continue;
		}
		if (byte < '0' || byte > '9' || count == 4) {
			return false;
		}
		digits[count++] = byte;
	}
	int hours = (digits[0] - '0') * 10 + (digits[1] - '0');
	int minutes = count == 4 ? (digits[2] - '0') * 10 + (digits[3] - '0') : 0;
	if ((count != 2 && count != 4) || hours > 23 || minutes > 59) {
		return false;
	}
	int sign = text.data[0] == '-' ? -1 : 1;
	moment->offset_seconds = sign * (hours * 60 + minutes) * 60;
	snprintf(moment->zone, sizeof moment->zone, "%c%02d:%02d", text.data[0], hours, minutes);
	return true;
}

/* An offset, or a name of the machine's database. */
static bool choose_zone(struct slice text, struct moment *moment) {
	struct zone zone;
	int64_t seconds = (moment->ms - (((moment->ms % 1000) + 1000) % 1000)) / 1000;
	if (parse_offset(text, moment)) {
		return true;
	}
	if (!zone_find(text, seconds, &zone)) {
		return false;
	}
	moment->offset_seconds = zone.offset_seconds;
	snprintf(moment->zone, sizeof moment->zone, "%s", zone.name);
	return true;
}

static int64_t now_ms(struct template_run *run) {
	const struct template_environment *environment = template_run_environment(run);
	return environment->now_ms ? environment->now_ms(environment->now_data) : clock_wall_ms();
}

static bool read_moment(struct template_reader *reader, struct value value, int64_t *ms) {
	value = value_plain(value, template_run_arena(reader->run));
	switch (value.type) {
	case VALUE_STRING:
		if (slice_is(value.string, "now")) {
			*ms = now_ms(reader->run);
			return true;
		}
		return clock_parse_rfc3339(value.string, ms) ||
		       builtin_fail(reader,
			       "`%.*s` is neither `now` nor a date as 2026-01-02T03:04:05Z",
			       SLICE_FMT(slice_sub(value.string, 0, 60)));
	case VALUE_INT:
	case VALUE_FLOAT: {
		double seconds = value.type == VALUE_INT ? (double)value.integer
							 : floor(value.number * 1000) / 1000;
		if (!(seconds > -62135596800.0 && seconds < SECONDS_MAX)) {
			return builtin_fail(reader, "the number of seconds is beyond the years 1 "
						    "to 9999");
		}
		*ms = (int64_t)llround(seconds * 1000);
		return true;
	}
	default:
		return builtin_fail(reader, "%s is no date: give `now`, text or seconds",
			value_kind_name(value));
	}
}

/* `%:z`, `%f`, `%3f`, `%.3f`, `%+`: what C has no specifier for. Returns its length; 0: none. */
static size_t append_own(struct slice rest, const struct moment *moment, struct buf *out) {
	int64_t ms = ((moment->ms % 1000) + 1000) % 1000;
	char offset[8];
	int minutes = abs(moment->offset_seconds) / 60;
	snprintf(offset, sizeof offset, "%c%02d:%02d", moment->offset_seconds < 0 ? '-' : '+',
		minutes / 60 % 100, minutes % 60);
	if (slice_starts_with(rest, SLICE(":z"))) {
		buf_append_str(out, offset);
		return 2;
	}
	if (slice_starts_with(rest, SLICE("+"))) {
		buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s",
			moment->parts.tm_year + 1900, moment->parts.tm_mon + 1,
			moment->parts.tm_mday, moment->parts.tm_hour, moment->parts.tm_min,
			moment->parts.tm_sec, (int)ms, offset);
		return 1;
	}
	bool has_point = slice_starts_with(rest, SLICE("."));
	struct slice digits = slice_from(rest, has_point);
	char size = digits.len > 1 && digits.data[1] == 'f' ? digits.data[0] : 0;
	if (slice_starts_with(digits, SLICE("f"))) {
		buf_printf(out, "%s%09lld", has_point ? "." : "", (long long)ms * 1000000);
		return has_point + 1u;
	}
	if (size == '3' || size == '6' || size == '9') {
		long long scale = size == '3' ? 1 : size == '6' ? 1000 : 1000000;
		buf_printf(
			out, "%s%0*lld", has_point ? "." : "", size - '0', (long long)ms * scale);
		return has_point + 2u;
	}
	return 0;
}

/* A specifier of the C library, known to be one. Returns its length; 0: none. */
static size_t append_standard(struct slice rest, const struct moment *moment, struct buf *out) {
	size_t len = 0;
	while (len < rest.len && len < 8 && rest.data[len] != 0 &&
		strchr("-_0^#", rest.data[len])) {
		len++;
	}
	if (len >= rest.len || rest.data[len] == 0 ||
		!strchr("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%", rest.data[len])) {
		return 0;
	}
	len++;
	char format[FORMAT_MAX], expanded[EXPANDED_MAX];
	/* A blank in front: an empty result is told from one that does not fit. */
	snprintf(format, sizeof format, " %%%.*s", (int)len, rest.data);
	if (rest.data[len - 1] == 's') {
		int64_t seconds = (moment->ms - (((moment->ms % 1000) + 1000) % 1000)) / 1000;
		buf_printf(out, "%lld", (long long)seconds);
		return len;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	size_t size = strftime(expanded, sizeof expanded, format, &moment->parts);
#pragma GCC diagnostic pop
	buf_append(out, slice_make(expanded + 1, size > 0 ? size - 1 : 0));
	return len;
}

static bool expand(struct template_reader *reader, struct slice format, const struct moment *moment,
	struct buf *out) {
	while (format.len > 0) {
		size_t at = slice_find_byte(format, '%');
		buf_append(out, slice_sub(format, 0, at));
		if (at == SIZE_MAX) {
			return true;
		}
		struct slice rest = slice_from(format, at + 1);
		size_t len = append_own(rest, moment, out);
		len = len > 0 ? len : append_standard(rest, moment, out);
		if (len == 0) {
			return builtin_fail(reader, "there is no specifier `%.*s`",
				SLICE_FMT(slice_sub(format, at, 2)));
		}
		format = slice_from(rest, len);
		if (!template_spend(reader->run, 1)) {
			return false;
		}
	}
	return true;
}

bool filter_strftime(
	struct template_run *run, const struct value_arguments *arguments, struct value *out) {
	struct template_reader reader;
	struct buf text;
	struct moment moment = {.zone = "UTC"};
	template_reader_init(&reader, run, "filter strftime", arguments);
	struct value subject = builtin_subject(&reader);
	builtin_require(&reader, 1, "format");
	struct slice format = template_take_text(&reader, 1, "format", SLICE(""));
	struct slice zone = template_take_text(&reader, 2, "tz", SLICE("UTC"));
	if (!template_reader_done(&reader, 3) || !read_moment(&reader, subject, &moment.ms)) {
		return false;
	}
	if (!choose_zone(zone, &moment)) {
		return builtin_fail(&reader,
			"`tz` must be UTC, an offset as +02:00 or a zone this machine knows, as "
			"Europe/Berlin; not `%.*s`",
			SLICE_FMT(slice_sub(zone, 0, 40)));
	}
	time_t seconds = (time_t)((moment.ms - (((moment.ms % 1000) + 1000) % 1000)) / 1000) +
			 moment.offset_seconds;
	if (!gmtime_r(&seconds, &moment.parts)) {
		return builtin_fail(&reader, "the date is out of range");
	}
	moment.parts.tm_gmtoff = moment.offset_seconds;
	moment.parts.tm_zone = moment.zone;
	builtin_buf(run, &text);
	bool is_ok = expand(&reader, format, &moment, &text);
	return builtin_return_text(run, &text, out) && is_ok;
}
