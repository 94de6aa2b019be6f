/* clock.h: time. Everything that waits asks a clock, so that tests can turn it. */
#ifndef LLMMUX_BASE_CLOCK_H
#define LLMMUX_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Monotonic nanoseconds and milliseconds; wall clock milliseconds since 1970. */
uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
int64_t clock_wall_ms(void);

#define CLOCK_TEXT_MAX 40
/* "2026-01-02T03:04:05.678Z" (RFC 3339, UTC, milliseconds) into out; returns its length. */
size_t clock_format_rfc3339(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);
/* "Fri, 02 Jan 2026 03:04:05 GMT" (RFC 9110 5.6.7). */
size_t clock_format_http(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);
/* Parses an RFC 9110 IMF-fixdate into wall milliseconds. */
bool clock_parse_http(struct slice text, int64_t *wall_ms);
/* Parses RFC 3339 ("2026-01-02T03:04:05.678901234+01:00") into wall milliseconds; what is finer is
 * cut off. */
bool clock_parse_rfc3339(struct slice text, int64_t *wall_ms);
/* Go-style durations ("250ms", "5s", "1m30s", "1h"); a bare number counts in `unit_ms`.
 * Fractions are allowed ("1.5h"), signs are not; parts of a millisecond round up. */
bool clock_parse_duration(struct slice text, int64_t unit_ms, int64_t *out_ms);
/* The shortest such text: "250ms", "1.5s", "1h30m"; returns its length. */
size_t clock_format_duration(int64_t ms, char out[CLOCK_TEXT_MAX]);

#endif
