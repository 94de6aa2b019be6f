/* guard.c: what browsers may do: the Host check against DNS rebinding, and the Origin check. */
#include <arpa/inet.h>

#include "gateway/gateway_internal.h"

struct slice gateway_host_name(struct slice host) {
	if (host.len > 0 && host.data[0] == '[') {
		size_t end = slice_find_byte(host, ']');
		return end == SIZE_MAX ? host : slice_sub(host, 1, end - 1);
	}
	size_t colon = slice_find_byte(host, ':');
	if (colon == SIZE_MAX || slice_find_byte(slice_from(host, colon + 1), ':') != SIZE_MAX) {
		return host; /* no port, or an IPv6 address without brackets */
	}
	return slice_sub(host, 0, colon);
}

static bool is_address(struct slice name) {
	char text[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	if (name.len == 0 || name.len >= sizeof text) {
		return false;
	}
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool is_listed(const struct option_strings *list, struct slice value) {
	for (size_t i = 0; i < list->len; i++) {
		if (slice_glob(list->items[i], value, true)) {
			return true;
		}
	}
	return false;
}

bool gateway_check_host(const struct config *config, struct slice host, struct error *error) {
	/* Only HTTP/1.0 may leave it out, and no browser speaks that. An empty one is no name. */
	if (!host.data) {
		return true;
	}
	struct slice name = gateway_host_name(host);
	if (name.len > 1 && name.data[name.len - 1] == '.') {
		name.len--;
	}
	struct slice configured = gateway_host_name(config->host);
	/* RFC 6761 6.3: whatever is below localhost is loopback too. */
	bool is_loopback =
		config_host_is_loopback(name) ||
		(name.len > 10 && slice_ieq(slice_from(name, name.len - 10), SLICE(".localhost")));
	if (is_loopback || slice_ieq(name, configured) || is_listed(&config->allowed_hosts, name) ||
		is_listed(&config->allowed_hosts, host) ||
		(is_address(name) && !config_host_is_loopback(configured))) {
		return true;
	}
	return error_set(error, ERROR_PERMISSION,
		"the Host header names \"%.*s\", which this server does not go by; to allow it, "
		"add it to allowed-hosts in the configuration",
		(int)(host.len < 100 ? host.len : 100), host.data);
}

/* "https://example.com:8080" -> "example.com:8080"; empty when it is no such thing ("null"). */
static struct slice origin_authority(struct slice origin) {
	size_t at = slice_find(origin, SLICE("://"));
	return slice_from(origin, at == SIZE_MAX ? origin.len : at + 3);
}

enum gateway_origin gateway_check_origin(
	const struct config *config, struct slice origin, struct slice host) {
	if (!origin.data) {
		return GATEWAY_ORIGIN_NONE;
	}
	if (is_listed(&config->allowed_origins, origin)) {
		return GATEWAY_ORIGIN_ALLOWED;
	}
	struct slice authority = origin_authority(origin);
	return authority.len > 0 && slice_ieq(authority, host) ? GATEWAY_ORIGIN_SAME
							       : GATEWAY_ORIGIN_FOREIGN;
}
