/* openai_completions.h: the pieces of the legacy Completions dialect (formats.md 2.2). */
#ifndef LLMMUX_FORMATS_OPENAI_COMPLETIONS_H
#define LLMMUX_FORMATS_OPENAI_COMPLETIONS_H

#include "formats/formats_internal.h"

struct chat_sink *openai_completions_encoder_create(const struct format_encoder_options *options);
bool openai_completions_encode_response(
	const struct chat_response *response, const struct format_encoder_options *options);

#endif
