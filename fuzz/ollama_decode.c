/* ollama_decode.c: arbitrary bytes as an Ollama answer; the first chooses the cuts and options. */
#include <stdint.h>

#include "fuzz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_decode(FORMAT_OLLAMA, data, size);
	return 0;
}
