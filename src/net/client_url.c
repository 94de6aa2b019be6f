/* client_url.c: checks of URLs before they reach libcurl. Messages never repeat the URL: it may
 * hold secrets. */
#include "net/client_internal.h"

#include <stdint.h>

static bool skip_scheme(struct slice *url, const char *const *schemes) {
	for (size_t i = 0; schemes[i]; i++) {
		struct slice scheme = slice_of(schemes[i]);
		if (slice_istarts_with(*url, scheme)) {
			*url = slice_from(*url, scheme.len);
			return true;
		}
	}
	return false;
}

/* What stands before the path, the query or the fragment. */
static struct slice cut_authority(struct slice rest) {
	size_t len = 0;
	while (len < rest.len && !memchr("/?#\\", rest.data[len], 4)) {
		len++;
	}
	return slice_sub(rest, 0, len);
}

/* Cuts "user:password@" off. */
static bool cut_user(struct slice *authority) {
	for (size_t at = authority->len; at > 0; at--) {
		if (authority->data[at - 1] == '@') {
			*authority = slice_from(*authority, at);
			return true;
		}
	}
	return false;
}

static bool check_port(struct slice port) {
	uint64_t number = 0;
	return slice_to_uint64(port, &number) && number >= 1 && number <= 65535;
}

/* host, host:port, [v6] or [v6]:port */
static bool check_authority(struct slice authority, const char *what, struct error *error) {
	size_t colon = SIZE_MAX, host_len = authority.len;
	if (authority.len > 0 && authority.data[0] == '[') {
		size_t close = slice_find_byte(authority, ']');
		if (close == SIZE_MAX || close < 3) {
			return error_set(error, ERROR_CONFIGURATION,
				"%s: the IPv6 address is not closed", what);
		}
		host_len = close + 1;
		colon = host_len < authority.len ? host_len : SIZE_MAX;
	} else {
		colon = slice_find_byte(authority, ':');
		host_len = colon == SIZE_MAX ? authority.len : colon;
	}
	if (host_len == 0) {
		return error_set(error, ERROR_CONFIGURATION, "%s: no host", what);
	}
	if (colon != SIZE_MAX &&
		(authority.data[colon] != ':' || !check_port(slice_from(authority, colon + 1)))) {
		return error_set(error, ERROR_CONFIGURATION,
			"%s: the port is not a number from 1 to 65535", what);
	}
	return true;
}

static bool check_bytes(struct slice text, const char *what, struct error *error) {
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if (byte <= ' ' || byte == 0x7f) {
			return error_set(error, ERROR_CONFIGURATION,
				"%s: white space or a control character at offset %zu", what, i);
		}
	}
	return true;
}

bool client_check_url(struct slice url, bool allow_user, struct error *error) {
	static const char *const schemes[] = {"http://", "https://", NULL};
	struct slice rest = url;
	if (!check_bytes(url, "URL", error)) {
		return false;
	}
	if (!skip_scheme(&rest, schemes)) {
		return error_set(
			error, ERROR_CONFIGURATION, "URL: it must begin with http:// or https://");
	}
	struct slice authority = cut_authority(rest);
	if (cut_user(&authority) && !allow_user) {
		return error_set(error, ERROR_CONFIGURATION,
			"URL: user name and password are not allowed in it");
	}
	return check_authority(authority, "URL", error);
}

bool client_check_proxy(struct slice proxy, struct error *error) {
	static const char *const schemes[] = {
		"http://", "https://", "socks5://", "socks5h://", NULL};
	struct slice rest = proxy;
	if (slice_is(proxy, "direct")) {
		return true;
	}
	if (!check_bytes(proxy, "proxy", error)) {
		return false;
	}
	if (!skip_scheme(&rest, schemes)) {
		return error_set(error, ERROR_CONFIGURATION,
			"proxy: it must be \"direct\" or begin with http://, https://, socks5:// "
			"or socks5h://");
	}
	struct slice authority = cut_authority(rest);
	cut_user(&authority);
	return check_authority(authority, "proxy", error);
}

struct slice client_url_authority(struct slice url) {
	size_t scheme = slice_find(url, SLICE("://"));
	struct slice authority =
		cut_authority(scheme == SIZE_MAX ? url : slice_from(url, scheme + 3));
	cut_user(&authority);
	return authority;
}
