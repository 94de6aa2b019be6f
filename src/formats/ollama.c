/* ollama.c: the row of Ollama's dialect in the table (formats.md 2.6, 3.6). */
#include "formats/ollama_internal.h"

const struct format format_ollama = {
	.id = FORMAT_OLLAMA,
	.name = "ollama",
	.title = "Ollama",
	.family = FAMILY_OLLAMA,
	.framing = FRAMING_LINES,
	.stream_content_type = "application/x-ndjson",
	.takes_suffix = true,
	.parse_request = ollama_parse_request,
	.build_request = ollama_build_request,
	.mend = ollama_mend,
	.decoder_create = ollama_decoder_create,
	.encoder_create = ollama_encoder_create,
	.encode_response = ollama_encode_response,
	.encode_error = format_encode_ollama_error,
	.parse_error = format_read_error,
	.parse_models = ollama_parse_tags,
	.embed = &format_ollama_embed,
};
