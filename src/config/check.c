/* check.c: checks of single values. */
#include "config/check.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_alnum(char byte) {
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
	       (byte >= 'A' && byte <= 'Z');
}

static bool only(struct slice text, const char *others) {
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0' ||
			(!is_alnum(text.data[i]) && !strchr(others, text.data[i]))) {
			return false;
		}
	}
	return true;
}

static bool is_port(struct slice text) {
	int64_t port;
	return text.len <= 5 && slice_to_int64(text, &port) && port >= 1 && port <= 65535;
}

/* host, host:port, [v6], [v6]:port */
static bool is_authority(struct slice text) {
	struct slice host = text, port = {0};
	if (text.len > 0 && text.data[0] == '[') {
		size_t end = slice_find_byte(text, ']');
		if (end == SIZE_MAX || end < 3 || !only(slice_sub(text, 1, end - 1), ":.")) {
			return false;
		}
		struct slice rest = slice_from(text, end + 1);
		return rest.len == 0 || (rest.data[0] == ':' && is_port(slice_from(rest, 1)));
	}
	size_t colon = slice_find_byte(text, ':');
	if (colon != SIZE_MAX) {
		host = slice_sub(text, 0, colon);
		port = slice_from(text, colon + 1);
	}
	return host.len > 0 && only(host, "-._") && (!port.data || is_port(port));
}

/* Takes one of the schemes (NULL at the end) and returns the rest behind "://". */
static bool take_scheme(struct slice *text, const char *const *schemes) {
	for (; *schemes; schemes++) {
		size_t len = strlen(*schemes);
		if (slice_istarts_with(*text, slice_of(*schemes)) &&
			slice_starts_with(slice_from(*text, len), SLICE("://"))) {
			*text = slice_from(*text, len + 3);
			return true;
		}
	}
	return false;
}

static struct slice authority_of(struct slice rest) {
	size_t end = 0;
	while (end < rest.len && !strchr("/?#", rest.data[end])) {
		end++;
	}
	struct slice authority = slice_sub(rest, 0, end);
	for (size_t i = authority.len; i > 0; i--) {
		if (authority.data[i - 1] == '@') {
			return slice_from(authority, i);
		}
	}
	return authority;
}

static bool has_blank_or_control(struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if (byte <= 0x20 || byte == 0x7f) {
			return true;
		}
	}
	return false;
}

const char *check_http_url(struct slice text) {
	static const char *const schemes[] = {"http", "https", NULL};
	struct slice rest = text;
	if (has_blank_or_control(text) || !take_scheme(&rest, schemes) ||
		!is_authority(authority_of(rest))) {
		return "must be an http or https URL with a host";
	}
	if (slice_find_byte(rest, '?') != SIZE_MAX || slice_find_byte(rest, '#') != SIZE_MAX) {
		return "must be a URL without a query";
	}
	return NULL;
}

const char *check_proxy_url(struct slice text) {
	static const char *const schemes[] = {"http", "https", "socks5", "socks5h", NULL};
	struct slice rest = text;
	if (slice_is(text, "direct") || slice_is(text, "none")) {
		return NULL;
	}
	if (has_blank_or_control(text) || !take_scheme(&rest, schemes) ||
		!is_authority(authority_of(rest))) {
		return "must be a URL such as http://host:port, https, socks5 or socks5h, or "
		       "`direct`";
	}
	return NULL;
}

const char *check_host(struct slice text) {
	char address[INET6_ADDRSTRLEN];
	struct in6_addr parsed;
	struct slice bare = slice_sub(text, 0, slice_find_byte(text, '%'));
	if (bare.len < sizeof address) {
		memcpy(address, bare.data, bare.len);
		address[bare.len] = '\0';
		if (inet_pton(AF_INET6, address, &parsed) == 1) {
			return NULL;
		}
	}
	return only(text, "-.") ? NULL : "must be an IP address or a host name, without a port";
}

const char *check_client_key(struct slice text) {
	struct slice prefix = SLICE("sha256:");
	if (slice_istarts_with(text, prefix)) {
		struct slice hex = slice_from(text, prefix.len);
		bool is_hex = hex.len == 64;
		for (size_t i = 0; is_hex && i < hex.len; i++) {
			is_hex = strchr("0123456789abcdefABCDEF", hex.data[i]) != NULL;
		}
		return is_hex ? NULL : "must have 64 hexadecimal digits behind sha256:";
	}
	return has_blank_or_control(text) ? "must be keys without blanks" : NULL;
}

const char *check_origin(struct slice text) {
	struct slice rest = text;
	size_t colon = slice_find(text, SLICE("://"));
	if (slice_is(text, "*")) {
		return NULL;
	}
	if (colon == SIZE_MAX || colon == 0 || !only(slice_sub(text, 0, colon), "+-.") ||
		!is_authority((rest = slice_from(text, colon + 3)))) {
		return "must be `*` or origins such as https://app.example.org, without a path";
	}
	return NULL;
}

const char *check_header_value(struct slice text) {
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
			return "must be a header value without control characters";
		}
	}
	return NULL;
}

const char *check_header_name(struct slice text) {
	static const char *const ours[] = {"host", "content-length", "transfer-encoding",
		"connection", "expect", "te", "trailer", "upgrade", "accept-encoding", NULL};
	if (text.len == 0 || !only(text, "!#$%&'*+-.^_`|~")) {
		return "is not a header name";
	}
	for (size_t i = 0; ours[i]; i++) {
		if (slice_ieq(text, slice_of(ours[i]))) {
			return "cannot be set: the program sets it";
		}
	}
	return NULL;
}

const char *check_protocol(struct slice text) {
	static const char *const words[] = {"openai", "responses", "claude", "anthropic", "gemini",
		"codex", "antigravity", "ollama"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (slice_ieq(text, slice_of(words[i]))) {
			return NULL;
		}
	}
	return "must be openai, responses, claude (or anthropic), gemini, codex, antigravity or "
	       "ollama";
}
