/* convert.h: what the files of the command `convert` share. */
#ifndef LLMMUX_CLI_CONVERT_H
#define LLMMUX_CLI_CONVERT_H

#include "cli/command.h"
#include "formats/format.h"

#define CONVERT_INPUT_MAX ((size_t)1024 * 1024 * 1024)
/* A tree and what is made of it take several times the text. */
#define CONVERT_ARENA_MAX ((size_t)16 * 1024 * 1024 * 1024)

struct convert {
	struct command_context *context;
	const struct format *from, *to;
	struct slice model;        /* of --model; absent: as in the input */
	const char *path;          /* "-": standard input */
	const char *name;          /* of the input, for messages */
	bool is_lines;             /* --lines: one payload a line, in and out */
	struct arena arena;        /* of this run */
	struct chat_losses losses; /* in the arena */
};

/* A client's request of `from` as the body an upstream of `to` gets. Returns the exit code. */
int convert_request(struct convert *convert);
/* An upstream's answer of `from`, whole or streamed, as a client of `to` gets it. */
int convert_answer(struct convert *convert, bool is_stream);

/* Prints "llm-mux: NAME: MESSAGE", naming the field at fault; returns COMMAND_FAILED. */
int convert_fail(const struct convert *convert, const struct error *error);

#endif
