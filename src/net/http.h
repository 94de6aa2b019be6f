/* http.h: what HTTP server and client share: header lists, methods, status phrases. */
#ifndef LLMMUX_NET_HTTP_H
#define LLMMUX_NET_HTTP_H

#include "base/arena.h"
#include "base/slice.h"

struct http_header {
	struct slice name; /* as received; compare without case */
	struct slice value;
};

struct http_headers {
	struct http_header *items;
	size_t len, cap;
};

/* Adds at the end; slices are kept, not copied. */
void http_headers_add(
	struct arena *arena, struct http_headers *headers, struct slice name, struct slice value);
/* The first header of that name (any case); absent when there is none. */
struct slice http_headers_get(const struct http_headers *headers, const char *name);
/* How often it occurs. */
size_t http_headers_count(const struct http_headers *headers, const char *name);
/* True when a comma-separated list header holds the token (any case). */
bool http_headers_has_token(
	const struct http_headers *headers, const char *name, const char *token);

/* RFC 9110 section 15 phrase; "" for an unknown status. */
const char *http_status_phrase(int status);
bool http_is_token(struct slice s);       /* RFC 9110 5.6.2 */
bool http_is_field_value(struct slice s); /* RFC 9110 5.5: no control bytes but HTAB */
bool http_is_method(struct slice s);      /* upper-case letters, '-' and '_' */
/* RFC 3986 characters, leniently: any visible ASCII but '#', which never goes over the wire. */
bool http_is_target(struct slice s);
bool http_is_host(struct slice s); /* the characters of an authority; may be empty */

#endif
