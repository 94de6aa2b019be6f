/* tokens.c: the handle on the mapped vocabularies, and counting with it. */
#include "tokens/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tokens/estimate.h"
#include "tokens/merge.h"
#include "tokens/split.h"

static const struct {
	const char *name;
	split_rule *split;
} encodings[TOKENS_ENCODING_COUNT] = {
	[TOKENS_O200K] = {"o200k", split_o200k},
	[TOKENS_CL100K] = {"cl100k", split_cl100k},
	[TOKENS_P50K] = {"p50k", split_r50k},
	[TOKENS_R50K] = {"r50k", split_r50k},
};

struct tokens {
	void *image;
	size_t len;
	struct ranks ranks[TOKENS_ENCODING_COUNT]; /* bytes == NULL: not in the file */
};

const char *tokens_encoding_name(enum tokens_encoding encoding) {
	return (unsigned)encoding < TOKENS_ENCODING_COUNT ? encodings[encoding].name : NULL;
}

bool tokens_find_encoding(struct slice name, enum tokens_encoding *encoding) {
	if (slice_ends_with(name, SLICE("_base"))) {
		name.len -= strlen("_base");
	}
	for (int i = 0; i < TOKENS_ENCODING_COUNT; i++) {
		if (slice_is(name, encodings[i].name)) {
			*encoding = (enum tokens_encoding)i;
			return true;
		}
	}
	return false;
}

/* ---- the file ---- */

static struct tokens *map_file(int fd, const char *path, struct error *error) {
	struct stat info;
	struct error reason;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
		error_set(error, ERROR_CONFIGURATION,
			"cannot count tokens by %s: it is no file, or empty", path);
		return NULL;
	}
	size_t len = (size_t)info.st_size;
	void *image = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED) {
		error_set_errno(error, ERROR_INTERNAL, errno, "cannot map %s", path);
		return NULL;
	}
	struct slice bytes = slice_make(image, len);
	if (!ranks_check(bytes, &reason)) {
		munmap(image, len);
		error_set(error, ERROR_CONFIGURATION, "cannot count tokens by %s: %s", path,
			reason.message);
		return NULL;
	}
	struct tokens *tokens = mem_calloc(1, sizeof *tokens);
	tokens->image = image;
	tokens->len = len;
	for (int i = 0; i < TOKENS_ENCODING_COUNT; i++) {
		ranks_find(bytes, encodings[i].name, &tokens->ranks[i]);
	}
	/* The check went through all of it: what is not needed again need not stay resident. */
	madvise(image, len, MADV_DONTNEED);
	madvise(image, len, MADV_RANDOM);
	return tokens;
}

static struct tokens *open_file(const char *path, struct error *error) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		int number = errno;
		enum error_kind kind = number == ENOENT || number == ENOTDIR ? ERROR_NOT_FOUND
									     : ERROR_CONFIGURATION;
		error_set_errno(error, kind, number, "cannot open %s", path);
		return NULL;
	}
	struct tokens *tokens = map_file(fd, path, error);
	close(fd);
	return tokens;
}

struct tokens *tokens_open(const char *path, struct error *error) {
	static const char *const places[] = {"", "../share/llm-mux/"};
	if (path != NULL) {
		return open_file(path, error);
	}
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
	const char *slash = len > 0 ? memrchr(program, '/', (size_t)len) : NULL;
	int dir_len = slash != NULL ? (int)(slash - program) : 0;
	for (size_t i = 0; slash != NULL && i < sizeof places / sizeof *places; i++) {
		char found[PATH_MAX + 64];
		snprintf(found, sizeof found, "%.*s/%s%s", dir_len, program, places[i],
			TOKENS_FILE_NAME);
		struct tokens *tokens = open_file(found, error);
		if (tokens != NULL || error->kind != ERROR_NOT_FOUND) {
			return tokens;
		}
	}
	error_set(error, ERROR_NOT_FOUND,
		"there is no %s beside the program or in ../share/llm-mux/", TOKENS_FILE_NAME);
	return NULL;
}

void tokens_close(struct tokens *tokens) {
	if (tokens != NULL) {
		munmap(tokens->image, tokens->len);
		free(tokens);
	}
}

/* ---- counting ---- */

bool tokens_can_count(const struct tokens *tokens, enum tokens_encoding encoding) {
	return tokens != NULL && (unsigned)encoding < TOKENS_ENCODING_COUNT &&
	       tokens->ranks[encoding].bytes != NULL;
}

int64_t tokens_count(
	const struct tokens *tokens, enum tokens_encoding encoding, struct slice text) {
	if (!tokens_can_count(tokens, encoding)) {
		return tokens_estimate(text);
	}
	const struct ranks *ranks = &tokens->ranks[encoding];
	split_rule *split = encodings[encoding].split;
	int64_t count = 0;
	for (size_t at = 0; at < text.len;) {
		size_t end = split(text, at);
		struct slice piece = slice_make(text.data + at, end - at);
		bool is_token = ranks_get(ranks, piece.data, piece.len) != RANKS_NONE;
		count += is_token ? 1 : (int64_t)merge_count(ranks, piece);
		at = end;
	}
	return count;
}
