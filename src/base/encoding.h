/* encoding.h: base64, hex, percent, shell words, UTF-8, SHA-256, HMAC. */
#ifndef LLMMUX_BASE_ENCODING_H
#define LLMMUX_BASE_ENCODING_H

#include "base/buf.h"
#include "base/slice.h"

/* Base64 (RFC 4648 section 4, or 5 when url_safe, then without padding). */
bool base64_encode(struct slice bytes, bool url_safe, struct buf *out);
/* Decodes either alphabet, padding optional, white space skipped. False on any other byte. */
bool base64_decode(struct slice text, struct buf *out);
/* Decoded length of base64 text that holds no white space. */
size_t base64_decoded_len(struct slice text);

void hex_encode(const uint8_t *bytes, size_t len, char *out); /* 2*len characters + NUL */
bool hex_decode(struct slice text, uint8_t *out, size_t *out_len);

/* Percent decoding of a URL part; `plus_is_space` for queries. False on a broken escape. */
bool percent_decode(struct slice text, bool plus_is_space, struct buf *out);
bool percent_encode(struct slice text, struct buf *out); /* all but unreserved (RFC 3986 2.3) */

/* One word as sh reads it: within '...', with ' as '\''. */
bool shell_quote_word(struct slice word, struct buf *out);

/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). SSE2 ASCII fast
 * path. *bad_at gets the offset where the well-formed part ends (may be NULL). */
bool utf8_valid(struct slice bytes, size_t *bad_at);
/* Writes one code point (U+FFFD for what is none); returns the number of bytes (1..4). */
size_t utf8_encode(uint32_t code_point, char out[4]);
/* Number of code points of well-formed text. */
size_t utf8_length(struct slice text);
/* Length of the longest prefix that does not end inside a sequence (EV-4: hold back up to 3 bytes).
 */
size_t utf8_whole_prefix(struct slice bytes);

#define SHA256_LEN 32
/* FIPS 180-4; RFC 2104. */
void sha256(struct slice bytes, uint8_t out[SHA256_LEN]);
void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[SHA256_LEN]);
/* Equality in time that depends on the lengths alone. */
bool constant_time_eq(struct slice a, struct slice b);

#endif
