/* mask.c: recognises keys and tokens inside free text (ER-4) and shortens known ones for display.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"

#define MASK "***"

/* Words that start a key. A match is kept up to its prefix; what follows is masked. */
static const struct {
	const char *prefix;
	size_t min_rest; /* token characters that must follow */
} key_prefixes[] = {
	{"sk-", 4},
	{"sk_", 8},
	{"pk_", 16},
	{"rk_", 16},
	{"AIza", 8},
	{"ya29.", 8},
	{"1//0", 16},
	{"GOCSPX-", 8},
	{"ghp_", 4},
	{"gho_", 4},
	{"ghu_", 4},
	{"ghs_", 4},
	{"ghr_", 4},
	{"github_pat_", 4},
	{"glpat-", 4},
	{"xoxb-", 4},
	{"xoxp-", 4},
	{"xoxa-", 4},
	{"xapp-", 4},
	{"gsk_", 8},
	{"xai-", 8},
	{"hf_", 8},
	{"pplx-", 8},
	{"nvapi-", 8},
	{"AKIA", 12},
	{"ASIA", 12},
	{"eyJ", 16},
};

/* "Bearer authentication" is prose, "Bearer Zx81..." is not. */
static const char *const scheme_prose[] = {"auth", "authentication", "authorization", "credential",
	"credentials", "header", "headers", "scheme", "token", "tokens", NULL};

/* Ends of names whose value is a secret: api_key=..., "refresh_token": "...". */
static const struct {
	const char *ending;
	size_t min_value;
} secret_names[] = {
	{"key", 16},
	{"token", 16},
	{"secret", 8},
	{"signature", 16},
	{"password", 1},
	{"passwd", 1},
};

static bool is_token_char(char c) {
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.' || c == '*';
}

/* Also what base64 and header values are made of. */
static bool is_value_char(char c) {
	return is_token_char(c) || c == '+' || c == '/' || c == '=' || c == '~' || c == '%';
}

static bool is_name_char(char c) {
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static size_t span(const char *text, bool (*accept)(char c)) {
	size_t len = 0;
	while (accept(text[len])) {
		len++;
	}
	return len;
}

/* Without dots that end a sentence. */
static size_t token_span(const char *text, bool (*accept)(char c)) {
	size_t len = span(text, accept);
	while (len > 0 && text[len - 1] == '.') {
		len--;
	}
	return len;
}

/* A stretch of the text at hand: keep the first `keep` bytes, mask the following `hide`. */
struct found {
	size_t keep, hide;
};

static struct found find_prefixed(const char *at) {
	for (size_t i = 0; i < sizeof key_prefixes / sizeof *key_prefixes; i++) {
		/* Every word of every log line comes here: most differ in the first byte. */
		if (*at != key_prefixes[i].prefix[0]) {
			continue;
		}
		size_t keep = strlen(key_prefixes[i].prefix);
		if (strncmp(at, key_prefixes[i].prefix, keep) == 0) {
			size_t hide = token_span(at + keep, is_token_char);
			if (hide >= key_prefixes[i].min_rest) {
				return (struct found){keep, hide};
			}
		}
	}
	return (struct found){0, 0};
}

static struct found find_scheme(const char *at) {
	static const char *const schemes[] = {"bearer", "basic"};
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes && (*at | 0x20) == 'b'; i++) {
		size_t keep = strlen(schemes[i]);
		if (strncasecmp(at, schemes[i], keep) != 0 || at[keep] != ' ') {
			continue;
		}
		keep += strspn(at + keep, " ");
		struct slice value = slice_make(at + keep, token_span(at + keep, is_value_char));
		bool is_prose = i > 0 && value.len < 8; /* "basic plan" */
		for (size_t j = 0; scheme_prose[j] != NULL; j++) {
			is_prose |= slice_ieq(value, slice_of(scheme_prose[j]));
		}
		if (!is_prose && value.len > 0) {
			return (struct found){keep, value.len};
		}
	}
	return (struct found){0, 0};
}

/* `://user:pass@`: at stands on the colon. */
static struct found find_userinfo(const char *at) {
	if (strncmp(at, "://", 3) != 0) {
		return (struct found){0, 0};
	}
	size_t authority = strcspn(at + 3, "/?# \t\r\n\"'<>\\");
	const char *sign = memrchr(at + 3, '@', authority);
	return sign != NULL && sign > at + 3 ? (struct found){3, (size_t)(sign - at) - 3}
					     : (struct found){0, 0};
}

/* A random-looking value has digits and letters; an identifier mostly has no digits. */
static bool looks_random(struct slice value) {
	bool has_digit = false;
	for (size_t i = 0; i < value.len; i++) {
		has_digit |= isdigit((unsigned char)value.data[i]) != 0;
	}
	return has_digit;
}

/* `name=value`, `name: value`, `"name": "value"`: at stands on the name's first byte. */
static struct found find_named(const char *at) {
	struct slice name = slice_make(at, span(at, is_name_char));
	for (size_t i = 0; i < sizeof secret_names / sizeof *secret_names; i++) {
		struct slice ending = slice_of(secret_names[i].ending);
		if (name.len < ending.len ||
			!slice_ieq(slice_from(name, name.len - ending.len), ending)) {
			continue;
		}
		size_t keep = name.len + strspn(at + name.len, "\"'\\ ");
		if (at[keep] != '=' && at[keep] != ':') {
			continue;
		}
		bool is_assigned = at[keep] == '=';
		keep++;
		keep += strspn(at + keep, "\"'\\ ");
		struct slice value = slice_make(at + keep, span(at + keep, is_value_char));
		bool is_short = value.len < secret_names[i].min_value;
		bool is_secret = secret_names[i].min_value == 1 ? value.len > 0 && is_assigned
								: !is_short && looks_random(value);
		if (is_secret) {
			return (struct found){keep, value.len};
		}
	}
	return (struct found){0, 0};
}

void error_mask_secrets(char *text) {
	char *out = text;
	char before = ' ';
	for (const char *at = text; *at != '\0';) {
		struct found found = {0, 0};
		if (*at == ':') {
			found = find_userinfo(at);
		} else if (isalnum((unsigned char)*at) && !isalnum((unsigned char)before)) {
			found = find_prefixed(at);
			if (found.hide == 0 && !is_name_char(before)) {
				found = find_scheme(at);
			}
			/* --api-key=... on a command line */
			if (found.hide == 0 && (before == '-' || !is_name_char(before))) {
				found = find_named(at);
			}
		}
		if (found.hide == 0) {
			before = *at;
			*out++ = *at++;
			continue;
		}
		memmove(out, at, found.keep);
		out += found.keep;
		/* Never longer than what it replaces, so that it works in place. */
		size_t mask = found.hide < sizeof MASK - 1 ? found.hide : sizeof MASK - 1;
		memcpy(out, MASK, mask);
		out += mask;
		at += found.keep + found.hide;
		before = '*';
	}
	*out = '\0';
}

void log_mask(struct slice secret, char *out, size_t size) {
	/* gateway.md section 10; 1 or 2 characters would show the whole, so they are hidden. */
	size_t shown = secret.len > 8 ? 4 : secret.len > 4 ? 2 : secret.len > 2 ? 1 : 0;
	if (size > 0) {
		snprintf(out, size, "%.*s...%.*s", (int)shown, shown ? secret.data : "", (int)shown,
			shown ? secret.data + secret.len - shown : "");
	}
}
