/* tokens.h: exact token counts of texts, by the vocabularies of the OpenAI models.
 *
 * The vocabularies are one file that the build packs from published data and the program maps.
 * Where it is missing or damaged there is no handle, and counts are estimates that say so. */
#ifndef LLMMUX_TOKENS_TOKENS_H
#define LLMMUX_TOKENS_TOKENS_H

#include "base/error.h"

/* Counts as the reference tokenizer does: split rules, then byte-pair merges. What looks like a
 * special token is ordinary text. */
enum tokens_encoding {
	TOKENS_O200K,  /* gpt-4o and later */
	TOKENS_CL100K, /* gpt-4, gpt-3.5, embeddings */
	TOKENS_P50K,   /* text-davinci-002 and -003 */
	TOKENS_R50K,   /* before those */
	TOKENS_ENCODING_COUNT
};

/* "o200k", "cl100k" ...; NULL for no encoding. */
const char *tokens_encoding_name(enum tokens_encoding encoding);
/* By name, with or without "_base". False when there is none. */
bool tokens_find_encoding(struct slice name, enum tokens_encoding *encoding);

struct tokens;

#define TOKENS_FILE_NAME "llm-mux.tokens"
/* Maps and checks the vocabularies of `path`; NULL: llm-mux.tokens beside the program, else in
 * ../share/llm-mux/ from there. The handle does not change: any number of threads share it. NULL
 * with ERROR_NOT_FOUND when there is no such file, else with what is wrong with it. */
struct tokens *tokens_open(const char *path, struct error *error);
/* Accepts NULL. */
void tokens_close(struct tokens *tokens);

/* Whether counts of that encoding are exact: there is a handle, and the file holds the vocabulary.
 */
bool tokens_can_count(const struct tokens *tokens, enum tokens_encoding encoding);
/* Tokens of a text (UTF-8; other bytes count as they are), exact when tokens_can_count, else as
 * tokens_estimate. Takes no lock, and memory only for single pieces over 96 bytes. */
int64_t tokens_count(const struct tokens *tokens, enum tokens_encoding encoding, struct slice text);

#endif
