/* http.c: header lists, status phrases and the character classes of RFC 9110. */
#include "net/http.h"

/* Room for the headers of an ordinary request, so that the list rarely grows. */
#define HEADERS_FIRST 24

#define T 1 /* may stand in a token (RFC 9110 5.6.2) */
#define V 2 /* may stand in a field value (RFC 9110 5.5: VCHAR, SP, HTAB, obs-text) */

/* clang-format off */
static const unsigned char classes[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	V, T|V, V, T|V, T|V, T|V, T|V, T|V, V, V, T|V, T|V, V, T|V, T|V, V,
	T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, V, V, V, V, V, V,
	V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V,
	T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, V, V, V, T|V, T|V,
	T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V,
	T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, T|V, V, T|V, V, T|V, 0,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
};

static const struct { int status; const char *phrase; } phrases[] = {
	{100, "Continue"}, {101, "Switching Protocols"},
	{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
	{307, "Temporary Redirect"}, {308, "Permanent Redirect"},
	{400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"},
	{404, "Not Found"}, {405, "Method Not Allowed"}, {406, "Not Acceptable"},
	{408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"}, {411, "Length Required"},
	{413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
	{417, "Expectation Failed"}, {421, "Misdirected Request"}, {422, "Unprocessable Content"},
	{426, "Upgrade Required"}, {429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"}, {499, "Client Closed Request"},
	{500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
	{503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
	{529, "Overloaded"},
};
/* clang-format on */

void http_headers_add(
	struct arena *arena, struct http_headers *headers, struct slice name, struct slice value) {
	if (headers->cap == 0) {
		headers->items = ARENA_ARRAY(arena, struct http_header, HEADERS_FIRST);
		headers->cap = HEADERS_FIRST;
	}
	struct http_header *header = ARENA_PUSH(arena, headers);
	header->name = name;
	header->value = value;
}

struct slice http_headers_get(const struct http_headers *headers, const char *name) {
	struct slice wanted = slice_of(name);
	for (size_t i = 0; i < headers->len; i++) {
		const struct http_header *header = &headers->items[i];
		if (header->name.len == wanted.len && slice_ieq(header->name, wanted)) {
			return header->value;
		}
	}
	return (struct slice){0};
}

size_t http_headers_count(const struct http_headers *headers, const char *name) {
	struct slice wanted = slice_of(name);
	size_t count = 0;
	for (size_t i = 0; i < headers->len; i++) {
		count += slice_ieq(headers->items[i].name, wanted);
	}
	return count;
}

bool http_headers_has_token(
	const struct http_headers *headers, const char *name, const char *token) {
	struct slice wanted = slice_of(name);
	struct slice member = slice_of(token);
	for (size_t i = 0; i < headers->len; i++) {
		if (!slice_ieq(headers->items[i].name, wanted)) {
			continue;
		}
		struct slice rest = headers->items[i].value;
		struct slice part;
		while (slice_split(&rest, ',', &part)) {
			if (slice_ieq(slice_trim(part), member)) {
				return true;
			}
		}
	}
	return false;
}

const char *http_status_phrase(int status) {
	if (status == 200) {
		return "OK";
	}
	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
		if (phrases[i].status == status) {
			return phrases[i].phrase;
		}
	}
	return "";
}

static bool all_in_class(struct slice s, unsigned char wanted) {
	unsigned char common = wanted;
	for (size_t i = 0; i < s.len; i++) {
		common &= classes[(unsigned char)s.data[i]];
	}
	return common != 0;
}

bool http_is_token(struct slice s) {
	return s.len > 0 && all_in_class(s, T);
}

bool http_is_field_value(struct slice s) {
	return all_in_class(s, V);
}

bool http_is_method(struct slice method) {
	for (size_t i = 0; i < method.len; i++) {
		char c = method.data[i];
		if ((c < 'A' || c > 'Z') && c != '-' && c != '_') {
			return false;
		}
	}
	return method.len > 0;
}

bool http_is_target(struct slice target) {
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.data[i];
		if (c <= 0x20 || c >= 0x7f || c == '#') {
			return false;
		}
	}
	return target.len > 0;
}

bool http_is_host(struct slice value) {
	static const char allowed[] = "-._~!$&'()*+,;=:[]%";
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != '\0' && strchr(allowed, c)))) {
			return false;
		}
	}
	return true;
}
