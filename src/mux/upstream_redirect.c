/* upstream_redirect.c: where an upstream's answer sends a request on to (RFC 9110 15.4). */
#include <ctype.h>

#include "mux/upstream.h"

/* The bytes before the path: "https://host:port". */
static size_t origin_len(struct slice url) {
	size_t at = slice_find(url, SLICE("://"));
	at = at == SIZE_MAX ? 0 : at + strlen("://");
	while (at < url.len && strchr("/?#", url.data[at]) == NULL) {
		at++;
	}
	return at;
}

static bool is_absolute(struct slice location) {
	return slice_istarts_with(location, SLICE("http://")) ||
	       slice_istarts_with(location, SLICE("https://"));
}

/* "ftp://" and the like */
static bool has_scheme(struct slice location) {
	size_t at = 0;
	while (at < location.len && isalnum((unsigned char)location.data[at])) {
		at++;
	}
	return at > 0 && slice_starts_with(slice_from(location, at), SLICE("://"));
}

/* RFC 3986 5.2, for what stands in a Location: no dot segments are taken out. */
static const char *resolve(struct slice from, struct slice to, struct arena *arena) {
	size_t origin = origin_len(from), path = origin;
	if (is_absolute(to)) {
		return arena_strdup(arena, to);
	}
	if (slice_starts_with(to, SLICE("//"))) {
		size_t scheme = slice_find_byte(from, ':');
		return arena_printf(arena, "%.*s:%.*s", (int)scheme, from.data, SLICE_FMT(to)).data;
	}
	bool is_query = slice_starts_with(to, SLICE("?"));
	if (!slice_starts_with(to, SLICE("/"))) {
		/* beside the last part of the path, or with another query */
		for (size_t i = origin; i < from.len && from.data[i] != '?'; i++) {
			path = from.data[i] == '/' || is_query ? i + 1 : path;
		}
	}
	return arena_printf(arena, "%.*s%s%.*s", (int)path, from.data,
		path == origin && to.data[0] != '/' ? "/" : "", SLICE_FMT(to))
		.data;
}

const char *upstream_redirect(int status, const struct http_headers *headers, const char *from,
	struct arena *arena, bool *is_same_origin) {
	/* 303 asks for a GET, which answers no chat request. 301 and 302 are followed as they are
	 * meant by those who move an API, with the method kept. */
	bool is_redirect = status == 301 || status == 302 || status == 307 || status == 308;
	struct slice location = slice_trim(http_headers_get(headers, "location"));
	bool is_foreign = has_scheme(location) && !is_absolute(location);
	if (!is_redirect || location.len == 0 || is_foreign) {
		return NULL;
	}
	const char *url = resolve(slice_of(from), location, arena);
	struct slice a = slice_of(from), b = slice_of(url);
	a.len = origin_len(a);
	b.len = origin_len(b);
	*is_same_origin = slice_ieq(a, b);
	return url;
}
