/* pack-tokens.c: pack-tokens OUT NAME=FILE...: packs vocabularies ("BASE64 RANK" a line) into the
 * file that the program maps to count tokens. A tool of the build. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tokens/ranks_file.h"
#include "tokens/ranks_pack.h"

#define SOURCE_MAX ((size_t)64 * 1024 * 1024)

static int fail(const char *message) {
	fprintf(stderr, "pack-tokens: %s\n", message);
	return 1;
}

int main(int argc, char **argv) {
	struct ranks_source sources[RANKS_MAX_SECTIONS];
	struct buf texts[RANKS_MAX_SECTIONS] = {{0}}, out = {0};
	struct error error;
	size_t count = 0;
	bool ok = argc > 2 && argc - 2 <= RANKS_MAX_SECTIONS;
	if (!ok) {
		return fail("usage: pack-tokens OUT NAME=FILE...");
	}
	for (int i = 2; ok && i < argc; i++, count++) {
		char *equals = strchr(argv[i], '=');
		if (!equals) {
			return fail("a vocabulary is NAME=FILE");
		}
		*equals = '\0';
		ok = file_read(equals + 1, SOURCE_MAX, &texts[count], &error);
		sources[count] = (struct ranks_source){argv[i], buf_slice(&texts[count])};
	}
	ok = ok && ranks_pack(sources, count, &out, &error) &&
	     file_write_atomic(argv[1], buf_slice(&out), 0644, &error);
	for (size_t i = 0; i < RANKS_MAX_SECTIONS; i++) {
		buf_finish(&texts[i]);
	}
	buf_finish(&out);
	return ok ? 0 : fail(error.message);
}
