/* openai_completions_parse.c: any JSON object as a legacy completion request, built for every
 * upstream. */
#include <stdint.h>

#include "fuzz_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_parse(FORMAT_OPENAI_COMPLETIONS, data, size);
	return 0;
}
