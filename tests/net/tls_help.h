/* tls_help.h: certificates of a test's own, and TLS for the raw clients of server_help.h. */
#ifndef LLMMUX_TESTS_NET_TLS_HELP_H
#define LLMMUX_TESTS_NET_TLS_HELP_H

#include <openssl/ssl.h>

#include "net/server_help.h"

struct certificate {
	char cert_path[64], key_path[64];
};

/* A self-signed certificate and its key, in files; certificate_remove deletes them. */
void certificate_make(struct certificate *made);
void certificate_remove(const struct certificate *made);
/* Whether the handshake succeeded. It takes turns with the loop: the client's socket may not block.
 */
bool client_start_tls(struct client *c, SSL_CTX *context);

#endif
