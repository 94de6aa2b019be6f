/* doctor_proxy.c: which proxies providers are asked through, and whether that can be meant. */
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"

const char *doctor_proxy_host(struct doctor *doctor, struct slice url) {
	size_t scheme = slice_find(url, SLICE("://"));
	struct slice rest = scheme == SIZE_MAX ? url : slice_from(url, scheme + 3);
	for (size_t i = rest.len; i > 0; i--) {
		if (rest.data[i - 1] == '@') {
			rest = slice_from(rest, i);
			break;
		}
	}
	return doctor_text(doctor, "%.*s%.*s", scheme == SIZE_MAX ? 0 : (int)(scheme + 3), url.data,
		SLICE_FMT(rest));
}

static bool is_none(struct slice proxy) {
	return slice_ieq(proxy, SLICE("direct")) || slice_ieq(proxy, SLICE("none"));
}

/* The host of a URL, with the brackets of IPv6. */
static struct slice host_of(struct slice url) {
	size_t scheme = slice_find(url, SLICE("://"));
	struct slice host = scheme == SIZE_MAX ? url : slice_from(url, scheme + 3);
	size_t end = host.len > 0 && host.data[0] == '[' ? slice_find_byte(host, ']') : 0;
	while (end < host.len && !strchr(":/", host.data[end])) {
		end++;
	}
	return slice_sub(host, 0, end);
}

/* Whether NO_PROXY names the host. */
static bool is_exempt(struct slice host) {
	const char *list = getenv("no_proxy");
	struct slice rest = slice_of(list ? list : getenv("NO_PROXY")), name;
	while (slice_split(&rest, ',', &name)) {
		name = slice_trim(name);
		if (slice_is(name, "*") || slice_ieq(name, host)) {
			return true;
		}
	}
	return false;
}

/* A server on this machine that is asked through a proxy elsewhere is rarely meant. */
static void warn_of_local(struct doctor *doctor, bool is_of_environment) {
	const struct config *config = doctor->config;
	for (size_t i = 0; i < config->providers.len; i++) {
		const struct config_provider *provider = &config->providers.items[i];
		struct slice host = host_of(provider->base_url);
		if (!provider->is_enabled || provider->proxy_url.len > 0 ||
			!config_host_is_loopback(host) || (is_of_environment && is_exempt(host))) {
			continue;
		}
		doctor_say(doctor, DOCTOR_WARN, "proxy",
			doctor_text(doctor, "add `proxy-url: direct` to the provider %.*s",
				SLICE_FMT(provider->id)),
			"%.*s is on this machine and is asked through the proxy",
			SLICE_FMT(provider->id));
	}
}

/* What libcurl looks at. */
static void check_environment(struct doctor *doctor) {
	static const struct {
		const char *name;
		bool is_for_http; /* as local servers are asked */
	} names[] = {{"http_proxy", true}, {"https_proxy", false}, {"HTTPS_PROXY", false},
		{"all_proxy", true}, {"ALL_PROXY", true}};
	bool is_for_http = false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i].name);
		if (value && value[0]) {
			doctor_say(doctor, DOCTOR_OK, "proxy", NULL, "%s=%s", names[i].name,
				doctor_proxy_host(doctor, slice_of(value)));
			is_for_http = is_for_http || names[i].is_for_http;
		}
	}
	if (is_for_http) {
		warn_of_local(doctor, true);
	}
}

void doctor_check_proxy(struct doctor *doctor) {
	const struct config *config = doctor->config;
	if (config && config->proxy_url.len == 0) {
		check_environment(doctor);
	} else if (config && is_none(config->proxy_url)) {
		doctor_say(doctor, DOCTOR_OK, "proxy", NULL, "none (proxy-url %.*s)",
			SLICE_FMT(config->proxy_url));
	} else if (config) {
		doctor_say(doctor, DOCTOR_OK, "proxy", NULL, "proxy-url %s",
			doctor_proxy_host(doctor, config->proxy_url));
		warn_of_local(doctor, false);
	}
}
