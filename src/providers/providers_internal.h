/* providers_internal.h: the profiles, one file each; registry.c lists them. */
#ifndef LLMMUX_PROVIDERS_INTERNAL_H
#define LLMMUX_PROVIDERS_INTERNAL_H

#include "providers/provider.h"

extern const struct provider provider_openai;
extern const struct provider provider_openai_responses; /* reached through provider_openai */
extern const struct provider provider_claude;
extern const struct provider provider_gemini;
extern const struct provider provider_ollama;

/* Puts a header, replacing one of that name (any case). The slices are kept. */
void provider_set_header(struct provider_call *call, struct slice name, struct slice value);

#endif
