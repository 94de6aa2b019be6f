/* openai_responses_parse.c: any JSON object as a Responses request, built again for every upstream.
 */
#include <stdint.h>

#include "fuzz_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_parse(FORMAT_OPENAI_RESPONSES, data, size);
	return 0;
}
