/* openai_responses_decode.c: any bytes as a Responses answer. The first byte says whether it is a
 * stream, is spliced and how it is cut. The invariants of the events must hold, and exactly one
 * `end` must come (T-6). */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_decode(FORMAT_OPENAI_RESPONSES, data, size);
	return 0;
}
