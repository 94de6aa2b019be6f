/* check.h: checks of single values, for option rows: NULL when fine, else what is wrong. Only for
 * src/config. */
#ifndef LLMMUX_CONFIG_CHECK_H
#define LLMMUX_CONFIG_CHECK_H

#include "base/slice.h"

/* http or https with a host; no query, no fragment. */
const char *check_http_url(struct slice text);
/* http, https, socks5, socks5h with a host; or `direct`, `none`. */
const char *check_proxy_url(struct slice text);
/* An IP address or a name to listen on. */
const char *check_host(struct slice text);
/* A client key: printable; sha256: with 64 hexadecimal digits. */
const char *check_client_key(struct slice text);
/* `*`, or scheme://host[:port]. */
const char *check_origin(struct slice text);
/* No control characters (RFC 9110 5.5). */
const char *check_header_value(struct slice text);
/* A header name (RFC 9110 5.1) that is ours to give. */
const char *check_header_name(struct slice text);
/* What an upstream speaks, as payload rules name it (gateway.md 2.6). */
const char *check_protocol(struct slice text);

#endif
